"""When certificates of tests are sealed, under which address, and what other programs see in them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from channels.counterparts import program
from duecourse.evidence.issuing import Issued

WALL = datetime.now(UTC)
"""A signature's own clock is the machine's, so a seal must hold today."""
PUBLIC = "https://notices.lender.example"

Make = Callable[..., Issued]


def seen_by(name: str, pdf: bytes, folder: Path) -> str:
    """What pdfsig or pdftotext says of a file."""
    path = folder / "seen.pdf"
    path.write_bytes(pdf)
    words = [program(name), str(path), *(["-"] if name == "pdftotext" else [])]
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout
