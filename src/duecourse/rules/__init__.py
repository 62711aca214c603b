"""The SQL that judges a message, and the words in which a verdict is told."""
