"""What a borrower's words mean: exact rules first, then a small model, and a person where neither is sure."""

from .understand import understand

__all__ = ["understand"]
