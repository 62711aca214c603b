"""The audit of a soak sees a breach when there is one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from soak.audit import Findings, audit_hand_overs, audit_routes

PHONE, MAILBOX, MESSAGE = UUID(int=1), UUID(int=2), UUID(int=3)
FAR_ENDS: Any = [
    SimpleNamespace(name="one", channel="sms"),
    SimpleNamespace(name="two", channel="sms"),
    SimpleNamespace(name="mail", channel="email"),
]
NEXT_SECONDS = 60.0


def attempt(provider: str, state: str, **different: Any) -> SimpleNamespace:
    """Claimed and sent at 100, settled at 101, valid until 200; by mail it is the route's second channel."""
    mail = provider == "mail"
    usual = {
        "message_id": MESSAGE,
        "provider": provider,
        "point": MAILBOX if mail else PHONE,
        "route_at": 2 if mail else 1,
        "state": state,
        "claimed_at": 100.0,
        "sent_at": 100.0,
        "settled_at": 101.0,
        "valid_until": 200.0,
        "was_unknown": state == "unknown",
    }
    return SimpleNamespace(**usual | different)


@pytest.mark.parametrize(
    ("attempts", "taken", "breach"),
    [
        ([attempt("one", "delivered")], {("one", PHONE): [100.0]}, None),
        ([attempt("one", "unknown")], {}, None),
        ([attempt("one", "unknown")], {("one", PHONE): [100.0]}, None),
        ([attempt("one", "delivered")], {}, "lost"),
        ([attempt("one", "delivered")], {("one", PHONE): [100.0, 100.0]}, "doubled"),
        ([attempt("one", "released")], {("one", PHONE): [100.0]}, "unrecorded"),
        (
            [attempt("one", "unknown"), attempt("two", "sent")],
            {("one", PHONE): [100.0], ("two", PHONE): [100.0]},
            "doubled",
        ),
        ([attempt("one", "sent")], {("one", PHONE): [202.0]}, "late"),
    ],
)
def test_a_hand_over_that_is_lost_doubled_unrecorded_or_late_is_a_breach(
    attempts: list[Any], taken: dict[tuple[str, UUID], list[float]], breach: str | None
) -> None:
    found = Findings()
    audit_hand_overs(attempts, taken, FAR_ENDS, found)
    figures = {what: found.figures[what] for what in ("lost", "doubled", "unrecorded", "late")}
    assert bool(found.faults) is (breach is not None)
    assert breach is None or figures[breach] == 1


@pytest.mark.parametrize(
    ("first", "then_at", "allowed"),
    [
        (attempt("one", "unknown", sent_at=None), 103.0, True),
        (attempt("one", "refused"), 103.0, True),
        (attempt("one", "sent"), 161.0, True),
        (attempt("one", "sent"), 130.0, False),
        (attempt("one", "delivered"), 161.0, False),
        (attempt("one", "delivered", was_unknown=True, settled_at=110.0), 103.0, True),
        (attempt("one", "delivered", was_unknown=True, settled_at=102.0), 103.0, False),
        (attempt("one", "released"), 100.1, True),
    ],
)
def test_a_second_channel_without_a_reason_is_a_breach(
    first: SimpleNamespace, then_at: float, allowed: bool
) -> None:
    found = Findings()
    audit_routes([first, attempt("mail", "sent", claimed_at=then_at)], NEXT_SECONDS, found)
    assert (not found.faults) is allowed


def test_a_second_attempt_on_the_same_channel_is_a_breach_whatever_the_reason() -> None:
    found = Findings()
    audit_routes([attempt("one", "unknown"), attempt("two", "sent", claimed_at=110.0)], NEXT_SECONDS, found)
    assert found.faults
