"""Caps that several share: two people with one number, one person with rows in several lanes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg

from duecourse.rules.compiling import RuleBook
from duecourse.rules.elsewhere import By, contacts_in_other_shards
from duecourse.store.shards import centre_of
from duecourse.store.sql import load

from .claimed import CONTENT_RECHECK, Allowed, fence
from .lines import Line, as_array

SQL = load("dispatch")


def share_numbers(
    conn: psycopg.Connection,
    lines: Sequence[Line],
    epochs: Mapping[int, int],
    allowed: list[Allowed],
    now: datetime,
    rules: RuleBook,
    withheld: list[tuple[UUID, str]],
) -> list[Allowed]:
    """Those that may go also by what others, in any lane, were sent to the same number; the rest are given back.

    withheld: takes these, each with its rule.
    The number is locked in a row of its own lane until the commit, so that two who share it are judged in turn.
    """
    shared = [one for one in allowed if one.shared]
    if not shared:
        return allowed
    numbers = [one.address_index for one in shared]
    refused = _refused(conn, lines, shared, "numbers", numbers, now, rules.number_parameters)
    withheld += [(row[1], row[2]) for row in refused]
    return _without(conn, epochs, allowed, refused, now)


def share_persons(
    conn: psycopg.Connection,
    lines: Sequence[Line],
    epochs: Mapping[int, int],
    allowed: list[Allowed],
    now: datetime,
    rules: RuleBook,
    withheld: list[tuple[UUID, str]],
) -> list[Allowed]:
    """Those that may go also by what the same person had in other lanes, or under another record of theirs.

    As share_numbers, the person being locked; whoever has one row only, as most have, is not asked about.
    """
    several = [one for one in allowed if one.person]
    if not several:
        return allowed
    persons = [one.person for one in several]
    debts = {"debts": [as_array(one.loans) for one in several]}
    refused = _refused(conn, lines, several, "persons", persons, now, {**rules.person_parameters, **debts})
    withheld += [(row[1], row[2]) for row in refused]
    return _without(conn, epochs, allowed, refused, now)


def _refused(
    conn: psycopg.Connection,
    lines: Sequence[Line],
    shared: Sequence[Allowed],
    by: By,
    whose: Sequence[Any],
    now: datetime,
    parameters: Mapping[str, Any],
) -> list[tuple[Any, ...]]:
    """What judge_numbers or judge_persons refuses of `shared`, whose each by its place being locked first."""
    centre_of(conn).execute(SQL[f"lock_{by}"], {by: whose})
    given: dict[str, Any] = {
        **parameters,
        by: whose,
        "kinds": [lines[one.line - 1].registration.kind for one in shared],
        "lanes": [one.lane for one in shared],
        "messages": [one.message_id for one in shared],
        "points": [one.contact_point_id for one in shared],
        "now": now,
    }
    given["elsewhere"] = contacts_in_other_shards(
        conn, by, lambda: whose, now=now, look_back=given["look_back"]
    )
    return conn.execute(SQL[f"judge_{by}"], given).fetchall()


def _without(
    conn: psycopg.Connection,
    epochs: Mapping[int, int],
    allowed: list[Allowed],
    refused: Sequence[tuple[Any, ...]],
    now: datetime,
) -> list[Allowed]:
    """Give back what a shared cap refused, until it lets go."""
    if refused:
        conn.execute(
            SQL["give_back"],
            {
                **fence(epochs, (row[0] for row in refused)),
                "at_lanes": [row[0] for row in refused],
                "messages": [row[1] for row in refused],
                "rules": [row[2] for row in refused],
                "reasons": [None for _ in refused],
                "verdicts": [json.dumps(row[4]) for row in refused],
                "afters": [row[3] if row[3] is not None else CONTENT_RECHECK for row in refused],
                "now": now,
            },
        )
    over = {row[1] for row in refused}
    return [one for one in allowed if one.message_id not in over]
