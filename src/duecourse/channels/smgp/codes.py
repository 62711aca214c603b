"""What SMGP's statuses, states and errors mean. Source: China Telecom SMGP V3.0.3, 6.2.6, 6.2.63.1, 6.2.63.2.

Read 2026-11-25. The three-digit errors from 600 on that gateways send too are in no public document of the carrier:
such a failure has no cause until the settings say what it means.
"""

from __future__ import annotations

from duecourse.channels.wire.carrier import Result, ResultClass, State
from duecourse.domain.messaging import Cause, ReceiptStatus

STRUCTURE_WRONG, BUSY, AUTHENTICATION_FAILED, DESTINATION_WRONG, MAKERS_OWN = 10, 1, 21, 47, 128
OF_THE_ACCOUNT = (20, 21, 76)
"""Nothing will be let in before a person has acted."""

_K, _C, _O, _T = ResultClass.ACCOUNT, ResultClass.CONTENT, ResultClass.OTHER, ResultClass.TEMPORARY
RESULTS: dict[int, Result] = {
    1: Result("system busy", ResultClass.THROTTLED),
    2: Result("too many connections", _T),
    10: Result("message structure is wrong", _O),
    11: Result("command is wrong", _O),
    12: Result("message number is repeated", _T),
    20: Result("IP address is wrong", _K),
    21: Result("authentication failed", _K),
    22: Result("version is too high", _K),
    30: Result("illegal MsgType", _O),
    31: Result("illegal Priority", _O),
    32: Result("illegal FeeType", _K),
    33: Result("illegal FeeCode", _K),
    34: Result("illegal MsgFormat", _O),
    35: Result("illegal time", _O),
    36: Result("illegal MsgLength", _C),
    37: Result("validity has passed", _O),
    39: Result("routing error", _O),
    40: Result("illegal FixedFee", _K),
    43: Result("illegal ServiceId", _K),
    44: Result("illegal ValidTime", _O),
    45: Result("illegal AtTime", _O),
    46: Result("illegal SrcTermId", _O),
    47: Result("illegal DestTermId", _O),
    48: Result("illegal ChargeTermId", _O),
    49: Result("illegal SPCode", _K),
    58: Result("no route", _O),
    69: Result("illegal SPID", _K),
    73: Result("illegal MServiceID", _K),
    74: Result("the SP may not send at this time of day", _T),
    75: Result("the SP has sent its day's quantity", _T),
    76: Result("the SP's account has expired", _K),
}

STATES: dict[str, ReceiptStatus] = {
    "DELIVRD": ReceiptStatus.DELIVERED,
    "ACCEPTD": ReceiptStatus.BUFFERED,
    "ENROUTE": ReceiptStatus.BUFFERED,
    "UNKNOWN": ReceiptStatus.BUFFERED,
    "EXPIRED": ReceiptStatus.EXPIRED,
    "DELETED": ReceiptStatus.FAILED,
    "UNDELIV": ReceiptStatus.FAILED,
    "REJECTD": ReceiptStatus.FAILED,
}
"""A state that nobody knows says nothing of the phone: the attempt's own deadline decides."""
ERRORS: dict[str, Cause] = {
    "001": Cause.OFF,  # cannot be reached
    "002": Cause.OFF,  # busy
    "003": Cause.OTHER,  # the terminal has no such part
    "004": Cause.DEAD,  # illegal user
    "005": Cause.BLOCKED,  # on a black list
    "007": Cause.FULL,
}


def state_of(stat: str, error: str) -> State | None:
    """The meaning of stat and err; None where there is no stat."""
    if not stat:
        return None
    status = STATES.get(stat, ReceiptStatus.BUFFERED)
    if status is ReceiptStatus.EXPIRED:
        return State(status, ERRORS.get(error, Cause.OFF))
    # An illegal user may be one who is barred: the number is not given up for that alone.
    return State(status, ERRORS.get(error, Cause.OTHER) if status is ReceiptStatus.FAILED else Cause.OTHER)
