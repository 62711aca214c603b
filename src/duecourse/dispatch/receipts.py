"""Receipts: appended before they are acknowledged, applied by the owner of the attempt's lane."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

import psycopg

from duecourse.book.identity import address_index
from duecourse.domain.messaging import Cause, Channel, Receipt
from duecourse.privacy.keyring import Keyring
from duecourse.store.shards import ShardConnection
from duecourse.store.sql import load

from .bringing import bring_heard, bring_told
from .claimed import fence
from .settle import Failed, Silence, retire_failed

SQL = load("dispatch")

LATELY = timedelta(minutes=5)
"""Longer than workers wait between two sweeps."""

ReceiptKey: TypeAlias = tuple[int, UUID]
"""(lane, receipt id)."""


class Applied(NamedTuple):
    """Where a receipt moved its attempt: the attempt's new state, and why it failed."""

    receipt_id: UUID
    state: str
    cause: str | None
    message_id: UUID
    attempt_id: UUID
    channel: str
    provider: str


@dataclass(frozen=True, slots=True)
class Heard:
    """What was heard of attempts. receipts: those that found their attempt, by id. moved: the attempts they moved."""

    receipts: frozenset[UUID] = frozenset()
    moved: tuple[Applied, ...] = ()


def receipt_key(provider: str, receipt: Receipt) -> ReceiptKey:
    """Where a receipt is filed: the same receipt, however often it is sent, has the same key.

    The lane is that of the provider's id, since the borrower's is not known before the attempt is looked up.
    """
    of_attempt = receipt.provider_id or str(receipt.attempt_id)
    lane = blake2b(f"{provider}/{of_attempt}".encode(), digest_size=1).digest()[0]
    content = f"{provider}/{of_attempt}/{receipt.status}/{receipt.code}/{receipt.occurred_at}"
    return lane, UUID(bytes=blake2b(content.encode(), digest_size=16).digest())


def append_receipts(
    conn: psycopg.Connection, keyring: Keyring, provider: str, receipts: Sequence[Receipt], *, now: datetime
) -> list[ReceiptKey]:
    """Append receipts of one provider and commit; returns their keys in order. As append_told."""
    return append_told(conn, keyring, [(provider, receipt) for receipt in receipts], now=now)


def append_told(
    conn: psycopg.Connection, keyring: Keyring, told: Sequence[tuple[str, Receipt]], *, now: datetime
) -> list[ReceiptKey]:
    """Append (provider, receipt) pairs and commit; only after this may adapters acknowledge them.

    now: the book's clock.
    Answers their keys in the order given. Written in the order of their keys, so that two processes which are told the
    same wait for each other and never in a circle. Of the address only its blind index is kept, and only beside a
    reference: neither finds an attempt alone.
    """
    if not told:
        return []
    keys = [receipt_key(provider, receipt) for provider, receipt in told]
    rows = sorted(zip(keys, told, strict=True), key=lambda row: row[0])
    receipts = [receipt for _, (_, receipt) in rows]
    references = [receipt.reference if receipt.address else None for receipt in receipts]
    with conn.transaction():
        conn.execute(
            SQL["append_receipts"],
            {
                "lanes": [lane for (lane, _), _ in rows],
                "ids": [receipt_id for (_, receipt_id), _ in rows],
                "providers": [provider for _, (provider, _) in rows],
                "provider_ids": [receipt.provider_id for receipt in receipts],
                "attempts": [receipt.attempt_id for receipt in receipts],
                "statuses": [receipt.status.value for receipt in receipts],
                "codes": [receipt.code for receipt in receipts],
                "permanents": [receipt.permanent or receipt.cause is Cause.DEAD for receipt in receipts],
                "causes": [receipt.cause.value for receipt in receipts],
                "addresses": [
                    None if reference is None else address_index(keyring, Channel.SMS, receipt.address)
                    for receipt, reference in zip(receipts, references, strict=True)
                ],
                "ref_nums": references,
                "evidences": [receipt.evidence for receipt in receipts],
                "occurred": [receipt.occurred_at for receipt in receipts],
                "now": now,
            },
        )
    return keys


def heard_elsewhere(conn: psycopg.Connection, lanes: Iterable[int], since: datetime) -> list[ReceiptKey]:
    """Receipts recorded since, by the database's clock, that can still move an attempt of these lanes."""
    with conn.transaction():
        # Planned by its `since`: a plan for any would read all that was ever heard.
        given = {"lanes": list(lanes), "since": since}
        return conn.execute(SQL["heard_elsewhere"], given, prepare=False).fetchall()


def unknown_references(conn: psycopg.Connection, provider: str, references: Sequence[str]) -> set[str]:
    """Those of a provider's ids that no attempt has."""
    known = conn.execute(
        SQL["known_references"], {"provider": provider, "references": list(references)}
    ).fetchall()
    return set(references) - {row[0] for row in known}


def apply_receipts(
    conn: psycopg.Connection,
    epochs: Mapping[int, int],
    keys: Sequence[ReceiptKey],
    *,
    now: datetime,
    silence: Silence = Silence(),  # noqa: B008 frozen
) -> Heard:
    """Apply receipts just appended; returns those whose attempt was found in these lanes."""
    if not keys:
        return Heard()
    parameters = fence(epochs) | {
        "receipt_lanes": [lane for lane, _ in keys],
        "receipt_ids": [receipt_id for _, receipt_id in keys],
        "now": now,
    }
    with conn.transaction():
        bring_told(conn, keys)
        return _apply(conn, "apply_receipts", parameters, now, silence)


def sweep_receipts(
    conn: psycopg.Connection,
    epochs: Mapping[int, int],
    *,
    now: datetime,
    due_only: bool = False,
    lately: timedelta = LATELY,
    silence: Silence = Silence(),  # noqa: B008 frozen
) -> Heard:
    """Apply whatever was heard of any attempt still open in these lanes, and within `lately` of any at all; returns the
    receipts that matched. due_only: nothing but attempts of messages about to be claimed again or to move on.
    """
    given = fence(epochs) | {"now": now, "due_only": due_only, "lately": lately}
    with conn.transaction():
        _bring(conn, epochs, now, due_only, lately)
        # Planned by due_only and lately.
        return _apply(conn, "sweep_receipts", given, now, silence, prepare=False)


def _bring(
    conn: psycopg.Connection, lanes: Iterable[int], now: datetime, due_only: bool, lately: timedelta
) -> None:
    """What was heard lately is found by the receipts, of a longer time by the attempts: whichever are fewer."""
    if not isinstance(conn, ShardConnection):
        return
    keys: list[ReceiptKey] = []
    within = timedelta(0)
    if not due_only and lately <= LATELY:
        row = conn.centre.execute("SELECT clock_timestamp()").fetchone()
        assert row is not None
        keys = heard_elsewhere(conn.centre, lanes, row[0] - lately)
    elif not due_only:
        within = lately
    bring_heard(conn, lanes, now=now, due_only=due_only, within=within, keys=keys)


def _apply(
    conn: psycopg.Connection,
    statement: str,
    parameters: dict[str, Any],
    now: datetime,
    silence: Silence,
    prepare: bool | None = None,
) -> Heard:
    """conn: in a transaction."""
    rows = conn.execute(SQL[statement], parameters, prepare=prepare).fetchall()
    failed = {Failed(*row[1:3], *row[4:6]) for row in rows if row[3] == "refused"}
    retire_failed(conn, failed, silence=silence, now=now)
    # Several receipts may speak of one attempt, which moved once.
    moved = {row[7]: Applied(row[0], row[3], row[5], *row[6:]) for row in rows if row[3] is not None}
    return Heard(frozenset(row[0] for row in rows), tuple(moved.values()))
