"""What the messages of one claim say: facts read and opened, codes minted, texts made, and what stands against each.

All in the claim's transaction. What is refused here is given back by the claim, with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

import psycopg

from duecourse.content.texts import text_rules
from duecourse.domain.messaging import Channel
from duecourse.domain.problems import DuecourseError
from duecourse.privacy.keyring import Keyring
from duecourse.privacy.sealing import open_value
from duecourse.rules.compiling import RuleBook
from duecourse.store.shards import centre_of
from duecourse.store.sql import load

from .claimed import Allowed
from .compose import BATCH_HELD, Composer, Facts, Rendition
from .lines import Line, as_array
from .links import Wanted, drop_links, mint_links
from .registry import Approvals

SQL = load("dispatch")
BATCHES = load("dispatch/batches")


@dataclass(frozen=True, slots=True)
class Renditions:
    """Of the messages of a claim, by message id.

    facts, addresses: of those whose name and address open. said: of every one. codes: by attempt, of those whose text
    carries one.
    """

    facts: Mapping[UUID, Facts]
    addresses: Mapping[UUID, str]
    said: Mapping[UUID, Rendition]
    codes: Mapping[UUID, str]

    def drop_unused(self, conn: psycopg.Connection, keyring: Keyring, going: Sequence[Allowed]) -> None:
        """Take back the codes of those that do not go after all."""
        goes = {one.attempt_id for one in going}
        drop_links(conn, keyring, [code for attempt, code in self.codes.items() if attempt not in goes])


def make_renditions(
    conn: psycopg.Connection,
    keyring: Keyring,
    composer: Composer,
    lines: Sequence[Line],
    allowed: Sequence[Allowed],
    *,
    now: datetime,
    as_of: date,
    rules: RuleBook,
) -> Renditions:
    """The text of each of these messages, or why it must not go. now, as_of: as of the claim."""
    facts, addresses, unreadable = _open_facts(keyring, allowed, _read_facts(conn, allowed, now, as_of))
    stopped = _over_band(composer, allowed, facts) | unreadable
    sayable = [one for one in allowed if one.message_id not in stopped]
    codes = _mint(conn, keyring, composer, sayable, facts, now)
    considered = {tuple(one.considered) for one in sayable}
    looking = {ids: text_rules(rules.packs, ids) for ids in considered}  # mostly one for a thousand messages
    said = stopped | {
        one.message_id: composer.compose(
            facts[one.message_id],
            one.channel,
            looking[tuple(one.considered)],
            code=codes.get(one.attempt_id, ""),
        )
        for one in sayable
    }
    said |= _registered(conn, lines, allowed, facts, said, now)
    said |= _hold_batches(conn, allowed, said, now)
    return Renditions(facts, addresses, said, codes)


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
        centre_of(conn).execute(BATCHES["hold_batches_for_amount"], parameters)
    refusal = Rendition(refusals=("a message asks for more than the band",), rule=BATCH_HELD)
    return {one.message_id: refusal for one in allowed if one.batch_id in over and not one.resumed}
