"""What a person asks for by a key during a call is planned at once: a call by a person, or a link to pay by SMS.

In the transaction that keeps the key, under an id made of the attempt and the wish: the same key again plans nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

import psycopg

from duecourse.book.wishes import EVERY_LANE
from duecourse.domain.messaging import Channel
from duecourse.store.sql import load

from .compile import Plannable

SQL = load("planning/answering")

USEFUL_DAYS: Final = {"call-me": 2, "pay-link": 0}
"""Until the end of the person's day, so many days on."""


def plan_answer(
    conn: psycopg.Connection,
    attempt_id: UUID,
    wish: Literal["call-me", "pay-link"] | str,
    plannables: Sequence[Plannable],
    *,
    now: datetime,
) -> UUID | None:
    """Plan what was asked for during an attempt; the message's id, None where there is nothing new to plan.

    A call speaks in the words of the message it answers. A link to pay needs a text of its own: `pay_link` of the
    policy in force; without one nothing is planned.
    """
    found = conn.execute(SQL["answered_message"], {"lanes": EVERY_LANE, "attempt_id": attempt_id}).fetchone()
    if found is None:
        return None
    lane, policy = found
    template = template_version = names_amount = None
    if wish == "pay-link":
        of = next((one for one in plannables if one.policy.name == policy and one.policy.pay_link), None)
        if of is None or of.policy.pay_link is None:
            return None
        template = of.policy.pay_link
        template_version = of.template_versions[template]
        names_amount = template not in of.silent_templates
    row = conn.execute(
        SQL["answer_attempt"],
        {
            "lane": lane,
            "attempt_id": attempt_id,
            "wish": wish,
            "channel": (Channel.TASK if wish == "call-me" else Channel.SMS).value,
            "template": template,
            "template_version": template_version,
            "names_amount": names_amount,
            "useful_days": USEFUL_DAYS[wish],
            "now": now,
        },
    ).fetchone()
    return row[0] if row else None
