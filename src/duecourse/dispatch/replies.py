"""What people write back, as far as this version understands it: a plain word to stop."""

from __future__ import annotations

from datetime import datetime

import psycopg

from duecourse.book.contact_points import record_opt_out
from duecourse.book.identity import address_index
from duecourse.domain.messaging import Channel, Reply
from duecourse.privacy.keyring import Keyring
from duecourse.rules.word_lists import opt_out_scope


def is_stop(text: str) -> bool:
    """Whether a reply is nothing but a word to stop, in one of the languages of `rules/words/opt_out.toml`."""
    return opt_out_scope(text) is not None


def take_reply(conn: psycopg.Connection, keyring: Keyring, reply: Reply, *, now: datetime) -> bool:
    """Record a stop for everyone who holds the number, and commit it; returns whether it was one.

    A word that means everything ("stop all") ends every channel of theirs, any other the messages to that number.

    A sender that is no phone number (a name, a short code) is nobody we write to: its word is not one, and is not
    refused either, since the provider would send it again for ever.
    """
    scope = opt_out_scope(reply.text)
    if scope is None:
        return False
    try:
        address_index(keyring, Channel.SMS, reply.sender)
    except ValueError:
        return False
    with conn.transaction():
        evidence = f"answered by SMS to {reply.provider}"
        holders = record_opt_out(
            conn,
            keyring,
            now=now,
            evidence=evidence,
            address=(Channel.SMS, reply.sender),
            channel=Channel.SMS,
        )
        if scope == "everything":
            for holder in holders:
                record_opt_out(conn, keyring, now=now, evidence=evidence, borrower=holder)
    return True
