"""What people send us or do: kept, and followed where it means one of a few things.

A word or a key to stop, an unsubscription, a complaint is a stop of its channel and address; a key during a call can
say that the notice was heard, ask for a link to pay or for a person; a channel allowed by its own means is a consent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Final
from uuid import UUID

import psycopg

from duecourse.book.consents import ConsentKind, Scope, record_consent
from duecourse.book.identity import ADDRESSABLE, address_index
from duecourse.book.suppressions import SuppressionKind, holders_of, suppress
from duecourse.book.wishes import EVERY_LANE, Said
from duecourse.domain.messaging import Channel, Receipt, ReceiptStatus, Reply, ReplyKind
from duecourse.planning.answering import plan_answer
from duecourse.planning.compile import Plannable
from duecourse.planning.confirming import Confirmer
from duecourse.privacy.keyring import Keyring
from duecourse.privacy.sealing import seal_value
from duecourse.rules.word_lists import opt_out_scope
from duecourse.store.sql import load

from .receipts import append_receipts

SQL = load("dispatch/replies")

_BY_OTHER_MEANS = {
    ReplyKind.UNSUBSCRIBED: "unsubscribed from {channel} at {provider}",
    ReplyKind.COMPLAINT: "complained of {channel} to {provider}",
    ReplyKind.KEY: "pressed 0 on {channel} by {provider}",
}
_SUPPRESSED = {
    Channel.SMS: SuppressionKind.PHONE,
    Channel.VOICE: SuppressionKind.PHONE,
    Channel.EMAIL: SuppressionKind.EMAIL,
}
KEYS: Final[Mapping[str, str]] = {"0": "stop", "1": "heard", "2": "pay-link", "9": "call-me"}
"""What the keys of a call mean; any other means nothing."""


def is_stop(text: str) -> bool:
    """Whether a reply is nothing but a word to stop, in one of the languages of `rules/words/opt_out.toml`."""
    return opt_out_scope(text) is not None


def meaning_of(reply: Reply) -> str:
    """What is understood of it; 'text' for nothing."""
    match reply.kind:
        case ReplyKind.UNSUBSCRIBED | ReplyKind.COMPLAINT:
            return "stop"
        case ReplyKind.SUBSCRIBED:
            return "subscribed"
        case ReplyKind.KEY:
            return KEYS.get(reply.text.strip(), "text")
        case ReplyKind.TEXT:
            return "stop" if is_stop(reply.text) else "text"


def take_reply(
    conn: psycopg.Connection,
    keyring: Keyring,
    reply: Reply,
    *,
    now: datetime,
    confirmer: Confirmer | None = None,
) -> bool:
    """Keep a reply and record what it means, in one transaction; returns whether it was a word to stop.

    A word that means everything ("stop all") ends every channel of theirs, any other the messages to that address on
    that channel. An address that nobody has is suppressed, so that the word holds for whoever comes with it. A written
    word is confirmed once by `confirmer`, in the same transaction; whoever stopped by other means was told there.

    A sender that is no address (a name, a short code) is nobody we write to: its word is not one, and is not
    refused either, since the provider would send it again for ever. What is told again is kept and followed once.
    """
    meaning = meaning_of(reply)
    index = _index_of(conn, keyring, reply)
    if index is None and reply.attempt_id is None:
        return False
    plannables = confirmer.policies() if confirmer and meaning in ("stop", "pay-link") else ()
    with conn.transaction():
        if not _append(conn, keyring, reply, meaning, index, now):
            return meaning == "stop" and index is not None
        if meaning == "stop" and index is not None:
            _stop(conn, reply, index, now, confirmer, plannables)
            return True
        if meaning == "subscribed" and index is not None:
            _allow(conn, reply, index, now)
        if reply.attempt_id is not None:
            if meaning == "heard":
                read = Receipt(ReceiptStatus.READ, "key 1", attempt_id=reply.attempt_id)
                append_receipts(conn, keyring, reply.provider, [read], now=now)
            elif meaning in ("pay-link", "call-me"):
                plan_answer(conn, reply.attempt_id, meaning, plannables, now=now)
    return False


def _append(
    conn: psycopg.Connection,
    keyring: Keyring,
    reply: Reply,
    meaning: str,
    index: bytes | None,
    now: datetime,
) -> bool:
    """Whether it is new. Under an id of its content and of the provider's name of it; without one, of its instant: what
    is told twice at once is one row.
    """
    who = index or reply.attempt_id
    content = (
        reply.provider,
        reply.channel,
        reply.kind,
        who,
        reply.attempt_id,
        keyring.digest(reply.text),
        reply.reference or now,
    )
    digest = blake2b(repr(content).encode(), digest_size=16).digest()
    reply_id = UUID(bytes=digest)
    kept = conn.execute(
        SQL["append_reply"],
        {
            "lane": digest[0],
            "reply_id": reply_id,
            "provider": reply.provider,
            "channel": reply.channel.value,
            "kind": reply.kind.value,
            "meaning": meaning,
            "attempt_id": reply.attempt_id,
            "address_index": index,
            "text_sealed": seal_value(keyring, reply.text, "reply", "text", reply_id) if reply.text else None,
            "now": now,
        },
    ).fetchone()
    return kept is not None


def _stop(
    conn: psycopg.Connection,
    reply: Reply,
    index: bytes,
    now: datetime,
    confirmer: Confirmer | None,
    plannables: Sequence[Plannable],
) -> None:
    reach = opt_out_scope(reply.text) if reply.kind is ReplyKind.TEXT else None
    channel = "SMS" if reply.channel is Channel.SMS else reply.channel.value
    how = _BY_OTHER_MEANS.get(reply.kind) or "answered by {channel} to {provider}"
    said = Said(how.format(channel=channel, provider=reply.provider), "reply", reply.provider, now, now)
    scope = Scope(channel=reply.channel, address_index=index)
    for person in record_consent(conn, ConsentKind.CONTACT, granted=False, said=said, scope=scope):
        if reach == "everything":
            record_consent(conn, ConsentKind.CONTACT, granted=False, said=said, person=person)
    kind = _SUPPRESSED.get(reply.channel)
    if kind and not holders_of(conn, kind, index):
        suppress(conn, kind, [index], said=Said("said-stop", "reply", reply.provider, now, now))
    if confirmer and plannables and reach:
        confirmer.confirm(conn, plannables, said=said, scope=scope)


def _allow(conn: psycopg.Connection, reply: Reply, index: bytes, now: datetime) -> None:
    """A channel allowed by its own means: a consent to it, for so many messages where it counts them, and the end of a
    stop that was said there.
    """
    said = Said(f"subscribed to {reply.channel.value} at {reply.provider}", "reply", reply.provider, now, now)
    scope = Scope(channel=reply.channel, address_index=index)
    record_consent(
        conn, ConsentKind.CONSENT, granted=True, said=said, scope=scope, messages=reply.count or None
    )
    record_consent(conn, ConsentKind.CONTACT, granted=True, said=said, scope=scope)


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
