"""Calls over Tencent Cloud: SendTtsVoice and the callbacks for state, keys and failure.

Sources (read 2026-11-25): cloud.tencent.com, 语音消息, SendTtsVoice 2020-09-02 (1128/51558), 回执 (1128/51534, 51535,
51536, 37531); PyPI tencentcloud-sdk-python-vms 3.0.1459.

The call plays one approved text and cannot ask first who listens. So it never names a debt: see `spoken`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from pydantic import Field

from duecourse.channels.http.adapter import refused_address
from duecourse.channels.http.line import Ask
from duecourse.channels.http.phone import is_e164, with_plus
from duecourse.channels.http.spoken import spoken
from duecourse.channels.tencent import codes
from duecourse.channels.tencent.client import TencentAdapter, TencentSettings
from duecourse.domain.messaging import (
    Accepted,
    Cause,
    Channel,
    Outcome,
    Outgoing,
    Receipt,
    ReceiptSink,
    ReceiptStatus,
    Refused,
    Reply,
    ReplyKind,
    ReplySink,
)

MOST_REMEMBERED: Final = 50_000
_UNANSWERED = {"1": Cause.NO_ANSWER}


class TencentVoiceSettings(TencentSettings):
    """[NAME] with kind = "voice.tencent" in providers.toml."""

    url: str = Field(default="https://vms.tencentcloudapi.com", pattern=r"^https?://[^/]+$")
    template_id: str = ""
    """Template for texts that have none registered: one variable that is the whole text."""
    play_times: int = Field(default=2, ge=1, le=3)


class TencentVoiceAdapter(TencentAdapter[TencentVoiceSettings]):
    """One call a request."""

    kind = "voice.tencent"
    channel = Channel.VOICE
    settings_type = TencentVoiceSettings
    service = "vms"
    version = "2020-09-02"

    def __init__(
        self,
        name: str,
        settings: TencentVoiceSettings,
        on_receipts: ReceiptSink,
        on_reply: ReplySink,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        super().__init__(name, settings, on_receipts, on_reply, clock)
        self._attempts: OrderedDict[str, UUID] = OrderedDict()

    async def ask_for(self, outgoing: Outgoing) -> Ask | Outcome:
        """The approved text with what may be said to anybody."""
        if not is_e164(outgoing.address):
            return refused_address("the address is no phone number with its country")
        said = spoken(outgoing, self.settings.template_id, "1")
        if isinstance(said, Refused):
            return said
        template, values = said
        parameters = {
            "TemplateId": template,
            "CalledNumber": outgoing.address,
            "VoiceSdkAppid": self.settings.sdk_app_id,
            "TemplateParamSet": list(values.values()),
            "PlayTimes": self.settings.play_times,
            "SessionContext": outgoing.attempt_id.hex,
        }
        return self.signed(self.settings.url, "SendTtsVoice", parameters)

    def said(self, outgoing: Outgoing, response: Mapping[str, Any]) -> Outcome:
        """Taken under CallId, which is all that the callbacks name."""
        call_id = str(response["SendStatus"]["CallId"])
        self._attempts[call_id] = outgoing.attempt_id
        while len(self._attempts) > MOST_REMEMBERED:
            self._attempts.popitem(last=False)
        return Accepted(call_id)

    def heard(self, body: Any) -> tuple[list[Receipt], list[Reply]]:
        """One of three callbacks, by its only key."""
        ((what, one),) = body.items()
        call_id = str(one["callid"])
        if what == "voicekey_callback":
            return [], self._keys(call_id, one)
        if what == "voice_failure_callback":
            code = int(one["failure_code"])
            return [_failed(call_id, str(code), codes.CALLS.get(code, Cause.OTHER))], []
        if what != "voiceprompt_callback":
            raise KeyError(what)
        result = str(one["result"])
        if result != "0":
            return [_failed(call_id, f"result {result}", _UNANSWERED.get(result, Cause.OTHER))], []
        at = datetime.fromtimestamp(int(one["accept_time"]), UTC) if one.get("accept_time") else None
        return [Receipt(ReceiptStatus.DELIVERED, "result 0", provider_id=call_id, occurred_at=at)], []

    def _keys(self, call_id: str, one: Mapping[str, Any]) -> list[Reply]:
        sender = with_plus(str(one["mobile"]), str(one["nationcode"]))
        attempt = self._attempts.get(call_id)
        return [
            Reply(
                self.name,
                sender,
                "",
                key,
                Channel.VOICE,
                ReplyKind.KEY,
                attempt,
                reference=f"{call_id} {place}",
            )
            for place, key in enumerate(str(one["keypress"]))
            if key in "0123456789*#"
        ]


def _failed(call_id: str, code: str, cause: Cause) -> Receipt:
    dead = cause is Cause.DEAD
    return Receipt(ReceiptStatus.FAILED, code, provider_id=call_id, permanent=dead, cause=cause)
