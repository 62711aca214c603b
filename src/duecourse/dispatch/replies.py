"""What people write back, as far as this version understands it: a plain word to stop."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import psycopg

from duecourse.book.contact_points import record_opt_out
from duecourse.book.identity import address_index
from duecourse.domain.messaging import Channel, Reply
from duecourse.privacy.keyring import Keyring

STOP_WORDS: Final = frozenset(
    {
        *(
            "stop",
            "stopall",
            "stop all",
            "unsubscribe",
            "cancel",
            "end",
            "quit",
            "revoke",
            "opt out",
            "optout",
        ),
        *("td", "t", "r", "退订", "退訂", "取消", "拒收", "停止"),
    }
)
"""The words of 47 CFR 64.1200(a)(10), and those that Chinese carriers and senders ask people to answer with."""


def is_stop(text: str) -> bool:
    """Whether a reply is nothing but a word to stop."""
    return " ".join(text.strip(" \t\r\n.!。！\"'“”").lower().split()) in STOP_WORDS


def take_reply(conn: psycopg.Connection, keyring: Keyring, reply: Reply, *, now: datetime) -> bool:
    """Record a stop for everyone who holds the number, and commit it; returns whether it was one.

    A sender that is no phone number (a name, a short code) is nobody we write to: its word is not one, and is not
    refused either, since the provider would send it again for ever.
    """
    if not is_stop(reply.text):
        return False
    try:
        address_index(keyring, Channel.SMS, reply.sender)
    except ValueError:
        return False
    with conn.transaction():
        record_opt_out(
            conn,
            keyring,
            now=now,
            evidence=f"answered by SMS to {reply.provider}",
            address=(Channel.SMS, reply.sender),
            channel=Channel.SMS,
        )
    return True
