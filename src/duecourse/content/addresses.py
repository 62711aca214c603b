"""The address that a code is opened at, and what stands for one in a sample."""

from __future__ import annotations

from typing import Final

PATH: Final = "/l/"
"""Between our public address and the code."""
SAMPLE_CODE: Final = "7hK2mQx9"
SAMPLE_URL: Final = "https://pay.example.com"
"""Stands in for our public address where none is set."""


def address_of(public_url: str, code: str) -> str:
    """The address that a code is opened at."""
    return f"{public_url.rstrip('/')}{PATH}{code}"


def sample_address(public_url: str) -> str:
    """The address that a made-up message carries. public_url: '' takes one made up."""
    return address_of(public_url or SAMPLE_URL, SAMPLE_CODE)
