"""What a session of a shard must know of other shards, brought into it before it judges or applies.

Receipts and replies lie by lanes of their own, and a person may have rows in several lanes. On a single server the
statements read them where they are; then everything here does nothing and asks nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from duecourse.store.shards import ShardConnection
from duecourse.store.sql import load

SQL = load("dispatch/bringing")
DISPATCH = load("dispatch")

AT_ONCE: Final = 5_000
"""Attempts asked about in one statement."""
Question = tuple[UUID, str, str | None, bytes | None, datetime, bool]
"""An attempt: id, provider, the provider's id, the address's blind index, claimed at, whether it is unknown."""


def bring_heard(
    conn: psycopg.Connection,
    lanes: Iterable[int],
    *,
    now: datetime,
    due_only: bool,
    within: timedelta = timedelta(0),
    keys: Sequence[tuple[int, UUID]] = (),
) -> None:
    """Bring what was said, by providers and people, of the attempts of these lanes that it may move.

    within: also of those claimed so lately. keys: receipts, by lane and id, that may speak of any attempt.
    """
    if not isinstance(conn, ShardConnection):
        return
    given = {"lanes": list(lanes), "now": now, "due_only": due_only, "within": within}
    asked = conn.execute(SQL["attempts_in_question"], given).fetchall()
    _bring_receipts(conn, asked, keys)
    _bring_replies(conn, asked)


def bring_told(conn: psycopg.Connection, keys: Sequence[tuple[int, UUID]]) -> None:
    """Bring these receipts, by lane and id, as far as they may speak of attempts of the session's lanes."""
    if isinstance(conn, ShardConnection):
        _bring_receipts(conn, [], keys)


def bring_before(conn: psycopg.Connection, attempts: Sequence[tuple[int, UUID]]) -> None:
    """Bring what was said of what went before these attempts, given as lane and id."""
    if isinstance(conn, ShardConnection):
        given = {"at_lanes": [lane for lane, _ in attempts], "attempts": [attempt for _, attempt in attempts]}
        asked = conn.execute(SQL["attempts_before"], given).fetchall()
        _bring_receipts(conn, asked, ())
        _bring_replies(conn, asked)


def bring_unknown(conn: psycopg.Connection, lanes: Iterable[int]) -> None:
    """Bring what was said of attempts of unknown outcome in these lanes."""
    if isinstance(conn, ShardConnection):
        asked = conn.execute(SQL["attempts_unknown"], {"lanes": list(lanes)}).fetchall()
        _bring_receipts(conn, asked, ())


def _bring_receipts(
    conn: ShardConnection, asked: Sequence[Question], keys: Sequence[tuple[int, UUID]]
) -> None:
    found: dict[str, dict[str, Any]] = {}
    for start in range(0, len(asked), AT_ONCE):
        some = asked[start : start + AT_ONCE]
        given: dict[str, object] = {
            "providers": sorted({one[1] for one in some}),
            "provider_ids": [one[2] for one in some if one[2]],
            "attempts": [one[0] for one in some],
        }
        found |= _by_id(conn.centre.execute(SQL["receipts_of"], given))
    if keys:
        given = {
            "receipt_lanes": [lane for lane, _ in keys],
            "receipt_ids": [receipt_id for _, receipt_id in keys],
            "lanes": list(conn.lanes),
        }
        found |= _by_id(conn.centre.execute(SQL["receipts_by_key"], given))
    found |= _by_reference(conn, asked, found)
    if found:
        conn.execute(SQL["bring_receipts"], {"rows": Jsonb(list(found.values()))})


def _by_id(rows: Iterable[tuple[dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    return {row["receipt_id"]: row for (row,) in rows}


def _by_reference(
    conn: ShardConnection, asked: Sequence[Question], found: dict[str, dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Receipts that name their attempt by address and reference: without the reference where, of all lanes, another
    attempt has the provider's id or several attempts could be meant, since nothing is guessed.
    """
    pairs = {(one[3], int(str(one[0])[:4], 16)) for one in asked if one[5] and one[3]}
    pairs |= {
        (bytes.fromhex(row["address_index"][2:]), row["reference"]) for row in found.values() if _named(row)
    }
    if not pairs:
        return {}
    given: dict[str, object] = {"addresses": [pair[0] for pair in pairs], "refs": [pair[1] for pair in pairs]}
    rows = _by_id(conn.centre.execute(SQL["receipts_by_reference"], given))
    known: set[tuple[str, str]] = set()
    for provider in {row["provider"] for row in rows.values()}:
        ids = [row["provider_message_id"] for row in rows.values() if row["provider"] == provider]
        asked_of = {"provider": provider, "references": ids}
        known |= {(provider, one) for (one,) in conn.centre.execute(DISPATCH["known_references"], asked_of)}
    open_ = [row for row in rows.values() if (row["provider"], row["provider_message_id"]) not in known]
    fitting: dict[int, int] = dict(
        conn.centre.execute(
            SQL["attempts_that_fit"],
            {
                "places": list(range(len(open_))),
                "addresses": [bytes.fromhex(row["address_index"][2:]) for row in open_],
                "providers": [row["provider"] for row in open_],
                "refs": [row["reference"] for row in open_],
                "heards": [datetime.fromisoformat(row["received_at"]) for row in open_],
            },
        ).fetchall()
    )
    told = {row["receipt_id"] for place, row in enumerate(open_) if fitting.get(place) == 1}
    return {key: row if key in told else row | {"reference": None} for key, row in rows.items()}


def _named(row: dict[str, Any]) -> bool:
    return bool(row["address_index"] and row["reference"] is not None and not row["attempt_id"])


def _bring_replies(conn: ShardConnection, asked: Sequence[Question]) -> None:
    for start in range(0, len(asked), AT_ONCE):
        some = asked[start : start + AT_ONCE]
        given = {
            "attempts": [one[0] for one in some],
            "addresses": sorted({one[3] for one in some if one[3]}),
            "since": min((one[4] for one in some), default=datetime.max.replace(tzinfo=UTC)),
        }
        rows = [row[0] for row in conn.centre.execute(SQL["replies_to"], given)]
        if rows:
            conn.execute(SQL["bring_replies"], {"rows": Jsonb(rows)})
