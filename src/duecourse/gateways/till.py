"""The gateways that are configured, and which of them a payer is offered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .contract import Gateway


@dataclass(frozen=True, slots=True)
class Till:
    """By name, in the order in which they are offered."""

    gateways: Mapping[str, Gateway]
    public_url: str
    """Where we are reached, without a slash at its end; '': nobody knows, and only the practice bank is used."""

    def offered(self, currency: str, creditors: Sequence[str]) -> list[Gateway]:
        """Those that collect this currency for all these creditors."""
        return [
            one
            for one in self.gateways.values()
            if one.takes(currency) and all(one.settings.creditor in ("", creditor) for creditor in creditors)
        ]

    @property
    def sources(self) -> tuple[str, ...]:
        """Every origin that a payer may be sent to, each once."""
        return tuple(dict.fromkeys(source for one in self.gateways.values() for source in one.sources))

    def return_url(self, order_no: str) -> str:
        """Where a payer comes back to. Nothing personal in it, and no amount."""
        return f"{self.public_url}/me/pay/{order_no}"

    def notify_url(self, name: str) -> str:
        """Where a gateway tells what became of an order."""
        return f"{self.public_url}/callbacks/pay/{name}"
