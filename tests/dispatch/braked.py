"""A batch that is planned under brakes, and what became of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from counter import Counter
from duecourse.dispatch.batches import list_batches
from lender import POLICY_HEAD, Lender

NINE = "2026-03-09T09:00+08:00"
T = datetime(2026, 3, 9, 1, tzinfo=UTC)
"""The same."""
STEP = """
  - id: due-in-1
    when: due - 1d at 09:00
    purpose: reminder
    route: [sms]
    template: due-soon
    useful_until: +2d
"""


def head(brakes: str, more: str = "") -> str:
    return POLICY_HEAD + f"brakes: {brakes}\n{more}"


def publish(lender: Lender, by: str = "alice") -> None:
    """Enter the policies in force as published by somebody: brakes ask the database who that was."""
    for policy in lender.policies:
        version = lender.versions[policy.name]
        parsed = {"policy": policy.model_dump(mode="json"), "templates": dict.fromkeys(policy.templates, 1)}
        lender.conn.execute(
            """INSERT INTO policy_version (policy, version, digest, source, parsed, published_at, published_by)
               VALUES (%s, %s, '', '', %s, '2026-01-01', %s)""",
            (policy.name, version, json.dumps(parsed), by),
        )
    lender.conn.commit()


def planned(lender: Lender, brakes: str, count: int = 30, more: str = "", amount: str = "100.00") -> None:
    """That many borrowers with a message each, due at nine."""
    lender.book(f"loan due_on email amount\nL-0 2026-03-10 - {amount} CNY")
    lender.clone("L-0", count - 1)
    lender.policy(STEP, head(brakes, more))
    publish(lender)
    lender.plan("2026-03-09T00:00+08:00")


def sent(counter: Counter) -> int:
    return len(counter.ends["sms"].taken)


def states(lender: Lender) -> list[tuple[Any, ...]]:
    rows = [
        (row["state"], row["messages"], row["tried"], row["waiting"]) for row in list_batches(lender.conn)
    ]
    lender.conn.commit()
    return rows


def rules(lender: Lender) -> dict[str, int]:
    found = lender.messages("coalesce(rule, '')", "count(*) OVER (PARTITION BY rule)")
    return dict(found)
