"""SMS over Alibaba Cloud: SendSms, SmsReport and SmsUp, QuerySendDetails.

Sources (read 2026-11-25): help.aliyun.com, 短信服务, SendSms, SmsReport (101867), SmsUp (101847), QuerySendDetails;
PyPI alibabacloud-dysmsapi20170525 4.6.0. Its rules forbid texts about loans and dunning in mainland China.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from pydantic import Field

from duecourse.channels.aliyun import codes
from duecourse.channels.aliyun.client import BEIJING, AliyunAdapter, AliyunSettings, attempt_of, instant
from duecourse.channels.http.adapter import refused_address
from duecourse.channels.http.line import Answer, Ask
from duecourse.channels.http.phone import bare, is_e164, with_plus
from duecourse.domain.messaging import (
    Cause,
    Channel,
    Outcome,
    Outgoing,
    Receipt,
    ReceiptStatus,
    Refused,
    Reply,
)

_WAITING: Final = 1
_FAILED: Final = 2
_DELIVERED: Final = 3


class AliyunSmsSettings(AliyunSettings):
    """[NAME] with kind = "sms.aliyun" in providers.toml."""

    url: str = Field(default="https://dysmsapi.aliyuncs.com", pattern=r"^https?://[^/]+$")
    sign_name: str = ""
    """Where the registered template names no signature."""


class AliyunSmsAdapter(AliyunAdapter[AliyunSmsSettings]):
    """One message a request, as an approved template with its values."""

    kind = "sms.aliyun"
    channel = Channel.SMS
    settings_type = AliyunSmsSettings
    id_key = "BizId"

    async def ask_for(self, outgoing: Outgoing) -> Ask | Outcome:
        """Template, signature and values; the attempt travels along as OutId and comes back with the report."""
        if not is_e164(outgoing.address):
            return refused_address("the address is no phone number with its country")
        registered = outgoing.registered
        signature = (registered and registered.signature) or self.settings.sign_name
        if registered is None or not registered.template or not signature:
            return Refused(
                "template", "no approved template and signature for this text", False, Cause.CONTENT
            )
        parameters = {
            "PhoneNumbers": bare(outgoing.address),
            "SignName": signature,
            "TemplateCode": registered.template,
            "OutId": outgoing.attempt_id.hex,
        }
        if registered.values:
            parameters["TemplateParam"] = json.dumps(dict(registered.values), ensure_ascii=False)
        if registered.sender:
            parameters["SmsUpExtendCode"] = registered.sender
        return self.signed("SendSms", parameters)

    def outcome_of(self, outgoing: Outgoing, answer: Answer) -> Outcome:
        """Taken under BizId."""
        return self.accepted(answer, outgoing.address)

    def heard(self, items: Sequence[Mapping[str, Any]]) -> tuple[list[Receipt], list[Reply]]:
        """Reports have `success`, replies have `content`."""
        receipts = [
            _receipt(
                str(one["biz_id"]),
                one.get("out_id"),
                one["success"] is True,
                one["err_code"],
                one["report_time"],
            )
            for one in items
            if "success" in one
        ]
        replies = [
            Reply(
                self.name,
                with_plus(str(one["phone_number"])),
                str(one.get("dest_code", "")),
                str(one["content"]),
                reference=str(one.get("sequence_id") or ""),
            )
            for one in items
            if "success" not in one
        ]
        return receipts, replies

    def question(self, provider_id: str, address: str, sent_at: datetime) -> Ask:
        """QuerySendDetails wants the day and the number too."""
        parameters = {
            "PhoneNumber": bare(address),
            "BizId": provider_id,
            "SendDate": sent_at.astimezone(BEIJING).strftime("%Y%m%d"),
            "PageSize": "10",
            "CurrentPage": "1",
        }
        return self.signed("QuerySendDetails", parameters)

    def told(self, provider_id: str, body: Mapping[str, Any]) -> tuple[list[Receipt], list[Reply]]:
        """The parts of a long message stand for themselves; the message is there when all are."""
        details = body["SmsSendDetailDTOs"]["SmsSendDetailDTO"]
        if not details or any(int(one["SendStatus"]) == _WAITING for one in details):
            return [], []
        one = next((each for each in details if int(each["SendStatus"]) == _FAILED), details[0])
        delivered = int(one["SendStatus"]) == _DELIVERED
        return [
            _receipt(provider_id, one.get("OutId"), delivered, one["ErrCode"], one.get("ReceiveDate"))
        ], []


def _receipt(biz_id: str, out_id: object, delivered: bool, code: object, at: object) -> Receipt:
    return Receipt(
        ReceiptStatus.DELIVERED if delivered else ReceiptStatus.FAILED,
        str(code),
        provider_id=biz_id,
        attempt_id=attempt_of(out_id),
        cause=Cause.OTHER if delivered else codes.REPORTS.get(str(code), Cause.OTHER),
        occurred_at=instant(at),
    )
