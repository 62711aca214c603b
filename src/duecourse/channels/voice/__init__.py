"""What every spoken message needs, whoever carries the call: words, speech, sound."""
