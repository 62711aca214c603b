"""What the far ends say they were handed, each in its own journal."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple
from uuid import UUID

from .far_ends import FarEnd

READ_SECONDS: Final = 2.0
"""A process that stood still may take so long to read what lay in its sockets."""


class HandOver(NamedTuple):
    """Between which instants a message was written to a far end, seconds since 1970: the far end stood still or its
    wire was not whole from `after` on; otherwise both are when it read the message."""

    after: float
    read_at: float


Taken = dict[tuple[str, UUID], list[HandOver]]
"""Provider and contact point to what it was handed."""


def read_journals(
    far_ends: Iterable[FarEnd], points: Mapping[str, UUID], attempts: Mapping[str, UUID]
) -> tuple[Taken, int]:
    """points: address to contact point. attempts: id in hex to the contact point that it went to. Also returns how many
    lines name an address that nobody has."""
    taken: Taken = defaultdict(list)
    strangers = 0
    for far_end in far_ends:
        seen: set[str] = set()
        for line in far_end.process.log.read_text("utf-8").splitlines():
            entry = json.loads(line)
            if entry["event"] not in ("submit", "taken", "mail"):
                continue
            if far_end.kind == "sms.webhook":
                # It drops the second of an id; a sandbox that was killed has forgotten which it knew.
                point = attempts.get(UUID(entry["id"]).hex)
                if entry["id"] in seen:
                    continue
                seen.add(entry["id"])
            else:
                point = points.get(_address(entry))
            if point is None:
                strangers += 1
            else:
                read_at = float(entry["at"])
                taken[far_end.name, point].append(HandOver(_written_at(read_at, far_end), read_at))
    return taken, strangers


def _address(entry: Mapping[str, Any]) -> str:
    if entry["event"] == "submit":  # on SMPP's wire a number has no plus
        return "+" + str(entry["to"])
    return str(entry["address"] if entry["event"] == "taken" else entry["to"])


def _written_at(read_at: float, far_end: FarEnd) -> float:
    """At the earliest: a line is stamped when it was read; what is read after a stop may have been written when that
    began, or when the one before began that it met."""
    at = read_at
    for begin, end in sorted(far_end.stops, reverse=True):
        if begin <= at <= end + READ_SECONDS:
            at = begin
    return at
