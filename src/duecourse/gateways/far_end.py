"""What the far ends of gateways share: orders in memory, a page that pays them, and notifications sent as they are.

A far end speaks its gateway's protocol on this machine and checks what it is sent as strictly as the gateway does. It
serves practice (`duecourse gateway practise`) and the tests. See each family's `far_end.py`.
"""

from __future__ import annotations

import html
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

import httpx2
from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from duecourse.domain.messaging import RawRequest
from duecourse.domain.money import Money

PRESSES = ("pay", "refuse", "pay without a word", "pay and refund")
NOTIFY_SECONDS = 10.0


@dataclass
class Bill:
    """An order as the far end knows it."""

    order_no: str
    amount: Money
    return_url: str
    notify_url: str
    trade_no: str = ""
    paid_at: datetime | None = None
    closed: bool = False
    refunds: list[tuple[str, int, datetime]] = field(default_factory=list)
    """Number, amount in minor units, when."""

    @property
    def refunded_minor(self) -> int:
        """All that went back."""
        return sum(amount for _, amount, _ in self.refunds)


class FarEnd(ABC):
    """A gateway on this machine."""

    kind: ClassVar[str]

    def __init__(self, clock: Callable[[], datetime]) -> None:
        """clock: the wall clock, by which it signs."""
        self.clock = clock
        self.bills: dict[str, Bill] = {}
        self.url = ""
        """Where it answers; set by whoever serves it."""

    @abstractmethod
    def routes(self) -> Sequence[BaseRoute]:
        """Its interface for merchants."""

    @abstractmethod
    def settings(self) -> Mapping[str, Any]:
        """What an adapter must be told to speak with it."""

    @abstractmethod
    def notification(self, bill: Bill, now: datetime) -> RawRequest:
        """What it tells of an order as it now stands."""

    def application(self) -> Starlette:
        """All it serves."""
        return Starlette(
            routes=[*self.routes(), Route("/cashier/{order_no}", self._cashier, methods=["GET", "POST"])]
        )

    def pay(self, order_no: str, now: datetime) -> Bill:
        """The payer pays."""
        bill = self.bills[order_no]
        bill.trade_no, bill.paid_at = f"FE{order_no[:24]}", now
        return bill

    def refund(self, order_no: str, amount_minor: int, now: datetime) -> Bill:
        """The lender gives back, at the gateway's own desk."""
        bill = self.bills[order_no]
        bill.refunds.append((f"RF{len(bill.refunds) + 1}{order_no[:20]}", amount_minor, now))
        return bill

    def notify(self, bill: Bill, now: datetime) -> int:
        """Send what `notification` says; the status of the answer, 0 for none."""
        told = self.notification(bill, now)
        try:
            with httpx2.Client(timeout=NOTIFY_SECONDS, trust_env=False) as client:
                return client.post(bill.notify_url, content=told.body, headers=dict(told.headers)).status_code
        except httpx2.HTTPError:
            return 0

    async def _cashier(self, request: Request) -> Response:
        bill = self.bills.get(request.path_params["order_no"])
        if bill is None:
            return Response(status_code=404)
        if request.method == "GET":
            return HTMLResponse(_page(self.kind, bill))
        press = (await request.body()).decode().partition("=")[2].replace("+", " ")
        await run_in_threadpool(self._press, bill, press)
        back = bill.return_url or request.query_params.get("redirect_url", "/")
        return RedirectResponse(back, 303)

    def _press(self, bill: Bill, press: str) -> None:
        now = self.clock()
        if press in PRESSES and press != "refuse":
            self.pay(bill.order_no, now)
            if press != "pay without a word":
                self.notify(bill, now)
        if press == "pay and refund":
            self.refund(bill.order_no, bill.amount.amount_minor, now)
            self.notify(bill, now)


class KeyedFarEnd(FarEnd):
    """One with RSA keys of its own and of its merchant, made anew each time."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        super().__init__(clock)
        self._own = rsa.generate_private_key(65537, 2048)
        self._merchant = rsa.generate_private_key(65537, 2048)


def _page(kind: str, bill: Bill) -> str:
    buttons = "".join(f'<p><button name="press" value="{press}">{press}</button></p>' for press in PRESSES)
    amount = html.escape(f"{bill.amount.amount} {bill.amount.currency}")
    return (
        f'<!doctype html><html lang="en"><meta name="viewport" content="width=device-width"><title>{kind}</title>'
        f"<h1>{kind}: practice, no money moves</h1><p>{amount}</p><form method=post>{buttons}</form></html>"
    )
