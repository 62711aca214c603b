"""What Twilio's codes mean, when it answers and when it reports.

Source: twilio.com/docs/api/errors (Error and Warning Dictionary), Message and Call resources (read 2026-11-25).
"""

from __future__ import annotations

from typing import Final

from duecourse.channels.http import verdicts
from duecourse.channels.http.verdicts import Meaning, Verdict
from duecourse.domain.messaging import Cause, Outcome

_CREDENTIAL = Verdict(Meaning.ACCOUNT, "the credential is refused")
_CLOSED = Verdict(Meaning.ACCOUNT, "the account is suspended or not active")
_SENDER = Verdict(Meaning.ACCOUNT, "the sending number or service is not the account's or not able to")
_URL = Verdict(Meaning.ACCOUNT, "the callback address is not accepted")
_NO_NUMBER = Verdict(Meaning.DEAD, "the number cannot be one, or cannot receive this")
_TOO_FAST = Verdict(Meaning.SLOWER, "too fast for this sender or account")
_COUNTRY = Verdict(Meaning.REFUSED, "the account may not reach this country")
_LONG = Verdict(Meaning.REFUSED, "the text is empty or too long", Cause.CONTENT)

ANSWERS: Final[verdicts.Table] = {
    "20003": _CREDENTIAL,
    "20005": _CLOSED,
    "20008": _CREDENTIAL,
    "20403": _CREDENTIAL,
    "20404": _CREDENTIAL,
    "20429": Verdict(Meaning.SLOWER, "too many requests; it was not looked at"),
    "20500": Verdict(Meaning.LATER, "trouble at Twilio"),
    "20503": Verdict(Meaning.LATER, "trouble at Twilio"),
    "30002": _CLOSED,
    "21211": _NO_NUMBER,
    "21217": _NO_NUMBER,
    "21401": _NO_NUMBER,
    "21614": _NO_NUMBER,
    "13223": _NO_NUMBER,
    "13224": _NO_NUMBER,
    "21610": Verdict(Meaning.REFUSED, "the person has unsubscribed from this sender", Cause.OPTED_OUT),
    "21612": Verdict(Meaning.REFUSED, "no route from this sender to this number"),
    "21214": Verdict(Meaning.REFUSED, "the number cannot be reached", Cause.OFF),
    "21408": _COUNTRY,
    "21215": _COUNTRY,
    "13225": _COUNTRY,
    "13227": _COUNTRY,
    "21216": Verdict(Meaning.REFUSED, "calls to this number are blocked", Cause.BLOCKED),
    "21602": _LONG,
    "21605": _LONG,
    "21617": _LONG,
    "21608": Verdict(Meaning.REFUSED, "a trial account reaches verified numbers alone"),
    "21210": _SENDER,
    "21212": _SENDER,
    "21213": _SENDER,
    "21603": _SENDER,
    "21606": _SENDER,
    "21659": _SENDER,
    "21660": _SENDER,
    "21661": _SENDER,
    "21703": _SENDER,
    "21704": _SENDER,
    "21705": _SENDER,
    "21205": _URL,
    "21609": _URL,
    "21611": _TOO_FAST,
    "14107": _TOO_FAST,
    "30001": _TOO_FAST,
    "63038": Verdict(Meaning.SLOWER, "the account's daily limit is reached", after_seconds=3600),
}

REPORTS: Final[dict[str, tuple[Cause, bool]]] = {
    "30003": (Cause.OFF, False),
    "30004": (Cause.BLOCKED, False),
    "30005": (Cause.DEAD, True),
    "30006": (Cause.DEAD, True),
    "30007": (Cause.BLOCKED, False),
    "30032": (Cause.CONTENT, False),
    "30034": (Cause.CONTENT, False),
    "21610": (Cause.OPTED_OUT, False),
}
"""SMS: ErrorCode of a status callback. With whether the number is dead."""
EXPIRED: Final = "30036"
"""The validity period ran out."""

NOT_ANSWERED: Final[dict[str, Cause]] = {
    "busy": Cause.BUSY,
    "no-answer": Cause.NO_ANSWER,
    "canceled": Cause.NO_ANSWER,
    "failed": Cause.OTHER,
}
"""Calls: CallStatus."""
NOBODY: Final = frozenset({"404", "484", "604"})
"""Calls that failed with one of these SIP codes: nobody has the number (RFC 3261, 21)."""


def outcome(status: int, code: str, pause_seconds: float) -> Outcome:
    """Of an answer that is not 201. code: Twilio's own, '' where the body holds none."""
    verdict = ANSWERS.get(code)
    if verdict is None:
        client_fault = code and 400 <= status < 500 and status not in (401, 403, 429)
        verdict = Verdict(Meaning.REFUSED, "not accepted") if client_fault else verdicts.of_status(status)
    return verdicts.outcome(code or str(status), verdict, pause_seconds)
