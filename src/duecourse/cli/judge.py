"""`duecourse rules judge` and `duecourse rules explain`: the judgement asked by people."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import psycopg
import typer
from pydantic import ValidationError

from duecourse.content.texts import text_reasons
from duecourse.dispatch.reading import find_message, read_rows
from duecourse.domain.problems import DuecourseError, Problem
from duecourse.rules.compiling import HORIZON_DAYS, RuleBook
from duecourse.rules.packs import Packs
from duecourse.rules.scenarios import Answer, Scenario, judge_scenarios
from duecourse.rules.sentences import Reason, reasons, rule_says
from duecourse.rules.versions import packs_of
from duecourse.store.migrate import is_current, migrate
from duecourse.store.zones import zone_is_known

from .context import Context, context
from .screen import print_json, table
from .words import in_chinese, listed, say, sentences, word

AsJson = Annotated[
    bool, typer.Option("--json", help="Answer as JSON: an object for one scenario, else a list.")
]


def judge(as_json: AsJson = False) -> None:
    """Judge a contact that somebody thinks of making: a scenario on standard input, as JSON. Nothing is written.

    One object, a list of them, or one object a line. The same SQL judges what is planned and sent. No book is needed;
    keys left out take their ordinary value (docs/reference/scenarios.md).

    Example: duecourse rules judge --json < scenario.json
    """
    here = context()
    text = sys.stdin.read()
    given, shape = _read(text)
    scenarios = [_scenario(one, place, len(given)) for place, one in enumerate(given)]
    book = here.rules
    with _functions(here) as conn:
        answers = judge_scenarios(conn, book, scenarios)
    answers = [_with_text(book, one, answer) for one, answer in zip(scenarios, answers, strict=True)]
    if not as_json:
        for answer in answers:
            _print(here, answer)
    elif shape == "lines":
        for answer in answers:
            here.console.print(
                json.dumps(answer.as_json(), ensure_ascii=False),
                soft_wrap=True,
                highlight=False,
                markup=False,
            )
    else:
        print_json(
            here.console, answers[0].as_json() if shape == "one" else [one.as_json() for one in answers]
        )


def _read(text: str) -> tuple[list[Mapping[str, Any]], str]:
    """The scenarios of standard input, and how they were given: one, list or lines. Raises DuecourseError R050."""
    try:
        try:
            found = json.loads(text)
        except ValueError:
            lines = [line for line in text.splitlines() if line.strip()]
            if len(lines) < 2:
                raise
            return [json.loads(line) for line in lines], "lines"
    except ValueError as error:
        raise DuecourseError(
            Problem("R050", "standard input", f"is not JSON: {error}", "Nothing was judged."), exit_code=2
        ) from None
    return (found, "list") if isinstance(found, list) else ([found], "one")


def _scenario(given: Mapping[str, Any], place: int, count: int) -> Scenario:
    """Raises DuecourseError R051 with every fault of a scenario."""
    where = "scenario" if count == 1 else f"scenario {place + 1}"
    try:
        one = Scenario.model_validate(given)
    except ValidationError as error:
        raise DuecourseError(
            [
                Problem(
                    "R051",
                    f"{where}, {'.'.join(map(str, each['loc'])) or 'itself'}",
                    each["msg"],
                    "Nothing was judged.",
                )
                for each in error.errors(include_url=False, include_input=False, include_context=False)
            ],
            exit_code=2,
        ) from None
    if one.timezone is not None and not zone_is_known(one.timezone):
        fault = f"{one.timezone!r} is no IANA zone; use one such as Asia/Shanghai, or null"
        raise DuecourseError(Problem("R051", f"{where}, timezone", fault, "Nothing was judged."), exit_code=2)
    return one


@contextmanager
def _functions(here: Context) -> Iterator[psycopg.Connection]:
    """A connection to a database that has the schema's functions, if only until the end of this transaction."""
    with here.store.connect(idle_in_transaction_seconds=0) as conn:
        try:
            if not is_current(conn):
                migrate(conn)
            yield conn
        finally:
            conn.rollback()


def _with_text(book: RuleBook, one: Scenario, answer: Answer) -> Answer:
    """The answer with what the rules of content say of the text, which no waiting mends."""
    if one.text is None:
        return answer
    refused = text_reasons(book.packs, one, answer.considered)
    if not refused:
        return answer
    return Answer(False, None, (*answer.deciding, *refused), answer.considered)


def _print(here: Context, answer: Answer) -> None:
    if answer.allow:
        here.console.print(say("Allowed now."))
    elif answer.not_before:
        here.console.print(
            say("Refused now; allowed from {when} on.", when=answer.not_before.isoformat(" ", "minutes"))
        )
    else:
        here.console.print(say("Refused; no waiting within {days} days helps.", days=HORIZON_DAYS))
    for one in answer.deciding:
        here.console.print(f"  {one.rule} ({one.primitive})  {_said(one)}", highlight=False, markup=False)
    here.console.print(say("Looked at: {rules}", rules=listed(answer.considered)))


def _said(one: Reason) -> str:
    return one.zh if in_chinese() else one.en


def explain(
    message_id: Annotated[
        str, typer.Argument(metavar="MESSAGE_ID", help="The id, or at least its first six digits.")
    ],
    as_json: AsJson = False,
) -> None:
    """Say why a message went, waits or was withheld: every verdict it was given, with the rules and what they saw.

    Example: duecourse rules explain 3f2a9c
    """
    here = context()
    conn = here.connect()
    lane, found = find_message(conn, message_id)
    message = read_rows(conn, "show_message", lane=lane, message_id=found)[0]
    zone = ZoneInfo(message["zone"])
    kept = _RuleSets(here, conn)
    rows = [
        _verdict(kept, row, zone) for row in read_rows(conn, "show_verdicts", lane=lane, message_id=found)
    ]
    if as_json:
        print_json(here.console, {"message_id": str(found), "verdicts": rows})
        return
    here.console.print(
        say(
            "{id}  {step} ({purpose}) for {borrower}: every verdict, borrower's time",
            id=str(found)[:8],
            step=message["step"],
            purpose=word("purpose", message["purpose"]),
            borrower=message["borrower_key"],
        )
    )
    language = "reason_zh" if in_chinese() else "reason_en"
    lines = [
        (
            row["at"],
            word("state", row["state"]),
            listed(one["rule"] for one in row["deciding"]) or (say("allowed") if row["allow"] else ""),
            sentences(one[language] for one in row["deciding"]),
        )
        for row in rows
    ]
    here.console.print(table("", [say("when"), say("became"), say("verdict"), say("why")], lines))
    judged = [row for row in rows if row["considered"]]
    if judged:
        here.console.print(
            say(
                "Rule set of the last verdict: {digest}; looked at: {rules}",
                digest=str(judged[-1]["rule_set"])[:16],
                rules=listed(judged[-1]["considered"]),
            )
        )


class _RuleSets:
    """The packs that judged, as they were then, each read once; those of today for a set that was never kept."""

    def __init__(self, here: Context, conn: psycopg.Connection) -> None:
        self._here = here
        self._conn = conn
        self._read: dict[str | None, Packs] = {None: here.packs, here.packs.digest.hex(): here.packs}

    def packs(self, rule_set: str | None) -> Packs:
        if rule_set not in self._read:
            assert rule_set is not None
            self._read[rule_set] = packs_of(self._conn, bytes.fromhex(rule_set)) or self._here.packs
        return self._read[rule_set]


def _verdict(sets: _RuleSets, row: Mapping[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    """One line of history as JSON: what decided, in both languages."""
    kept = row["verdict"] or {}
    packs = sets.packs(kept.get("rule_set"))
    deciding: Sequence[Reason] = reasons(packs, kept.get("rules") or [], zone)
    if not deciding and row["rule"]:
        en, zh = rule_says(packs, row["rule"])
        more = f": {row['reason']}" if row["reason"] else ""
        deciding = [Reason(row["rule"], "", en + more, zh + more.replace(": ", "："))]
    return {
        "at": row["at"].astimezone(zone).strftime("%Y-%m-%d %H:%M"),
        "state": row["state"],
        "allow": row["state"] == "in_flight" and row["verdict"] is not None,
        "first_allowed": kept.get("first_allowed"),
        "deciding": [
            {"rule": one.rule, "primitive": one.primitive, "reason_en": one.en, "reason_zh": one.zh}
            for one in deciding
        ],
        "considered": kept.get("considered") or [],
        "rule_set": kept.get("rule_set"),
    }
