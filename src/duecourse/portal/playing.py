"""What happens at the sandbox's bank: each press of its page, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final, TypeAlias

from duecourse.gateways.contract import Paid
from duecourse.gateways.sandbox.adapter import SandboxGateway
from duecourse.responses.paying import PayRequest, wall_clock
from duecourse.responses.sandbox_bank import bank_pays
from duecourse.responses.trades import Counter, take_facts

from .asked import Asked

LATE: Final = timedelta(seconds=20)
"""So long the bank keeps a late payment to itself; then it tells of it only when it is asked."""

Press: TypeAlias = Callable[[Asked, SandboxGateway, PayRequest], None]


def _pay(asked: Asked, gateway: SandboxGateway, request: PayRequest) -> None:
    wall = wall_clock(asked.conn)
    _notify(asked, gateway, bank_pays(asked.conn, request, "first", paid_at=asked.now, known_at=wall))


def _pay_twice(asked: Asked, gateway: SandboxGateway, request: PayRequest) -> None:
    _pay(asked, gateway, request)
    wall = wall_clock(asked.conn)
    _notify(asked, gateway, bank_pays(asked.conn, request, "second", paid_at=asked.now, known_at=wall))


def _pay_late(asked: Asked, gateway: SandboxGateway, request: PayRequest) -> None:
    known_at = wall_clock(asked.conn) + LATE
    bank_pays(asked.conn, request, "first", paid_at=asked.now, known_at=known_at)


def _refuse(asked: Asked, gateway: SandboxGateway, request: PayRequest) -> None:
    """The payer's bank says no; the order can still be paid."""


def _notify(asked: Asked, gateway: SandboxGateway, fact: Paid) -> None:
    """The bank's notification, signed and checked as one that comes from afar."""
    notice = gateway.hear(gateway.notification(fact), wall_clock(asked.conn))
    take_facts(asked.conn, Counter(gateway.name, gateway.settings.creditor), notice.facts, now=asked.now)


BANK: Final[Mapping[str, Press]] = {
    "pay": _pay,
    "refuse": _refuse,
    "late": _pay_late,
    "twice": _pay_twice,
}
"""By what the form says: keys `paying.bank_…`."""
