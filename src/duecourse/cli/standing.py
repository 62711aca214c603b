"""What `borrower show` says of wishes: the consents, holds and preferences in force."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from psycopg import Connection
from rich.console import Console

from duecourse.book.consents import consents_of
from duecourse.book.holds import holds_of
from duecourse.book.preferences import preferences_of
from duecourse.book.reading import Borrower
from duecourse.book.wishes import Person, local_instant

from .screen import local, table
from .words import listed, say, word

_LAST = timedelta(microseconds=1)


def standing_facts(conn: Connection, borrower: Borrower, as_of: date, now: datetime) -> dict[str, Any]:
    """consents, holds and preferences in force now or, of a day gone by, at its end where the borrower lives."""
    over = local_instant(conn, as_of + timedelta(days=1), time(), borrower.zone)
    person, asked = Person(borrower.lane, borrower.borrower_id), {"at": min(now, over - _LAST), "known": now}
    return {
        "consents": [asdict(one) for one in consents_of(conn, person, **asked) if one.in_force],
        "holds": [asdict(one) for one in holds_of(conn, person, **asked) if one.in_force],
        "preferences": [asdict(one) for one in preferences_of(conn, person, **asked) if one.in_force],
    }


def print_standing(console: Console, found: Mapping[str, Any], zone: ZoneInfo) -> None:
    """The same as one table; nothing where there is nothing."""
    rows = [
        (
            word("hold", one["kind"]),
            word("effect", one["effect"]),
            one["loan"] or say("all"),
            local(one["effective_at"], zone),
            local(one["until"], zone),
        )
        for one in found["holds"]
    ]
    rows += [
        (
            word("consent", one["kind"]),
            say("agreed") if one["granted"] else say("refused"),
            _scope(one),
            local(one["effective_at"], zone),
            local(one["expires_at"], zone),
        )
        for one in found["consents"]
    ]
    rows += [
        (
            word("preference", one["kind"]),
            json.dumps(one["wish"], ensure_ascii=False),
            say("all"),
            local(one["effective_at"], zone),
            "",
        )
        for one in found["preferences"]
    ]
    if rows:
        columns = [say("about"), say("said"), say("for what"), say("since"), say("until")]
        console.print(table(say("Holds, consents and wishes in force"), columns, rows))


def _scope(one: Mapping[str, Any]) -> str:
    """Purpose, channel and address of a consent."""
    parts = [
        word("purpose", one["purpose"]),
        word("channel", one["channel"]),
        say("one address") if one["for_address"] else "",
    ]
    return listed(part for part in parts if part) or say("all")
