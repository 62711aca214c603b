"""What Alibaba Cloud's codes mean, when it answers and when it reports.

Sources (read 2026-11-25): help.aliyun.com, 短信服务, API错误码 (101346) and 回执错误码 (101347); 语音服务, API错误码
(178344), 运营商回执错误码 (55085) and 呼叫状态码 (112804); OpenAPI 公共错误码.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from duecourse.channels.http import verdicts
from duecourse.channels.http.verdicts import Meaning, Verdict
from duecourse.domain.messaging import Cause, Outcome

_NO_ACCOUNT = Verdict(Meaning.ACCOUNT, "the account is closed, suspended or lacks the product")
_NO_CREDENTIAL = Verdict(Meaning.ACCOUNT, "the access key is refused")
_NO_MONEY = Verdict(Meaning.ACCOUNT, "the balance is used up")
_TEMPLATE = Verdict(
    Meaning.REFUSED, "the template is unknown, not approved or lacks parameters", Cause.CONTENT
)
_SIGNATURE = Verdict(
    Meaning.REFUSED, "the SMS signature is unknown, not approved or not registered", Cause.CONTENT
)
_CONTENT = Verdict(Meaning.REFUSED, "the text holds what may not be sent", Cause.CONTENT)
_AWAY = Verdict(Meaning.LATER, "trouble at Alibaba Cloud")
_LIMITED = Verdict(Meaning.SLOWER, "a limit of this number, template or account is reached")

ANSWERS: Final[verdicts.Table] = {
    "isv.MOBILE_NUMBER_ILLEGAL": Verdict(Meaning.DEAD, "the number cannot be one"),
    "isv.BUSINESS_LIMIT_CONTROL": _LIMITED,
    "isv.DAY_LIMIT_CONTROL": replace(_LIMITED, after_seconds=3600),
    "isv.MONTH_LIMIT_CONTROL": replace(_LIMITED, after_seconds=3600),
    "isv.SMS_OVER_LIMIT": _LIMITED,
    "isv.AMOUNT_NOT_ENOUGH": _NO_MONEY,
    "isv.AMOUNT_NOT_ENOUG": _NO_MONEY,  # spelled so in the list of the voice service
    "isv.OUT_OF_SERVICE": _NO_MONEY,
    "isv.PRODUCT_UN_SUBSCRIPT": _NO_ACCOUNT,
    "isv.PRODUCT_UNSUBSCRIBE": _NO_ACCOUNT,
    "isv.ACCOUNT_NOT_EXISTS": _NO_ACCOUNT,
    "isv.ACCOUNT_ABNORMAL": _NO_ACCOUNT,
    "isv.SECURITY_FROZEN_ACCOUNT": _NO_ACCOUNT,
    "isv.DENY_IP_RANGE": Verdict(Meaning.ACCOUNT, "the request comes from outside mainland China"),
    "isv.DISPLAY_NUMBER_ILLEGAL": Verdict(Meaning.ACCOUNT, "the calling number is not the account's"),
    "isv.BILLID_NOT_EXIST": Verdict(Meaning.ACCOUNT, "the calling number is not the account's"),
    "isp.RAM_PERMISSION_DENY": Verdict(Meaning.ACCOUNT, "the access key lacks a permission"),
    "isp.SYSTEM_ERROR": _AWAY,
    "isp.GATEWAY_ERROR": _AWAY,
    "isp.UNKNOWN": _AWAY,
    "isv.VOICE_CALL_FAIL": _AWAY,
    "isv.SMS_TEMPLATE_ILLEGAL": _TEMPLATE,
    "isv.TTS_TEMPLATE_ILLEGAL": _TEMPLATE,
    "isv.TEMPLATE_ILLEGAL": _TEMPLATE,
    "isv.TEMPLATE_PARAMS_ILLEGAL": _TEMPLATE,
    "isv.TEMPLATE_MISSING_PARAMETERS": _TEMPLATE,
    "isv.INVALID_JSON_PARAM": _TEMPLATE,
    "isv.DOMESTIC_NUMBER_NOT_SUPPORTED": Verdict(Meaning.REFUSED, "the template is for other countries"),
    "isv.SMS_SIGNATURE_ILLEGAL": _SIGNATURE,
    "isv.SMS_SIGN_ILLEGAL": _SIGNATURE,
    "isv.SIGN_STATE_ILLEGAL": _SIGNATURE,
    "isv.SMS_SIGNATURE_SCENE_ILLEGAL": _SIGNATURE,
    "isv.EXTEND_CODE_ERROR": _SIGNATURE,
    "isv.SMS_CONTENT_ILLEGAL": _CONTENT,
    "isv.BLACK_KEY_CONTROL_LIMIT": _CONTENT,
    "isv.PARAM_NOT_SUPPORT_URL": Verdict(Meaning.REFUSED, "a parameter holds a link", Cause.CONTENT),
    "isv.PARAM_LENGTH_LIMIT": Verdict(Meaning.REFUSED, "a parameter is too long", Cause.CONTENT),
    "isv.UNSUPPORTED_CONTENT": _CONTENT,
    "isv.CUSTOMER_REFUSED": Verdict(Meaning.REFUSED, "the person has unsubscribed", Cause.OPTED_OUT),
    "isv.COMPLAINT_REJECT": Verdict(Meaning.REFUSED, "blocked after complaints", Cause.BLOCKED),
    "ComplaintReject": Verdict(Meaning.REFUSED, "blocked after complaints", Cause.BLOCKED),
    "isv.VOICE_ROBOT_NOT_PERIOD": Verdict(
        Meaning.LATER, "no calls are made at this hour", after_seconds=3600
    ),
    "InternalError": _AWAY,
    "ServiceUnavailable": _AWAY,
}
BEGINNINGS: Final[verdicts.Table] = {
    "Throttling": Verdict(Meaning.SLOWER, "too many requests"),
    "InvalidAccessKeyId": _NO_CREDENTIAL,
    "InvalidSecurityToken": _NO_CREDENTIAL,
    "SignatureDoesNotMatch": _NO_CREDENTIAL,
    "IncompleteSignature": _NO_CREDENTIAL,
    "InvalidTimeStamp": Verdict(Meaning.ACCOUNT, "this machine's clock is wrong"),
    "SignatureNonceUsed": _AWAY,
    "Forbidden": _NO_CREDENTIAL,
    "NoPermission": _NO_CREDENTIAL,
}
_SPANS: Final = {"分钟级": 60.0, "小时级": 3600.0, "天级": 86_400.0}
"""How long a limit lasts stands only in the words of isv.BUSINESS_LIMIT_CONTROL."""

REPORTS: Final[dict[str, Cause]] = {
    "MOBILE_NOT_ON_SERVICE": Cause.OFF,  # off, out of reach, suspended or nobody's: they do not tell which
    "INVALID_NUMBER": Cause.OFF,  # the same, and malformed
    "MOBILE_ACCOUNT_ABNORMAL": Cause.SUSPENDED,
    "MOBLLE_TERMINAL_ERROR": Cause.FULL,  # spelled so by them
    "MOBILE_TERMINAL_ERROR": Cause.FULL,
    "MOBILE_IN_BLACK": Cause.BLOCKED,
    "MOBILE_SEND_LIMIT": Cause.BLOCKED,
    "USER_REJECT": Cause.OPTED_OUT,
    "SIGNATURE_BLACKLIST": Cause.CONTENT,
    "CONTENT_KEYWORD": Cause.CONTENT,
    "CONTENT_ERROR": Cause.CONTENT,
}
"""SMS. None of them says for sure that a number is dead, so none retires one."""

ANSWERED: Final = frozenset({"200000", "200001", "200008"})
"""Calls that a person took: heard whole, hung up early, no key pressed."""
UNDER_WAY: Final = frozenset({"", "200100", "200101", "200102", "200103", "200201", "300000"})
"""States of a call that has not ended."""
CALLS: Final[dict[str, Cause]] = {
    "200002": Cause.BUSY,
    "200003": Cause.NO_ANSWER,
    "200004": Cause.DEAD,
    "200005": Cause.NO_ANSWER,
    "200007": Cause.OFF,
    "200010": Cause.OFF,
    "200011": Cause.SUSPENDED,
    "200012": Cause.BLOCKED,
    "200104": Cause.BLOCKED,
    "200105": Cause.BLOCKED,
    "200118": Cause.BLOCKED,
    "200119": Cause.BLOCKED,
    "482": Cause.OFF,
}


def outcome(status: int, code: str, message: str, pause_seconds: float) -> Outcome:
    """Of an answer that is not OK. message: read for how long a limit lasts, never passed on."""
    beginning = code.partition(".")[0]
    verdict = ANSWERS.get(code) or BEGINNINGS.get(beginning)
    if verdict is None:
        verdict = (
            verdicts.of_status(status)
            if status >= 500 or not code
            else Verdict(Meaning.REFUSED, "not accepted")
        )
    if verdict is _LIMITED:
        span = next((seconds for words, seconds in _SPANS.items() if words in message), 0.0)
        verdict = replace(verdict, after_seconds=span)
    return verdicts.outcome(code or str(status), verdict, pause_seconds)
