"""What follows from answers is brought about: holds come and go, promises are kept track of, people are asked.

Worked out from all that a person said (following.py); what stands is brought in line with it. What happens once (a
stop, an address retired, a call) is in once.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from duecourse.book.holds import HoldKind, add_hold, end_said_holds
from duecourse.book.wishes import Said
from duecourse.policy.model import Responses

from .following import Answer, Followed, Following, follow
from .intents import Intent
from .keeping import SQL, US, append_event
from .once import DOES, TAKES_BACK, Acting, evidence_of, rows_of, said_of, wanted_once


def act(conn: psycopg.Connection, acting: Acting) -> Followed:
    """Bring the book in line with all that a person answered, in the caller's transaction; what follows from it."""
    rows = rows_of(conn, "answers_of", {**acting.place, "zone": acting.zone})
    standing = rows_of(conn, "effects_of", acting.place)
    followed = follow(_answer(row) for row in rows if not row["undone"])
    _write_promises(conn, acting, followed)
    _follow_holds(conn, acting, followed.holds, rows, standing)
    _act_once(conn, acting, rows, standing, followed.waits)
    _ask_people(conn, acting, followed.waits)
    return followed


def _answer(row: Mapping[str, Any]) -> Answer:
    return Answer(
        response_id=row["response_id"],
        said_at=row["said_at"],
        said_on=row["said_on"],
        intents=tuple(Intent(one) for one in row["intents"]),
        terms=Responses.model_validate(row["terms"]),
        loan_id=row["loan_id"],
        promised_on=row["promised_on"],
        amount_minor=row["amount_minor"],
        currency=row["currency"],
        kept=row["kept"],
        promise_ends=row["promise_ends"],
        paid_wait_ends=row["paid_wait_ends"],
        gentle_ends=row["gentle_ends"],
        confidence=row["confidence"],
        read_by=row["read_by"],
    )


def _write_promises(conn: psycopg.Connection, acting: Acting, followed: Followed) -> None:
    promises = followed.promises
    conn.execute(
        SQL["write_promises"],
        {
            **acting.place,
            "responses": [one.response_id for one in promises],
            "loans": [one.loan_id for one in promises],
            "said_on": [one.said_on for one in promises],
            "promised_on": [one.promised_on for one in promises],
            "keep_by": [one.keep_by for one in promises],
            "amounts": [one.amount_minor for one in promises],
            "currencies": [one.currency for one in promises],
            "accepted": [one.accepted for one in promises],
            "standing": [one.standing for one in promises],
            "said_at": [one.said_at for one in promises],
        },
    )


def _follow_holds(
    conn: psycopg.Connection,
    acting: Acting,
    holds: Sequence[Following],
    rows: Sequence[Mapping[str, Any]],
    standing: Sequence[Mapping[str, Any]],
) -> None:
    """End what no longer follows, replace what now ends at another time, put in force what is new."""
    said = {row["response_id"]: said_of(row, acting) for row in rows}
    wanted = {one.key: one for one in holds if one.until is None or one.until > one.since}
    known = {
        (row["response_id"], HoldKind(row["hold_kind"]) if row["hold_kind"] else None, row["loan_id"]): row
        for row in standing
        if row["effect"] in ("hold", "gentle")
    }
    for key, row in known.items():
        one = wanted.get(key)
        if one is None:
            _end_hold(conn, acting, key, acting.now)
            _undo(conn, acting, row)
        elif one.until != row["until"]:
            # Another row takes its place, and it never held; one that a person has ended stays so.
            if _end_hold(conn, acting, key, one.since):
                _add_hold(conn, acting, one, said[one.response_id])
            _write_effect(conn, acting, one)
    for key, one in wanted.items():
        if key not in known:
            _add_hold(conn, acting, one, said[one.response_id])
            _write_effect(conn, acting, one)


def _add_hold(conn: psycopg.Connection, acting: Acting, one: Following, said: Said) -> None:
    if one.kind is not None:
        add_hold(conn, acting.person, one.kind, said=said, loan_id=one.loan_id, until=one.until)


def _end_hold(
    conn: psycopg.Connection, acting: Acting, key: tuple[UUID, HoldKind | None, UUID | None], at: datetime
) -> bool:
    """Whether there was one that nobody has ended."""
    response_id, kind, loan_id = key
    return kind is not None and end_said_holds(
        conn, acting.person, kind, evidence=evidence_of(response_id), reason=acting.reason, by=acting.by,
        at=at, now=acting.now, loan_id=loan_id,
    ) > 0  # fmt: skip


def _write_effect(conn: psycopg.Connection, acting: Acting, one: Following) -> None:
    _write(
        conn,
        acting,
        one.response_id,
        "hold" if one.kind else "gentle",
        at=one.since,
        loan_id=one.loan_id,
        hold_kind=one.kind,
        until=one.until,
    )


def _write(
    conn: psycopg.Connection,
    acting: Acting,
    response_id: UUID,
    effect: str,
    *,
    at: datetime,
    loan_id: UUID | None = None,
    hold_kind: HoldKind | None = None,
    until: datetime | None = None,
    detail: Mapping[str, Any] = {},
) -> None:
    name = repr((response_id.hex, effect, hold_kind and hold_kind.value, loan_id and loan_id.hex))
    conn.execute(
        SQL["write_effect"],
        {
            **acting.place,
            "effect_id": UUID(bytes=blake2b(name.encode(), digest_size=16).digest()),
            "response_id": response_id,
            "effect": effect,
            "loan_id": loan_id,
            "hold_kind": hold_kind.value if hold_kind else None,
            "until": until,
            "detail": Jsonb(detail),
            "at": at,
            "now": acting.now,
        },
    )


def _undo(conn: psycopg.Connection, acting: Acting, effect: Mapping[str, Any]) -> None:
    conn.execute(
        SQL["undo_effect"],
        {
            "lane": acting.person.lane,
            "effect_id": effect["effect_id"],
            "by": acting.by,
            "reason": acting.reason,
            "now": acting.now,
        },
    )


def _act_once(
    conn: psycopg.Connection,
    acting: Acting,
    rows: Sequence[Mapping[str, Any]],
    standing: Sequence[Mapping[str, Any]],
    waits: dict[UUID, str],
) -> None:
    """Do what happens once and was not done; take back what an answer is no longer read as."""
    done = {(row["response_id"], row["effect"]): row for row in standing if row["effect"] in DOES}
    for row in rows:
        wanted = wanted_once(row)
        for effect in DOES:
            key = (row["response_id"], effect)
            if effect in wanted:
                detail = done[key]["detail"] if key in done else _do(conn, acting, row, effect)
                if not detail.get("done", True):
                    waits.setdefault(row["response_id"], wanted[effect])
            elif key in done:
                TAKES_BACK[effect](conn, acting, row, done[key]["detail"])
                _undo(conn, acting, done[key])


def _do(conn: psycopg.Connection, acting: Acting, row: Mapping[str, Any], effect: str) -> dict[str, Any]:
    detail = {"acted": True} if row["acted"] else DOES[effect](conn, acting, row)
    _write(conn, acting, row["response_id"], effect, at=row["said_at"], loan_id=row["loan_id"], detail=detail)
    return detail


def _ask_people(conn: psycopg.Connection, acting: Acting, waits: Mapping[UUID, str]) -> None:
    """Put answers into the queue, or take those out that no longer need a person. What a person closed stays closed
    unless there is another reason.
    """
    known = {row["response_id"]: row for row in rows_of(conn, "waiting_of", acting.place)}
    for response_id in waits.keys() | known.keys():
        row = known.get(response_id)
        reason = waits.get(response_id, "")
        if row is None or _asks_again(row, reason):
            event = "waits"
        elif not reason and row["waits"]:
            event = "closed"
        else:
            continue
        append_event(conn, acting.place, response_id, event, reason=reason, by=US, now=acting.now)


def _asks_again(row: Mapping[str, Any], reason: str) -> bool:
    """Whether there is a reason to look that nobody has dealt with."""
    if not reason:
        return False
    return reason != row["reason"] if row["waits"] else row["by_us"] or reason not in row["reasons"]
