"""Merging two records of one person, and undoing it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID, uuid4

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from duecourse.book.parties import PERSONAL, columns_of, lanes_of, write_presences
from duecourse.book.reading import Borrower, find_borrower
from duecourse.domain.problems import DuecourseError, Problem
from duecourse.privacy.keyring import Keyring
from duecourse.privacy.sealing import open_value, seal_value

from .merge_copy import enter_merge
from .relocating import SQL, Move, find_moving, hold_lanes, hold_off, on_each, relocate, spread

TRIES = 4
_WISHES = tuple(table for table in PERSONAL if table != "contact_point")
_NOTHING = "Nothing was changed."
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Merged:
    """What a merge moved, or its undo moved back. counts: rows by table; `joined`: messages gone into another."""

    kept_key: str
    other_key: str
    counts: dict[str, int]


def merge_borrowers(
    conn: psycopg.Connection,
    keyring: Keyring,
    keep_key: str,
    other_key: str,
    *,
    evidence: str,
    by: str,
    now: datetime,
    dry_run: bool = False,
) -> Merged:
    """Make the record under other_key part of the one under keep_key, in one transaction of its own.

    conn: idle, or in autocommit. dry_run: do it all, then take it back. evidence: why they are one person, nothing
    personal. Raises DuecourseError D033 (no such key), D065 (they cannot be one), D066 (somebody is busy with them),
    D067 (a message of one of the two is under way).
    """

    def merge() -> Merged:
        hold_off(conn)
        kept, other = _find(conn, keyring, keep_key), _find(conn, keyring, other_key)
        _check_pair(kept, other)
        return _merge(conn, keyring, kept, other, evidence, by, now)

    return _alone(conn, merge, dry_run)


def _merge(
    conn: psycopg.Connection,
    keyring: Keyring,
    kept: Borrower,
    other: Borrower,
    evidence: str,
    by: str,
    now: datetime,
) -> Merged:
    lanes = lanes_of(conn, other.lane, other.borrower_id)
    kept_lanes = lanes_of(conn, kept.lane, kept.borrower_id)
    hold_lanes(conn, sorted({*lanes, *kept_lanes}))
    move = Move(
        other.lane,
        other.borrower_id,
        kept.lane,
        kept.borrower_id,
        lanes,
        sorted({*lanes, *kept_lanes}),
        now,
        True,
    )
    given = move.parameters
    ids = (kept.borrower_id, other.borrower_id)
    copy = enter_merge(conn, ids, move.kept_lanes, with_memory=kept.lane != other.lane)
    conn.execute(SQL["find_own_loans"], given)
    find_moving(conn, move)
    moved: dict[str, Any] = {"loans": [str(row[0]) for row in conn.execute("SELECT loan_id FROM merge_loan")]}
    moved["points"] = [
        {"id": point, "rank": rank, "state": state, "reason": reason}
        for point, rank, state, reason in conn.execute(SQL["moved_points"], given)
    ]
    for table in _WISHES:
        moved[table] = [row[0] for row in conn.execute(on_each("moved_wishes", table), given)]
    moved["persons"] = [row[0] for row in conn.execute(SQL["persons_of"], given)]
    conn.execute(SQL["keep_records"], given)
    roles = conn.execute(SQL["note_roles"], given).rowcount
    roles += conn.execute(SQL["rename_roles"], given).rowcount
    roles += conn.execute(SQL["note_contacts"], given).rowcount
    roles += conn.execute(SQL["rename_contacts"], given).rowcount
    moved["roles"] = roles
    conn.execute(SQL["find_presences"], given)
    write_presences(conn)
    conn.execute(SQL["spread_contacts"], given)
    conn.execute(SQL["keep_points"], given)
    conn.execute(SQL["rename_points"], given)
    for table in _WISHES:
        conn.execute(on_each("rename_wishes", table), given)
    spread(conn, move)
    counts = relocate(conn, move)
    moved["keys"] = [
        bytes(row[1]).hex() for row in conn.execute(SQL["redirect_keys"], given | {"keys": None})
    ]
    conn.execute(SQL["redirect_person"], given)
    moved["filled"] = _fill_in(conn, keyring, kept, other, given)
    conn.execute(SQL["drop_presences"], given)
    conn.execute(SQL["leave_tombstone"], given)
    counts |= {
        "contact_points": len(moved["points"]),
        "roles": roles,
        "wishes": sum(len(moved[t]) for t in _WISHES),
    }
    merge_id = uuid4()
    record = {"merge_id": merge_id, "moved": Jsonb({**moved, "rows": counts}), "evidence": evidence, "by": by}
    conn.execute(SQL["record_merge"], given | record)
    if copy is not None:
        copy.write_back()
    return Merged(kept.borrower_key, other.borrower_key, counts)


def undo_merge(
    conn: psycopg.Connection,
    keyring: Keyring,
    keep_key: str,
    other_key: str,
    *,
    by: str,
    now: datetime,
    dry_run: bool = False,
) -> Merged:
    """Take a merge back: the other record has its loans, addresses, wishes and ledger again, as they are now.

    What was said since the merge both keep. Raises DuecourseError D033, D066, D067, and D068 when the two can no longer
    be told apart: a message has spoken of loans of both, a loan has gone, or the other had a role on somebody's loan.
    """

    def undo() -> Merged:
        hold_off(conn)
        kept = _find(conn, keyring, keep_key)
        merges = conn.execute(
            SQL["merges_of"], {"lane": kept.lane, "borrower_id": kept.borrower_id}
        ).fetchall()
        found = next((row for row in merges if row[7] == other_key), None)
        if found is None:
            said = "no merge of these two keys is in force"
            raise DuecourseError(Problem("D068", "borrower merge --undo", said, _NOTHING))
        return _undo(conn, kept, found, by, now)

    return _alone(conn, undo, dry_run)


def _undo(conn: psycopg.Connection, kept: Borrower, found: tuple[Any, ...], by: str, now: datetime) -> Merged:
    _, merge_id, _, other_lane, other_id, moved, merged_at, other_key = found
    kept_lanes = lanes_of(conn, kept.lane, kept.borrower_id)
    hold_lanes(conn, sorted({other_lane, *kept_lanes}))
    move = Move(kept.lane, kept.borrower_id, other_lane, other_id, [kept.lane], kept_lanes, now, False)
    given = move.parameters
    copy = enter_merge(
        conn,
        (kept.borrower_id, other_id),
        sorted({other_lane, *kept_lanes}),
        with_memory=kept.lane != other_lane,
    )
    loans = [UUID(loan) for loan in moved["loans"]]
    there = conn.execute(SQL["find_given_loans"], given | {"loans": loans}).rowcount
    find_moving(conn, move)
    mixed = conn.execute(SQL["mixed_groups"]).fetchone()
    if there != len(loans) or moved["roles"] or (mixed and mixed[0]):
        why = (
            "a loan of the other record is no longer with the person kept"
            if there != len(loans)
            else "the other record had a role on somebody's loan, which is now the kept person's"
            if moved["roles"]
            else "a message has spoken of loans of both"
        )
        raise DuecourseError(Problem("D068", "borrower merge --undo", why, _NOTHING))
    counts = relocate(conn, move)
    conn.execute(SQL["return_points"], given | {"points": Jsonb(moved["points"])})
    ids = {table: [UUID(one) for one in moved[table]] for table in _WISHES}
    ids["contact_point"] = [UUID(point["id"]) for point in moved["points"]]
    for table in PERSONAL:
        if table != "contact_point":
            conn.execute(on_each("return_wishes", table), given | {"ids": ids[table]})
        conn.execute(on_each("drop_copies", table), given | {"ids": ids[table]})
    for table in _WISHES:
        _share(conn, table, given | {"merged_at": merged_at})
    keys = [bytes.fromhex(key) for key in moved["keys"]]
    conn.execute(SQL["redirect_keys"], given | {"keys": keys})
    conn.execute(SQL["return_persons"], given | {"persons": [UUID(one) for one in moved["persons"]]})
    conn.execute(SQL["lift_tombstone"], given)
    conn.execute(SQL["empty_out"], given | {what: what in moved["filled"] for what in ("name", "id_number")})
    conn.execute(SQL["record_undo"], given | {"merge_id": merge_id, "by": by})
    if copy is not None:
        copy.write_back()
    return Merged(kept.borrower_key, other_key, counts | {"contact_points": len(moved["points"])})


def _share(conn: psycopg.Connection, table: str, given: dict[str, Any]) -> None:
    """What was said since the merge, for the other record too, under ids of its own."""
    columns = columns_of(conn, table)
    becomes = {
        "lane": sql.SQL("%(to_lane)s::smallint"),
        "borrower_id": sql.SQL("%(to_id)s::uuid"),
        f"{table}_id": sql.SQL("md5({}::text || %(to_id)s::uuid::text)::uuid").format(
            sql.Identifier("t", f"{table}_id")
        ),
    }
    values = [becomes.get(column, sql.Identifier("t", column)) for column in columns]
    conn.execute(
        on_each(
            "share_wishes",
            table,
            columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
            values=sql.SQL(", ").join(values),
        ),
        given,
    )


def _find(conn: psycopg.Connection, keyring: Keyring, key: str) -> Borrower:
    found = find_borrower(conn, keyring, key)
    if found is None:
        raise DuecourseError(
            Problem("D033", "KEY", "no borrower of the book has this customer key", _NOTHING)
        )
    return found


def _check_pair(kept: Borrower, other: Borrower) -> None:
    if kept.borrower_id == other.borrower_id:
        why = "both keys name one person already"
    elif kept.kind != other.kind:
        why = f"one is a {kept.kind}, the other a {other.kind}"
    else:
        return
    raise DuecourseError(Problem("D065", "borrower merge", why, _NOTHING))


def _fill_in(
    conn: psycopg.Connection, keyring: Keyring, kept: Borrower, other: Borrower, given: dict[str, Any]
) -> list[str]:
    """Name and ID number, where only the other record had them: sealed anew, since a seal is bound to its row."""
    filled: dict[str, bytes | None] = {"name": None, "id_number": None, "id_number_index": None}
    for what, mine, theirs in (
        ("name", kept.name_sealed, other.name_sealed),
        ("id_number", kept.id_number_sealed, other.id_number_sealed),
    ):
        if mine is None and theirs is not None:
            plain = open_value(keyring, theirs, "borrower", what, other.borrower_id)
            filled[what] = seal_value(keyring, plain, "borrower", what, kept.borrower_id)
    if filled["id_number"] is not None:
        filled["id_number_index"] = other.id_number_index
    conn.execute(SQL["fill_in"], given | filled)
    return [what for what in ("name", "id_number") if filled[what] is not None]


def _alone(conn: psycopg.Connection, work: Callable[[], T], dry_run: bool) -> T:
    """Run it as one transaction, again after a deadlock. Raises DuecourseError D066 when others do not let go."""
    for tries in range(1, TRIES + 1):
        try:
            with conn.transaction(force_rollback=dry_run):
                return work()
        except psycopg.errors.DeadlockDetected:
            if tries == TRIES:
                raise
        except psycopg.errors.LockNotAvailable:
            said = "an import, a planner or a worker has held these lanes for 20 s; try again"
            raise DuecourseError(Problem("D066", "borrower merge", said, _NOTHING), exit_code=3) from None
    raise AssertionError("unreachable")
