"""What SGIP's results and report errors mean.

Source: China Unicom, "短消息网关系统接口协议", 5.2 (1 to 20 are answers, from 21 on reports). Gateways also report
errors of their message centres, which 5.2 does not list: those below are where Tencent Cloud SMS "Error Codes for
Status Report" names a cause for China Unicom. Read 2026-11-25.

A number counts as dead for good only for 5.2's own "unknown user"; what only a platform's list calls invalid is told as
the cause, and the number is kept.
"""

from __future__ import annotations

from duecourse.channels.wire.carrier import Result, ResultClass, State
from duecourse.domain.messaging import Cause, ReceiptStatus

LOGIN_REFUSED, LOGIN_REPEATED, TOO_MANY, LOGIN_TYPE_WRONG = 1, 2, 3, 4
FORMAT_WRONG, NUMBER_WRONG, BUSY, UNKNOWN_USER, SYSTEM_FAILED = 5, 6, 11, 29, 32
_K, _C, _O, _T = ResultClass.ACCOUNT, ResultClass.CONTENT, ResultClass.OTHER, ResultClass.TEMPORARY
RESULTS: dict[int, Result] = {
    1: Result("illegal login", _K),
    2: Result("repeated login", _T),
    3: Result("too many connections", _T),
    4: Result("login type is wrong", _K),
    5: Result("a parameter's format is wrong", _O),
    6: Result("illegal phone number", _O),
    7: Result("message id is wrong", _O),
    8: Result("message length is wrong", _C),
    9: Result("illegal sequence number", _T),
    10: Result("illegal operation on the GNS", _O),
    11: Result("node is busy", ResultClass.THROTTLED),
    21: Result("destination cannot be reached", _T),
    22: Result("routing error", _O),
    23: Result("no route", _O),
    24: Result("charged number is invalid", _O),
    30: Result("function is not provided", _O),
    32: Result("system failure", _T),
    33: Result("message centre's queue is full", ResultClass.THROTTLED),
}

OTHER = Result("not in the table", ResultClass.TEMPORARY)

_CAUSES: dict[Cause, tuple[int, ...]] = {
    Cause.OFF: (4, 15, 25, 51, 53, 54, 55, 64, 70, 86, 88, 89),
    Cause.DEAD: (1, 24, 29, 61, 67, 95, 101),
    Cause.SUSPENDED: (5, 20, 36, 45, 50, 56, 93, 98, 99, 182),
    Cause.FULL: (26, 43, 79),
    Cause.BLOCKED: (69,),
}
_CAUSE_OF = {error: cause for cause, errors in _CAUSES.items() for error in errors}


def state_of(state: int, error: int) -> State | None:
    """The meaning of a Report's State and ErrorCode (4.2.3.5.1); None for a State that there is not."""
    match state:
        case 0:
            return State(ReceiptStatus.DELIVERED)
        case 1:
            return State(ReceiptStatus.BUFFERED)
        case 2:
            cause = _CAUSE_OF.get(error, Cause.OTHER)
            return State(ReceiptStatus.FAILED, cause, permanent=error == UNKNOWN_USER)
        case _:
            return None
