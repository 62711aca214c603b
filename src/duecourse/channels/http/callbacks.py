"""Who may call us: what every provider's callbacks are checked for before a word of them is believed."""

from __future__ import annotations

import hmac
import json
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any
from urllib.parse import parse_qs

from pydantic import Field, SecretStr

from duecourse.channels.http.line import HttpSettings
from duecourse.domain.messaging import RawRequest, RawResponse

FORBIDDEN = RawResponse(403, b"forbidden")
UNREADABLE = RawResponse(400, b"not understood")
NOT_STORED = RawResponse(503, b"not stored; send it again")


class CallbackSettings(HttpSettings):
    """For providers that sign nothing: their calls are told from anybody's by a token in the address, or by the net
    that they come from. Without either every call is refused.
    """

    callback_token: SecretStr = SecretStr("")
    """Stands in the callback address as `?token=…`."""
    callback_networks: tuple[IPv4Network | IPv6Network, ...] = Field(default=())
    """Where the provider calls from, as `203.0.113.0/24`."""

    def lets_in(self, request: RawRequest) -> bool:
        """Whether the call bears the token, and comes from one of the nets: whichever of both are set."""
        token = self.callback_token.get_secret_value()
        if not token and not self.callback_networks:
            return False
        if token and not same(parse_qs(request.query).get("token", [""])[0], token):
            return False
        return not self.callback_networks or is_within(request.peer, self.callback_networks)


def is_within(peer: str, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    """Whether an address, as text, lies in one of these nets."""
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    return any(address in network for network in networks)


def same(left: str, right: str) -> bool:
    """Compare secrets in constant time."""
    return hmac.compare_digest(left.encode("utf-8", "replace"), right.encode("utf-8", "replace"))


def json_of(request: RawRequest) -> Any:
    """The body. Raises ValueError for anything that is no JSON."""
    return json.loads(request.body)


def acknowledged(body: Any) -> RawResponse:
    """The answer in JSON that tells a provider that we have it."""
    return RawResponse(200, json.dumps(body, separators=(",", ":")).encode(), "application/json")
