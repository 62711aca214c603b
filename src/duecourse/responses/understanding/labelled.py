"""Labelled answers: what people write, and what it means.

A file is tab-separated with a header: family, intents (the gravest first), promised (a date, counted from TODAY),
amount, text. A family holds rewordings of one another and is trained on or tested on as a whole.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from hashlib import blake2b
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
_HELD_OUT: Final = 5
"""One family in so many is not trained on."""


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
    independent: bool = False
    """Written without sight of the rules and of the answers they were made with."""

    @property
    def held_out(self) -> bool:
        """Whether its family is kept from training. The same on every machine and for ever."""
        name = f"{self.language} {self.family}".encode()
        return self.independent or blake2b(name, digest_size=4).digest()[0] % _HELD_OUT == 0


def shipped(languages: Sequence[str] = LANGUAGES) -> list[Labelled]:
    """The answers in the package, those to train on and those held out."""
    folder = files(__package__).joinpath("data")
    return [one for language in languages for one in _read(folder.joinpath(f"{language}.tsv"), language, False)]


def independent(folder: Path, languages: Sequence[str] = LANGUAGES) -> list[Labelled]:
    """The answers of a folder with a file a language, such as tests/responses/utterances. Raises OSError."""
    return [one for language in languages for one in _read(folder / f"{language}.tsv", language, True)]


def _read(path: Traversable | Path, language: str, is_independent: bool) -> Iterator[Labelled]:
    with path.open("r", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            yield Labelled(
                language,
                row["family"],
                tuple(Intent(name.strip()) for name in row["intents"].split(",")),
                date.fromisoformat(row["promised"]) if row["promised"] else None,
                Decimal(row["amount"]) if row["amount"] else None,
                row["text"],
                is_independent,
            )
