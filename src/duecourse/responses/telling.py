"""People told from programs that open links: scanners of mail, previews of messengers, browsers that load ahead."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any


class Told(StrEnum):
    """What opened a link, as far as it can be told."""

    PERSON = "person"
    SCANNER = "scanner"
    """A program that looks for malice, or walks through links."""
    PREVIEW = "preview"
    """A messenger that draws a preview."""
    PREFETCH = "prefetch"
    """A browser that loads what may be looked at next."""


@dataclass(frozen=True, slots=True)
class Opening:
    """One request for a link."""

    method: str
    user_agent: str
    prefetch: str
    """What Sec-Purpose, Purpose or X-Moz say."""
    codes_at_once: int
    """Different codes that this network address opened within the second of `clicks.toml`, this one included."""
    sent_at: datetime | None
    """When the message was handed over; None: not at all, or nobody knows."""
    at: datetime


def tell(opening: Opening) -> tuple[Told, str]:
    """What it was, and by which test: method, headers, agent, burst, haste; '' for a person."""
    known = _known()
    agent = opening.user_agent.lower()
    if any(word in opening.prefetch.lower() for word in known["prefetch"]["words"]):
        return Told.PREFETCH, "headers"
    if any(name in agent for name in known["preview"]["agents"]):
        return Told.PREVIEW, "agent"
    if opening.method.upper() not in ("GET", "POST"):
        return Told.SCANNER, "method"
    if not agent.strip() or any(name in agent for name in known["scanner"]["agents"]):
        return Told.SCANNER, "agent"
    if opening.codes_at_once >= known["burst"]["codes"]:
        return Told.SCANNER, "burst"
    phone = any(name in agent for name in known["haste"]["phones"])
    if not phone and opening.sent_at is not None:
        passed = (opening.at - opening.sent_at).total_seconds()
        if 0 <= passed < known["haste"]["seconds"]:
            return Told.SCANNER, "haste"
    return Told.PERSON, ""


def burst_seconds() -> float:
    """How long codes that one network address opens count together."""
    return float(_known()["burst"]["seconds"])


@cache
def _known() -> Mapping[str, Any]:
    source = files(__package__).joinpath("clicks.toml").read_text(encoding="utf-8")
    return tomllib.loads(source)
