"""From one channel to the next: when a route moves on, what ends it before, and what is handed over again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import psycopg

from duecourse.domain.messaging import Channel, Outgoing, Registered, VoiceScript
from duecourse.privacy.keyring import Keyring
from duecourse.privacy.sealing import open_value
from duecourse.rules.compiling import RuleBook
from duecourse.store.lease import hold_fence
from duecourse.store.sql import load

from .bringing import bring_before, bring_unknown
from .claimed import Claimed, fence
from .lines import Line
from .reach import head_parameters
from .receipts import Applied, sweep_receipts
from .settle import Silence

SQL = load("dispatch/routes")

MOST_RESENDS: Final = 5
FIRST_RESEND: Final = timedelta(seconds=5)
"""How long after an unknown outcome the same attempt is handed over again; the wait doubles each time."""


@dataclass(slots=True)
class Followed:
    """What followed for messages. applied: attempts that were heard of. messages: id and new standing."""

    applied: list[Applied] = field(default_factory=list)
    messages: list[tuple[UUID, str]] = field(default_factory=list)


def take_words(
    conn: psycopg.Connection,
    epochs: Mapping[int, int],
    *,
    now: datetime,
    take: int,
    places: Mapping[str, int],
    silence: Silence = Silence(),  # noqa: B008 frozen
) -> Followed:
    """Take into account what was heard since of messages that are about to be claimed again: a receipt or a reply for
    an earlier attempt ends them. Earlier steps give way where a later one, due now, takes their place.

    take, places: of the claim, of which it looks at what may be taken. In its transaction, after its fence; mostly one
    cheap question.
    """
    asked = {"lanes": list(epochs), "now": now}
    words = conn.execute(SQL["has_words"], asked, prepare=False).fetchone()
    tried, superseding = words or (False, False)
    given = fence(epochs) | {"now": now}
    head = given | {"take": take} | head_parameters(places)
    followed = Followed()
    while True:
        if tried and conn.execute(SQL["has_heard"], head).fetchone() == (True,):
            followed.applied += sweep_receipts(conn, epochs, now=now, due_only=True, silence=silence).moved
            followed.messages += conn.execute(SQL["end_answered"], given).fetchall()
            tried = False  # of all that is due, not of the head alone
        gone = conn.execute(SQL["supersede_messages"], head).fetchall() if superseding else []
        followed.messages += gone
        if not gone:  # else others came to the head
            return followed


def advance_routes(
    conn: psycopg.Connection,
    epochs: Mapping[int, int],
    rules: RuleBook,
    *,
    now: datetime,
    silence: Silence = Silence(),  # noqa: B008 frozen
) -> Followed:
    """Move routes on whose time is up, after everything that was heard is taken into account."""
    late = conn.execute(SQL["has_late"], {"lanes": list(epochs), "now": now}, prepare=False).fetchone()
    followed = Followed()
    if late is not None and late[0]:
        given = fence(epochs) | {"now": now}
        followed.applied += sweep_receipts(conn, epochs, now=now, due_only=True, silence=silence).moved
        followed.messages += conn.execute(SQL["end_answered"], given).fetchall()
        followed.messages += conn.execute(SQL["advance_routes"], given | dict(rules.parameters)).fetchall()
    return followed


def claim_again(
    conn: psycopg.Connection,
    keyring: Keyring,
    epochs: Mapping[int, int],
    lines: Mapping[str, Line],
    *,
    now: datetime,
    as_of: date,
    take: int,
    write_before: float,
    read_at: float,
) -> list[Claimed]:
    """Attempts of unknown outcome to hand over again, under the same id and word for word.

    Attachments, of which only digests are kept, are left out: who has taken the first submission drops this one. lines:
    by provider, those that drop a second submission of the same id and take messages now, each as many as it has room
    for. The rest as in claim_batch.
    """
    with conn.transaction():
        hold_fence(conn, epochs)
        bring_unknown(conn, epochs)
        rows = conn.execute(
            SQL["claim_again"],
            fence(epochs)
            | {
                "now": now,
                "as_of": as_of,
                "providers": list(lines),
                "rooms": [line.room for line in lines.values()],
                "most": MOST_RESENDS,
                "first": FIRST_RESEND,
                "take": take,
            },
        ).fetchall()
    return [_again(keyring, lines, row, now, write_before, read_at) for row in rows]


def _again(
    keyring: Keyring,
    lines: Mapping[str, Line],
    row: Sequence[Any],
    now: datetime,
    write_before: float,
    read_at: float,
) -> Claimed:
    lane, epoch, message_id, attempt_id, provider, channel, point_id, address_sealed = row[:8]
    borrower_key, language, purpose, text_sealed, valid_until = row[8:]
    said = json.loads(open_value(keyring, text_sealed, "attempt", "text", attempt_id))
    address = (
        open_value(keyring, address_sealed, "contact_point", "address", point_id)
        if address_sealed
        else borrower_key
        if channel == Channel.INBOX
        else ""
    )
    valid_seconds = (valid_until - now).total_seconds()
    outgoing = Outgoing(
        attempt_id=attempt_id,
        address=address,
        text=said["text"],
        subject=said["subject"],
        html=said["html"],
        script=VoiceScript(**said["script"]) if "script" in said else None,
        registered=_registered(said.get("registered")),
        link=said.get("link", ""),
        large=said.get("large", False),
        language=language,
        purpose=purpose,
        valid_for_seconds=int(valid_seconds),
        write_before=min(write_before, read_at + valid_seconds),
    )
    return Claimed(lane, epoch, message_id, attempt_id, lines[provider], outgoing)


def _registered(kept: Mapping[str, Any] | None) -> Registered | None:
    if kept is None:
        return None
    return Registered(**{**kept, "values": tuple((name, value) for name, value in kept["values"])})


def overtaken(conn: psycopg.Connection, attempts: Sequence[tuple[int, UUID]], *, as_of: date) -> set[UUID]:
    """Which of these attempts, given as (lane, id) and not handed over yet, need not go any more."""
    if not attempts:
        return set()
    given = {
        "at_lanes": [lane for lane, _ in attempts],
        "attempts": [attempt for _, attempt in attempts],
        "as_of": as_of,
    }
    with conn.transaction():
        bring_before(conn, attempts)
        return {row[0] for row in conn.execute(SQL["overtaken"], given)}
