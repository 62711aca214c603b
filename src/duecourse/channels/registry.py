"""The one list of kinds of provider. A new one adds its folder and one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pkgutil import resolve_name
from typing import Any, Protocol

from pydantic import ValidationError

from duecourse.channels.sandbox.room import FarEnd
from duecourse.domain.messaging import Adapter, ReceiptSink, ReplySink
from duecourse.domain.problems import DuecourseError, Problem


class Configurable(Protocol):
    """An adapter's class."""

    def configured(
        self,
        name: str,
        config: Mapping[str, Any],
        on_receipts: ReceiptSink,
        on_reply: ReplySink,
        clock: Callable[[], datetime] | None = None,
    ) -> Adapter:
        """An adapter from its settings as written."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of provider: how we speak to it, and its other side in the sandbox, each `module:class` of this room.

    Named, and loaded when one of the kind is used: together they would cost every command a second of its start.
    """

    adapter_at: str
    far_end_at: str

    @property
    def adapter(self) -> Configurable:
        """The adapter's class."""
        adapter: Configurable = _loaded(self.adapter_at)
        return adapter

    @property
    def far_end(self) -> type[FarEnd]:
        """The class of its other side."""
        far_end: type[FarEnd] = _loaded(self.far_end_at)
        return far_end


def _loaded(name: str) -> Any:
    return resolve_name(f"duecourse.channels.{name}")


KINDS: Mapping[str, Kind] = {
    "sms.smpp": Kind("smpp.adapter:SmppAdapter", "smpp.far_end:SandboxSmsc"),
    "sms.cmpp": Kind("cmpp.adapter:CmppAdapter", "cmpp.far_end:SandboxIsmg"),
    "sms.sgip": Kind("sgip.adapter:SgipAdapter", "sgip.far_end:SandboxSmg"),
    "sms.smgp": Kind("smgp.adapter:SmgpAdapter", "smgp.far_end:SandboxSmgw"),
    "email.smtp": Kind("smtp.adapter:SmtpAdapter", "sandbox.mailbox:SandboxMailServer"),
    "letter.print": Kind("letter.adapter:LetterAdapter", "letter.far_end:PrintHouse"),
    "sms.aliyun": Kind("aliyun.sms:AliyunSmsAdapter", "aliyun.far_end:SandboxAliyunSms"),
    "sms.tencent": Kind("tencent.sms:TencentSmsAdapter", "tencent.far_end:SandboxTencentSms"),
    "sms.http": Kind("gateway.adapter:HttpGatewayAdapter", "gateway.far_end:SandboxGateway"),
    "sms.twilio": Kind("twilio.sms:TwilioSmsAdapter", "twilio.far_end:SandboxTwilioSms"),
    "voice.sip": Kind("voice_sip.adapter:VoiceSipAdapter", "voice_sip.far_end:SandboxExchange"),
    "voice.aliyun": Kind("aliyun.voice:AliyunVoiceAdapter", "aliyun.far_end:SandboxAliyunVoice"),
    "voice.tencent": Kind("tencent.voice:TencentVoiceAdapter", "tencent.far_end:SandboxTencentVoice"),
    "voice.twilio": Kind("twilio.voice:TwilioVoiceAdapter", "twilio.far_end:SandboxTwilioVoice"),
    "sms.webhook": Kind("webhook.adapter:SmsWebhook", "webhook.far_end:SandboxSmsWebhook"),
    "email.webhook": Kind("webhook.adapter:EmailWebhook", "webhook.far_end:SandboxEmailWebhook"),
    "wechat.webhook": Kind("webhook.adapter:WechatWebhook", "webhook.far_end:SandboxWechatWebhook"),
    "app.webhook": Kind("webhook.adapter:AppWebhook", "webhook.far_end:SandboxAppWebhook"),
    "voice.webhook": Kind("webhook.adapter:VoiceWebhook", "webhook.far_end:SandboxVoiceWebhook"),
    "letter.webhook": Kind("webhook.adapter:LetterWebhook", "webhook.far_end:SandboxLetterWebhook"),
    "app.apns": Kind("apns.adapter:ApnsAdapter", "apns.far_end:SandboxApns"),
    "app.fcm": Kind("fcm.adapter:FcmAdapter", "fcm.far_end:SandboxFcm"),
    "app.jpush": Kind("jpush.adapter:JpushAdapter", "jpush.far_end:SandboxJpush"),
    "wechat.service": Kind("wechat.adapter:WechatAdapter", "wechat.far_end:SandboxWechat"),
    "webpush.vapid": Kind("webpush.adapter:WebpushAdapter", "webpush.far_end:SandboxWebpush"),
}
IN_BOOK: Mapping[str, str] = {
    "inbox.book": "inbox.adapter:BookInbox",
    "task.book": "task.adapter:BookTasks",
}
"""Kinds that have no other side: what is handed over stays in the book. Every book has them."""


def build(
    kind: str,
    name: str,
    config: Mapping[str, Any],
    on_receipts: ReceiptSink,
    on_reply: ReplySink,
    clock: Callable[[], datetime] | None = None,
) -> Adapter:
    """The adapter of a configured provider, not yet open.

    clock: dates messages that bring no date of their own (the Date of an e-mail).
    Raises DuecourseError C001 (unknown kind), C002 (each bad setting), C003 (a key or certificate is
    unusable).
    """
    where = f"provider {name}"
    if kind not in KINDS and kind not in IN_BOOK:
        known = ", ".join(sorted([*KINDS, *IN_BOOK]))
        raise DuecourseError(
            Problem("C001", where, f"kind '{kind}' is unknown; known: {known}.", "Not opened.")
        )
    adapter: Configurable = KINDS[kind].adapter if kind in KINDS else _loaded(IN_BOOK[kind])
    try:
        return adapter.configured(name, config, on_receipts, on_reply, clock)
    except ValidationError as error:
        raise DuecourseError(
            [
                # The value itself may be a secret, so only its place and the fault are told.
                Problem(
                    "C002", f"{where}, {'.'.join(map(str, each['loc'])) or 'settings'}", f"{each['msg']}."
                )
                for each in error.errors(include_input=False, include_context=False, include_url=False)
            ]
        ) from None
    except (OSError, ValueError) as error:
        raise DuecourseError(
            Problem("C003", where, f"A key or certificate cannot be used: {error}.", "Not opened.")
        ) from None
