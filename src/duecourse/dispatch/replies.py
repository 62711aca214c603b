"""What people write back, as far as this version understands it: a plain word to stop or one by other means."""

from __future__ import annotations

from datetime import datetime

import psycopg

from duecourse.book.consents import ConsentKind, Scope, record_consent
from duecourse.book.identity import ADDRESSABLE, address_index
from duecourse.book.suppressions import SuppressionKind, holders_of, suppress
from duecourse.book.wishes import EVERY_LANE, Said
from duecourse.domain.messaging import Channel, Reply, ReplyKind
from duecourse.planning.confirming import Confirmer
from duecourse.privacy.keyring import Keyring
from duecourse.rules.word_lists import opt_out_scope
from duecourse.store.sql import load

SQL = load("dispatch")

_BY_OTHER_MEANS = {
    ReplyKind.UNSUBSCRIBED: "unsubscribed from {channel} at {provider}",
    ReplyKind.COMPLAINT: "complained of {channel} to {provider}",
}
_SUPPRESSED = {Channel.SMS: SuppressionKind.PHONE, Channel.EMAIL: SuppressionKind.EMAIL}


def is_stop(text: str) -> bool:
    """Whether a reply is nothing but a word to stop, in one of the languages of `rules/words/opt_out.toml`."""
    return opt_out_scope(text) is not None


def take_reply(
    conn: psycopg.Connection,
    keyring: Keyring,
    reply: Reply,
    *,
    now: datetime,
    confirmer: Confirmer | None = None,
) -> bool:
    """Record a stop for everyone who holds the address, and commit it; returns whether it was one.

    A word that means everything ("stop all") ends every channel of theirs, any other the messages to that address. An
    unsubscription or complaint by the channel's own means is a stop of it. An address that nobody has is suppressed,
    so that the word holds for whoever comes with it. A written word is confirmed once by `confirmer`, in the same
    transaction; whoever stopped by other means was told there.

    A sender that is no address (a name, a short code) is nobody we write to: its word is not one, and is not
    refused either, since the provider would send it again for ever.
    """
    other = _BY_OTHER_MEANS.get(reply.kind)
    reach = opt_out_scope(reply.text) if reply.kind is ReplyKind.TEXT else None
    if other is None and reach is None:
        return False
    index = _index_of(conn, keyring, reply)
    if index is None:
        return False
    channel = "SMS" if reply.channel is Channel.SMS else reply.channel.value
    how = other or "answered by {channel} to {provider}"
    said = Said(how.format(channel=channel, provider=reply.provider), "reply", reply.provider, now, now)
    plannables = confirmer.policies() if confirmer and reach else ()
    with conn.transaction():
        scope = Scope(channel=reply.channel, address_index=index)
        for person in record_consent(conn, ConsentKind.CONTACT, granted=False, said=said, scope=scope):
            if reach == "everything":
                record_consent(conn, ConsentKind.CONTACT, granted=False, said=said, person=person)
        kind = _SUPPRESSED.get(reply.channel)
        if kind and not holders_of(conn, kind, index):
            kept = Said("said-stop", "reply", reply.provider, now, now)
            suppress(conn, kind, [index], said=kept)
        if confirmer and plannables:
            confirmer.confirm(conn, plannables, said=said, scope=scope)
    return True


def _index_of(conn: psycopg.Connection, keyring: Keyring, reply: Reply) -> bytes | None:
    """Of the address that the reply came from, or that our attempt went to; None for what is none of ours."""
    if reply.sender and reply.channel in ADDRESSABLE:
        try:
            return address_index(keyring, reply.channel, reply.sender)
        except ValueError:
            return None
    if reply.attempt_id is None:
        return None
    with conn.transaction():
        row = conn.execute(
            SQL["address_of_attempt"], {"lanes": EVERY_LANE, "attempt_id": reply.attempt_id}
        ).fetchone()
    return bytes(row[0]) if row else None
