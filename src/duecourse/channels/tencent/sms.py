"""SMS over Tencent Cloud: SendSms, the callbacks for states and replies, PullSmsSendStatus, PullSmsReplyStatus.

Sources (read 2026-11-25): cloud.tencent.com, 短信, SendSms 2021-01-11 (382/55981), 下发状态通知 (382/5807),
短信回复 (382/5809), PullSmsSendStatus; PyPI tencentcloud-sdk-python-sms 3.1.153. Its rules forbid texts about loans and
dunning in mainland China.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

from pydantic import Field

from duecourse.channels.http.adapter import refused_address
from duecourse.channels.http.line import Answer, Ask
from duecourse.channels.http.phone import is_e164, with_plus
from duecourse.channels.tencent import codes
from duecourse.channels.tencent.client import TencentAdapter, TencentSettings, response_of
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
    ReplySink,
)

BEIJING: Final = timezone(timedelta(hours=8))
MOST_PULLED: Final = 100


class TencentSmsSettings(TencentSettings):
    """[NAME] with kind = "sms.tencent" in providers.toml."""

    url: str = Field(default="https://sms.tencentcloudapi.com", pattern=r"^https?://[^/]+$")
    sign_name: str = ""
    """Where the registered template names no signature."""
    pull_replies: bool = False
    """With pull_seconds: also ask for replies, where they have opened that."""


class TencentSmsAdapter(TencentAdapter[TencentSmsSettings]):
    """One message a request, as an approved template with its values."""

    kind = "sms.tencent"
    channel = Channel.SMS
    settings_type = TencentSmsSettings
    service = "sms"
    version = "2021-01-11"

    def __init__(
        self,
        name: str,
        settings: TencentSmsSettings,
        on_receipts: ReceiptSink,
        on_reply: ReplySink,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        super().__init__(name, settings, on_receipts, on_reply, clock)
        self._pulled: tuple[list[Receipt], list[Reply]] = ([], [])
        self._pulling = asyncio.Lock()

    async def ask_for(self, outgoing: Outgoing) -> Ask | Outcome:
        """Template, signature and values; the attempt travels along as SessionContext."""
        if not is_e164(outgoing.address):
            return refused_address("the address is no phone number with its country")
        registered = outgoing.registered
        if registered is None or not registered.template:
            return Refused("template", "no approved template for this text", False, Cause.CONTENT)
        parameters = {
            "PhoneNumberSet": [outgoing.address],
            "SmsSdkAppId": self.settings.sdk_app_id,
            "SignName": registered.signature or self.settings.sign_name,
            "TemplateId": registered.template,
            "TemplateParamSet": [value for _, value in registered.values],
            "SessionContext": outgoing.attempt_id.hex,
        }
        if registered.sender:
            mainland = outgoing.address.startswith("+86")
            parameters["ExtendCode" if mainland else "SenderId"] = registered.sender
        return self.signed(self.settings.url, "SendSms", parameters)

    def said(self, outgoing: Outgoing, response: Mapping[str, Any]) -> Outcome:
        """Taken under SerialNo; Fee counts the parts."""
        (status,) = response["SendStatusSet"]
        if status["Code"] != "Ok":
            return codes.outcome(status["Code"], self.settings.throttle_pause_seconds)
        return Accepted(str(status["SerialNo"]), max(1, int(status.get("Fee", 1))))

    def heard(self, body: Any) -> tuple[list[Receipt], list[Reply]]:
        """States come as a list, a reply as an object. A reply has no name but its second."""
        if isinstance(body, dict):
            sender, at = with_plus(str(body["mobile"]), str(body["nationcode"])), str(body.get("time") or "")
            return [], [
                Reply(self.name, sender, str(body.get("extend", "")), str(body["text"]), reference=at)
            ]
        return [
            _receipt(str(one["sid"]), one["report_status"] == "SUCCESS", str(one["errmsg"]), _beijing(one))
            for one in body
        ], []

    async def pull(self) -> bool:
        """What they hand out they forget: it is kept here until it is stored. True while there may be more."""
        if not self.settings.pull_seconds:
            return False
        async with self._pulling:
            if not any(self._pulled):
                states = await self._asked("PullSmsSendStatus", "PullSmsSendStatusSet")
                replies = (
                    await self._asked("PullSmsReplyStatus", "PullSmsReplyStatusSet")
                    if self.settings.pull_replies
                    else []
                )
                self._pulled = ([_state(one) for one in states], [self._reply(one) for one in replies])
            receipts, answers = self._pulled
            if not receipts and not answers:
                return False
            if await self.hand_in(receipts, answers):
                self._pulled = ([], [])
                return True
            return False

    async def _asked(self, action: str, key: str) -> list[Mapping[str, Any]]:
        parameters = {"SmsSdkAppId": self.settings.sdk_app_id, "Limit": MOST_PULLED}
        heard = await self.line.ask(self.signed(self.settings.url, action, parameters))
        if not isinstance(heard, Answer) or heard.status != 200:
            return []
        return list(response_of(heard).get(key) or [])

    def _reply(self, one: Mapping[str, Any]) -> Reply:
        return Reply(
            self.name,
            str(one["PhoneNumber"]),
            str(one.get("ExtendCode", "")),
            str(one["ReplyContent"]),
            reference=str(one.get("ReplyTime") or ""),
        )


def _state(one: Mapping[str, Any]) -> Receipt:
    at = datetime.fromtimestamp(int(one["UserReceiveTime"]), UTC) if one.get("UserReceiveTime") else None
    # A pull names no code of the carrier, only words; they are not kept.
    delivered = one["ReportStatus"] == "SUCCESS"
    return _receipt(str(one["SerialNo"]), delivered, "DELIVRD" if delivered else "FAIL", at)


def _receipt(serial: str, delivered: bool, code: str, at: datetime | None) -> Receipt:
    cause, dead = (Cause.OTHER, False) if delivered else codes.REPORTS.get(code, (Cause.OTHER, False))
    status = ReceiptStatus.DELIVERED if delivered else ReceiptStatus.FAILED
    return Receipt(status, code, provider_id=serial, permanent=dead, cause=cause, occurred_at=at)


def _beijing(one: Mapping[str, Any]) -> datetime | None:
    try:
        return datetime.strptime(str(one.get("user_receive_time")), "%Y-%m-%d %H:%M:%S").replace(
            tzinfo=BEIJING
        )
    except ValueError:
        return None
