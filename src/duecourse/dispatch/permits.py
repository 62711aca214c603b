"""Permits: whoever dials asks first, and gets leave for one contact that counts and expires, or the reason why not.

The contact stands in the ledger from the moment it is allowed, so that a cap holds between diallers, agencies and our
own workers. It counts until its holder reports that it was not used; one that merely expired may have been dialled, and
counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID, uuid4, uuid5
from zoneinfo import ZoneInfo

import psycopg
from psycopg.types.json import Jsonb

from duecourse.book.parties import loans_answered
from duecourse.book.reading import Borrower
from duecourse.domain.messaging import Channel, Purpose
from duecourse.domain.problems import DuecourseError, Problem
from duecourse.rules.compiling import RuleBook
from duecourse.rules.elsewhere import contacts_elsewhere
from duecourse.rules.model import Actor, AddressKind, Party
from duecourse.rules.sentences import Reason, reasons, rule_says
from duecourse.store.sql import load

SQL = load("dispatch/permits")
DISPATCH = load("dispatch")

Report = Literal["connected", "conversation", "no-answer", "not-used"]
"""What became of a permit. not-used gives the contact back."""

LASTS: Final = timedelta(minutes=10)
"""How long a permit may be used; less where a window shuts or a hold begins sooner."""

_LANES: Final = list(range(256))
_NUMBERS: Final[Mapping[Channel, tuple[str, ...]]] = {
    Channel.VOICE: ("voice", "sms"),
    Channel.SMS: ("sms", "voice"),
}
"""Whose numbers serve a channel when none is given."""


@dataclass(frozen=True, slots=True)
class Question:
    """Whom somebody wants to contact, and how.

    loan_id: the debt it is about, their own or one they answer for; None is every open one. party: who is contacted; of
    a loan that is named the book says whether its borrower, a co-borrower or a guarantor, unless it is a third person.
    address_index: of the number; None is the borrower's first.
    human: a person will speak, so that special care and a wish for a person do not stand against it.
    caller: the number shown, '' a hidden one, None not known. reference: names the question, so that asking it again
    (an answer that was lost) gives the same permit; under one reference another question is another permit.
    """

    purpose: Purpose
    channel: Channel
    actor: Actor
    loan_id: UUID | None = None
    address_index: bytes | None = None
    address_kind: AddressKind | None = None
    party: Party = Party.BORROWER
    caller: str | None = None
    human: bool = False
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave for one contact until `expires_at`, and not at that instant."""

    permit_id: UUID
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why not. not_before: the first instant that all rules allow, as things stand; None when no waiting helps."""

    not_before: datetime | None
    reasons: Sequence[Reason]


def ask_permit(
    conn: psycopg.Connection,
    rules: RuleBook,
    borrower: Borrower,
    question: Question,
    *,
    by: str,
    now: datetime,
    as_of: date,
    lasts: timedelta = LASTS,
) -> Permit | Refusal:
    """Judge a contact by the rules that judge our own, and enter it in the ledger when it may be made.

    conn: idle; in a transaction of the caller's the lane stays locked until that ends: ask no second permit in it.
    by: who asks. now: the book's clock; as_of: the lender's date then. Waits for a claim of the same lane that is under
    way, and the next one waits for it: a few milliseconds. Raises DuecourseError B120 without a debt to speak of, B122
    when what became of the permit of this reference was reported already.
    """
    rules = rules.compiled()
    lane, loans, party = _answered(conn, borrower, question, as_of)
    place = {"lane": lane, "borrower_id": borrower.borrower_id}
    permit_id = uuid5(borrower.borrower_id, f"permit/{by}/{question}") if question.reference else uuid4()
    with conn.transaction():
        conn.execute(SQL["lock_lane"], place)
        found = conn.execute(SQL["find_permit"], {"lanes": [lane], "permit_id": permit_id}).fetchone()
        if found is not None:
            if found[3] is not None:  # given back, it counts in no cap any more
                said = f"'{found[3]}' was reported of the permit of this reference"
                raise DuecourseError(Problem("B122", "reference", said, "Ask under another reference."))
            return Permit(permit_id, found[5])
        debts = conn.execute(
            SQL["debts_of"],
            {
                **place,
                "loans": loans,
                "named": question.loan_id is not None,
                "purpose": question.purpose,
                "now": now,
                "as_of": as_of,
            },
        ).fetchall()
        if not debts:
            raise _no_debt("the borrower has no open debt to speak of")
        standing = _book_refusal(conn, rules, question, debts)
        if standing is not None:
            return standing
        spoken = [(loan, product) for loan, product, rule in debts if rule is None]
        asked = {
            **place,
            **_asked(conn, place, question),
            "party": party,
            "loans": [loan for loan, _ in spoken],
            "products": [product for _, product in spoken],
            "now": now,
            "expires_at": now + lasts,
        }
        answer = _judge(conn, rules, asked, ZoneInfo(borrower.zone))
        if isinstance(answer, Refusal):
            return answer
        conn.execute(SQL["give_permit"], {**asked, "permit_id": permit_id, "by": by, "expires_at": answer})
    return Permit(permit_id, answer)


def report_permit(
    conn: psycopg.Connection, permit_id: UUID, outcome: Report, *, by: str, now: datetime
) -> None:
    """Enter what became of a permit, also after it expired. The same word twice is nothing.

    Raises DuecourseError B121 when there is no such permit, B122 when something else was reported before.
    """
    with conn.transaction():
        row = conn.execute(SQL["find_permit"], {"lanes": _LANES, "permit_id": permit_id}).fetchone()
        if row is None:
            raise DuecourseError(
                Problem("B121", "PERMIT", "there is no such permit", "Nothing was reported.")
            )
        lane = row[0]
        conn.execute(SQL["lock_lane"], {"lane": lane})
        given = {"lane": lane, "permit_id": permit_id, "outcome": outcome, "by": by, "now": now}
        if conn.execute(SQL["report_permit"], given).rowcount > 0:
            return
        before = conn.execute(SQL["find_permit"], {"lanes": [lane], "permit_id": permit_id}).fetchone()
        if before is not None and before[3] != outcome:
            raise DuecourseError(
                Problem("B122", "PERMIT", f"'{before[3]}' was reported before", "The first word stays.")
            )
    if before is None:  # a merge took it to another lane before this one was locked
        report_permit(conn, permit_id, outcome, by=by, now=now)


def _answered(
    conn: psycopg.Connection, borrower: Borrower, question: Question, as_of: date
) -> tuple[int, list[UUID], str]:
    """The lane of the debts a contact would be about, the debts, and as whom the person answers for them.

    Without a debt of a name: their own, else those of the role asked for. Raises DuecourseError B120.
    """
    wanted = Party.BORROWER if question.party is Party.THIRD else question.party
    answered = [
        one
        for one in loans_answered(conn, borrower.lane, borrower.borrower_id)
        if (one.until is None or one.until >= as_of)
        and (one.loan_id == question.loan_id if question.loan_id else one.role == wanted)
    ]
    if not answered:
        raise _no_debt("the borrower has no open debt to speak of")
    first = answered[0] if question.loan_id else next((one for one in answered if one.own), answered[0])
    debts = [one for one in answered if (one.role, one.own) == (first.role, first.own)]
    if any(one.lane != first.lane for one in debts):
        raise _no_debt("the person answers for debts of several others; name one of them")
    role = question.party.value if question.party is Party.THIRD else first.role
    return first.lane, [one.loan_id for one in debts], role


def _no_debt(why: str) -> DuecourseError:
    return DuecourseError(Problem("B120", "permit", why, "No permit was given."))


def _book_refusal(
    conn: psycopg.Connection, rules: RuleBook, question: Question, debts: Sequence[tuple[Any, ...]]
) -> Refusal | None:
    """What the book or a stop says against it, whatever the hour."""
    halted = conn.execute(
        SQL["halted"], {"purpose": question.purpose.value, "channel": question.channel.value}
    ).fetchone()
    if halted is not None:
        return Refusal(None, [_reason(rules, "STOPPED")])
    if all(rule is not None for _, _, rule in debts):
        return Refusal(None, [_reason(rules, rule) for rule in dict.fromkeys(rule for _, _, rule in debts)])
    return None


def _reason(rules: RuleBook, rule: str) -> Reason:
    en, zh = rule_says(rules.packs, rule)
    return Reason(rule, "book", en, zh)


def _asked(conn: psycopg.Connection, place: Mapping[str, Any], question: Question) -> dict[str, Any]:
    """The question as the judging statements take it."""
    index = question.address_index
    if index is None:
        channels = list(_NUMBERS.get(question.channel, (question.channel.value,)))
        given = {**place, "channels": channels}
        row = conn.execute(SQL["number_of"], given).fetchone()
        index = row[0] if row else None
    return {
        "purpose": question.purpose.value,
        "channel": question.channel.value,
        "actor": question.actor.value,
        "address_kind": question.address_kind,
        "address_index": index,
        "caller": question.caller,
        "actions": [],
        "human": question.human,
    }


def _judge(
    conn: psycopg.Connection, rules: RuleBook, asked: Mapping[str, Any], zone: ZoneInfo
) -> datetime | Refusal:
    """Until when it is allowed, or why not: by the person's own contacts, then by everybody's to the same number."""
    person = person_of(conn, asked)
    if person is not None:
        conn.execute(DISPATCH["lock_persons"], {"persons": [person]})
    given = {**asked, **rules.parameters}
    given["elsewhere"] = contacts_of_mates(conn, person, given)
    rows = conn.execute(SQL["judge_permit"], given).fetchall()
    refusal = _refusal(rules, rows, zone)
    if refusal is None and asked["address_index"] is not None and any(row[4] for row in rows):
        # Locked until the commit, so that two who share the number are judged in turn.
        numbers = [asked["address_index"]]
        conn.execute(DISPATCH["lock_numbers"], {"numbers": numbers})
        given = {**asked, **rules.number_parameters}
        given["elsewhere"] = contacts_elsewhere(
            conn, "numbers", numbers, read=(), now=given["now"], look_back=given["look_back"]
        )
        shared = conn.execute(SQL["judge_permit_number"], given).fetchall()
        refusal = _refusal(rules, shared, zone)
    return refusal or min(row[3] for row in rows)


def person_of(conn: psycopg.Connection, place: Mapping[str, Any]) -> UUID | None:
    """The id that a person's rows share; None of one who has no other. place: lane, borrower_id."""
    row = conn.execute(SQL["person_of"], place).fetchone()
    return row[0] if row else None


def contacts_of_mates(conn: psycopg.Connection, person: UUID | None, given: Mapping[str, Any]) -> Jsonb:
    """What a person had under their other rows, as judge_permit takes it. person: of person_of.

    given: lane, borrower_id, now, look_back.
    """
    if person is None:
        return Jsonb([])
    return contacts_elsewhere(
        conn,
        "persons",
        [person],
        read=[given["lane"]],
        borrower_id=given["borrower_id"],
        now=given["now"],
        look_back=given["look_back"],
    )


def _refusal(rules: RuleBook, rows: Sequence[tuple[Any, ...]], zone: ZoneInfo) -> Refusal | None:
    """One contact is about all its debts: each has to allow it."""
    if all(row[0] for row in rows):
        return None
    waits = [row[1] for row in rows if not row[0]]
    not_before = max(waits) if None not in waits else None
    refused = {one["rule"]: one for row in rows if not row[0] for one in row[2]}
    return Refusal(not_before, reasons(rules.packs, list(refused.values()), zone))
