"""Whether a notice is ours: anybody may ask by the code it carries, and learns only that and the day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import psycopg

from duecourse.privacy.keyring import Keyring

from .links import LinkRefusal
from .peers import Limits


@dataclass(frozen=True, slots=True)
class Sent:
    """We sent a notice with this code."""

    lender: str
    """In whose name: the creditor's, by the policy's name for it; '' for a link that staff handed over."""
    day: date
    """When, by the borrower's calendar."""


@dataclass(frozen=True, slots=True)
class NotOurs:
    """Nobody here sent a notice with this code."""


def check_code(
    conn: psycopg.Connection,
    keyring: Keyring,
    code: str,
    *,
    peer: str,
    now: datetime,
    limits: Limits = Limits(),  # noqa: B008 frozen
) -> Sent | NotOurs | LinkRefusal:
    """Whether a code stands in a notice of ours; LinkRefusal.TOO_MANY for who has tried too many. It may have run out:
    a notice stays ours. In the caller's transaction, which must be committed: guesses are counted in it.
    """
    raise NotImplementedError
