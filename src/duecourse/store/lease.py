"""Lane leases: one worker at a time holds a lane, and a worker that lost it can no longer write.

A lease is (lane, epoch). A takeover raises the epoch; a write that names an older one finds no row to lock
and writes nothing (the fragment `store.fence`). Only the database's clock counts, and it is read at the start
of a transaction: call these on a connection in autocommit, or idle.

Sharing out: every live worker may hold ceil(256 / live workers) lanes. `acquire` never takes more; a worker
that holds more, because another has joined, gives the rest back with `release` when they are idle.

On a cluster lanes that lie together (`together`: the lanes of each shard) are taken, kept and given back by a statement
each, which the coordinator hands on whole; a worker takes whole shards first, so that it needs sessions on few.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import psycopg

from .sql import load

SQL = load("store")

LANES = 256
WHOLE: Final[Sequence[Sequence[int]]] = (range(LANES),)
"""All lanes lie together, as on a single server."""
_DEADLOCK_TRIES = 3


def acquire(
    conn: psycopg.Connection,
    owner: str,
    lease_seconds: float,
    lanes_wanted: int = LANES,
    together: Sequence[Sequence[int]] = WHOLE,
) -> dict[int, int]:
    """Take free and expired lanes up to this worker's fair share. Returns lane -> epoch of those taken now.

    owner: unique to the process. lanes_wanted: most lanes to hold in all. May wait for transactions
    fenced by a dead owner's epoch, at most as long as the server lets a session idle in one.
    """
    lease = timedelta(seconds=lease_seconds)
    with conn.transaction():
        conn.execute(SQL["show_worker"], {"owner": owner, "lease": lease})
    share = min(lanes_wanted, fair_share(conn))
    with conn.transaction():
        row = conn.execute(SQL["free_lanes"], {"owner": owner}).fetchone()
    held, free = row if row else (0, [])
    wanted = by_place(free, together)[: max(0, share - held)]
    taken: dict[int, int] = {}
    for lanes in _parts(wanted, together):
        taken |= _take(conn, {"owner": owner, "lanes": lanes, "lease": lease})
    return taken


def _take(conn: psycopg.Connection, parameters: Mapping[str, Any]) -> dict[int, int]:
    for tried in range(1, _DEADLOCK_TRIES + 1):
        try:
            with conn.transaction():
                return dict(conn.execute(SQL["take_lanes"], parameters).fetchall())
        except psycopg.errors.DeadlockDetected:  # two workers met at the same lanes in another order
            if tried == _DEADLOCK_TRIES:
                raise
    raise AssertionError("unreachable")


def renew(
    conn: psycopg.Connection,
    owner: str,
    epochs: Mapping[int, int],
    lease_seconds: float,
    together: Sequence[Sequence[int]] = WHOLE,
) -> dict[int, int]:
    """Prolong the lease of the lanes held. Returns those still ours; the others were taken over.

    epochs: lane -> epoch. A lease that ran out but that nobody took is ours again.
    """
    lease = timedelta(seconds=lease_seconds)
    with conn.transaction():
        conn.execute(SQL["show_worker"], {"owner": owner, "lease": lease})
    return _prolong(conn, "renew_lanes", owner, epochs, lease, together)


def retake(
    conn: psycopg.Connection,
    owner: str,
    epochs: Mapping[int, int],
    lease_seconds: float,
    together: Sequence[Sequence[int]] = WHOLE,
) -> dict[int, int]:
    """Hold these lanes under new epochs, as far as they are still ours. Returns lane -> new epoch.

    epochs: lane -> epoch. Waits as `acquire` does: afterwards nothing is committed under the old epochs.
    """
    return _prolong(conn, "retake_lanes", owner, epochs, timedelta(seconds=lease_seconds), together)


def _prolong(
    conn: psycopg.Connection,
    how: str,
    owner: str,
    epochs: Mapping[int, int],
    lease: timedelta,
    together: Sequence[Sequence[int]],
) -> dict[int, int]:
    still: dict[int, int] = {}
    for lanes in _parts(epochs, together):
        held = {"owner": owner, "lanes": lanes, "epochs": [epochs[lane] for lane in lanes], "lease": lease}
        with conn.transaction():
            still |= dict(conn.execute(SQL[how], held).fetchall())
    return still


def release(
    conn: psycopg.Connection,
    owner: str,
    lanes: Iterable[int] | None = None,
    together: Sequence[Sequence[int]] = WHOLE,
) -> None:
    """Give lanes back at once: these, or, when the worker ends, all of them.

    The worker must have no write open or to come under them.
    """
    for some in _parts(range(LANES) if lanes is None else lanes, together):
        with conn.transaction():
            conn.execute(SQL["release_lanes"], {"owner": owner, "lanes": some})
    if lanes is None:
        with conn.transaction():
            conn.execute(SQL["hide_worker"], {"owner": owner})


def by_place(lanes: Sequence[int], together: Sequence[Sequence[int]]) -> list[int]:
    """The lanes in their order, but those that lie together next to each other."""
    place = {lane: number for number, some in enumerate(together) for lane in some}
    first: dict[int, int] = {}
    for order, lane in enumerate(lanes):
        first.setdefault(place[lane], order)
    return sorted(lanes, key=lambda lane: first[place[lane]])  # stable


def _parts(lanes: Iterable[int], together: Sequence[Sequence[int]]) -> list[list[int]]:
    asked = set(lanes)
    parts = ([lane for lane in some if lane in asked] for some in together)
    return [some for some in parts if some]


def fair_share(conn: psycopg.Connection) -> int:
    """How many lanes each live worker may hold, 1..256."""
    with conn.transaction():
        row = conn.execute(SQL["fair_share"]).fetchone()
    return int(row[0]) if row else LANES


def hold_fence(conn: psycopg.Connection, epochs: Mapping[int, int]) -> dict[int, int]:
    """Lock these leases until the transaction ends. Returns those still held: write for no other lane.

    First statement of a transaction that writes by several statements; a single one includes `store.fence`.
    """
    parameters = {"lanes": list(epochs), "epochs": list(epochs.values())}
    return dict(conn.execute(SQL["hold_fence"], parameters).fetchall())
