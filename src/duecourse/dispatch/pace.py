"""Pace: how long a desk leaves alone what cannot go now."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from .settle import Silence


@dataclass(frozen=True, slots=True)
class Pace:
    """How long what cannot go now waits before it is judged again, on the book's clock."""

    recheck: timedelta = timedelta(minutes=10)
    """For what only a new fact can change: paid, opted out, no contact point."""
    pause: timedelta = timedelta(seconds=2)
    """For a stop or a provider that takes nothing."""
    silence: Silence = field(default_factory=Silence)
    """When a number that is off or barred is given up."""
