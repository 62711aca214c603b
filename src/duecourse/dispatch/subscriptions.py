"""How many subscription messages of WeChat a person still allows, template by template.

WeChat counts too, and its count decides: a message beyond it is refused (43101) and its route goes on. Ours says whom
to ask again.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import psycopg

from duecourse.book.reading import Borrower
from duecourse.privacy.keyring import Keyring
from duecourse.privacy.sealing import open_value
from duecourse.store.sql import load

SQL = load("dispatch/subscriptions")


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a person allows of one template. left: None without end."""

    template: str
    allowed: int
    used: int
    left: int | None


def subscriptions_of(
    conn: psycopg.Connection,
    keyring: Keyring,
    borrower: Borrower,
    *,
    provider: str,
    templates: Collection[str],
    long_term: Collection[str],
) -> list[Subscription]:
    """Each of these templates: allowed, used, left. A refusal in WeChat's settings leaves nothing."""
    given = {"lane": borrower.lane, "borrower_id": borrower.borrower_id, "provider": provider}
    happened: list[tuple[datetime, str, str]] = []
    for reply_id, kind, sealed, at in conn.execute(SQL["subscriptions_said"], given):
        template = open_value(keyring, sealed, "reply", "text", reply_id) if sealed else ""
        happened.append((at, kind, template))
    for attempt_id, sealed, at in conn.execute(SQL["subscriptions_used"], given):
        sent = json.loads(open_value(keyring, sealed, "attempt", "text", attempt_id))
        happened.append((at, "sent", (sent.get("registered") or {}).get("template", "")))
    conn.rollback()
    allowed, used, left = Counter[str](), Counter[str](), Counter[str]()
    endless = set[str]()
    for _, kind, template in sorted(happened, key=lambda each: each[0]):
        if kind == "subscribed" and template in long_term:
            allowed[template] += 1
            endless.add(template)
        elif kind == "subscribed":
            allowed[template] += 1
            left[template] += 1
        elif kind == "sent":
            used[template] += 1
            left[template] = max(left[template] - 1, 0)
        else:  # of one template, or of the account itself: unfollowed
            for gone in [template] if template else list(templates):
                left[gone] = 0
                endless.discard(gone)
    return [
        Subscription(each, allowed[each], used[each], None if each in endless else left[each])
        for each in templates
    ]
