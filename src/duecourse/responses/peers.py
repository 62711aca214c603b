"""Who asks, without keeping who: what a network address has tried within a minute, under a key of the day."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What stops guessing. The entry point fills it from the settings."""

    unknown_codes_a_minute: int = 20
    """Of one network address; it is then refused until the minute is over."""
    unknown_codes_a_minute_in_all: int = 600
    """From everywhere; beyond it an address is refused after `unknown_codes_under_attack`."""
    unknown_codes_under_attack: int = 3
    wrong_answers: int = 5
    """Of one person within `lock_hours`, whatever link and address they came by; the person is then locked."""
    lock_hours: int = 24
    wrong_answers_of_a_peer: int = 20
    """Of one network address within an hour, whoever's answers they were to be."""
    idle_minutes: int = 30
    """A visit without a request ends after so long."""
    visit_hours: int = 8
    """A visit ends after so long whatever is done in it."""
