"""A long run with everything that dies killed at random, and an audit against what the SMSC says it was handed."""
