"""A borrower's answer to an invitation to bind their WeChat: a code typed into the chat, or scanned."""

from __future__ import annotations

from datetime import datetime

import psycopg

from duecourse.book.binding import SCENE_PREFIX, Bound, answer, code_in
from duecourse.domain.messaging import Channel, Reply, ReplyKind
from duecourse.privacy.keyring import Keyring


def take_binding(conn: psycopg.Connection, keyring: Keyring, reply: Reply, *, now: datetime) -> Bound | None:
    """What came of the code that a reply brings, committed; None where it brings none."""
    if reply.channel is not Channel.WECHAT:
        return None
    code = None
    if reply.kind is ReplyKind.TEXT:
        code = code_in(reply.text)
    elif reply.kind is ReplyKind.SUBSCRIBED and reply.text.startswith(SCENE_PREFIX):
        code = code_in(reply.text.removeprefix(SCENE_PREFIX))
    if code is None:
        return None
    return answer(conn, keyring, code, reply.sender, provider=reply.provider, now=now)
