"""`duecourse response evaluate` and `try`: how well answers are understood, and why one is understood so."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console

import duecourse
from duecourse.domain.money import from_minor
from duecourse.domain.problems import DuecourseError, Problem
from duecourse.responses.understanding.evaluation import Evaluation
from duecourse.responses.understanding.evaluation import evaluate as evaluate_answers
from duecourse.responses.understanding.labelled import CURRENCIES, LANGUAGES, REGIONS, Labelled, independent
from duecourse.responses.understanding.model import reasons
from duecourse.responses.understanding.understand import Reading, read

from .context import context
from .dates import parse_date
from .screen import print_json, table
from .wishes import JsonOption
from .words import listed, say, word

TEST_HALF: Final = Path(duecourse.__file__).parents[2] / "tests" / "responses" / "utterances"
"""The labelled answers of a checkout that nobody saw who made the rules."""
_LIKELIEST: Final = 4


def evaluate(
    language: Annotated[
        str | None, typer.Option("--language", help="Answers in one language alone: en or zh.")
    ] = None,
    answers: Annotated[
        Path | None,
        typer.Option(
            help="Folder with labelled answers of your own, LANGUAGE.tsv with the columns family, intents, promised,"
            " amount and text; without it the test half of the checkout."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure how well answers are understood: accuracy, recall and precision of every intent, what is taken for what,
    days and amounts. The recall of a stop, a dispute, a death and distress has a bar of 99 %, which is met or missed.

    Example: duecourse response evaluate --language zh
    """
    here = context()
    languages = _languages(language)
    evaluations = {one: evaluate_answers(_labelled(answers or TEST_HALF, one)) for one in languages}
    if len(languages) > 1:
        every = [answer for one in languages for answer in _labelled(answers or TEST_HALF, one)]
        evaluations["all"] = evaluate_answers(every)
    if as_json:
        print_json(here.console, {name: one.facts() for name, one in evaluations.items()})
        return
    for name, evaluation in evaluations.items():
        _print(here.console, say("all languages") if name == "all" else name, evaluation)


def try_(
    text: Annotated[str, typer.Argument(help="What somebody wrote.")],
    language: Annotated[
        str | None,
        typer.Option("--language", help="The language of the borrower: en, zh, es …", show_default=False),
    ] = None,
    today: Annotated[
        str, typer.Option("--today", help="The date where the borrower is, as YYYY-MM-DD; without it, today.")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Show what an answer would be understood as and why: the rules' words, and what the model saw. Nothing is kept.

    Example: duecourse response try "paid yesterday, stop texting me" --today 2026-03-11
    """
    here = context()
    day = parse_date(today, "--today") if today else datetime.now().astimezone().date()
    tongue = language or ("zh" if any("\u3400" <= one <= "\u9fff" for one in text) else "en")
    base = tongue.split("-")[0].lower()
    reading = read(
        text,
        today=day,
        currency=CURRENCIES.get(base, "USD"),
        languages=(tongue,),
        region=REGIONS.get(base, ""),
    )
    if as_json:
        print_json(here.console, _facts(reading))
        return
    said = reading.understood
    here.console.print(
        say(
            "{intents}; certain to {confidence:.0%}, by the {by}",
            intents=listed(word("answer", one.value) for one in said.intents),
            confidence=said.confidence,
            by=word("reader of an answer", said.by),
        )
    )
    if said.promised_on:
        here.console.print(say("day: {day}", day=said.promised_on))
    if said.amount_minor is not None:
        amount = from_minor(said.amount_minor, said.currency)
        here.console.print(say("amount: {amount} {currency}", amount=amount, currency=said.currency))
    rows = [*_by_rules(reading), *_by_model(reading)]
    here.console.print(table(say("Why"), [say("intent"), say("likely"), say("because of")], rows, right=[1]))


def _languages(language: str | None) -> tuple[str, ...]:
    """Raises DuecourseError D206, exit code 2."""
    if language is None:
        return LANGUAGES
    if language in LANGUAGES:
        return (language,)
    known = ", ".join(LANGUAGES)
    raise DuecourseError(
        Problem("D206", "--language", f"{language!r} has no labelled answers; use {known}"), exit_code=2
    )


def _labelled(folder: Path, language: str) -> list[Labelled]:
    """Raises DuecourseError D205 for a folder without answers, or with what is none."""
    try:
        return independent(folder, (language,))
    except FileNotFoundError:
        message = f"no file {language}.tsv there; give the folder of labelled answers"
    except (KeyError, ValueError, ArithmeticError) as error:
        message = f"{language}.tsv has a line that is no labelled answer: {error}"
    raise DuecourseError(Problem("D205", "--answers", message, "Nothing was measured."))


def _print(console: Console, name: str, of: Evaluation) -> None:
    facts = of.facts()
    rows = [
        (say("answers"), of.answers),
        (say("all intents right, no other, the gravest first"), _percent(facts["exact"])),
        (say("first intent right"), _percent(facts["first_right"])),
        (say("read by a person: unclear or grave"), _percent(facts["to_a_person"])),
        (say("unclear"), _percent(facts["unclear"])),
        (say("harmless ones taken for a stop or for grave"), _percent(facts["false_alarms"])),
        (say("standing word by word in the training half"), of.known),
        (say("day of a promise"), _outcomes(of.days)),
        (say("amount"), _outcomes(of.amounts)),
    ]
    title = say("How well answers are understood: {name}", name=name)
    console.print(table(title, ["", ""], rows, right=[1]))
    console.print()
    console.print(
        table(
            say("Intents"),
            [
                say("intent"), say("answers"), say("recall"), say("precision"),
                say("understood or read by a person"), say("bar"),
            ],
            [
                (
                    word("answer", one.intent.value), one.meant, _percent(one.recall), _percent(one.precision),
                    _percent(one.caught / one.meant if one.meant else None), _bar(one.bar_met),
                )
                for one in of.measured
            ],
            right=[1, 2, 3, 4],
        )
    )  # fmt: skip
    console.print()
    console.print(
        table(
            say("What is taken for what"),
            [say("meant"), say("understood"), say("answers")],
            [
                (word("answer", meant.value), word("answer", taken.value), count)
                for (meant, taken), count in sorted(of.confusion.items(), key=lambda one: (-one[1], one[0]))
                if meant is not taken
            ],
            right=[2],
        )
    )
    console.print()


def _bar(met: bool | None) -> str:
    if met is None:
        return ""
    return say("99 %: met") if met else say("99 %: missed")


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"


def _outcomes(counts: Any) -> str:
    names = {
        "right": say("right"),
        "missed": say("missed"),
        "invented": say("invented"),
        "wrong": say("wrong"),
    }
    return listed(f"{counts[name]} {said}" for name, said in names.items() if counts[name])


def _by_rules(reading: Reading) -> Iterator[tuple[str, str, str]]:
    for one in reading.found:
        if one.denied:
            said = say("not meant, by a rule: {words}", words=one.words)
        else:
            said = say("a rule: {words}", words=one.words)
        yield word("answer", one.intent.value), "", said


def _by_model(reading: Reading) -> Iterator[tuple[str, str, str]]:
    for intent, chance in list(reading.chances.items())[:_LIKELIEST]:
        said = listed(reasons(reading.text, intent))
        yield word("answer", intent.value), f"{chance:.0%}", say("the model: {features}", features=said)


def _facts(reading: Reading) -> dict[str, Any]:
    said = reading.understood
    amount = None if said.amount_minor is None else from_minor(said.amount_minor, said.currency)
    return {
        "intents": [one.value for one in said.intents],
        "confidence": said.confidence,
        "by": said.by,
        "promised_on": said.promised_on,
        "amount": amount,
        "currency": said.currency,
        "rules": [
            {"intent": one.intent.value, "words": one.words, "denied": one.denied} for one in reading.found
        ],
        "model": [
            {
                "intent": intent.value,
                "chance": round(chance, 4),
                "because_of": list(reasons(reading.text, intent)),
            }
            for intent, chance in list(reading.chances.items())[:_LIKELIEST]
        ],
    }
