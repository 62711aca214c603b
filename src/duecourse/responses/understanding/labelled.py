"""Labelled answers: what people write, and what it means.

A file is tab-separated with a header: family, intents (the gravest first), promised (a date, counted from TODAY),
amount, text. A family holds rewordings of one another; it is trained on, or left out, as a whole.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from duecourse.responses.intents import Intent

LANGUAGES: Final = ("en", "zh")
TODAY: Final = date(2026, 3, 11)
"""A Wednesday: the day on which labelled answers were written, as far as their dates go."""
CURRENCIES: Final = {"en": "USD", "zh": "CNY"}
REGIONS: Final = {"en": "US", "zh": "CN"}


@dataclass(frozen=True, slots=True)
class Labelled:
    """An answer with its meaning."""

    language: str
    family: str
    intents: tuple[Intent, ...]
    promised_on: date | None
    amount: Decimal | None
    """In units of the language's currency in CURRENCIES."""
    text: str


def shipped(languages: Sequence[str] = LANGUAGES) -> list[Labelled]:
    """The training half: the answers in the package."""
    folder = files(__package__).joinpath("data")
    return [one for language in languages for one in _read(folder.joinpath(f"{language}.tsv"), language)]


def independent(folder: Path, languages: Sequence[str] = LANGUAGES) -> list[Labelled]:
    """The test half: the answers of a folder with a file a language. Raises OSError."""
    return [one for language in languages for one in _read(folder / f"{language}.tsv", language)]


def _read(path: Traversable | Path, language: str) -> Iterator[Labelled]:
    lines = path.read_text("utf-8").splitlines()
    for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
        yield Labelled(
            language,
            row["family"],
            tuple(Intent(name.strip()) for name in row["intents"].split(",")),
            date.fromisoformat(row["promised"]) if row["promised"] else None,
            Decimal(row["amount"]) if row["amount"] else None,
            row["text"],
        )
