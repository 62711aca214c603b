"""Who asks, without keeping who: what a network address has tried lately, under a key of the day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Any, Final

import psycopg

from duecourse.privacy.keyring import Keyring
from duecourse.store.sql import load

SQL = load("responses/peers")

_MINUTE: Final = timedelta(minutes=1)
_HOUR: Final = timedelta(hours=1)
_KEPT: Final = timedelta(days=1)


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


class Tried(StrEnum):
    """What is counted of a network address."""

    UNKNOWN_CODE = "unknown-code"
    WRONG_ANSWER = "wrong-answer"
    OPENED = "opened"


class Peer:
    """One network address at one instant. Of IPv6 the first 64 bits count: the rest is one subscriber's to choose."""

    def __init__(self, conn: psycopg.Connection, keyring: Keyring, address: str, now: datetime) -> None:
        day = now.astimezone(UTC).date().isoformat()
        self.hash = keyring.index("peer", f"{day}/{_network(address)}")
        self._conn = conn
        self._now = now

    def may_try_codes(self, limits: Limits) -> bool:
        """Whether it may ask for another code."""
        tries = self._tries(Tried.UNKNOWN_CODE, _MINUTE)[0]
        if tries >= limits.unknown_codes_a_minute:
            return False
        if tries < limits.unknown_codes_under_attack:
            return True
        given = {"kind": Tried.UNKNOWN_CODE, "since": self._now - _MINUTE}
        row = self._conn.execute(SQL["all_tries"], given).fetchone()
        return row is None or row[0] < limits.unknown_codes_a_minute_in_all

    def may_answer_again(self, limits: Limits) -> datetime | None:
        """None when it may answer; else since when it may again."""
        tries, began_at = self._tries(Tried.WRONG_ANSWER, _HOUR)
        return began_at + _HOUR if began_at and tries >= limits.wrong_answers_of_a_peer else None

    def tried_unknown_code(self) -> None:
        """A code that is nobody's."""
        self._count(Tried.UNKNOWN_CODE, _MINUTE)

    def answered_wrongly(self) -> None:
        """A wrong answer to a second factor; what cannot count any more in this lane goes."""
        self._count(Tried.WRONG_ANSWER, _HOUR)
        self._conn.execute(SQL["forget_peers"], {"lane": self.hash[0], "before": self._now - _KEPT})

    def opened(self, code_hash: bytes, within: float) -> int:
        """A code that is somebody's; answers how many different ones in a row within so many seconds."""
        return self._count(Tried.OPENED, timedelta(seconds=within), code_hash)

    def _place(self, kind: Tried, since: timedelta) -> dict[str, Any]:
        return {"lane": self.hash[0], "peer_hash": self.hash, "kind": kind, "since": self._now - since}

    def _tries(self, kind: Tried, since: timedelta) -> tuple[int, datetime | None]:
        row = self._conn.execute(SQL["peer_tries"], self._place(kind, since)).fetchone()
        return (row[0], row[1]) if row else (0, None)

    def _count(self, kind: Tried, since: timedelta, mark: bytes | None = None) -> int:
        given = self._place(kind, since) | {"mark": mark, "now": self._now}
        row = self._conn.execute(SQL["count_try"], given).fetchone()
        assert row is not None
        return int(row[0])


def _network(address: str) -> str:
    """What counts as one address; a text that is none counts as it stands."""
    try:
        found = ip_address(address.strip().partition("%")[0])
    except ValueError:
        return address.strip()
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped:
            return str(found.ipv4_mapped)
        return str(IPv6Network((found, 64), strict=False).network_address)
    return str(found)
