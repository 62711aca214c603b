"""A word to stop is confirmed once, where it was said, while the rules of the place allow it.

The confirmation is planned in the transaction that records the word, so that a crash leaves both or neither. Its id is
made of the address and of when that was last free to be contacted: the same word again, from another worker or after a
crash, plans nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import md5
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from duecourse.book.consents import Scope
from duecourse.book.wishes import EVERY_LANE, Person, Said
from duecourse.domain.messaging import Channel
from duecourse.rules.confirming import confirmation_window
from duecourse.rules.packs import Packs
from duecourse.store.sql import load

from .compile import Plannable

SQL = load("planning/confirming")


@dataclass(frozen=True, slots=True)
class Confirmer:
    """Who confirms words to stop: the rules that say within what, and the policies in force that say in what words.

    policies: reads them; it is called before the word's transaction begins, once for each word.
    """

    packs: Packs
    policies: Callable[[], Sequence[Plannable]]

    def confirm(
        self,
        conn: psycopg.Connection,
        plannables: Sequence[Plannable],
        *,
        said: Said,
        scope: Scope,
        person: Person | None = None,
    ) -> UUID | None:
        """Plan the confirmation of the word just recorded as `said` in the caller's transaction; its id, if one is new.

        scope: whose channel and address the word came from; without a channel nobody knows where to answer. person:
        whose word it is; None for whoever holds the address. None where no policy has a text for it, nobody in the
        book holds the address, the rules give it no time, or the word was confirmed before.
        """
        speaking = [one for one in plannables if one.policy.opt_out_confirmation]
        if not speaking or scope.channel is None:
            return None
        found = _stopped(conn, scope, person, said.now)
        if found is None:
            return None
        chosen = _chosen(speaking, found["policy"])
        template = chosen.policy.opt_out_confirmation
        window = confirmation_window(
            self.packs, found["region"], scope.channel, chosen.actor, on=found["local_on"]
        )
        if window is None or template is None or said.at + window <= said.now:
            return None
        return _insert(
            conn, chosen, template, found, scope.channel, scope.purpose or "", said, said.at + window
        )


def _stopped(
    conn: psycopg.Connection, scope: Scope, person: Person | None, now: datetime
) -> dict[str, Any] | None:
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            SQL["find_stopped"],
            {
                "lanes": EVERY_LANE,
                "channel": scope.channel.value if scope.channel else None,
                "address_index": scope.address_index,
                "borrower_id": person.borrower_id if person else None,
                "now": now,
            },
        ).fetchone()


def _chosen(speaking: Sequence[Plannable], policy: str | None) -> Plannable:
    """The policy whose message is answered, where it has a text; else the one of the highest priority."""
    answered = [one for one in speaking if one.policy.name == policy]
    return (answered or sorted(speaking, key=lambda one: (-one.policy.priority, one.policy.name)))[0]


def _insert(
    conn: psycopg.Connection,
    chosen: Plannable,
    template: str,
    found: dict[str, Any],
    channel: Channel,
    purpose: str,
    said: Said,
    useful_until: datetime,
) -> UUID | None:
    resumed_at = found["resumed_at"]
    since = resumed_at.timestamp() if resumed_at else ""
    address = bytes(found["address_index"]).hex()
    key = md5(f"opt-out|{channel.value}|{purpose}|{address}|{since}".encode(), usedforsecurity=False)
    row = conn.execute(
        SQL["confirm_stop"],
        {
            **found,
            "lanes": EVERY_LANE,
            "message_id": UUID(bytes=key.digest()),
            "channel": channel.value,
            "evidence": said.evidence,
            "at": said.at,
            "policy": chosen.policy.name,
            "policy_version": chosen.version,
            "template": template,
            "template_version": chosen.template_versions[template],
            "actor": chosen.actor.value,
            "names_amount": template not in chosen.silent_templates,
            "max_book_age": chosen.policy.max_book_age,
            "now": said.now,
            "useful_until": useful_until,
        },
    ).fetchone()
    return row[0] if row else None
