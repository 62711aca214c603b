"""Call tasks: calls for a person to make, given out and taken back. The permit is taken just before the call."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Final
from uuid import UUID

import psycopg

from duecourse.book.reading import find_borrower
from duecourse.domain.messaging import Cause, Channel, Purpose, Receipt, ReceiptStatus
from duecourse.domain.problems import DuecourseError, Problem
from duecourse.privacy.keyring import Keyring
from duecourse.privacy.sealing import open_value
from duecourse.rules.compiling import RuleBook
from duecourse.rules.model import Actor, Party
from duecourse.store.sql import load

from .permits import SQL as PERMITS
from .permits import Permit, Question, Refusal, ask_permit
from .receipts import append_receipts
from .task_files import read_rows

SQL = load("dispatch/tasks")
_LANES: Final = list(range(256))

RESULTS: Final = {
    "conversation": (ReceiptStatus.READ, Cause.OTHER),
    "connected": (ReceiptStatus.DELIVERED, Cause.OTHER),
    "no-answer": (ReceiptStatus.FAILED, Cause.NO_ANSWER),
    "busy": (ReceiptStatus.FAILED, Cause.BUSY),
    "voicemail": (ReceiptStatus.FAILED, Cause.VOICEMAIL),
    "wrong-party": (ReceiptStatus.FAILED, Cause.WRONG_PARTY),
    "dead-number": (ReceiptStatus.FAILED, Cause.DEAD),
    "not-called": (ReceiptStatus.FAILED, Cause.OTHER),
}
"""What may have become of a call. `conversation`: the right person heard it; `connected`: somebody answered."""
_LEDGER: Final = {
    "conversation": "conversation",
    "connected": "connected",
    "wrong-party": "connected",
    "not-called": "not-called",
}
LONGEST_AGENT: Final = 60


@dataclass(frozen=True, slots=True)
class Task:
    """One call to make, opened. Personal: never logged."""

    lane: int
    attempt_id: UUID
    provider: str
    message_id: UUID
    step: str
    purpose: str
    party: str
    actor: str
    borrower_key: str
    name: str
    number: str
    """E.164; '' when the book has none: a person finds another way."""
    address_index: bytes | None
    language: str
    zone: str
    say: str
    loans: Sequence[str]
    loan_id: UUID | None
    """The debt, where it is about one only."""
    since: datetime
    until: datetime
    called: bool
    """Whether a permit was taken for it of which nothing is reported yet."""


@dataclass(slots=True)
class TaskReport:
    """What an import of results did."""

    rows: int = 0
    new: int = 0
    known: int = 0
    rejected: int = 0
    problems: list[Problem] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Result:
    line: int
    message_id: UUID
    result: str
    at: datetime | None
    agent: str | None


def open_tasks(
    conn: psycopg.Connection,
    keyring: Keyring,
    *,
    now: datetime,
    message_id: UUID | None = None,
    most: int = 10_000,
) -> list[Task]:
    """Tasks that may still be done, the most urgent first; of one message alone when it is given."""
    given = {"lanes": _LANES, "message_id": message_id, "now": now, "most": most}
    found = []
    for row in conn.execute(SQL["open_tasks"], given).fetchall():
        (lane, attempt_id, provider, message, step, purpose, party, actor, borrower_id, key, name_sealed) = (
            row[:11]
        )
        (
            language,
            _,
            zone,
            point,
            address_sealed,
            index,
            text_sealed,
            since,
            until,
            loans,
            loan_id,
            debts,
            called,
        ) = row[11:]
        said = json.loads(open_value(keyring, text_sealed, "attempt", "text", attempt_id))
        found.append(
            Task(
                lane,
                attempt_id,
                provider,
                message,
                step,
                purpose,
                party,
                actor,
                key,
                open_value(keyring, name_sealed, "borrower", "name", borrower_id) if name_sealed else "",
                open_value(keyring, address_sealed, "contact_point", "address", point)
                if address_sealed
                else "",
                bytes(index) if index else None,
                language,
                zone,
                said["text"],
                loans,
                loan_id if debts == 1 else None,
                since,
                until,
                called,
            )
        )
    return found


def take_task(
    conn: psycopg.Connection,
    keyring: Keyring,
    rules: RuleBook,
    task: Task,
    *,
    by: str,
    now: datetime,
    as_of: date,
) -> Permit | Refusal:
    """Leave to make the call of a task now, judged as a call by a person; it counts in every cap from then on.

    Asked again by the same person it gives the same permit while it lasts. Raises DuecourseError B120, B122.
    """
    borrower = find_borrower(conn, keyring, task.borrower_key)
    if borrower is None:
        raise DuecourseError(Problem("D033", "TASK", "the borrower is no longer in the book under this key"))
    question = Question(
        Purpose(task.purpose),
        Channel.VOICE,
        Actor(task.actor),
        loan_id=task.loan_id,
        address_index=task.address_index,
        party=Party(task.party),
        human=True,
        reference=f"task {task.attempt_id} {now:%Y-%m-%dT%H}",
    )
    with conn.transaction():
        answer = ask_permit(conn, rules, borrower, question, by=by, now=now, as_of=as_of)
        if isinstance(answer, Permit):
            given = {"lane": task.lane, "permit_id": answer.permit_id, "attempt_id": task.attempt_id}
            conn.execute(SQL["name_permit"], given)
    return answer


def import_results(
    conn: psycopg.Connection, keyring: Keyring, path: Path, *, by: str, now: datetime
) -> TaskReport:
    """Take what became of calls: receipts for the tasks, and the contacts that caps count. Again it changes nothing.

    Columns: task (its id), result (RESULTS), at (ISO 8601 with its offset; none is now), agent (a pseudonym); others
    are left aside. Every bad row is named and left out. Raises DuecourseError B005 when the file cannot be read.
    """
    report = TaskReport()
    results = []
    for line, cells in read_rows(path):
        report.rows += 1
        try:
            results.append(_result(line, cells, now))
        except _BadRow as bad:
            _reject(report, path, line, bad)
    found = {
        row[0]: row[1:]
        for row in conn.execute(
            SQL["find_tasks"], {"lanes": _LANES, "messages": [one.message_id for one in results]}
        )
    }
    known: list[_Result] = []
    for one in results:
        if one.message_id in found:
            known.append(one)
        else:
            _reject(report, path, one.line, _BadRow("D031", "no call task has this id"))
    if known:
        written = _write(conn, keyring, known, found, by=by, now=now)
        report.new = written
        report.known = len(known) - written
    return report


def _write(
    conn: psycopg.Connection,
    keyring: Keyring,
    known: Sequence[_Result],
    found: dict[UUID, tuple[int, UUID, str]],
    *,
    by: str,
    now: datetime,
) -> int:
    """Answers of how many rows something was new."""
    new = 0
    with conn.transaction():
        for lane in sorted({found[one.message_id][0] for one in known}):
            conn.execute(PERMITS["lock_lane"], {"lane": lane})
        before = _receipts(conn, found)
        conn.execute(
            SQL["report_tasks"],
            {
                "at_lanes": [found[one.message_id][0] for one in known],
                "attempts": [found[one.message_id][1] for one in known],
                "results": [_LEDGER.get(one.result, "tried") for one in known],
                "ats": [one.at for one in known],
                "agents": [one.agent for one in known],
                "by": by,
                "now": now,
            },
        )
        by_provider: dict[str, list[Receipt]] = {}
        for one in known:
            _, attempt_id, provider = found[one.message_id]
            status, cause = RESULTS[one.result]
            told = Receipt(
                status, one.result, attempt_id=attempt_id, cause=cause, permanent=cause is Cause.DEAD
            )
            by_provider.setdefault(provider, []).append(told)
            new += (attempt_id, one.result) not in before
            before.add((attempt_id, one.result))
        for provider, receipts in by_provider.items():
            append_receipts(conn, keyring, provider, receipts, now=now)
    return new


def _receipts(conn: psycopg.Connection, found: dict[UUID, tuple[int, UUID, str]]) -> set[tuple[UUID, str]]:
    rows = conn.execute(
        SQL["known_results"], {"attempts": [attempt for _, attempt, _ in found.values()]}
    ).fetchall()
    return {(attempt, code) for attempt, code in rows}


class _BadRow(Exception):  # noqa: N818 - a row's fault, and no error of ours
    """Why a row cannot be taken."""

    def __init__(self, code: str, found: str) -> None:
        super().__init__(found)
        self.code = code


def _result(line: int, cells: dict[str, str], now: datetime) -> _Result:
    try:
        message_id = UUID(cells.get("task", ""))
    except ValueError:
        raise _BadRow("D030", "column 'task' holds no task's id") from None
    result = cells.get("result", "").lower()
    if result not in RESULTS:
        raise _BadRow("B018", f"column 'result' is none of {', '.join(RESULTS)}")
    at = None
    if cells.get("at"):
        try:
            at = datetime.fromisoformat(cells["at"])
        except ValueError:
            raise _BadRow("B012", "column 'at' is no instant; write 2026-03-09T10:15+08:00") from None
        if at.tzinfo is None:
            raise _BadRow("B107", "column 'at' has no offset; write 2026-03-09T10:15+08:00")
        if at > now:
            raise _BadRow("B113", "column 'at' is still to come")
    agent = cells.get("agent", "")
    if len(agent) > LONGEST_AGENT:
        raise _BadRow("B024", f"column 'agent' has more than {LONGEST_AGENT} characters")
    return _Result(line, message_id, result, at, agent or None)


def _reject(report: TaskReport, path: Path, line: int, bad: _BadRow) -> None:
    report.rejected += 1
    report.problems.append(Problem(bad.code, f"{path.name}:{line}", str(bad), "The row was left out."))
