"""What a person asks for is planned at once: a call by a person, a link to pay by SMS, a word that it is really us.

In the transaction that keeps what they said, under an id made of the attempt and the wish: the same again plans
nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

import psycopg

from duecourse.book.wishes import EVERY_LANE
from duecourse.domain.messaging import Channel
from duecourse.policy.model import Policy
from duecourse.store.sql import load

from .compile import Plannable

SQL = load("planning/answering")

USEFUL_DAYS: Final = {"call-me": 2, "pay-link": 0, "authenticity": 2}
"""Until the end of the person's day, so many days on."""
_TEXT_OF: Final[Mapping[str, Callable[[Policy], str | None]]] = {
    "pay-link": lambda policy: policy.pay_link,
    "authenticity": lambda policy: policy.authenticity_reply,
}


def plan_answer(
    conn: psycopg.Connection,
    attempt_id: UUID,
    wish: Literal["call-me", "pay-link", "authenticity"] | str,
    plannables: Sequence[Plannable],
    *,
    now: datetime,
    channel: Channel = Channel.SMS,
) -> UUID | None:
    """Plan what was asked for during an attempt; the message's id, None where there is nothing new to plan.

    A call speaks in the words of the message it answers. A link to pay and the word that it is us need a text of
    their own, `pay_link` and `authenticity_reply` of the policy in force; without one nothing is planned.
    channel: where the text goes.
    """
    found = conn.execute(SQL["answered_message"], {"lanes": EVERY_LANE, "attempt_id": attempt_id}).fetchone()
    if found is None:
        return None
    lane, policy = found
    template = template_version = names_amount = None
    if wish != "call-me":
        of = next((one for one in plannables if one.policy.name == policy), None)
        template = _TEXT_OF[wish](of.policy) if of else None
        if of is None or template is None:
            return None
        template_version = of.template_versions[template]
        names_amount = template not in of.silent_templates
    row = conn.execute(
        SQL["answer_attempt"],
        {
            "lane": lane,
            "attempt_id": attempt_id,
            "wish": wish,
            "channel": (Channel.TASK if wish == "call-me" else channel).value,
            "template": template,
            "template_version": template_version,
            "names_amount": names_amount,
            "useful_days": USEFUL_DAYS[wish],
            "now": now,
        },
    ).fetchone()
    return row[0] if row else None
