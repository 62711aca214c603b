"""The labelled answers keep the form that makes them a measure: see utterances/README.md."""

from __future__ import annotations

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest

from duecourse.responses.intents import GRAVE, Intent

FOLDER = Path(__file__).with_name("utterances")
COLUMNS = ["family", "intents", "promised", "amount", "text"]
TODAY = date(2026, 3, 11)
GRAVEST_FIRST = (
    Intent.DISTRESS,
    Intent.DECEASED,
    Intent.IDENTITY_THEFT,
    Intent.LAWYER,
    Intent.BANKRUPTCY,
    Intent.DISPUTE,
    Intent.COMPLAINT,
)
FREQUENT_OR_GRAVEST = frozenset(
    {
        Intent.STOP,
        Intent.DISPUTE,
        Intent.DECEASED,
        Intent.DISTRESS,
        Intent.PAID,
        Intent.WILL_PAY,
        Intent.CANNOT_PAY,
        Intent.WANTS_PLAN,
    }
)
FICTIONAL_NUMBER = re.compile(r"555-01\d\d|138-0000-000\d|02-0000-0000")

both_languages = pytest.mark.parametrize("language", ["en", "zh"])


@dataclass(frozen=True, slots=True)
class Utterance:
    """One line."""

    family: str
    intents: tuple[Intent, ...]
    promised: date | None
    amount: Decimal | None
    text: str


def lines(language: str) -> Iterator[list[str]]:
    """The lines under the header, as they stand."""
    with (FOLDER / f"{language}.tsv").open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        assert next(reader) == COLUMNS
        yield from reader


@cache
def utterances(language: str) -> tuple[Utterance, ...]:
    """All of a language; an unknown intent, a day or an amount that is none raises ValueError or ArithmeticError."""
    return tuple(
        Utterance(
            family,
            tuple(Intent(intent) for intent in intents.split(",")),
            date.fromisoformat(promised) if promised else None,
            Decimal(amount) if amount else None,
            text,
        )
        for family, intents, promised, amount, text in lines(language)
    )


def encodes(character: str, encoding: str) -> bool:
    """Whether the character stands in that character set."""
    try:
        character.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


@both_languages
def test_every_line_has_the_columns_and_a_text_without_loose_blanks(language: str) -> None:
    for line in lines(language):
        assert len(line) == len(COLUMNS), line
        assert line[0] and line[4] and line == [column.strip() for column in line], line


@both_languages
def test_there_are_enough_of_every_intent(language: str) -> None:
    counted = Counter(intent for each in utterances(language) for intent in each.intents)
    assert len(utterances(language)) >= 650
    assert {i: counted[i] for i in Intent if counted[i] < (45 if i in FREQUENT_OR_GRAVEST else 25)} == {}


@both_languages
def test_no_text_stands_twice(language: str) -> None:
    assert [text for text, n in Counter(each.text for each in utterances(language)).items() if n > 1] == []


@both_languages
def test_a_family_has_one_to_four_members_that_mean_the_same(language: str) -> None:
    families = defaultdict(list)
    for each in utterances(language):
        families[each.family].append(each.intents)
    assert [name for name, members in families.items() if len(members) > 4 or len(set(members)) > 1] == []


@both_languages
def test_the_gravest_stands_first_and_unclear_alone(language: str) -> None:
    for each in utterances(language):
        grave = [intent for intent in each.intents if intent in GRAVE]
        assert list(each.intents[: len(grave)]) == sorted(grave, key=GRAVEST_FIRST.index), each
        assert len(set(each.intents)) == len(each.intents), each
        assert Intent.UNCLEAR not in each.intents or len(each.intents) == 1, each


@both_languages
def test_a_day_is_promised_only_by_who_will_pay_and_within_two_months(language: str) -> None:
    promises = [each for each in utterances(language) if each.promised is not None]
    assert len({each.promised for each in promises}) >= 15
    for each in promises:
        assert Intent.WILL_PAY in each.intents, each
        assert each.promised is not None
        assert TODAY <= each.promised <= TODAY + timedelta(days=60), each


@both_languages
def test_some_will_pay_and_name_no_single_day(language: str) -> None:
    assert (
        sum(Intent.WILL_PAY in each.intents and each.promised is None for each in utterances(language)) >= 20
    )


@both_languages
def test_amounts_are_positive_with_at_most_two_decimals(language: str) -> None:
    amounts = [each.amount for each in utterances(language) if each.amount is not None]
    assert len(amounts) >= 25
    assert [amount for amount in amounts if amount <= 0 or amount != round(amount, 2)] == []


@both_languages
def test_a_number_that_can_be_called_is_a_fictional_one(language: str) -> None:
    for each in utterances(language):
        for number in re.findall(r"\d[\d-]{6,}\d", each.text):
            assert FICTIONAL_NUMBER.fullmatch(number), each


def test_a_fifth_of_the_chinese_is_in_traditional_characters_and_no_text_mixes_the_two() -> None:
    texts = [each.text for each in utterances("zh")]
    traditional = {t for t in texts if any(encodes(c, "big5") and not encodes(c, "gb2312") for c in t)}
    simplified = {t for t in texts if any(encodes(c, "gb2312") and not encodes(c, "big5") for c in t)}
    assert len(traditional) >= len(texts) / 5
    assert traditional & simplified == set()
