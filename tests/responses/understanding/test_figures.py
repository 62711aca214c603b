"""How well answers are understood: what the page says is what is measured, and what is grave does not fall."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

from duecourse.responses.intents import GRAVE
from duecourse.responses.understanding.evaluation import BARS, Evaluation, Measured, evaluate
from duecourse.responses.understanding.labelled import LANGUAGES, independent

TEST_HALF: Final = Path(__file__).parents[1] / "utterances"
PAGE: Final = Path(__file__).parents[3] / "docs" / "explanation" / "understanding.md"
FLOOR: Final = 0.95
"""The least share of what is grave that is understood or read by a person."""


@cache
def measured(*languages: str) -> Evaluation:
    return evaluate(independent(TEST_HALF, languages))


def test_what_is_grave_is_understood_or_reaches_a_person() -> None:
    """The floor under the figures of docs/explanation/understanding.md: they may rise, not fall."""
    fallen = {
        one.intent.value: one.caught / one.meant
        for one in measured(*LANGUAGES).measured
        if one.intent in GRAVE | set(BARS) and one.caught < FLOOR * one.meant
    }
    assert fallen == {}


def test_the_page_says_what_is_measured() -> None:
    page = PAGE.read_text("utf-8").splitlines()
    assert [row for row in rows() if row not in page] == []


def rows() -> Iterator[str]:
    """The rows of the page's two tables, as they follow from the test half."""
    each = [measured(language) for language in LANGUAGES]
    both = measured(*LANGUAGES)
    every = [*each, both]
    yield row("Answers", *(str(one.answers) for one in every))
    for name, part in {
        "All intents right, no other, the gravest first": "exact",
        "First intent right": "first",
        "Read by a person: unclear or grave": "to_a_person",
        "Unclear": "unclear",
    }.items():
        yield row(name, *(share(getattr(one, part) / one.answers) for one in every))
    alarms = (share(one.false_alarms / one.harmless) for one in every)
    yield row("Harmless answers taken for a stop or for grave", *alarms)
    yield row("Standing word by word in the training half", *(str(one.known) for one in every))
    yield row("Days of promises: right / missed / invented / wrong", *(outcomes(one.days) for one in every))
    yield row("Amounts: the same", *(outcomes(one.amounts) for one in every))
    for english, chinese, all_of_it in zip(*(one.measured for one in every), strict=True):
        yield row(
            f"`{all_of_it.intent.value}`",
            share(english.recall), share(english.precision), share(chinese.recall), share(chinese.precision),
            share(all_of_it.caught / all_of_it.meant), bar(all_of_it),
        )  # fmt: skip


def row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def share(part: float | None) -> str:
    assert part is not None
    return f"{part:.1%}".replace("%", " %")


def outcomes(counted: Mapping[str, int]) -> str:
    return " / ".join(str(counted.get(name, 0)) for name in ("right", "missed", "invented", "wrong"))


def bar(one: Measured) -> str:
    """The bar is of both languages together."""
    if one.intent not in BARS:
        return ""
    return f"{'met' if one.bar_met else 'missed'} ({share(one.recall)})"
