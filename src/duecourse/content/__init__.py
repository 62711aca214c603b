"""Rendering a message for each channel and language."""
