"""The one list of kinds of provider. A new one adds its folder and one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from pydantic import ValidationError

from duecourse.channels.aliyun.far_end import SandboxAliyunSms, SandboxAliyunVoice
from duecourse.channels.aliyun.sms import AliyunSmsAdapter
from duecourse.channels.aliyun.voice import AliyunVoiceAdapter
from duecourse.channels.apns.adapter import ApnsAdapter
from duecourse.channels.apns.far_end import SandboxApns
from duecourse.channels.cmpp.adapter import CmppAdapter
from duecourse.channels.cmpp.far_end import SandboxIsmg
from duecourse.channels.fcm.adapter import FcmAdapter
from duecourse.channels.fcm.far_end import SandboxFcm
from duecourse.channels.gateway.adapter import HttpGatewayAdapter
from duecourse.channels.gateway.far_end import SandboxGateway
from duecourse.channels.inbox.adapter import BookInbox
from duecourse.channels.jpush.adapter import JpushAdapter
from duecourse.channels.jpush.far_end import SandboxJpush
from duecourse.channels.letter.adapter import LetterAdapter
from duecourse.channels.letter.far_end import PrintHouse
from duecourse.channels.sandbox.mailbox import SandboxMailServer
from duecourse.channels.sandbox.room import FarEnd
from duecourse.channels.sgip.adapter import SgipAdapter
from duecourse.channels.sgip.far_end import SandboxSmg
from duecourse.channels.smgp.adapter import SmgpAdapter
from duecourse.channels.smgp.far_end import SandboxSmgw
from duecourse.channels.smpp.adapter import SmppAdapter
from duecourse.channels.smpp.far_end import SandboxSmsc
from duecourse.channels.smtp.adapter import SmtpAdapter
from duecourse.channels.task.adapter import BookTasks
from duecourse.channels.tencent.far_end import SandboxTencentSms, SandboxTencentVoice
from duecourse.channels.tencent.sms import TencentSmsAdapter
from duecourse.channels.tencent.voice import TencentVoiceAdapter
from duecourse.channels.twilio.far_end import SandboxTwilioSms, SandboxTwilioVoice
from duecourse.channels.twilio.sms import TwilioSmsAdapter
from duecourse.channels.twilio.voice import TwilioVoiceAdapter
from duecourse.channels.voice_sip.adapter import VoiceSipAdapter
from duecourse.channels.voice_sip.far_end import SandboxExchange
from duecourse.channels.webhook.adapter import (
    AppWebhook,
    EmailWebhook,
    LetterWebhook,
    SmsWebhook,
    VoiceWebhook,
    WechatWebhook,
)
from duecourse.channels.webhook.far_end import (
    SandboxAppWebhook,
    SandboxEmailWebhook,
    SandboxLetterWebhook,
    SandboxSmsWebhook,
    SandboxVoiceWebhook,
    SandboxWechatWebhook,
)
from duecourse.channels.webpush.adapter import WebpushAdapter
from duecourse.channels.webpush.far_end import SandboxWebpush
from duecourse.channels.wechat.adapter import WechatAdapter
from duecourse.channels.wechat.far_end import SandboxWechat
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
    """One kind of provider: how we speak to it, and its other side in the sandbox."""

    adapter: Configurable
    far_end: type[FarEnd]


KINDS: Mapping[str, Kind] = {
    "sms.smpp": Kind(SmppAdapter, SandboxSmsc),
    "sms.cmpp": Kind(CmppAdapter, SandboxIsmg),
    "sms.sgip": Kind(SgipAdapter, SandboxSmg),
    "sms.smgp": Kind(SmgpAdapter, SandboxSmgw),
    "email.smtp": Kind(SmtpAdapter, SandboxMailServer),
    "letter.print": Kind(LetterAdapter, PrintHouse),
    "sms.aliyun": Kind(AliyunSmsAdapter, SandboxAliyunSms),
    "sms.tencent": Kind(TencentSmsAdapter, SandboxTencentSms),
    "sms.http": Kind(HttpGatewayAdapter, SandboxGateway),
    "sms.twilio": Kind(TwilioSmsAdapter, SandboxTwilioSms),
    "voice.sip": Kind(VoiceSipAdapter, SandboxExchange),
    "voice.aliyun": Kind(AliyunVoiceAdapter, SandboxAliyunVoice),
    "voice.tencent": Kind(TencentVoiceAdapter, SandboxTencentVoice),
    "voice.twilio": Kind(TwilioVoiceAdapter, SandboxTwilioVoice),
    "sms.webhook": Kind(SmsWebhook, SandboxSmsWebhook),
    "email.webhook": Kind(EmailWebhook, SandboxEmailWebhook),
    "wechat.webhook": Kind(WechatWebhook, SandboxWechatWebhook),
    "app.webhook": Kind(AppWebhook, SandboxAppWebhook),
    "voice.webhook": Kind(VoiceWebhook, SandboxVoiceWebhook),
    "letter.webhook": Kind(LetterWebhook, SandboxLetterWebhook),
    "app.apns": Kind(ApnsAdapter, SandboxApns),
    "app.fcm": Kind(FcmAdapter, SandboxFcm),
    "app.jpush": Kind(JpushAdapter, SandboxJpush),
    "wechat.service": Kind(WechatAdapter, SandboxWechat),
    "webpush.vapid": Kind(WebpushAdapter, SandboxWebpush),
}
IN_BOOK: Mapping[str, Configurable] = {
    "inbox.book": BookInbox,
    "task.book": BookTasks,
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
    adapter = KINDS[kind].adapter if kind in KINDS else IN_BOOK.get(kind)
    if adapter is None:
        known = ", ".join(sorted([*KINDS, *IN_BOOK]))
        raise DuecourseError(
            Problem("C001", where, f"kind '{kind}' is unknown; known: {known}.", "Not opened.")
        )
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
