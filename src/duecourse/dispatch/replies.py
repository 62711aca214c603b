"""What people write back, as far as this version understands it: a plain word to stop."""

from __future__ import annotations

from datetime import datetime

import psycopg

from duecourse.book.consents import ConsentKind, Scope, record_consent
from duecourse.book.identity import address_index
from duecourse.book.suppressions import SuppressionKind, holders_of, suppress
from duecourse.book.wishes import Said
from duecourse.domain.messaging import Channel, Reply
from duecourse.privacy.keyring import Keyring
from duecourse.rules.word_lists import opt_out_scope


def is_stop(text: str) -> bool:
    """Whether a reply is nothing but a word to stop, in one of the languages of `rules/words/opt_out.toml`."""
    return opt_out_scope(text) is not None


def take_reply(conn: psycopg.Connection, keyring: Keyring, reply: Reply, *, now: datetime) -> bool:
    """Record a stop for everyone who holds the number, and commit it; returns whether it was one.

    A word that means everything ("stop all") ends every channel of theirs, any other the messages to that number. A
    number that nobody has is suppressed, so that the word holds for whoever comes with it.

    A sender that is no phone number (a name, a short code) is nobody we write to: its word is not one, and is not
    refused either, since the provider would send it again for ever.
    """
    reach = opt_out_scope(reply.text)
    if reach is None:
        return False
    try:
        index = address_index(keyring, Channel.SMS, reply.sender)
    except ValueError:
        return False
    said = Said(f"answered by SMS to {reply.provider}", "reply", reply.provider, now, now)
    with conn.transaction():
        scope = Scope(channel=Channel.SMS, address_index=index)
        for person in record_consent(conn, ConsentKind.CONTACT, granted=False, said=said, scope=scope):
            if reach == "everything":
                record_consent(conn, ConsentKind.CONTACT, granted=False, said=said, person=person)
        if not holders_of(conn, SuppressionKind.PHONE, index):
            kept = Said("said-stop", "reply", reply.provider, now, now)
            suppress(conn, SuppressionKind.PHONE, [index], said=kept)
    return True
