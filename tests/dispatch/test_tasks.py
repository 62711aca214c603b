"""Calls for a person to make: given out with the words, permitted when made, counted once, taken back in any order."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from python_calamine import load_workbook

from counter import Counter
from duecourse.dispatch.inbox import inbox_of, mark_read
from duecourse.dispatch.permits import Permit, Refusal
from duecourse.dispatch.task_files import write_rows
from duecourse.dispatch.tasks import Task, import_results, open_tasks, take_task
from duecourse.rules.compiling import shipped
from lender import Lender, borrower_id_of, lane_of
from post import Post

PHONE = "+8613900001111"
NINE = "2026-03-09T09:00+08:00"
TEN = datetime.fromisoformat("2026-03-09T10:00+08:00")
STEP = """
  - id: due-in-1
    when: due - 1d at 09:00
    purpose: reminder
    route: [{route}]
    next_if: {{not: answered, within: 2h}}
    template: due-soon
"""


@pytest.fixture
def counter(lender: Lender, post: Post) -> Counter:
    """A desk with one task given out."""
    return given_out(lender, post, "task, sms")


def given_out(lender: Lender, post: Post, route: str) -> Counter:
    lender.book(f"loan due_on phone\nL-1 2026-03-10 {PHONE}")
    lender.reindex_contact_points()
    lender.name_in_directory("B-L-1")
    lender.policy(STEP.format(route=route))
    lender.plan("2026-03-09T00:00+08:00")
    counter = Counter(post, task=[], inbox=[])
    counter.at(NINE)
    return counter


def the_task(lender: Lender) -> Task:
    (task,) = open_tasks(lender.conn, lender.keyring, now=TEN)
    return task


def called(lender: Lender, conn: psycopg.Connection, task: Task, by: str = "centre") -> Permit | Refusal:
    return take_task(conn, lender.keyring, shipped(), task, by=by, now=TEN, as_of=TEN.date())


def results(lender: Lender, folder: Path, *rows: str, now: datetime = TEN) -> tuple[int, int, list[str]]:
    """New, known, and the codes of what was left out."""
    path = folder / "results.csv"
    path.write_text("task,result,at,agent\n" + "\n".join(rows), "utf-8")
    report = import_results(lender.conn, lender.keyring, path, by="centre", now=now)
    lender.conn.commit()
    return report.new, report.known, [one.code for one in report.problems]


def ledger(lender: Lender) -> list[Any]:
    rows = lender.conn.execute(
        "SELECT channel, source, outcome, weight::int FROM contact ORDER BY weight DESC, outcome"
    ).fetchall()
    lender.conn.commit()
    return rows


def test_a_task_says_whom_to_call_and_what_to_say_until_its_use_is_over(
    lender: Lender, counter: Counter
) -> None:
    task = the_task(lender)
    assert (task.borrower_key, task.name, task.number, list(task.loans)) == (
        "B-L-1",
        "Test Person",
        PHONE,
        ["L-1"],
    )
    assert "is due on 10 March" in task.say
    assert task.until == datetime.fromisoformat("2026-03-10T00:00+08:00")
    assert open_tasks(lender.conn, lender.keyring, now=task.until) == []


def test_the_permit_is_taken_when_the_call_is_made_and_counts_then(
    lender: Lender, post: Post, counter: Counter
) -> None:
    assert ledger(lender) == []
    with post.store.connect() as conn:
        task = the_task(lender)
        first = called(lender, conn, task)
        assert isinstance(first, Permit)
        assert called(lender, conn, task) == first
    assert ledger(lender) == [("voice", "permit", "attempt", 1)]
    assert the_task(lender).called


def test_a_call_that_the_rules_forbid_is_not_permitted(lender: Lender, post: Post, counter: Counter) -> None:
    task = the_task(lender)
    lender.opt_out("B-L-1", "voice")
    with post.store.connect() as conn:
        answer = called(lender, conn, task)
    assert isinstance(answer, Refusal)
    assert [one.rule for one in answer.reasons] == ["DEFAULT-OPT-OUT"]


@pytest.mark.parametrize("permitted", [False, True])
@pytest.mark.parametrize(
    ("result", "reached", "ends"),
    [
        ("conversation", ["connected", "conversation"], "read"),
        ("connected", ["connected"], "delivered"),
        ("no-answer", [], None),
        ("not-called", None, None),
    ],
)
def test_a_result_is_a_receipt_and_a_contact_once_whatever_the_repetition(
    lender: Lender, post: Post, counter: Counter, tmp_path: Path, result: str, reached: list[str] | None,
    ends: str | None, permitted: bool,
) -> None:  # fmt: skip
    task = the_task(lender)
    if permitted:
        with post.store.connect() as conn:
            called(lender, conn, task)
    row = f"{task.message_id},{result},2026-03-09T09:58+08:00,a7"
    assert results(lender, tmp_path, row) == (1, 0, [])
    assert results(lender, tmp_path, row, row) == (0, 2, [])
    source = "permit" if permitted else "ours"
    wanted = [("voice", source, "attempt", 1)] if permitted or reached is not None else []
    wanted += [("voice", source, outcome, 0) for outcome in reached or []]
    wanted += [("voice", source, "attempt", -1)] if permitted and reached is None else []
    assert ledger(lender) == wanted
    counter.sweep(TEN.isoformat())
    outcome, state = lender.messages("outcome", "state")[0]
    # What nobody answered goes on to the next channel.
    assert (outcome, state) == ((ends, "done") if ends else (None, "planned"))


def test_a_bad_row_is_named_and_the_others_are_taken(
    lender: Lender, counter: Counter, tmp_path: Path
) -> None:
    known = the_task(lender).message_id
    other = "00000000-0000-0000-0000-000000000000"
    assert results(
        lender, tmp_path, "abc,connected,,", f"{known},perhaps,,", f"{other},connected,,", f"{known},connected,noon,",
        f"{known},connected,2026-03-09T09:58,", f"{known},connected,2027-01-01T00:00+08:00,",
        f"{known},connected,,{'x' * 61}", f"{known},connected,,a7",
    ) == (1, 0, ["D030", "B018", "B012", "B107", "B113", "B024", "D031"])  # fmt: skip


def test_a_dead_number_is_retired(lender: Lender, counter: Counter, tmp_path: Path) -> None:
    results(lender, tmp_path, f"{the_task(lender).message_id},dead-number,,")
    counter.sweep(TEN.isoformat())
    states = lender.conn.execute("SELECT state FROM contact_point WHERE channel = 'sms'").fetchall()
    assert states == [("retired",)]


@pytest.mark.parametrize("name", ["tasks.csv", "tasks.xlsx"])
def test_a_file_of_tasks_is_for_its_owner_alone_and_holds_no_formula(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    write_rows(path, ("name", "number"), [{"name": "=HYPERLINK(1)", "number": PHONE}])
    assert path.stat().st_mode & 0o077 == 0
    if name.endswith("xlsx"):
        assert load_workbook(path).get_sheet_by_index(0).to_python()[1] == ["=HYPERLINK(1)", PHONE]
    else:
        assert path.read_text("utf-8-sig").splitlines() == ["name,number", f"'=HYPERLINK(1),{PHONE}"]


def test_what_the_lenders_app_opened_is_read_and_goes_no_further(lender: Lender, post: Post) -> None:
    counter = given_out(lender, post, "inbox, sms")
    lender.conn.execute("UPDATE message SET next_if = 'read'")
    lender.conn.commit()
    place = {"lane": lane_of("B-L-1"), "borrower_id": borrower_id_of("B-L-1")}
    (message,) = inbox_of(lender.conn, lender.keyring, **place)
    assert ("is due on 10 March" in message.text, message.read) == (True, False)
    for _ in range(2):
        mark_read(lender.conn, lender.keyring, message, now=TEN)
    lender.conn.commit()
    assert inbox_of(lender.conn, lender.keyring, **place)[0].read
    counter.at("2026-03-09T11:00+08:00", "2026-03-09T11:01+08:00")
    assert [attempt[:2] for attempt in post.attempts()] == [("inbox", "read")]
