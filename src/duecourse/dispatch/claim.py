"""Claiming: judge, render and write down what is about to be said, all in one short transaction."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime, timedelta
from operator import attrgetter
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import namedtuple_row

from duecourse.domain.messaging import Outgoing
from duecourse.privacy.keyring import Keyring
from duecourse.privacy.sealing import seal_value
from duecourse.rules.compiling import RuleBook
from duecourse.store.lease import hold_fence
from duecourse.store.sql import load

from .claimed import CONTENT_RECHECK, Allowed, Claimed, fence
from .compose import Composer, Rendition
from .lines import Line, line_parameters
from .reach import head_parameters
from .renditions import Renditions, make_renditions
from .sharing import share_numbers, share_persons

SQL = load("dispatch")
_ALLOWED = attrgetter(*(one.name for one in fields(Allowed) if one.init))


class FenceLostError(Exception):
    """Another worker owns a lane of this batch; nothing of it was committed."""


@dataclass(frozen=True, slots=True)
class ClaimResult:
    """judged: messages that something became of. claimed: those that may go. more: whether others were due and left
    for the next.

    unopened: batches that some of them wait for; see dispatch.batches.
    """

    judged: int
    claimed: Sequence[Claimed]
    more: bool
    unopened: frozenset[UUID] = frozenset()
    withheld: Sequence[tuple[UUID, str]] = ()
    """Messages, each with the rule that came to withhold it; what the same rule withheld before is not told again."""
    render_seconds: float = 0.0
    seen: Mapping[str, int] = field(default_factory=dict)
    """Of each channel, how many were looked at that begin with it; see dispatch.reach."""

    @property
    def looked(self) -> int:
        """Messages looked at, also those that had no room."""
        return sum(self.seen.values())


def claim_batch(
    conn: psycopg.Connection,
    keyring: Keyring,
    composer: Composer,
    lines: Sequence[Line],
    epochs: Mapping[int, int],
    *,
    now: datetime,
    as_of: date,
    take: int,
    places: Mapping[str, int],
    write_before: float,
    read_at: float,
    recheck: timedelta,
    pause: timedelta,
    rules: RuleBook,
) -> ClaimResult:
    """Claim up to `take` due messages of the lanes in `epochs` (lane to epoch) and record their attempts.

    places: of each channel, how many are looked at (dispatch.reach).

    now: the book's clock; as_of: the lender's date then. write_before: on the monotonic clock, as is read_at, an
    instant not after `now` was read: what has validity left for less than write_before must be written sooner.
    A message whose name or address does not open, or whose text cannot be made, is given back with the reason.
    Raises FenceLostError when a lane has a new owner; then nothing happened.
    """
    with conn.transaction():
        # In a statement of its own: what is judged next then sees the permits that were waited for.
        hold_fence(conn, epochs)
        rows, seen, more = _judge(conn, lines, epochs, now, as_of, take, places, recheck, pause, rules)
        allowed = [Allowed(*_ALLOWED(row)) for row in rows if row.allow]
        unopened = frozenset(row.batch_id for row in rows if not row.allow and row.batch_id)
        withheld = [(row.message_id, row.rule) for row in rows if row.changed and not row.allow]
        allowed = share_persons(conn, lines, epochs, allowed, now, rules, withheld)
        allowed = share_numbers(conn, lines, epochs, allowed, now, rules, withheld)
        if not allowed:
            return ClaimResult(len(rows), [], more, unopened, withheld, seen=seen)
        began = time.monotonic()
        made = make_renditions(conn, keyring, composer, lines, allowed, now=now, as_of=as_of, rules=rules)
        rendered = time.monotonic() - began
        withheld += _give_back_refused(conn, epochs, allowed, made.said, now, rules)
        going = [one for one in allowed if not made.said[one.message_id].refusals]
        _record(conn, keyring, lines, epochs, going, made, now)
        made.drop_unused(conn, keyring, going)
    claimed = [
        Claimed(
            one.lane,
            epochs[one.lane],
            one.message_id,
            one.attempt_id,
            lines[one.line - 1],
            _outgoing(one, made, now, write_before, read_at),
            one.seq,
        )
        for one in going
    ]
    return ClaimResult(len(rows), claimed, more, unopened, withheld, rendered, seen)


def _judge(
    conn: psycopg.Connection,
    lines: Sequence[Line],
    epochs: Mapping[int, int],
    now: datetime,
    as_of: date,
    take: int,
    places: Mapping[str, int],
    recheck: timedelta,
    pause: timedelta,
    rules: RuleBook,
) -> tuple[list[Any], Mapping[str, int], bool]:
    """The rows of `claim_messages`, as tuples of its columns: every message of which something became, and which of
    them may go; of each channel, how many were looked at; whether there may be more.
    """
    with conn.cursor(row_factory=namedtuple_row) as cursor:
        found: list[Any] = cursor.execute(
            SQL["claim_messages"],
            {
                **fence(epochs),
                "now": now,
                "as_of": as_of,
                "take": take,
                **head_parameters(places),
                **line_parameters(lines),
                "recheck": recheck,
                "pause": pause,
                **rules.parameters,
            },
        ).fetchall()
    seen: Mapping[str, int] = found[0].seen
    rows = [row for row in found if row.message_id]
    looked = sum(seen.values())
    full = any(number >= places[channel] for channel, number in seen.items())
    return rows, seen, bool(rows) and (looked > len(rows) or looked == take or found[0].cut or full)


def _give_back_refused(
    conn: psycopg.Connection,
    epochs: Mapping[int, int],
    allowed: Sequence[Allowed],
    renditions: Mapping[UUID, Rendition],
    now: datetime,
    rules: RuleBook,
) -> list[tuple[UUID, str]]:
    """Returns the messages given back, each with its rule."""
    refused = [one for one in allowed if renditions[one.message_id].refusals]
    if refused:
        conn.execute(
            SQL["give_back"],
            {
                **fence(epochs, (one.lane for one in refused)),
                "at_lanes": [one.lane for one in refused],
                "messages": [one.message_id for one in refused],
                "rules": [renditions[one.message_id].rule for one in refused],
                "reasons": ["; ".join(renditions[one.message_id].refusals) for one in refused],
                "verdicts": [_refused_text(renditions[one.message_id], one, rules) for one in refused],
                "afters": [CONTENT_RECHECK] * len(refused),
                "now": now,
            },
        )
    return [(one.message_id, renditions[one.message_id].rule) for one in refused]


def _refused_text(rendition: Rendition, one: Allowed, rules: RuleBook) -> str | None:
    """The verdict of a text that rules of packs refused, as JSON."""
    if not rendition.broken:
        return None
    seen = [refusal.saw for refusal in rendition.broken]
    return json.dumps(
        {"rule_set": rules.version, "considered": one.considered, "rules": seen}, ensure_ascii=False
    )


def _record(
    conn: psycopg.Connection,
    keyring: Keyring,
    lines: Sequence[Line],
    epochs: Mapping[int, int],
    going: Sequence[Allowed],
    made: Renditions,
    now: datetime,
) -> None:
    if not going:
        return
    debts = [
        (one.lane, one.attempt_id, loan) for one in going for loan in made.facts[one.message_id].loan_ids
    ]
    archived = [made.said[one.message_id].archived for one in going]
    parameters: dict[str, Any] = {
        **fence(epochs, (one.lane for one in going)),
        "at_lanes": [one.lane for one in going],
        "messages": [one.message_id for one in going],
        "attempts": [one.attempt_id for one in going],
        "seqs": [one.seq for one in going],
        "routes": [one.route_at for one in going],
        "channels": [one.channel for one in going],
        "providers": [lines[one.line - 1].provider for one in going],
        "points": [one.contact_point_id for one in going],
        "texts": [
            seal_value(keyring, text, "attempt", "text", one.attempt_id)
            for text, one in zip(archived, going, strict=True)
        ],
        "digests": [keyring.digest(text) for text in archived],
        "parts": [made.said[one.message_id].parts for one in going],
        "valids": [one.valid_until for one in going],
        "loan_lanes": [lane for lane, _, _ in debts],
        "loan_attempts": [attempt for _, attempt, _ in debts],
        "loans": [loan for _, _, loan in debts],
        "now": now,
    }
    written = conn.execute(SQL["record_attempts"], parameters).fetchall()
    if len(written) != len(going):
        raise FenceLostError


def _outgoing(one: Allowed, made: Renditions, now: datetime, write_before: float, read_at: float) -> Outgoing:
    rendition, facts = made.said[one.message_id], made.facts[one.message_id]
    valid_seconds = (one.valid_until - now).total_seconds()
    return Outgoing(
        attempt_id=one.attempt_id,
        address=made.addresses[one.message_id],
        text=rendition.text,
        subject=rendition.subject,
        html=rendition.html,
        language=rendition.language,
        purpose=facts.purpose,
        registered=rendition.registered,
        script=rendition.script,
        link=rendition.link,
        attachments=rendition.attachments,
        large=rendition.large,
        valid_for_seconds=int(valid_seconds),  # under a second an adapter does not write it
        write_before=min(write_before, read_at + valid_seconds),
    )
