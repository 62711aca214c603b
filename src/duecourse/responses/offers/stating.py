"""What somebody who cannot pay states of their household: kept sealed, for fitting a plan and nothing else.

What is left in a month, the surplus, is the stated income less household costs less payments for other debts. A plan's
payment may take the share of it that the policy names. This is how debt advice counts everywhere (the UK's Standard
Financial Statement, the CFPB's monthly budget): by what is stated, without a scale of ours for what living costs.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import date, datetime
from enum import StrEnum
from hashlib import blake2b
from typing import Literal
from uuid import UUID

import psycopg
from psycopg import sql

from duecourse.book.wishes import Person
from duecourse.privacy.keyring import Keyring
from duecourse.privacy.sealing import open_value, seal_value
from duecourse.store.sql import load

SQL = load("responses/offers")


def stands(name: str, whose: Literal["of_loan", "of_one", "of_lanes", "of_them"]) -> sql.Composed:
    """A statement about how arrangements stand. whose: the fragment that says which; `of_them` is all."""
    return sql.SQL(SQL[name]).format(of_them=sql.SQL(SQL[whose]))


class Trouble(StrEnum):
    """Why somebody cannot pay as the contract says."""

    LATE_INCOME = "late-income"
    LESS_INCOME = "less-income"
    OTHER_DAY = "other-day"
    EMERGENCY = "emergency"
    OTHER = "other"


@dataclass(frozen=True, slots=True, repr=False)
class Stated:
    """A household's month in minor units of the loan's currency, and what would help. Personal: never logged.

    until: when there will be money; None: not said. due_day: of the month; None: the present one suits.
    """

    trouble: Trouble
    income_minor: int
    costs_minor: int
    debts_minor: int
    until: date | None = None
    due_day: int | None = None

    @property
    def surplus_minor(self) -> int:
        """What is left in a month; below zero where costs are higher than income."""
        return self.income_minor - self.costs_minor - self.debts_minor

    def affordable_minor(self, share_percent: int) -> int:
        """What a payment may take of it, rounded down; 0 where nothing is left."""
        return max(0, self.surplus_minor) * share_percent // 100


@dataclass(frozen=True, slots=True)
class Statement:
    """What was stated, of which loan, by which answer. stated: None once it is erased."""

    hardship_id: UUID
    person: Person
    loan_id: UUID
    response_id: UUID
    stated: Stated | None


def hardship_id_of(request_id: UUID) -> UUID:
    """The id of what one form states."""
    return UUID(bytes=blake2b(b"hardship" + request_id.bytes, digest_size=16).digest())


def record_statement(
    conn: psycopg.Connection,
    keyring: Keyring,
    person: Person,
    loan_id: UUID,
    stated: Stated,
    *,
    request_id: UUID,
    response_id: UUID,
    now: datetime,
) -> UUID:
    """Keep what was stated, in the caller's transaction; its id. The same request again is the same statement."""
    hardship_id = hardship_id_of(request_id)
    text = json.dumps(asdict(stated) | {"until": stated.until.isoformat() if stated.until else None})
    conn.execute(
        SQL["record_statement"],
        {
            "lane": person.lane,
            "hardship_id": hardship_id,
            "borrower_id": person.borrower_id,
            "loan_id": loan_id,
            "response_id": response_id,
            "trouble": stated.trouble.value,
            "sealed": seal_value(keyring, text, "hardship", "stated", hardship_id),
            "now": now,
        },
    )
    return hardship_id


def statement_of(
    conn: psycopg.Connection, keyring: Keyring, lane: int, hardship_id: UUID, *, of: Person | None = None
) -> Statement | None:
    """A statement; None when there is none, or it is another person's than `of`."""
    row = conn.execute(SQL["statement_of"], {"lane": lane, "hardship_id": hardship_id}).fetchone()
    if row is None:
        return None
    borrower_id, loan_id, response_id, sealed = row
    person = Person(lane, borrower_id)
    if of is not None and person != of:
        return None
    stated = None
    if sealed is not None:
        found = json.loads(open_value(keyring, bytes(sealed), "hardship", "stated", hardship_id))
        until = date.fromisoformat(found["until"]) if found["until"] else None
        stated = Stated(**(found | {"trouble": Trouble(found["trouble"]), "until": until}))
    return Statement(hardship_id, person, loan_id, response_id, stated)
