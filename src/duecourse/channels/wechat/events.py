"""What WeChat's server tells us: XML of messages and events into receipts and replies.

Sources: developers.weixin.qq.com, service accounts: 接收普通消息, 接收事件推送, 模板消息,
订阅通知事件推送 (read 2026-11-25).
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from xml.etree import ElementTree

from duecourse.domain.messaging import Cause, Channel, Receipt, ReceiptStatus, Reply, ReplyKind

SCENE_PREFIX = "qrscene_"
MOST_TEXT = 4000
_STATUS = {
    "success": (ReceiptStatus.DELIVERED, Cause.OTHER),
    "failed:user block": (ReceiptStatus.FAILED, Cause.OPTED_OUT),
    "failed: system failed": (ReceiptStatus.FAILED, Cause.OTHER),
    "failed:system failed": (ReceiptStatus.FAILED, Cause.OTHER),
}


@dataclass(frozen=True, slots=True)
class Told:
    """One call's content."""

    key: str
    """The same when WeChat tells the same again."""
    receipts: tuple[Receipt, ...] = ()
    replies: tuple[Reply, ...] = field(default=(), repr=False)


def parse(body: bytes) -> ElementTree.Element:
    """Raises ValueError for what is no XML; a document type, which entities could swell, is none of WeChat's."""
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise ValueError("a document type")
    try:
        return ElementTree.fromstring(body)
    except ElementTree.ParseError:
        raise ValueError("not XML") from None


def read(body: bytes, provider: str, templates: Collection[str], long_term: Collection[str]) -> Told:
    """Receipts and replies of one message or event; kinds that say nothing to us give neither.

    templates: the subscription messages that we send; what is said of another program's is not for us. long_term: of
    those, whose consent has no count. Raises ValueError for what is not WeChat's XML.
    """
    told = parse(body)
    sender, account = _text(told, "FromUserName"), _text(told, "ToUserName")
    kind, event = _text(told, "MsgType"), _text(told, "Event")
    if not sender or not account or not kind:
        raise ValueError("not a message of WeChat")
    at = _instant(told)
    # Of events WeChat's advice, sender and second, would take two templates allowed at once for one.
    key = _text(told, "MsgId") or hashlib.sha256(body).hexdigest()
    whose = _Sender(provider, sender, account, key)
    if kind == "text":
        return Told(key, replies=(whose.reply(ReplyKind.TEXT, _text(told, "Content")[:MOST_TEXT]),))
    if kind != "event":
        return Told(key)
    if event == "TEMPLATESENDJOBFINISH":
        return _template(key, told, whose, at)
    if event in ("subscribe", "SCAN"):
        scene = _text(told, "EventKey").removeprefix(SCENE_PREFIX)
        return Told(key, replies=(whose.reply(ReplyKind.SUBSCRIBED, scene, count=0),))
    if event == "unsubscribe":
        return Told(key, replies=(whose.reply(ReplyKind.UNSUBSCRIBED),))
    if event == "subscribe_msg_popup_event":
        # Who says no when asked has given nothing, and taken nothing back.
        return Told(key, replies=_subscriptions(told, "accept", whose, templates, long_term))
    if event == "subscribe_msg_change_event":
        return Told(key, replies=_subscriptions(told, "reject", whose, templates, long_term))
    if event == "subscribe_msg_sent_event":
        return Told(key, receipts=_sent(told, at))
    return Told(key)


@dataclass(frozen=True, slots=True)
class _Sender:
    provider: str
    openid: str
    account: str
    key: str

    def reply(self, kind: ReplyKind, text: str = "", count: int = 1) -> Reply:
        return Reply(
            self.provider,
            self.openid,
            self.account,
            text,
            Channel.WECHAT,
            kind,
            count=count,
            reference=self.key,
        )


def _template(key: str, told: ElementTree.Element, whose: _Sender, at: datetime | None) -> Told:
    status, cause = _STATUS.get(_text(told, "Status"), (ReceiptStatus.FAILED, Cause.OTHER))
    code = (
        "success"
        if status is ReceiptStatus.DELIVERED
        else cause.value
        if cause is Cause.OPTED_OUT
        else "failed"
    )
    receipt = Receipt(status, code, provider_id=_text(told, "MsgID"), cause=cause, occurred_at=at)
    # Who blocks the account's messages in its settings has stopped this channel by its own means.
    stops = (whose.reply(ReplyKind.UNSUBSCRIBED),) if cause is Cause.OPTED_OUT else ()
    return Told(key, (receipt,), stops)


def _subscriptions(
    told: ElementTree.Element,
    answer: str,
    whose: _Sender,
    templates: Collection[str],
    long_term: Collection[str],
) -> tuple[Reply, ...]:
    replies = []
    for one in told.iter("List"):
        template = _text(one, "TemplateId")
        if template not in templates or _text(one, "SubscribeStatusString") != answer:
            continue
        if answer == "accept":
            replies.append(whose.reply(ReplyKind.SUBSCRIBED, template, 0 if template in long_term else 1))
        else:
            replies.append(whose.reply(ReplyKind.UNSUBSCRIBED, template))
    return tuple(replies)


def _sent(told: ElementTree.Element, at: datetime | None) -> tuple[Receipt, ...]:
    receipts = []
    for one in told.iter("List"):
        code, message = _text(one, "ErrorCode"), _text(one, "MsgID")
        good = code == "0"
        cause = Cause.NO_CONSENT if code == "43101" else Cause.OTHER
        status = ReceiptStatus.DELIVERED if good else ReceiptStatus.FAILED
        if message and code.lstrip("-").isdigit():
            receipts.append(Receipt(status, code, provider_id=message, cause=cause, occurred_at=at))
    return tuple(receipts)


def _text(told: ElementTree.Element, name: str) -> str:
    return (told.findtext(name) or "").strip()


def _instant(told: ElementTree.Element) -> datetime | None:
    text = _text(told, "CreateTime")
    return datetime.fromtimestamp(int(text), UTC) if text.isdigit() and len(text) <= 11 else None
