"""Arrangements: taken up as they were shown, approved or declined by people, withdrawn; put into the book when agreed.

The book's lock is taken first and the person's row after it, as everything that writes both does: what is agreed at the
same moment twice is agreed once, and no import writes between what is looked at and what is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from hashlib import blake2b
from secrets import compare_digest
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from duecourse.book.arranging import Arranged, open_of, rearrange, standing_of, take_back
from duecourse.book.holds import HoldKind, add_hold, end_said_holds
from duecourse.book.moving import apply_move, propose_move
from duecourse.book.pauses import LOCK_BOOK, FoundLoan, end_pause, pause_loan
from duecourse.book.wishes import Person, Said, local_instant
from duecourse.domain.arranging import coming
from duecourse.domain.problems import DuecourseError, Problem
from duecourse.policy.offered import Kind, Offer
from duecourse.privacy.keyring import Keyring
from duecourse.responses.correcting import Place, close_response
from duecourse.responses.keeping import Standing as StandingPerson
from duecourse.responses.keeping import lock_person
from duecourse.responses.once import evidence_of

from .figures import Figures
from .offering import Case, Offered, figured, offers_for
from .stating import SQL, Statement, stands, statement_of

BORROWER: Final = "borrower"
"""Who is noted as having taken up or withdrawn."""
ARRANGED: Final = "arranged"
"""Why the pause that an answer brought ends: from here on the new days hold."""
_NOTHING: Final = "Nothing was changed."
_WAITING: Final = ("proposed", "seconded")


@dataclass(frozen=True, slots=True)
class Taken:
    """What a borrower took up, and how it stands."""

    arrangement_id: UUID
    state: str


@dataclass(frozen=True, slots=True)
class Found:
    """An arrangement as it stands. seq: of its last event; withdraw_until: None where it cannot be withdrawn."""

    person: Person
    arrangement_id: UUID
    loan_id: UUID
    hardship_id: UUID
    kind: Kind
    exception: str
    offer: Offer
    figures: Figures
    digest: bytes
    cooling_off_days: int | None
    policy: str
    policy_version: int
    state: str
    seq: int
    last_by: str
    reason: str
    proposed_at: datetime
    agreed_at: datetime | None
    withdraw_until: datetime | None
    loan_ref: str
    creditor: str
    product: str
    borrower_key: str
    zone: str

    @property
    def waits(self) -> bool:
        """Whether a person must decide."""
        return self.state in _WAITING

    def withdrawable(self, now: datetime) -> bool:
        """Whether its borrower may take it back."""
        if self.waits:
            return True
        return self.state == "agreed" and self.withdraw_until is not None and now < self.withdraw_until


def arrangement_id_of(hardship_id: UUID, kind: Kind) -> UUID:
    """The id of what is taken up of a statement: the same twice is the same."""
    return UUID(bytes=blake2b(hardship_id.bytes + kind.value.encode(), digest_size=16).digest())


def take_up(
    conn: psycopg.Connection,
    keyring: Keyring,
    person: Person,
    hardship_id: UUID,
    kind: Kind,
    digest: str,
    *,
    now: datetime,
) -> Taken | None:
    """Agree to an offer as it was shown, or ask for it, in the caller's transaction; None where it is no longer so.

    digest: of the figures that were shown, in hexadecimal. Taken up again it is what it was. Raises ValueError for a
    statement that is not this person's.
    """
    conn.execute(LOCK_BOOK)
    standing = lock_person(conn, person)
    person = standing.person
    statement = statement_of(conn, keyring, person.lane, hardship_id, of=person)
    if statement is None:
        raise ValueError("no such statement of this person")
    arrangement_id = arrangement_id_of(hardship_id, kind)
    known = arrangement_at(conn, person.lane, arrangement_id)
    if known is not None:
        return Taken(arrangement_id, known.state)
    today = now.astimezone(ZoneInfo(standing.zone)).date()
    if statement.stated is None:
        return None
    offering = offers_for(conn, person, statement.loan_id, statement.stated, today=today, now=now)
    chosen = next((one for one in offering.offers if one.offer.kind is kind), None) if offering else None
    if chosen is None or not compare_digest(chosen.figures.digest().hex().encode(), digest.encode()):
        return None
    _propose(conn, statement, chosen, arrangement_id, now)
    found = arrangement_at(conn, person.lane, arrangement_id)
    assert found is not None
    if not chosen.figures.at_once:
        return Taken(arrangement_id, found.state)
    _agree(conn, keyring, standing, found, by=BORROWER, now=now)
    return Taken(arrangement_id, "agreed")


def approve(conn: psycopg.Connection, keyring: Keyring, found: Found, *, by: str, now: datetime) -> str:
    """Approve what a borrower asked for, in the caller's transaction; how it stands then: agreed, or `seconded`.

    An exception is agreed when two persons have approved it. Raises DuecourseError D227 (it does not wait), D228 (the
    same person twice), D229 (the book has changed: its figures no longer hold).
    """
    conn.execute(LOCK_BOOK)
    standing = lock_person(conn, found.person)
    found = _again(conn, standing, found)
    if not found.waits:
        raise _refused("D227", f"it is {found.state}, and waits for nobody")
    if found.state == "seconded" and found.last_by == by:
        raise _refused("D228", "you have approved it already; an exception wants a second person")
    if _figures_now(conn, keyring, standing, found, now) != found.digest:
        raise _refused(
            "D229",
            "the loan has changed since the borrower saw the figures; decline it, they are shown new ones",
        )
    if found.exception and found.state == "proposed":
        append_event(conn, found, "seconded", by=by, now=now)
        return "seconded"
    _agree(conn, keyring, standing, found, by=by, now=now)
    return "agreed"


def decline(conn: psycopg.Connection, found: Found, *, reason: str, by: str, now: datetime) -> None:
    """Decline what a borrower asked for, in the caller's transaction. Raises DuecourseError D227."""
    standing = lock_person(conn, found.person)
    found = _again(conn, standing, found)
    if not found.waits:
        raise _refused("D227", f"it is {found.state}, and waits for nobody")
    append_event(conn, found, "declined", by=by, now=now, reason=reason)


def withdraw(conn: psycopg.Connection, found: Found, *, now: datetime) -> bool:
    """Take back what the borrower took up, in the caller's transaction; False where that is no longer possible.

    What waits for a person always; what is agreed within the cooling-off, while nothing has been paid on it and the
    lender's file has not said otherwise. The loan is then what it was.
    """
    conn.execute(LOCK_BOOK)
    standing = lock_person(conn, found.person)
    found = _again(conn, standing, found)
    if not found.withdrawable(now):
        return False
    if found.state == "agreed":
        today = now.astimezone(ZoneInfo(standing.zone)).date()
        loan = standing_of(conn, found.person.lane, found.loan_id, today=today)
        figures = found.figures
        if loan is None or not take_back(conn, loan, _arranged(found, today, BORROWER, now)):
            return False
        if figures.pause:
            _end_pause(conn, found, loan.found, today, now)
    append_event(conn, found, "withdrawn", by=BORROWER, now=now)
    return True


def arrangement_at(conn: psycopg.Connection, lane: int, arrangement_id: UUID) -> Found | None:
    """An arrangement as it stands."""
    query = stands("arrangement", "of_one")
    with conn.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(query, {"lane": lane, "arrangement_id": arrangement_id}).fetchone()
    if row is None:
        return None
    return Found(
        person=Person(row.pop("lane"), row.pop("borrower_id")),
        kind=Kind(row.pop("kind")),
        offer=Offer.model_validate(row.pop("terms")),
        figures=Figures.from_json(row.pop("figures")),
        digest=bytes(row.pop("figures_digest")),
        **{name: value for name, value in row.items() if name != "currency"},
    )


def arrangements_of(conn: psycopg.Connection, person: Person) -> list[Found]:
    """Of one person, the latest first."""
    given = {"lane": person.lane, "borrower_id": person.borrower_id}
    rows = conn.execute(SQL["arrangements_of"], given).fetchall()
    return [one for lane, arrangement_id in rows if (one := arrangement_at(conn, lane, arrangement_id))]


def append_event(
    conn: psycopg.Connection,
    found: Found,
    event: str,
    *,
    by: str,
    now: datetime,
    reason: str = "",
    numbers: Sequence[int] | None = None,
) -> None:
    """Note what became of an arrangement. numbers: whose installments are kept with it as they stand.

    Raises DuecourseError D226 where something else came between.
    """
    row = conn.execute(
        SQL["append_event"],
        {
            "lane": found.person.lane,
            "arrangement_id": found.arrangement_id,
            "borrower_id": found.person.borrower_id,
            "loan_id": found.loan_id,
            "seen": found.seq,
            "event": event,
            "reason": reason,
            "numbers": None if numbers is None else list(numbers),
            "by": by,
            "now": now,
        },
    ).fetchone()
    if row is None:
        raise _refused("D226", "it has changed just now; look at it again")


def _propose(
    conn: psycopg.Connection, statement: Statement, chosen: Offered, arrangement_id: UUID, now: datetime
) -> None:
    figures = chosen.figures
    place = {
        "lane": statement.person.lane,
        "arrangement_id": arrangement_id,
        "borrower_id": statement.person.borrower_id,
        "loan_id": statement.loan_id,
    }
    conn.execute(
        SQL["add_arrangement"],
        {
            **place,
            "hardship_id": statement.hardship_id,
            "kind": figures.kind.value,
            "exception": figures.exception,
            "policy": chosen.policy,
            "policy_version": chosen.version,
            "terms": Jsonb(chosen.offer.model_dump(mode="json")),
            "currency": figures.currency,
            "figures": Jsonb(figures.as_json()),
            "digest": figures.digest(),
            "cooling_off_days": chosen.cooling_off_days,
            "now": now,
        },
    )
    first = {"seen": 0, "event": "proposed", "reason": "", "numbers": None, "by": BORROWER, "now": now}
    conn.execute(SQL["append_event"], place | first)


def _agree(
    conn: psycopg.Connection,
    keyring: Keyring,
    standing: StandingPerson,
    found: Found,
    *,
    by: str,
    now: datetime,
) -> None:
    """Put it into the book; what was asked is answered, and the new days hold at once."""
    figures = found.figures
    today = now.astimezone(ZoneInfo(standing.zone)).date()
    loan = standing_of(conn, found.person.lane, found.loan_id, today=today)
    assert loan is not None
    statement = statement_of(conn, keyring, found.person.lane, found.hardship_id)
    if statement is not None:
        _answer(conn, keyring, found, statement, now)
    if found.kind is Kind.DUE_DAY:
        assert figures.due_day is not None
        first = next(new for old, new in zip(figures.before, figures.after, strict=True) if old != new)
        moved = propose_move(
            conn, loan.found, figures.due_day, from_on=first.due_on.replace(day=1), as_of=today,
            with_interest=found.offer.interest == "charged",
        )  # fmt: skip
        apply_move(conn, moved, recorded_by=by, now=now)
    else:
        rearrange(conn, loan, _arranged(found, today, by, now))
    if figures.pause:
        _pause(conn, standing, found, loan.found, by, now)
    known = {row.number: row for row in figures.before}
    numbers = [row.number for row in figures.after if known.get(row.number) != row]
    append_event(conn, found, "agreed", by=by, now=now, numbers=numbers)
    if not figures.watched:
        done = arrangement_at(conn, found.person.lane, found.arrangement_id)
        assert done is not None
        append_event(conn, done, "completed", by=by, now=now)


def _arranged(found: Found, today: date, by: str, now: datetime) -> Arranged:
    return Arranged(found.arrangement_id, found.figures.before, found.figures.after, today, by, now)


def _answer(
    conn: psycopg.Connection, keyring: Keyring, found: Found, statement: Statement, now: datetime
) -> None:
    """The answer waits for nobody any more, and the pause that it brought ends."""
    for loan_id in (found.loan_id, None):
        end_said_holds(
            conn, found.person, HoldKind.HARDSHIP, evidence=evidence_of(statement.response_id), reason=ARRANGED,
            by=ARRANGED, at=now, now=now, loan_id=loan_id,
        )  # fmt: skip
    place = Place(found.person.lane, statement.response_id, found.person.borrower_id)
    close_response(conn, keyring, place, note="", by=ARRANGED, now=now)


def _pause(
    conn: psycopg.Connection, standing: StandingPerson, found: Found, loan: FoundLoan, by: str, now: datetime
) -> None:
    """The days do not count; and where something is overdue, nothing asks for it until the pause is over."""
    assert found.figures.pause is not None
    first, last = found.figures.pause
    evidence = _evidence(found)
    pause_loan(
        conn, loan, from_on=first, to_on=last, kind="deferral", evidence=evidence, recorded_by=by, now=now
    )
    if len(coming(found.figures.before, first)) < len(found.figures.before):
        until = local_instant(conn, last + timedelta(1), datetime.min.time(), standing.zone)
        said = Said(evidence, "page", by, now, now)
        add_hold(conn, found.person, HoldKind.HARDSHIP, said=said, loan_id=found.loan_id, until=until)


def _end_pause(conn: psycopg.Connection, found: Found, loan: FoundLoan, today: date, now: datetime) -> None:
    assert found.figures.pause is not None
    first, last = found.figures.pause
    evidence = _evidence(found)
    if last >= today:
        end_pause(conn, loan, end_on=first - timedelta(1), evidence=evidence, recorded_by=BORROWER, now=now)
    end_said_holds(
        conn, found.person, HoldKind.HARDSHIP, evidence=evidence, reason="withdrawn", by=BORROWER, at=now, now=now,
        loan_id=found.loan_id,
    )  # fmt: skip


def _evidence(found: Found) -> str:
    return f"arrangement {found.arrangement_id}"


def _again(conn: psycopg.Connection, standing: StandingPerson, found: Found) -> Found:
    """As it stands now that its person is locked, wherever a merge has put it."""
    again = arrangement_at(conn, standing.person.lane, found.arrangement_id)
    assert again is not None
    return again


def _figures_now(
    conn: psycopg.Connection, keyring: Keyring, standing: StandingPerson, found: Found, now: datetime
) -> bytes | None:
    """The digest of the same offer by the loan as it is now."""
    today = now.astimezone(ZoneInfo(standing.zone)).date()
    loan = standing_of(conn, found.person.lane, found.loan_id, today=today)
    statement = statement_of(conn, keyring, found.person.lane, found.hardship_id)
    if loan is None or loan.state != "open" or statement is None or statement.stated is None:
        return None
    rows = open_of(conn, found.person.lane, found.loan_id)
    if not rows:
        return None
    case = Case(conn, loan, rows, statement.stated, today, found.figures.share_percent)
    figures = figured(case, found.offer, often=0, asks_person=True)
    if figures is None:
        return None
    return replace(figures, exception=found.exception, at_once=found.figures.at_once).digest()


def _refused(code: str, found: str) -> DuecourseError:
    return DuecourseError(Problem(code, "arrangement", found, _NOTHING))
