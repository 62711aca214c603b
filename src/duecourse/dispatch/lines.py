"""Lines: the ways to providers as a claim chooses among them, one for each provider and sender."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from duecourse.domain.messaging import Channel


@dataclass(frozen=True, slots=True)
class Registration:
    """What rules ask of a sender. registered: signature, header, template, …, None where nothing is known against it.
    caller: the number shown; '' is a hidden one. kind: whose limits hold, such as aliyun.
    """

    registered: tuple[str, ...] | None = None
    caller: str | None = None
    kind: str | None = None
    serves: str | None = None
    """Whose addresses it can reach: a push service, a WeChat account's appid. None: all of its channel."""


@dataclass(frozen=True, slots=True)
class Routing:
    """What a provider is chosen by: the keys of providers.toml that stand beside the adapter's own."""

    weight: int = 1
    """Its part of what its tier carries, in relation to the others; 0: only when no other can."""
    tier: int = 1
    """A later tier carries what no ready provider of an earlier one can."""
    carriers: tuple[str, ...] | None = None
    """The carriers whose numbers it serves, as dispatch.carriers names them; None: all."""
    regions: tuple[str, ...] | None = None
    """The borrowers' regions it serves, ISO 3166; None: all."""
    rate_per_second: int | None = None
    """In no second more than so many are taken for it, by all workers together."""
    rate_per_sender: int | None = None
    """The same for each of its senders."""
    senders: tuple[str, ...] = ()
    """Numbers, sub-ports or headers to spread over; empty: the adapter's own setting."""
    needs: tuple[str, ...] = ()
    """Kinds of registration without whose approval nothing goes out through it."""
    slow_seconds: float = 3.0
    """An answer later than this counts against it."""


@dataclass(frozen=True, slots=True)
class Line:
    """A provider, and one of its senders, as a claim sees it. ready: this worker may use it now. room: how many may be
    handed to it at once. probe: it is being tried again, and these are the messages to try it with.
    """

    channel: Channel
    provider: str
    ready: bool
    room: int
    registration: Registration = Registration()
    routing: Routing = Routing()
    sender: str = ""
    probe: bool = False
    limited: bool = False
    """Whether its room was reserved and what is left of it is given back."""


def line_parameters(lines: Sequence[Line]) -> dict[str, Any]:
    """The parameters of `dispatch/providers.provider`."""
    return {
        "channels": [line.channel.value for line in lines],
        "providers": [line.provider for line in lines],
        "senders": [line.sender for line in lines],
        "ready": [line.ready for line in lines],
        "room": [line.room for line in lines],
        "probes": [line.probe for line in lines],
        "tiers": [line.routing.tier for line in lines],
        "weights": [float(line.routing.weight) for line in lines],
        "carriers": [as_array(line.routing.carriers) for line in lines],
        "regions": [as_array(line.routing.regions) for line in lines],
        "needs": [as_array(line.routing.needs or None) for line in lines],
        "registered": [as_array(line.registration.registered) for line in lines],
        "callers": [line.registration.caller for line in lines],
        "kinds": [line.registration.kind for line in lines],
        "serves": [line.registration.serves for line in lines],
    }


def as_array(values: Iterable[object] | None) -> str | None:
    """An array of words or ids as PostgreSQL reads it: arrays of arrays must be rectangular there."""
    return None if values is None else "{" + ",".join(map(str, values)) + "}"
