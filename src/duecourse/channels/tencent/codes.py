"""What Tencent Cloud's codes mean, when it answers and when it reports.

Sources (read 2026-11-25): cloud.tencent.com, 短信 错误码 (382/59177) and 回执 (382/3771), 语音消息 错误码 (1128/37531);
the error codes in PyPI tencentcloud-sdk-python-sms 3.1.153 and tencentcloud-sdk-python-vms 3.0.1459; API 3.0
公共错误码. The carriers' own codes of reports: China Mobile's list of CMPP states.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from duecourse.channels.http import verdicts
from duecourse.channels.http.verdicts import Meaning, Verdict
from duecourse.domain.messaging import Cause, Outcome

_ACCOUNT = Verdict(Meaning.ACCOUNT, "the account, application or permission is not in order")
_MONEY = Verdict(Meaning.ACCOUNT, "the balance or package is used up")
_CREDENTIAL = Verdict(Meaning.ACCOUNT, "the secret key is refused")
_CLOCK = Verdict(Meaning.ACCOUNT, "this machine's clock is wrong")
_TEMPLATE = Verdict(
    Meaning.REFUSED, "the template is unknown, not approved or given other parameters", Cause.CONTENT
)
_SIGNATURE = Verdict(Meaning.REFUSED, "the SMS signature is not approved", Cause.CONTENT)
_CONTENT = Verdict(Meaning.REFUSED, "the text holds what may not be sent", Cause.CONTENT)
_NUMBER = Verdict(Meaning.DEAD, "the number cannot be one")
_PLACE = Verdict(Meaning.REFUSED, "the template or product does not serve this country")
_AWAY = Verdict(Meaning.LATER, "trouble at Tencent Cloud")
_LIMIT = Verdict(Meaning.SLOWER, "a limit is reached")
_HOURLY = replace(_LIMIT, after_seconds=3600)
_DAILY = replace(_LIMIT, after_seconds=3600)

ANSWERS: Final[verdicts.Table] = {
    "FailedOperation.ContainSensitiveWord": _CONTENT,
    "InvalidParameter.DirtyWordFound": _CONTENT,
    "FailedOperation.InsufficientBalanceInSmsPackage": _MONEY,
    "FailedOperation.InsufficientBalanceInVoicePackage": _MONEY,
    "UnauthorizedOperation.ServiceSuspendDueToArrears": _MONEY,
    "FailedOperation.PhonenumberUnappliedOrExpired": Verdict(
        Meaning.ACCOUNT, "the calling number has expired"
    ),
    "FailedOperation.PhoneNumberInBlacklist": Verdict(
        Meaning.REFUSED, "the person or the carrier refuses messages", Cause.OPTED_OUT
    ),
    "FailedOperation.PhoneNumberParseFail": _NUMBER,
    "InvalidParameterValue.IncorrectPhoneNumber": _NUMBER,
    "InvalidParameterValue.CalledNumberVerifyFail": _NUMBER,
    "FailedOperation.SignatureIncorrectOrUnapproved": _SIGNATURE,
    "FailedOperation.MissingSignature": _SIGNATURE,
    "FailedOperation.TemplateIncorrectOrUnapproved": _TEMPLATE,
    "FailedOperation.TemplateIdNotExist": _TEMPLATE,
    "FailedOperation.TemplateUnapprovedOrNotExist": _TEMPLATE,
    "FailedOperation.TemplateParamSetNotMatchApprovedTemplate": _TEMPLATE,
    "InvalidParameterValue.TemplateParameterFormatError": _TEMPLATE,
    "InvalidParameterValue.TemplateParameterLengthLimit": Verdict(
        Meaning.REFUSED, "a parameter is too long", Cause.CONTENT
    ),
    "InvalidParameterValue.ContentLengthLimit": Verdict(
        Meaning.REFUSED, "the text is too long", Cause.CONTENT
    ),
    "InvalidParameterValue.ProhibitedUseUrlInTemplateParameter": Verdict(
        Meaning.REFUSED, "a parameter holds a link", Cause.CONTENT
    ),
    "FailedOperation.MarketingSendTimeConstraint": Verdict(
        Meaning.LATER, "marketing goes from 8 to 22 o'clock", after_seconds=3600
    ),
    "FailedOperation.AccessUpstreamTimeout": _AWAY,
    "LimitExceeded.PhoneNumberThirtySecondLimit": replace(_LIMIT, after_seconds=30),
    "LimitExceeded.PhoneNumberOneHourLimit": _HOURLY,
    "LimitExceeded.PhoneNumberDailyLimit": _DAILY,
    "LimitExceeded.PhoneNumberSameContentDailyLimit": _DAILY,
    "LimitExceeded.AppDailyLimit": _DAILY,
    "LimitExceeded.AppMainlandChinaDailyLimit": _DAILY,
    "LimitExceeded.AppGlobalDailyLimit": _DAILY,
    "LimitExceeded.AppCountryOrRegionDailyLimit": _DAILY,
    "LimitExceeded.DailyLimit": _DAILY,
    "LimitExceeded.AppCountryOrRegionInBlacklist": _PLACE,
    "InternalError.RequestTimeException": _CLOCK,
    "AuthFailure.SignatureExpire": _CLOCK,
    "InternalError.SigVerificationFail": _CREDENTIAL,
    "InternalError.SigFieldMissing": _CREDENTIAL,
    "InternalError.RestApiInterfaceNotExist": _ACCOUNT,
    "InternalError.Timeout": Verdict(Meaning.UNCLEAR, "Tencent Cloud took too long inside"),
    "InternalError.SendAndRecvFail": Verdict(Meaning.UNCLEAR, "Tencent Cloud took too long inside"),
    "InvalidParameterValue.SdkAppIdNotExist": _ACCOUNT,
    "InvalidParameterValue.SdkAppidNotExist": _ACCOUNT,
    "InvalidParameter.AppidAndBizId": _ACCOUNT,
}
BEGINNINGS: Final[verdicts.Table] = {
    "AuthFailure": _CREDENTIAL,
    "UnauthorizedOperation": _ACCOUNT,
    "UnsupportedOperation": _PLACE,
    "RequestLimitExceeded": Verdict(Meaning.SLOWER, "too many requests"),
    "LimitExceeded": _LIMIT,
    "InternalError": _AWAY,
    "ServiceUnavailable": _AWAY,
    "ResourceUnavailable": _AWAY,
}

REPORTS: Final[dict[str, tuple[Cause, bool]]] = {
    "MK:0001": (Cause.DEAD, True),
    "MK:0005": (Cause.SUSPENDED, False),
    "MK:0010": (Cause.OFF, False),
    "MK:0013": (Cause.SUSPENDED, False),
    "MK:0023": (Cause.OFF, False),
    "002": (Cause.OFF, False),
    "EXPIRED": (Cause.OFF, False),
    "UNDELIV": (Cause.OFF, False),
    "REJECTD": (Cause.BLOCKED, False),
    "MBBLACK": (Cause.BLOCKED, False),
    "DB:0144": (Cause.BLOCKED, False),
    "-106": (Cause.CONTENT, False),
}
"""SMS: the carrier's own code, in `errmsg`. With whether the number is dead."""

CALLS: Final[dict[int, Cause]] = {
    1: Cause.OFF,
    2: Cause.BUSY,
    3: Cause.OFF,
    4: Cause.SUSPENDED,
    5: Cause.NO_ANSWER,
    6: Cause.OFF,
    7: Cause.SUSPENDED,
    8: Cause.DEAD,
    10: Cause.BUSY,
    12: Cause.BLOCKED,
    13: Cause.SUSPENDED,
    15: Cause.DEAD,
    16: Cause.OFF,
    17: Cause.SUSPENDED,
    20: Cause.NO_ANSWER,
}
"""`failure_code` of voice_failure_callback."""


def outcome(code: str, pause_seconds: float) -> Outcome:
    """Of an answer that is not Ok: it comes with status 200 too."""
    verdict = ANSWERS.get(code) or BEGINNINGS.get(code.partition(".")[0])
    return verdicts.outcome(code, verdict or Verdict(Meaning.REFUSED, "not accepted"), pause_seconds)
