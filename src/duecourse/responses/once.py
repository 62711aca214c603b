"""What happens once upon an answer: a stop or its end, a wrong address retired, a call or a reassuring word planned.

Done when the answer is read so, and taken back when it is read otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from duecourse.book.consents import ConsentKind, Scope, record_consent
from duecourse.book.contact_points import restore_contact_points, retire_contact_points
from duecourse.book.suppressions import SuppressionKind, ask_to_end, suppress
from duecourse.book.wishes import EVERY_LANE, Person, Said, Source
from duecourse.domain.messaging import Channel, Purpose
from duecourse.domain.problems import DuecourseError
from duecourse.planning.answering import plan_answer
from duecourse.planning.compile import Plannable
from duecourse.planning.confirming import Confirmer

from .intents import Intent
from .keeping import SQL, US

WRONG_PERSON: Final = "wrong-person"
"""Why a contact point is retired, and its number suppressed."""
_AFTER: Final = timedelta(microseconds=1)
"""A word is taken back just after it was said: a later one of the same kind stands."""
_SOURCES: Final[Mapping[str, Source]] = {"reply": "reply", "page": "page", "api": "api", "staff": "cli"}
_SUPPRESSED: Final = {
    Channel.SMS: SuppressionKind.PHONE,
    Channel.VOICE: SuppressionKind.PHONE,
    Channel.EMAIL: SuppressionKind.EMAIL,
}
_ONCE: Final = {
    Intent.STOP: "stop",
    Intent.START: "start",
    Intent.WRONG_PERSON: "retired",
    Intent.AUTHENTICITY: "answered",
    Intent.CALL_ME: "call",
}
"""What happens once, by intent."""


@dataclass(frozen=True, slots=True)
class Acting:
    """For whom, when and with what. The person's row is locked (keeping.lock_person)."""

    person: Person
    zone: str
    now: datetime
    by: str = US
    plannables: Sequence[Plannable] = ()
    confirmer: Confirmer | None = None
    reason: str = "follows from another answer"
    """Why what no longer follows is taken back."""

    @property
    def place(self) -> dict[str, Any]:
        """For the statements."""
        return {"lane": self.person.lane, "borrower_id": self.person.borrower_id}


def evidence_of(response_id: UUID) -> str:
    """Where what follows in the book can be seen."""
    return f"response {response_id}"


def rows_of(conn: psycopg.Connection, name: str, given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A statement's rows, by column."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(SQL[name], given).fetchall()


def said_of(row: Mapping[str, Any], acting: Acting, *, after: bool = False) -> Said:
    """How what follows from an answer came to be known. after: just after it, to take back that and no later word."""
    at = row["said_at"] + _AFTER if after else row["said_at"]
    return Said(evidence_of(row["response_id"]), _SOURCES[row["source"]], row["recorded_by"], at, acting.now)


def wanted_once(row: Mapping[str, Any]) -> dict[str, str]:
    """What shall happen once of an answer, and why a person must look if it cannot."""
    if row["undone"]:
        return {}
    intents = [Intent(one) for one in row["intents"]]
    wanted = {_ONCE[one]: one.value for one in intents if one in _ONCE}
    callers = set(row["terms"]["person_calls"])
    for one in intents:
        if one.value in callers:
            wanted.setdefault("call", one.value)
    return wanted


def _scope(row: Mapping[str, Any]) -> Scope:
    return Scope(
        purpose=Purpose(row["purpose"]) if row["purpose"] else None,
        channel=Channel(row["channel"]) if row["channel"] else None,
        address_index=bytes(row["address_index"]) if row["address_index"] else None,
    )


def _stop(conn: psycopg.Connection, acting: Acting, row: Mapping[str, Any]) -> dict[str, Any]:
    said, scope = said_of(row, acting), _scope(row)
    record_consent(conn, ConsentKind.CONTACT, granted=False, said=said, person=acting.person, scope=scope)
    confirmed = None
    if acting.confirmer and acting.plannables:
        confirmed = acting.confirmer.confirm(
            conn, acting.plannables, said=said, scope=scope, person=acting.person
        )
    return {"confirmed": str(confirmed) if confirmed else None}


def _start(conn: psycopg.Connection, acting: Acting, row: Mapping[str, Any]) -> dict[str, Any]:
    record_consent(
        conn,
        ConsentKind.CONTACT,
        granted=True,
        said=said_of(row, acting),
        person=acting.person,
        scope=_scope(row),
    )
    return {}


def _stop_no_more(
    conn: psycopg.Connection, acting: Acting, row: Mapping[str, Any], detail: Mapping[str, Any]
) -> None:
    """Every scope that it stopped: a word to stop everything stops the address, too."""
    said = said_of(row, acting, after=True)
    given = {"evidence": evidence_of(row["response_id"]), "acted": row["acted"], "said_at": row["said_at"]}
    for stopped in rows_of(conn, "stops_of", {**acting.place, **given}):
        record_consent(
            conn, ConsentKind.CONTACT, granted=True, said=said, person=acting.person, scope=_scope(stopped)
        )


def _start_no_more(
    conn: psycopg.Connection, acting: Acting, row: Mapping[str, Any], detail: Mapping[str, Any]
) -> None:
    record_consent(
        conn, ConsentKind.CONTACT, granted=False, said=said_of(row, acting, after=True), person=acting.person,
        scope=_scope(row),
    )  # fmt: skip


def _retire(conn: psycopg.Connection, acting: Acting, row: Mapping[str, Any]) -> dict[str, Any]:
    """The address is not this person's: retired here, and suppressed where nobody else in the book has it."""
    given = {key: row[key] for key in ("contact_point_id", "address_index")}
    points = rows_of(
        conn, "points_at", {**acting.place, **given, "lanes": EVERY_LANE, "reason": WRONG_PERSON}
    )
    retire_contact_points(
        conn, [(one["lane"], one["contact_point_id"]) for one in points], reason=WRONG_PERSON, now=acting.now
    )
    said = Said(WRONG_PERSON, _SOURCES[row["source"]], row["recorded_by"], row["said_at"], acting.now)
    listed: set[tuple[str, str]] = set()
    for one in points:
        kind = _SUPPRESSED.get(Channel(one["channel"]))
        if kind and not one["others"] and suppress(conn, kind, [bytes(one["address_index"])], said=said):
            listed.add((kind.value, bytes(one["address_index"]).hex()))
    return {
        "points": [[one["lane"], str(one["contact_point_id"])] for one in points],
        "suppressed": sorted(listed),
        "done": bool(points),
    }


def _retire_no_more(
    conn: psycopg.Connection, acting: Acting, row: Mapping[str, Any], detail: Mapping[str, Any]
) -> None:
    """The address serves again, unless another answer says the same of it; of its suppression the end is asked for, and
    another person agrees.
    """
    for other in rows_of(conn, "effects_of", acting.place):
        said_too = other["effect"] == "retired" and other["response_id"] != row["response_id"]
        if said_too and any(point in detail.get("points", ()) for point in other["detail"].get("points", ())):
            return
    points = [(lane, UUID(point)) for lane, point in detail.get("points", ())]
    restore_contact_points(conn, points, reason=WRONG_PERSON, now=acting.now)
    for kind, index in detail.get("suppressed", ()):
        try:
            ask_to_end(
                conn, SuppressionKind(kind), bytes.fromhex(index), by=acting.by, reason=acting.reason,
                now=acting.now,
            )  # fmt: skip
        except DuecourseError:  # two people have ended it already
            continue


def _attempt_of(conn: psycopg.Connection, acting: Acting, row: Mapping[str, Any]) -> UUID | None:
    if row["attempt_id"] or not row["message_id"]:
        return row["attempt_id"]  # type: ignore[no-any-return]
    found = conn.execute(
        SQL["last_attempt"], {"lane": acting.person.lane, "message_id": row["message_id"]}
    ).fetchone()
    return found[0] if found else None


def _call(conn: psycopg.Connection, acting: Acting, row: Mapping[str, Any]) -> dict[str, Any]:
    attempt_id = _attempt_of(conn, acting, row)
    if attempt_id is None:
        return {"done": False}
    planned = plan_answer(conn, attempt_id, "call-me", (), now=acting.now)
    return {"message": str(planned) if planned else None}


def _assure(conn: psycopg.Connection, acting: Acting, row: Mapping[str, Any]) -> dict[str, Any]:
    attempt_id = _attempt_of(conn, acting, row)
    if attempt_id is None or not any(one.policy.authenticity_reply for one in acting.plannables):
        return {"done": False}
    channel = Channel(row["channel"]) if row["channel"] in _WRITTEN else Channel.SMS
    planned = plan_answer(
        conn, attempt_id, "authenticity", acting.plannables, now=acting.now, channel=channel
    )
    return {"message": str(planned) if planned else None, "done": planned is not None}


def _nothing(
    conn: psycopg.Connection, acting: Acting, row: Mapping[str, Any], detail: Mapping[str, Any]
) -> None:
    """What was planned for a person to do, or was said, cannot be unsaid."""


_WRITTEN: Final = frozenset({Channel.SMS, Channel.EMAIL, Channel.WECHAT, Channel.APP, Channel.INBOX})
DOES: Final[Mapping[str, Callable[[psycopg.Connection, Acting, Mapping[str, Any]], dict[str, Any]]]] = {
    "stop": _stop,
    "start": _start,
    "retired": _retire,
    "answered": _assure,
    "call": _call,
}
TAKES_BACK: Final[
    Mapping[str, Callable[[psycopg.Connection, Acting, Mapping[str, Any], Mapping[str, Any]], None]]
] = {
    "stop": _stop_no_more,
    "start": _start_no_more,
    "retired": _retire_no_more,
    "answered": _nothing,
    "call": _nothing,
}
