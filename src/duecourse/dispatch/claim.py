"""Claiming: judge, render and write down what is about to be said, all in one short transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg

from duecourse.content.texts import text_rules
from duecourse.domain.messaging import Channel, Outgoing
from duecourse.domain.problems import DuecourseError
from duecourse.privacy.keyring import Keyring
from duecourse.privacy.sealing import open_value, seal_value
from duecourse.rules.compiling import RuleBook
from duecourse.store.lease import hold_fence
from duecourse.store.sql import load

from .claimed import CONTENT_RECHECK, Allowed, Claimed, fence
from .compose import BATCH_HELD, Composer, Facts, Rendition
from .lines import Line, as_array, line_parameters
from .links import Wanted, drop_links, mint_links
from .registry import Approvals
from .sharing import share_numbers, share_persons

SQL = load("dispatch")
BATCHES = load("dispatch/batches")


class FenceLostError(Exception):
    """Another worker owns a lane of this batch; nothing of it was committed."""


@dataclass(frozen=True, slots=True)
class ClaimResult:
    """judged: messages looked at. claimed: those that may go. more: whether others were due and left for the next.

    unopened: batches that some of them wait for; see dispatch.batches.
    """

    judged: int
    claimed: Sequence[Claimed]
    more: bool
    unopened: frozenset[UUID] = frozenset()


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
    write_before: float,
    read_at: float,
    recheck: timedelta,
    pause: timedelta,
    rules: RuleBook,
) -> ClaimResult:
    """Claim up to `take` due messages of the lanes in `epochs` (lane to epoch) and record their attempts.

    now: the book's clock; as_of: the lender's date then. write_before: on the monotonic clock, as is read_at, an
    instant not after `now` was read: what has validity left for less than write_before must be written sooner.
    A message whose name or address does not open, or whose text cannot be made, is given back with the reason.
    Raises FenceLostError when a lane has a new owner; then nothing happened.
    """
    with conn.transaction():
        # In a statement of its own: what is judged next then sees the permits that were waited for.
        hold_fence(conn, epochs)
        rows = _judge(conn, lines, epochs, now, as_of, take, recheck, pause, rules)
        more = bool(rows) and (rows[0][0] > len(rows) or rows[0][0] == take)
        allowed = [Allowed(row[1], row[2], *row[4:]) for row in rows if row[3]]
        unopened = frozenset(row[15] for row in rows if not row[3] and row[15])
        allowed = share_persons(conn, lines, epochs, allowed, now, rules)
        allowed = share_numbers(conn, lines, epochs, allowed, now, rules)
        if not allowed:
            return ClaimResult(len(rows), [], more, unopened)
        facts, addresses, unreadable = _open_facts(keyring, allowed, _read_facts(conn, allowed, now, as_of))
        stopped = unreadable | _over_band(composer, allowed, facts)
        codes = _mint(
            conn, keyring, composer, [one for one in allowed if one.message_id not in stopped], facts, now
        )
        renditions = {
            one.message_id: stopped.get(one.message_id)
            or composer.compose(
                facts[one.message_id],
                one.channel,
                text_rules(rules.packs, one.considered),
                code=codes.get(one.attempt_id, ""),
            )
            for one in allowed
        }
        renditions |= _registered(conn, lines, allowed, facts, renditions, now)
        renditions |= _hold_batches(conn, allowed, renditions, now)
        _give_back_refused(conn, epochs, allowed, renditions, now, rules)
        going = [one for one in allowed if not renditions[one.message_id].refusals]
        _record(conn, keyring, lines, epochs, going, facts, renditions, now)
        goes = {one.attempt_id for one in going}
        drop_links(conn, keyring, [code for attempt, code in codes.items() if attempt not in goes])
    claimed = [
        Claimed(
            one.lane,
            epochs[one.lane],
            one.message_id,
            one.attempt_id,
            lines[one.line - 1],
            _outgoing(
                one,
                addresses[one.message_id],
                renditions[one.message_id],
                facts[one.message_id],
                now,
                write_before,
                read_at,
            ),
            one.seq,
        )
        for one in going
    ]
    return ClaimResult(len(rows), claimed, more, unopened)


def _judge(
    conn: psycopg.Connection,
    lines: Sequence[Line],
    epochs: Mapping[int, int],
    now: datetime,
    as_of: date,
    take: int,
    recheck: timedelta,
    pause: timedelta,
    rules: RuleBook,
) -> list[tuple[Any, ...]]:
    """The rows of `claim_messages`: every message judged, and which of them may go."""
    return conn.execute(
        SQL["claim_messages"],
        {
            **fence(epochs),
            "now": now,
            "as_of": as_of,
            "take": take,
            **line_parameters(lines),
            "recheck": recheck,
            "pause": pause,
            **rules.parameters,
        },
    ).fetchall()


def _read_facts(
    conn: psycopg.Connection, allowed: Sequence[Allowed], now: datetime, as_of: date
) -> dict[UUID, Sequence[Any]]:
    rows = conn.execute(
        SQL["read_facts"],
        {
            "lanes": [one.lane for one in allowed],
            "messages": [one.message_id for one in allowed],
            "debts": [as_array(one.loans) for one in allowed],
            "now": now,
            "as_of": as_of,
        },
    )
    return {row[1]: row for row in rows}


def _open_facts(
    keyring: Keyring, allowed: Sequence[Allowed], rows: Mapping[UUID, Sequence[Any]]
) -> tuple[dict[UUID, Facts], dict[UUID, str], dict[UUID, Rendition]]:
    """Facts and addresses by message, and a refusal for each message of which something does not open."""
    facts: dict[UUID, Facts] = {}
    addresses: dict[UUID, str] = {}
    unreadable: dict[UUID, Rendition] = {}
    for one in allowed:
        try:
            facts[one.message_id] = Facts.from_row(keyring, rows[one.message_id])
            addresses[one.message_id] = _address(keyring, one, facts[one.message_id])
        except DuecourseError as error:
            unreadable[one.message_id] = Rendition(refusals=(str(error),), rule="UNREADABLE")
    return facts, addresses, unreadable


def _address(keyring: Keyring, one: Allowed, facts: Facts) -> str:
    if one.address_sealed is not None:
        return open_value(keyring, one.address_sealed, "contact_point", "address", one.contact_point_id)
    return facts.borrower_key if one.channel == Channel.INBOX else ""


def _over_band(
    composer: Composer, allowed: Sequence[Allowed], facts: Mapping[UUID, Facts]
) -> dict[UUID, Rendition]:
    """A refusal for each message that asks for more than its policy's band."""
    found = {
        one.message_id: composer.over_band(facts[one.message_id], resumed=one.resumed)
        for one in allowed
        if one.message_id in facts
    }
    return {message_id: over for message_id, over in found.items() if over is not None}


def _mint(
    conn: psycopg.Connection,
    keyring: Keyring,
    composer: Composer,
    going: Sequence[Allowed],
    facts: Mapping[UUID, Facts],
    now: datetime,
) -> dict[UUID, str]:
    """Codes by attempt, for those whose text carries one."""
    wanted = [
        Wanted(
            one.attempt_id,
            one.message_id,
            one.lane,
            facts[one.message_id].borrower_id,
            one.channel,
            one.contact_point_id,
            facts[one.message_id].purpose,
            facts[one.message_id].language,
            days,
        )
        for one in going
        if (days := composer.link_days(facts[one.message_id], one.channel)) is not None
    ]
    return mint_links(conn, keyring, wanted, now=now)


def _registered(
    conn: psycopg.Connection,
    lines: Sequence[Line],
    allowed: Sequence[Allowed],
    facts: Mapping[UUID, Facts],
    renditions: Mapping[UUID, Rendition],
    now: datetime,
) -> dict[UUID, Rendition]:
    """The texts with what their providers have approved of them; a refusal where that shows to be missing only now."""
    found: dict[UUID, Rendition] = {}
    approvals = Approvals(conn, lines, now=now)
    for one in allowed:
        made, of = renditions[one.message_id], facts.get(one.message_id)
        if made.refusals or of is None:
            continue
        line = lines[one.line - 1]
        goes = approvals.of(line, of.template, of.template_version, made.language, made.values)
        if isinstance(goes, str):
            found[one.message_id] = Rendition(refusals=(goes,), rule="NOT-REGISTERED")
        elif goes is not None:
            fields = made.registered.values if made.registered else ()
            found[one.message_id] = replace(made, registered=replace(goes, values=goes.values or fields))
    return found


def _hold_batches(
    conn: psycopg.Connection,
    allowed: Sequence[Allowed],
    renditions: Mapping[UUID, Rendition],
    now: datetime,
) -> dict[UUID, Rendition]:
    """Hold the batches of messages that ask for more than their policy's band; answers refusals of all that this claim
    has of them.
    """
    over = {one.batch_id for one in allowed if renditions[one.message_id].rule == BATCH_HELD and one.batch_id}
    if over:
        parameters = {"batches": sorted(over), "reason": "a message asks for more than the band", "now": now}
        conn.execute(BATCHES["hold_batches_for_amount"], parameters)
    refusal = Rendition(refusals=("a message asks for more than the band",), rule=BATCH_HELD)
    return {one.message_id: refusal for one in allowed if one.batch_id in over and not one.resumed}


def _give_back_refused(
    conn: psycopg.Connection,
    epochs: Mapping[int, int],
    allowed: Sequence[Allowed],
    renditions: Mapping[UUID, Rendition],
    now: datetime,
    rules: RuleBook,
) -> None:
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
    facts: Mapping[UUID, Facts],
    renditions: Mapping[UUID, Rendition],
    now: datetime,
) -> None:
    if not going:
        return
    debts = [(one.lane, one.attempt_id, loan) for one in going for loan in facts[one.message_id].loan_ids]
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
            seal_value(keyring, renditions[one.message_id].archived, "attempt", "text", one.attempt_id)
            for one in going
        ],
        "digests": [keyring.digest(renditions[one.message_id].archived) for one in going],
        "parts": [renditions[one.message_id].parts for one in going],
        "valids": [one.valid_until for one in going],
        "loan_lanes": [lane for lane, _, _ in debts],
        "loan_attempts": [attempt for _, attempt, _ in debts],
        "loans": [loan for _, _, loan in debts],
        "now": now,
    }
    written = conn.execute(SQL["record_attempts"], parameters).fetchall()
    if len(written) != len(going):
        raise FenceLostError


def _outgoing(
    one: Allowed,
    address: str,
    rendition: Rendition,
    facts: Facts,
    now: datetime,
    write_before: float,
    read_at: float,
) -> Outgoing:
    valid_seconds = (one.valid_until - now).total_seconds()
    return Outgoing(
        attempt_id=one.attempt_id,
        address=address,
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
