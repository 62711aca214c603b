"""Acts that are no contact: whether a debt may be reported to a bureau, enforced, placed, sold, as the book stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, get_args
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg

from duecourse.book.reading import Borrower
from duecourse.rules.compiling import RuleBook
from duecourse.rules.model import Action, Actor
from duecourse.rules.sentences import Reason, reasons

from .permits import SQL, contacts_of_mates, person_of

ACTS: Final[Sequence[str]] = get_args(Action)


@dataclass(frozen=True, slots=True)
class Leave:
    """Whether an act may be done. not_before: the first instant it may; None when no waiting alone helps."""

    allow: bool
    not_before: datetime | None
    reasons: Sequence[Reason]


def may_act(
    conn: psycopg.Connection,
    rules: RuleBook,
    borrower: Borrower,
    action: str,
    *,
    loan_id: UUID,
    product: str,
    actor: Actor = Actor.CREDITOR,
    now: datetime,
) -> Leave:
    """Judge an act on one debt by the notices served, the holds and the consents of the book. Writes nothing.

    action: one of ACTS. product: the loan's. now: the book's clock.
    """
    given = {
        "lane": borrower.lane,
        "borrower_id": borrower.borrower_id,
        "loans": [loan_id],
        "products": [product],
        "purpose": None,
        "channel": None,
        "actor": actor.value,
        "party": "borrower",
        "address_kind": None,
        "address_index": None,
        "caller": None,
        "human": False,
        "actions": [action],
        "now": now,
        "expires_at": now,
        **rules.action_parameters,
    }
    given["elsewhere"] = contacts_of_mates(conn, person_of(conn, given), given)
    rows = conn.execute(SQL["judge_permit"], given).fetchall()
    allow, not_before, refused = rows[0][:3]
    if allow:
        return Leave(True, now, ())
    return Leave(False, not_before, reasons(rules.packs, refused, ZoneInfo(borrower.zone)))
