"""A certificate as a page, and what is seen of its seal: in the borrower's language, figures as they are there."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from importlib.resources import files
from typing import Any, Final

import segno

from duecourse.content.formats import Formats, formats
from duecourse.content.shipped import in_script_of
from duecourse.domain.money import Money
from duecourse.domain.problems import DuecourseError, Problem
from duecourse.domain.typefaces import families_for
from duecourse.domain.typesetting import Typesetter

from .codes import printed
from .seal import Seal
from .sealing import Appearance

SEAL_BOX: Final = (404, 90, 524, 210)
"""Where the page leaves room, in points from its lower left corner; mirrored where writing goes to the left."""
_PAGE_WIDTH: Final = 595
_FOLDER: Final = files(__package__)
_SOURCE: Final = _FOLDER.joinpath("certificate.typ").read_text("utf-8")
_SEAL: Final = _FOLDER.joinpath("seal.typ").read_text("utf-8")
_PARTS: Final = {
    "paid_principal": ("principal",),
    "paid_interest": ("interest",),
    "paid_other": ("fee", "penalty"),
}
"""Of what was paid, by what it met: only where the book knows it of all."""


@dataclass(frozen=True, slots=True)
class Told:
    """What stands on a certificate. Personal: never logged."""

    lender: str
    phone: str
    """'' where no policy names one."""
    name: str = field(repr=False)
    """'' where the book has none."""
    id_number: str = field(repr=False)
    """Masked; '' where the book has none."""
    contract: str = field(repr=False)
    product: str
    currency: str
    principal_minor: int | None
    started_on: date | None
    paid_minor: int
    """0 where the book has no payments of it."""
    parts: Mapping[str, int]
    """By what it met: principal, interest, fee, penalty, or `due` as a whole."""
    settled_on: date
    issued_on: date
    number: str
    code: str = field(repr=False)
    check_url: str
    """Where the code is checked; '' without a public address."""
    language: str


def draw(typesetter: Typesetter, told: Told, *, at: datetime, demonstration: bool) -> bytes:
    """The page as a PDF, without a seal. at: the file's date.

    Raises DuecourseError K016 where a character has no font.
    """
    own, words = formats(told.language), words_in(told.language)
    values = {
        **_frame(own),
        "lender": told.lender,
        "title": words["title"],
        "number": told.number,
        "statement": words["statement"].format(lender=told.lender, day=own.date(told.settled_on, "year")),
        "rows": list(_rows(told, own, words)),
        "code_word": words["code"],
        "code": printed(told.code),
        "check": _check(told, own, words),
        "picture": _picture(f"{told.check_url}/{told.code}") if told.check_url else "",
        "sealed": words["sealed"],
        "demonstration": words["demonstration"] if demonstration else "",
        "demonstration_why": words["demonstration_why"] if demonstration else "",
    }
    return _set(typesetter, _SOURCE, values, told.language, at)


def appearance_of(typesetter: Typesetter, seal: Seal, language: str, *, on: date, at: datetime) -> Appearance:
    """What is seen of a seal put on a day. Raises DuecourseError K016 as draw."""
    own, words = formats(language), words_in(language)
    values = {
        **_frame(own),
        "name": seal.name,
        "seal": words["seal"],
        "day": own.date(on, "iso"),
        "demonstration": words["demonstration"] if seal.demonstration else "",
    }
    left, bottom, right, top = SEAL_BOX
    if own.right_to_left:
        left, right = _PAGE_WIDTH - right, _PAGE_WIDTH - left
    return Appearance(_set(typesetter, _SEAL, values, language, at), (left, bottom, right, top))


def words_in(language: str) -> Mapping[str, str]:
    """The words of a certificate in a language; in English where none are shipped."""
    return in_script_of(language, _words()) or _words()["en"]


@cache
def _words() -> Mapping[str, Mapping[str, str]]:
    return tomllib.loads(_FOLDER.joinpath("certificate.toml").read_text("utf-8"))


def _frame(own: Formats) -> dict[str, Any]:
    return {"lang": own.locale.language, "region": own.locale.territory, "rtl": own.right_to_left}


def _rows(told: Told, own: Formats, words: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    def money(minor: int) -> str:
        return own.money(Money(minor, told.currency))

    if told.name:
        yield words["borrower"], told.name
    if told.id_number:
        yield words["id_number"], own.telephone(told.id_number)
    yield words["contract"], own.telephone(told.contract)
    yield words["product"], told.product
    if told.principal_minor:
        yield words["principal"], money(told.principal_minor)
    if told.started_on:
        yield words["started"], own.date(told.started_on, "year")
    if told.paid_minor:
        yield words["paid"], money(told.paid_minor)
        if told.parts and "due" not in told.parts:
            for word, names in _PARTS.items():
                if minor := sum(told.parts.get(name, 0) for name in names):
                    yield f"\N{EM SPACE}{words[word]}", money(minor)
    yield words["settled"], own.date(told.settled_on, "year")
    yield words["issued"], own.date(told.issued_on, "year")


def _check(told: Told, own: Formats, words: Mapping[str, str]) -> str:
    if told.check_url:
        return words["check"].format(address=own.telephone(told.check_url))
    return words["ask_phone"].format(phone=own.telephone(told.phone)) if told.phone else words["ask"]


def _picture(text: str) -> str:
    """The code to scan, as SVG with its own size."""
    return segno.make(text, error="m", micro=False).svg_inline(scale=4, border=2, dark="#000", light="#fff")


def _set(
    typesetter: Typesetter, source: str, values: Mapping[str, Any], language: str, at: datetime
) -> bytes:
    shown = "".join(str(value) for name, value in values.items() if name != "picture")
    if lacking := typesetter.missing(shown):
        message = f"no font has {len(lacking)} of its characters"
        raise DuecourseError(Problem("K016", f"certificate {language}", message, "Nothing was issued."))
    try:
        return typesetter.pdf(source, values, at, families_for(language))
    except ValueError as error:
        found = Problem("K016", f"certificate {language}", str(error), "Nothing was issued.")
        raise DuecourseError(found) from None
