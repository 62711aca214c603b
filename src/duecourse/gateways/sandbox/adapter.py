"""The bank of the sandbox: its page is served by us (portal/playing.py), its trades are kept by whoever serves it.

It signs and is asked like any other, so that a payment through it takes the very path of a real one.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import ClassVar, TypeAlias

from duecourse.domain.messaging import RawRequest

from ..adapter import Adapter, an_object
from ..contract import Fact, GatewaySettings, NotGenuineError, Order, Paid, Started
from ..reading import in_minor
from ..signing import hmac_sign, hmac_verifies

Ledger: TypeAlias = Callable[[str, datetime], Sequence[Fact]]
"""(order number, wall clock): what the bank tells of an order by then."""
SIGNATURE = "sandbox-signature"


class SandboxSettings(GatewaySettings):
    """Of the bank that is none."""


class SandboxGateway(Adapter[SandboxSettings]):
    """The bank. The key it signs with is of this process alone, and so is what it sends: to itself."""

    kind: ClassVar[str] = "sandbox"

    def __init__(self, name: str, settings: SandboxSettings) -> None:
        super().__init__(name, settings)
        self.ledger: Ledger = lambda order_no, now: ()
        """Set by whoever keeps its trades."""
        self._secret = secrets.token_hex(32)

    def begin(self, order: Order) -> Started:
        """Its page is one of ours."""
        return Started(f"{order.return_url.partition('/me/')[0]}/bank/{order.order_no}")

    def asked(self, order_no: str, reference: str, now: datetime) -> Sequence[Fact]:
        """What its ledger has."""
        return self.ledger(order_no, now)

    def notification(self, fact: Paid) -> RawRequest:
        """What the bank sends."""
        body = json.dumps(
            {
                "order": fact.order_no,
                "trade": fact.trade_no,
                "amount_minor": fact.amount.amount_minor,
                "currency": fact.amount.currency,
                "at": fact.at.isoformat(),
            }
        ).encode()
        return RawRequest("POST", "", {SIGNATURE: hmac_sign(self._secret, body)}, body)

    def told(self, request: RawRequest, now: datetime) -> Sequence[Fact]:
        """What `notification` wrote."""
        if not hmac_verifies(self._secret, request.body, request.headers.get(SIGNATURE, "")):
            raise NotGenuineError("the signature is not of this body")
        told = an_object(request.body)
        amount = in_minor(told["amount_minor"], str(told["currency"]))
        return [Paid(str(told["order"]), str(told["trade"]), amount, datetime.fromisoformat(told["at"]))]
