"""Pictures made on the fly: a code to scan."""

from __future__ import annotations

import segno


def code_picture(text: str) -> str:
    """A QR code as an address that holds its picture (SVG), which the content security policy lets pages show."""
    return segno.make(text, error="m", micro=False).svg_data_uri(scale=6, border=4, dark="#000", light="#fff")
