"""A letter as a page: address behind the window, reference as a barcode, heading, text.

Source of the barcode: ISO/IEC 15417 (Code 128), bars made by python-barcode. Windows: DIN 5008 form B for the long
envelopes with a window left; the US No. 10.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from typing import Final
from uuid import UUID

from babel.dates import format_date
from barcode import Code128

from duecourse.domain.typefaces import families_for
from duecourse.domain.typesetting import Typesetter

SOURCE: Final = files("duecourse.channels.letter").joinpath("letter.typ").read_text("utf-8")
MOST_LINES: Final = 7
MOST_LINE: Final = 60
RIGHT_TO_LEFT: Final = frozenset({"ar", "fa", "he", "ur"})


class AddressError(ValueError):
    """It is no postal address. Says so without quoting it."""


class CharactersError(ValueError):
    """No font has some of the characters."""


@dataclass(frozen=True, slots=True)
class Window:
    """Where the address shows, in millimetres from the page's upper left corner."""

    x: float
    y: float
    width: float
    height: float
    paper: str = "a4"


WINDOWS: Final = {
    "left": Window(20, 45, 85, 45),
    "right": Window(105, 45, 85, 45),
    "us-10": Window(22, 50, 95, 35, "us-letter"),
}


def reference_of(attempt_id: UUID) -> str:
    """What stands on the letter and comes back with it: 13 characters of base 32, from the attempt's first 8 octets."""
    return base64.b32encode(attempt_id.bytes[:8]).decode().rstrip("=")


def address_lines(address: str) -> list[str]:
    """The lines that show in the window. Raises AddressError for fewer than two, too many or too long ones."""
    lines = [line.strip() for line in address.splitlines() if line.strip()]
    if not 2 <= len(lines) <= MOST_LINES or any(len(line) > MOST_LINE for line in lines):
        raise AddressError(f"a postal address has 2 to {MOST_LINES} lines of at most {MOST_LINE} characters")
    return lines


@dataclass(frozen=True, slots=True)
class Page:
    """How a lender's letters look."""

    sender: tuple[str, ...]
    """Name first; one line above the address and one at the foot of every page."""
    window: Window = WINDOWS["left"]
    size: float = 11
    """Of the text, in points; large type is 16 or more."""


def letter_pdf(
    typesetter: Typesetter,
    page: Page,
    *,
    reference: str,
    address: str,
    heading: str,
    text: str,
    language: str,
    at: datetime,
    large: bool = False,
) -> bytes:
    """The letter as PDF. text: paragraphs apart by an empty line. at: its date, in the lender's zone.

    Raises AddressError or CharactersError.
    """
    lines = address_lines(address)
    missing = typesetter.missing("".join((*lines, heading, text, *page.sender)))
    if missing:
        raise CharactersError(f"no font has {len(missing)} of its characters")
    base, _, region = language.partition("-")
    window = page.window
    values = {
        "paper": window.paper,
        "window": {"x": window.x, "y": window.y, "width": window.width, "height": window.height},
        "sender": page.sender,
        "address": lines,
        "reference": reference,
        "bars": Code128(reference).build()[0],
        "heading": heading,
        "paragraphs": [part.strip().split("\n") for part in text.split("\n\n") if part.strip()],
        "date": format_date(at.date(), "long", locale=language.replace("-", "_") or "en"),
        "lang": base or "en",
        "region": region[:2] if len(region) == 2 else None,
        "rtl": base in RIGHT_TO_LEFT,
        "size": max(page.size, 16) if large else page.size,
    }
    return typesetter.pdf(SOURCE, values, at, families_for(language))
