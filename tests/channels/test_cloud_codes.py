"""What the clouds' answers mean: every kind of code, and answers that are none."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from duecourse.channels.http.line import Answer
from duecourse.channels.registry import build
from duecourse.domain.messaging import (
    Accepted,
    AccountTrouble,
    Cause,
    Deferred,
    Outcome,
    Refused,
    Registered,
    Throttled,
    Unknown,
    VoiceScript,
)

from .conformance import Sink, call_that_says, message_to, registered_message
from .test_cloud_callbacks import SETTINGS

WHO = "+8613800001000"


def adapter_of(kind: str, **changes: Any) -> Any:
    sink = Sink()
    config = SETTINGS[kind] | {"throttle_pause_seconds": 7} | changes
    return build(kind, "p", config, sink.on_receipts, sink.on_reply, lambda: datetime.now(UTC))


def outcome(kind: str, status: int, body: Any, headers: dict[str, str] | None = None) -> Outcome:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    result: Outcome = adapter_of(kind).outcome_of(message_to(WHO), Answer(status, headers or {}, content))
    return result


def aliyun(code: str, message: str = "", status: int = 200) -> Outcome:
    return outcome("sms.aliyun", status, {"Code": code, "Message": message, "RequestId": "0"})


def tencent(code: str) -> Outcome:
    return outcome("sms.tencent", 200, {"Response": {"SendStatusSet": [{"Code": code, "SerialNo": ""}]}})


def twilio(code: int, status: int) -> Outcome:
    return outcome("sms.twilio", status, {"code": code, "message": "", "status": status})


@pytest.mark.parametrize(
    ("code", "status", "expected"),
    [
        ("isv.MOBILE_NUMBER_ILLEGAL", 200, (Refused, True, Cause.DEAD)),
        ("isv.SMS_SIGNATURE_ILLEGAL", 200, (Refused, False, Cause.CONTENT)),
        ("isv.BLACK_KEY_CONTROL_LIMIT", 200, (Refused, False, Cause.CONTENT)),
        ("isv.CUSTOMER_REFUSED", 200, (Refused, False, Cause.OPTED_OUT)),
        ("isv.SOMETHING_NEW", 200, (Refused, False, Cause.OTHER)),
        ("isv.AMOUNT_NOT_ENOUGH", 200, AccountTrouble),
        ("InvalidAccessKeyId.NotFound", 404, AccountTrouble),
        ("SignatureDoesNotMatch", 400, AccountTrouble),
        ("isp.SYSTEM_ERROR", 200, Deferred),
        ("ServiceUnavailable", 503, Deferred),
        ("Throttling.User", 400, Throttled),
    ],
)
def test_alibaba_clouds_codes(code, status, expected):
    assert summary(aliyun(code, status=status)) == expected


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ("触发分钟级流控Permits:1", 60),
        ("触发小时级流控Permits:5", 3600),
        ("触发天级流控Permits:10", 86400),
        ("", 7),
    ],
)
def test_alibaba_clouds_limits_last_as_long_as_their_words_say(words, seconds):
    assert aliyun("isv.BUSINESS_LIMIT_CONTROL", words) == Throttled("isv.BUSINESS_LIMIT_CONTROL", seconds)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("InvalidParameterValue.IncorrectPhoneNumber", (Refused, True, Cause.DEAD)),
        ("FailedOperation.PhoneNumberInBlacklist", (Refused, False, Cause.OPTED_OUT)),
        ("FailedOperation.TemplateIncorrectOrUnapproved", (Refused, False, Cause.CONTENT)),
        ("FailedOperation.SomethingNew", (Refused, False, Cause.OTHER)),
        ("FailedOperation.InsufficientBalanceInSmsPackage", AccountTrouble),
        ("UnauthorizedOperation.SmsSdkAppIdVerifyFail", AccountTrouble),
        ("AuthFailure.SignatureFailure", AccountTrouble),
        ("InternalError.OtherError", Deferred),
        ("InternalError.Timeout", Unknown),
        ("RequestLimitExceeded.UinLimitExceeded", Throttled),
    ],
)
def test_tencent_clouds_codes(code, expected):
    assert summary(tencent(code)) == expected
    assert summary(outcome("sms.tencent", 200, {"Response": {"Error": {"Code": code}}})) == expected


def test_tencent_clouds_limits_of_a_number_last_as_long_as_they_say():
    assert tencent("LimitExceeded.PhoneNumberThirtySecondLimit") == Throttled(
        "LimitExceeded.PhoneNumberThirtySecondLimit", 30
    )


@pytest.mark.parametrize(
    ("code", "status", "expected"),
    [
        (21211, 400, (Refused, True, Cause.DEAD)),
        (21610, 400, (Refused, False, Cause.OPTED_OUT)),
        (21617, 400, (Refused, False, Cause.CONTENT)),
        (29999, 400, (Refused, False, Cause.OTHER)),
        (20003, 401, AccountTrouble),
        (21606, 400, AccountTrouble),
        (20500, 500, Deferred),
        (20429, 429, Throttled),
    ],
)
def test_twilios_codes(code, status, expected):
    assert summary(twilio(code, status)) == expected


@pytest.mark.parametrize("kind", ["sms.aliyun", "sms.tencent", "sms.twilio"])
@pytest.mark.parametrize(("status", "expected"), [(503, Deferred), (504, Unknown), (502, Unknown)])
def test_answers_from_something_between_us_are_judged_by_their_status(kind, status, expected):
    page = b"{}" if kind == "sms.aliyun" else b"<html>a proxy says</html>"
    assert type(outcome(kind, status, page)) is expected


def test_retry_after_is_heeded():
    assert outcome("sms.twilio", 429, {"code": 20429}, {"retry-after": "12"}) == Throttled("20429", 12)


@pytest.mark.parametrize("kind", ["sms.aliyun", "sms.tencent", "sms.twilio"])
@pytest.mark.parametrize("content", [b"", b"<html>", b"[]", b"{}", b'{"Code": "OK"}'])
def test_good_status_with_an_answer_that_is_none_leaves_it_unknown(kind, content):
    """Through the adapter, which turns what a family cannot read into Unknown."""
    adapter = adapter_of(kind)

    async def run() -> Outcome:
        adapter.line.open()

        async def answered(*_: Any) -> Answer:
            return Answer(201 if kind == "sms.twilio" else 200, {}, content)

        adapter.ask_line = answered
        (result,) = await adapter.send([registered_message(WHO)])
        await adapter.line.close()
        return result

    assert isinstance(asyncio.run(run()), Unknown)


def test_parts_are_counted():
    body = {"Response": {"SendStatusSet": [{"Code": "Ok", "SerialNo": "2019:1", "Fee": 3}]}}
    assert outcome("sms.tencent", 200, body) == Accepted("2019:1", 3)
    assert outcome("sms.twilio", 201, {"sid": "SM1", "num_segments": "2"}) == Accepted("SM1", 2)


@pytest.mark.parametrize("kind", ["sms.aliyun", "sms.tencent"])
def test_text_without_an_approved_template_is_refused_before_anything_is_sent(kind):
    refused = asyncio.run(adapter_of(kind).ask_for(message_to(WHO)))
    assert isinstance(refused, Refused) and (refused.permanent, refused.cause) == (False, Cause.CONTENT)


VOICES = {"voice.aliyun": {"tts_code": "TTS_1"}, "voice.tencent": {"template_id": "1"}}


@pytest.mark.parametrize("kind", VOICES)
def test_call_that_cannot_ask_who_listens_is_never_handed_the_notice(kind):
    adapter = adapter_of(kind, **VOICES[kind])
    notice = "You owe 1,234.56 on loan 77."
    script = VoiceScript("Far East Finance calls Wang Wei.", notice, "Please call Far East Finance back.")

    def asked(*values: tuple[str, str]) -> Any:
        registered = Registered("T", values=values) if values else None
        return asyncio.run(adapter.ask_for(message_to(WHO, notice, script=script, registered=registered)))

    harmless = asked()
    sent = repr((harmless.url, harmless.content, harmless.headers))
    assert "1234" not in sent.replace(",", "").replace("%2C", "") and "call+Far" not in sent
    assert "Far" in sent
    assert isinstance(asked(("name", "Wang Wei"), ("lender", "Far East Finance")), type(harmless))
    for value in ("1,234.56", notice, "loan 77"):
        refused = asked(("name", "Wang Wei"), ("amount", value))
        assert isinstance(refused, Refused) and not refused.permanent and value not in refused.reason


@pytest.mark.parametrize("kind", VOICES)
def test_call_without_a_script_or_a_template_is_refused(kind):
    for adapter, outgoing in (
        (adapter_of(kind, **VOICES[kind]), message_to(WHO)),
        (adapter_of(kind), call_that_says(WHO)),
    ):
        assert isinstance(asyncio.run(adapter.ask_for(outgoing)), Refused)


def summary(result: Outcome) -> Any:
    if isinstance(result, Refused):
        return Refused, result.permanent, result.cause
    return type(result)
