"""`duecourse response evaluate` and `try` as somebody types them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from duecourse.cli.context import close_context
from duecourse.cli.main import app
from duecourse.domain.problems import DuecourseError

HEAD = "family\tintents\tpromised\tamount\ttext\n"


@pytest.fixture(autouse=True)
def _screen() -> Iterator[None]:
    close_context()
    yield
    close_context()


def run(*words: str) -> Any:
    """The JSON that the command prints. A problem is raised as main() gets it."""
    found = CliRunner().invoke(app, ["response", *words, "--json"], catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return json.loads(found.stdout)


def test_a_tried_answer_says_what_it_means_and_why() -> None:
    tried = run("try", "paid yesterday, stop texting me", "--today", "2026-03-11")
    assert tried["intents"] == ["stop", "paid"]
    assert tried["rules"][0] == {"intent": "stop", "words": "stop texting", "denied": False}
    assert tried["model"][0]["because_of"]


def test_a_day_is_counted_from_the_date_given() -> None:
    assert run("try", "下周五还500", "--today", "2026-03-11")["promised_on"] == "2026-03-20"
    assert run("try", "I'll pay $50 tomorrow", "--today", "2026-12-31")["promised_on"] == "2027-01-01"


def test_answers_of_ones_own_are_measured(tmp_path: Path) -> None:
    (tmp_path / "en.tsv").write_text(
        HEAD
        + "a\tstop\t\t\tstop texting me\n"
        + "b\twill-pay\t2026-03-13\t50\tI'll pay $50 on Friday\n"
        + "c\tthanks\t\t\ti want to die\n",
        "utf-8",
    )
    measured = run("evaluate", "--language", "en", "--answers", str(tmp_path))["en"]
    assert (measured["answers"], measured["exact"], measured["false_alarms"]) == (3, 0.6667, 0.5)
    assert (measured["days"], measured["amounts"]) == ({"right": 1}, {"none": 2, "right": 1})
    stop = measured["intents"]["stop"]
    assert (stop["recall"], stop["precision"], stop["bar_met"]) == (1.0, 1.0, True)
    assert {"meant": "thanks", "understood": "distress", "answers": 1} in measured["confusion"]


@pytest.mark.parametrize(
    "line", ["a\thappy\t\t\thello\n", "a\tstop\tsoon\t\tstop\n", "a\tstop\t\tmuch\tstop\n"]
)
def test_a_line_that_is_no_labelled_answer_is_said(tmp_path: Path, line: str) -> None:
    (tmp_path / "en.tsv").write_text(HEAD + line, "utf-8")
    with pytest.raises(DuecourseError, match="D205"):
        run("evaluate", "--language", "en", "--answers", str(tmp_path))


def test_without_labelled_answers_nothing_is_measured(tmp_path: Path) -> None:
    with pytest.raises(DuecourseError, match="D205"):
        run("evaluate", "--answers", str(tmp_path))
    with pytest.raises(DuecourseError, match="D206"):
        run("evaluate", "--language", "fr")
