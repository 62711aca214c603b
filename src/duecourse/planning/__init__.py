"""From book and policy to messages."""
