"""Calls over Alibaba Cloud: SingleCallByTts, VoiceReport, QueryCallDetailByCallId.

Sources (read 2026-11-25): help.aliyun.com, 语音服务, SingleCallByTts, VoiceReport, QueryCallDetailByCallId (393529),
呼叫状态码; PyPI alibabacloud-dyvmsapi20170525 5.3.0.

The call plays one approved text and cannot ask first who listens. So it never names a debt: see `spoken`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from pydantic import Field

from duecourse.channels.aliyun import codes
from duecourse.channels.aliyun.client import AliyunAdapter, AliyunSettings, attempt_of, instant
from duecourse.channels.http.adapter import refused_address
from duecourse.channels.http.line import Answer, Ask
from duecourse.channels.http.phone import bare, is_e164
from duecourse.channels.http.spoken import spoken
from duecourse.domain.messaging import (
    Cause,
    Channel,
    Outcome,
    Outgoing,
    Receipt,
    ReceiptStatus,
    Refused,
    Reply,
    ReplyKind,
)

NOTICE_PRODUCT: Final = "11000000300006"
"""Their number of voice notices, for questions about a call."""


class AliyunVoiceSettings(AliyunSettings):
    """[NAME] with kind = "voice.aliyun" in providers.toml."""

    url: str = Field(default="https://dyvmsapi.aliyuncs.com", pattern=r"^https?://[^/]+$")
    called_show_number: str = ""
    """The number shown; '' uses their common ones."""
    tts_code: str = ""
    """Template for texts that have none registered: one variable that is the whole text."""
    tts_variable: str = "text"
    play_times: int = Field(default=2, ge=1, le=3)
    ask_after_seconds: float = Field(default=600, gt=0, le=86_400)


class AliyunVoiceAdapter(AliyunAdapter[AliyunVoiceSettings]):
    """One call a request."""

    kind = "voice.aliyun"
    channel = Channel.VOICE
    settings_type = AliyunVoiceSettings
    id_key = "CallId"

    async def ask_for(self, outgoing: Outgoing) -> Ask | Outcome:
        """The approved text with what may be said to anybody."""
        if not is_e164(outgoing.address):
            return refused_address("the address is no phone number with its country")
        said = spoken(outgoing, self.settings.tts_code, self.settings.tts_variable)
        if isinstance(said, Refused):
            return said
        template, values = said
        sender = (outgoing.registered and outgoing.registered.sender) or self.settings.called_show_number
        parameters = {
            "CalledNumber": bare(outgoing.address),
            "TtsCode": template,
            "TtsParam": json.dumps(values, ensure_ascii=False),
            "PlayTimes": str(self.settings.play_times),
            "OutId": outgoing.attempt_id.hex,
        }
        return self.signed("SingleCallByTts", parameters | ({"CalledShowNumber": sender} if sender else {}))

    def outcome_of(self, outgoing: Outgoing, answer: Answer) -> Outcome:
        """Taken under CallId."""
        return self.accepted(answer, outgoing.address)

    def heard(self, items: Sequence[Mapping[str, Any]]) -> tuple[list[Receipt], list[Reply]]:
        """VoiceReport, one a call. VoiceCallReport tells each state before, and is acknowledged and left aside."""
        ended = [one for one in items if "status_code" in one and "status_time" not in one]
        receipts = [
            _receipt(str(one["call_id"]), one.get("out_id"), str(one["status_code"]), one.get("end_time"))
            for one in ended
        ]
        return receipts, [reply for one in ended for reply in self._keys(one)]

    def question(self, provider_id: str, address: str, sent_at: datetime) -> Ask:
        """QueryCallDetailByCallId; its day is the 24 hours that begin with QueryDate."""
        parameters = {
            "CallId": provider_id,
            "ProdId": NOTICE_PRODUCT,
            "QueryDate": str(int((sent_at.timestamp() - 60) * 1000)),
        }
        return self.signed("QueryCallDetailByCallId", parameters)

    def told(self, provider_id: str, body: Mapping[str, Any]) -> tuple[list[Receipt], list[Reply]]:
        """The detail is JSON inside JSON; it names no keys."""
        if not body.get("Data"):
            return [], []
        detail = json.loads(body["Data"])
        if str(detail["state"]) in codes.UNDER_WAY:
            return [], []
        return [_receipt(provider_id, None, str(detail["state"]), detail.get("endDate"))], []

    def _keys(self, one: Mapping[str, Any]) -> list[Reply]:
        attempt, call_id = attempt_of(one.get("out_id")), one["call_id"]
        if attempt is None:
            return []
        return [
            Reply(
                self.name, "", "", key, Channel.VOICE, ReplyKind.KEY, attempt, reference=f"{call_id} {place}"
            )
            for place, key in enumerate(str(one.get("dtmf") or ""))
            if key in "0123456789*#"
        ]


def _receipt(call_id: str, out_id: object, code: str, at: object) -> Receipt:
    taken = code in codes.ANSWERED
    cause = Cause.OTHER if taken else codes.CALLS.get(code, Cause.OTHER)
    return Receipt(
        ReceiptStatus.DELIVERED if taken else ReceiptStatus.FAILED,
        code,
        provider_id=call_id,
        attempt_id=attempt_of(out_id),
        permanent=cause is Cause.DEAD,
        cause=cause,
        occurred_at=instant(at),
    )
