"""The one message that carries the code to an address which a person gave us: to that address and no other."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import psycopg

from duecourse.book.wishes import Person
from duecourse.domain.messaging import Channel
from duecourse.policy.versions import PublishedPolicy
from duecourse.store.sql import load

SQL = load("planning/verifying")

STEP: Final = "verify-address"
"""What its message is called where a policy's step stands elsewhere."""
USEFUL: Final = timedelta(hours=2)
CODES_A_DAY: Final = 3
"""Of one person: nobody's telephone is made to ring by somebody else's page."""


def verifier_of(policies: Sequence[PublishedPolicy]) -> PublishedPolicy | None:
    """The policy of the highest priority that has a text for it (`verify_address`)."""
    having = [one for one in policies if one.model.verify_address]
    return min(having, key=lambda one: (-one.model.priority, one.policy), default=None)


def codes_today(
    conn: psycopg.Connection, person: Person, *, now: datetime, besides: UUID | None = None
) -> int:
    """How many such messages were planned for a person on their day. besides: of a request that does not count."""
    given = {
        "lane": person.lane,
        "borrower_id": person.borrower_id,
        "step": STEP,
        "now": now,
        "besides": besides,
    }
    row = conn.execute(SQL["codes_today"], given).fetchone()
    return row[0] if row else 0


def plan_verification(
    conn: psycopg.Connection,
    verifier: PublishedPolicy,
    person: Person,
    contact_point_id: UUID,
    channel: Channel,
    request_id: UUID,
    *,
    now: datetime,
) -> UUID | None:
    """Plan it, in the caller's transaction, once for a request; its id, None where the person has no loan to speak in
    the name of.
    """
    template = verifier.model.verify_address
    assert template is not None
    row = conn.execute(
        SQL["plan_verification"],
        {
            "lane": person.lane,
            "borrower_id": person.borrower_id,
            "contact_point_id": contact_point_id,
            "request_id": request_id,
            "channel": channel.value,
            "step": STEP,
            "actor": verifier.model.actor or "creditor",
            "policy": verifier.policy,
            "policy_version": verifier.version,
            "template": template,
            "template_version": verifier.template_versions[template],
            "now": now,
            "useful_until": now + USEFUL,
        },
    ).fetchone()
    return row[0] if row else None
