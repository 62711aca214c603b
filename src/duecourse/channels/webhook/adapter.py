"""A message as a signed POST to the lender's own sender, and what that tells back.

Source: Standard Webhooks (see signing.py). The attempt's id is the webhook's id: the receiver drops one that it has, so
it is safe to post again, and to hand the attempt over again.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import random
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, ClassVar, Final, Self
from uuid import UUID

from pydantic import Field, SecretStr, model_validator

from duecourse.channels.http import verdicts
from duecourse.channels.http.adapter import HttpAdapter
from duecourse.channels.http.callbacks import FORBIDDEN, NOT_STORED, UNREADABLE, acknowledged, json_of
from duecourse.channels.http.line import Answer, Ask, Heard, HttpSettings
from duecourse.channels.webhook.signing import is_signed, key_of, signed_headers
from duecourse.domain.messaging import (
    Accepted,
    AccountTrouble,
    Cause,
    Channel,
    NotWritten,
    Outcome,
    Outgoing,
    RawRequest,
    RawResponse,
    Receipt,
    ReceiptSink,
    ReceiptStatus,
    Refused,
    Reply,
    ReplyKind,
    ReplySink,
    Unknown,
)

FIRST_PAUSE_SECONDS: Final = 0.25


class WebhookSettings(HttpSettings):
    """[NAME] with kind = "sms.webhook", "email.webhook", … in providers.toml."""

    url: str = Field(pattern=r"^https?://[^#]+$")
    secret: SecretStr
    """`whsec_…`: signs what we post, and what is posted to us."""
    former_secret: SecretStr = SecretStr("")
    """While a secret is being changed: both sign, and both are taken."""
    retry_seconds: float = Field(default=4, ge=0, le=60)
    """A post without an answer, or answered 5xx, is made again within this time, and within `write_before`."""

    @model_validator(mode="after")
    def _secrets_are_some(self) -> Self:
        self.keys()
        return self

    def keys(self) -> list[bytes]:
        """The present secret first. Raises ValueError."""
        former = self.former_secret.get_secret_value()
        return [key_of(self.secret.get_secret_value()), *([key_of(former)] if former else [])]


class WebhookAdapter(HttpAdapter[WebhookSettings]):
    """One message a request. A subclass names its channel."""

    deduplicates = True
    settings_type = WebhookSettings

    def __init__(
        self,
        name: str,
        settings: WebhookSettings,
        on_receipts: ReceiptSink,
        on_reply: ReplySink,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        super().__init__(name, settings, on_receipts, on_reply, clock)
        self._keys = settings.keys()

    async def ask_for(self, outgoing: Outgoing) -> Ask | Outcome:
        """The whole message as JSON; any address that is there."""
        if not outgoing.address.strip() or (self.channel in _PHONES and not _is_phone(outgoing.address)):
            return Refused("address", "the address cannot be one of this channel", permanent=True)
        body = json.dumps(self._message(outgoing), ensure_ascii=False, separators=(",", ":")).encode()
        timestamp = int(self.now().timestamp())
        headers = signed_headers(self._keys, outgoing.attempt_id.hex, timestamp, body)
        return Ask(self.settings.url, body, {**headers, "content-type": "application/json"})

    def outcome_of(self, outgoing: Outgoing, answer: Answer) -> Outcome:
        """2xx is taken, under `id` of the answer where there is one; 4xx may say why not."""
        told = _object(answer.content)
        if 200 <= answer.status < 300:
            return Accepted(str(told.get("id") or outgoing.attempt_id.hex))
        pause = answer.retry_after(self.settings.throttle_pause_seconds)
        if answer.status in (400, 409, 422):
            cause = _cause(told.get("cause"))
            code = str(told.get("code") or answer.status)
            return Refused(code, "the receiver says no", told.get("permanent") is True, cause)
        if answer.status == 410:
            return AccountTrouble("410", "the receiver wants no more of these")
        verdict = verdicts.of_status(answer.status)
        if answer.status >= 500:  # by agreement: it has not taken it
            verdict = verdicts.Verdict(verdicts.Meaning.LATER, "trouble at the receiver")
        return verdicts.outcome(str(answer.status), verdict, pause)

    async def ask_line(self, ask: Ask, write_before: float) -> Heard:
        """Post, and post the same again where nothing came back or a 5xx, as long as the time allows."""
        until = min(write_before, time.monotonic() + self.settings.retry_seconds)
        pause, written = FIRST_PAUSE_SECONDS, False
        while True:
            heard = await self.line.ask(ask, write_before)
            if isinstance(heard, Answer) and heard.status < 500:
                return heard
            written = written or isinstance(heard, Unknown)
            wait = pause * random.uniform(0.5, 1.0)
            if isinstance(heard, NotWritten) or time.monotonic() + wait >= until:
                break
            await asyncio.sleep(wait)
            pause *= 2
        if written and not isinstance(heard, Answer):
            return Unknown("no answer, though posted more than once")
        return heard

    async def receive(self, request: RawRequest) -> RawResponse:
        """Receipts and replies, signed like what we post: see the page of this channel."""
        if not is_signed(self._keys, request.headers, request.body, self.now().timestamp()):
            return FORBIDDEN
        try:
            body = json_of(request)
            receipts = [self._receipt(one) for one in body.get("receipts", [])]
            call = _call_of(request)
            replies = [self._reply(one, f"{call}-{at}") for at, one in enumerate(body.get("replies", []))]
        except (ValueError, KeyError, TypeError, AttributeError):
            return UNREADABLE
        if not await self.hand_in(receipts, replies):
            return NOT_STORED
        return acknowledged({"ok": True})

    def _message(self, outgoing: Outgoing) -> Mapping[str, Any]:
        message: dict[str, Any] = {
            "attempt": outgoing.attempt_id.hex,
            "channel": self.channel.value,
            "to": outgoing.address,
            "text": outgoing.text,
            "valid_for_seconds": outgoing.valid_for_seconds,
        }
        for key in ("subject", "html", "language", "purpose", "link"):
            value = getattr(outgoing, key)
            if value:
                message[key] = value
        if outgoing.registered is not None:
            registered = outgoing.registered
            message["registered"] = {
                "template": registered.template, "signature": registered.signature, "sender": registered.sender,
                "values": dict(registered.values),
            }  # fmt: skip
        if outgoing.script is not None:
            script = outgoing.script
            message["script"] = {
                "greeting": script.greeting, "notice_after_confirmation": script.notice,
                "voicemail": script.voicemail, "repeat": script.repeat,
            }  # fmt: skip
        if outgoing.attachments:
            message["attachments"] = [
                {
                    "name": one.name,
                    "media_type": one.media_type,
                    "content_base64": base64.b64encode(one.content).decode("ascii"),
                }
                for one in outgoing.attachments
            ]
        return {"type": "message.send", "timestamp": self.now().isoformat(), "data": message}

    def _receipt(self, one: Mapping[str, Any]) -> Receipt:
        occurred = one.get("occurred_at")
        return Receipt(
            ReceiptStatus(one["status"]),
            str(one.get("code", "")),
            provider_id=str(one.get("id", "")),
            attempt_id=UUID(one["attempt"]),
            permanent=one.get("permanent") is True,
            cause=_cause(one.get("cause")),
            occurred_at=_aware(occurred) if occurred else None,
        )

    def _reply(self, one: Mapping[str, Any], place: str) -> Reply:
        """place: in the call that told it, where it has no id of its own."""
        attempt = one.get("attempt")
        return Reply(
            self.name,
            str(one.get("from", "")),
            str(one.get("to", "")),
            str(one.get("text", "")),
            self.channel,
            ReplyKind(one.get("kind", "text")),
            UUID(attempt) if attempt else None,
            reference=str(one.get("id") or place),
        )


def _call_of(request: RawRequest) -> str:
    """What a call has in common with the same one posted again, and with no other: its signed id, and its text,
    since who posts may give one id to all."""
    return hashlib.sha256(request.headers["webhook-id"].encode() + b"." + request.body).hexdigest()[:32]


_PHONES: Final = frozenset({Channel.SMS, Channel.VOICE})


def _is_phone(address: str) -> bool:
    return address.startswith("+") and address[1:].isdecimal() and address.isascii()


def _cause(text: object) -> Cause:
    try:
        return Cause(str(text))
    except ValueError:
        return Cause.OTHER


def _aware(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without its zone")
    return moment


def _object(content: bytes) -> Mapping[str, Any]:
    try:
        told = json.loads(content)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


class SmsWebhook(WebhookAdapter):
    """SMS."""

    kind: ClassVar[str] = "sms.webhook"
    channel: ClassVar[Channel] = Channel.SMS


class EmailWebhook(WebhookAdapter):
    """E-mail."""

    kind: ClassVar[str] = "email.webhook"
    channel: ClassVar[Channel] = Channel.EMAIL


class WechatWebhook(WebhookAdapter):
    """WeChat."""

    kind: ClassVar[str] = "wechat.webhook"
    channel: ClassVar[Channel] = Channel.WECHAT


class AppWebhook(WebhookAdapter):
    """App push."""

    kind: ClassVar[str] = "app.webhook"
    channel: ClassVar[Channel] = Channel.APP


class VoiceWebhook(WebhookAdapter):
    """Calls. Whoever makes them speaks the notice only after the right party has confirmed."""

    kind: ClassVar[str] = "voice.webhook"
    channel: ClassVar[Channel] = Channel.VOICE


class LetterWebhook(WebhookAdapter):
    """Letters."""

    kind: ClassVar[str] = "letter.webhook"
    channel: ClassVar[Channel] = Channel.LETTER
