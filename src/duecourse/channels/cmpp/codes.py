"""What CMPP's numbers and states mean.

Results: China Mobile QB-GF-028-2003, "CMPP V3.0.0", 8.4.1.2, 8.4.3.2. Families of states: the same, table 1 in 8.4.5.1.
States within the families are the gateways' own; those below are where the lists that China Mobile's partners publish
agree: the carrier's list of gateway states (as kept by its SPs, sections 1-5: CB:, DB:, UNDELIV), Tencent Cloud SMS
"Error Codes for Status Report", Huawei Cloud "API错误码3" (MI:). Read 2026-11-25.

A number counts as dead for good only where the code is the network's or the carrier's own "no such user"; where only
a platform's list says so, the cause is told and the number is kept.
"""

from __future__ import annotations

from duecourse.channels.wire.carrier import Result, ResultClass, State
from duecourse.domain.messaging import Cause, ReceiptStatus

CONNECT_STATUSES = {
    1: "message structure is wrong",
    2: "illegal source address",
    3: "authentication failed",
    4: "version is too high",
}
OF_THE_ACCOUNT = (2, 3)
"""Nothing will be let in before a person has acted."""

STRUCTURE_WRONG, FLOW_CONTROL, DESTINATION_WRONG, BUSY = 1, 8, 13, 100
_K, _C, _O = ResultClass.ACCOUNT, ResultClass.CONTENT, ResultClass.OTHER
RESULTS: dict[int, Result] = {
    1: Result("message structure is wrong", _O),
    2: Result("command is wrong", _O),
    3: Result("message number is repeated", ResultClass.TEMPORARY),
    4: Result("message length is wrong", _C),
    5: Result("fee code is wrong", _K),
    6: Result("message is too long", _C),
    7: Result("service code is wrong", _K),
    8: Result("flow control", ResultClass.THROTTLED),
    9: Result("gateway does not serve this charged number", _O),
    10: Result("Src_Id is wrong", _O),
    11: Result("Msg_src is wrong", _K),
    12: Result("Fee_terminal_Id is wrong", _K),
    13: Result("Dest_terminal_Id is wrong", _O),
}

DELIVERED = State(ReceiptStatus.DELIVERED)
NOTHING_KNOWN = State(ReceiptStatus.BUFFERED)
"""No word on the person's phone: the attempt's own deadline decides."""
_FAILED = State(ReceiptStatus.FAILED)
_NOBODY = State(ReceiptStatus.FAILED, Cause.DEAD, permanent=True)

STATES: dict[str, State] = {
    "DELIVRD": DELIVERED,
    "ACCEPTD": NOTHING_KNOWN,
    "ENROUTE": NOTHING_KNOWN,
    "UNKNOWN": NOTHING_KNOWN,
    "EXPIRED": State(ReceiptStatus.EXPIRED, Cause.OFF),
    "DELETED": _FAILED,
    "UNDELIV": _FAILED,
    "REJECTD": _FAILED,
    "MK:0001": _NOBODY,  # GSM MAP unknownSubscriber
    "CB:0001": _NOBODY,
    "CB:0053": _NOBODY,
    "DB:0101": _NOBODY,
}
_CAUSES: dict[Cause, str] = {
    Cause.DEAD: "ERR_NUM ERRNUM MK:0000 MK:0012 MI:0073 MI:0210 MN:0001",
    Cause.OFF: (
        "IB:0064 MC:0055 MI:0024 MI:0029 MI:0042 MI:0076 MI:0082 MK:0004 MK:0008 MK:0009 MK:0010 MK:0023 MK:0024"
        " MK:0029 MK:0090 MN:0036 MN:0041"
    ),
    Cause.SUSPENDED: "CB:0005 CB:0007 DB:0102 MI:0019 MI:0051 MI:0052 MK:0005 MK:0013 MN00013 MN:0013",
    Cause.FULL: "MB:1031 MI00022 MI:0208 MK:0017",
    Cause.BLOCKED: (
        "BWLIST DB00144 DB:0140 DB:0141 DB:0142 DB:0143 DB:0144 DB:0164 DBBLACK HD:0001 HIGRISK MB:1042 MB:1077"
        " MBBLACK MK:0115 MX:0003 MX:0011 TC:0001 TD:0001"
    ),
    Cause.OPTED_OUT: "MX:0012 TUIDING",
    Cause.CONTENT: "MK:0014 NOSEND TC:0007",
}
STATES |= {
    code: State(ReceiptStatus.FAILED, cause) for cause, codes in _CAUSES.items() for code in codes.split()
}
FAMILIES: dict[str, State] = {
    "MC": NOTHING_KNOWN,  # the SMSC took it and sent no report
    "IC": NOTHING_KNOWN,  # the next gateway took it and sent no report
}
"""By the two letters before the colon; every other family (MA, MB, CA, CB, DA, DB, SA, SB, IA, IB, MI, MK, MN, ...)
is a failure."""


def state_of(stat: str) -> State:
    """The meaning of Stat. A state that nobody has listed is a failure: the families are open."""
    return STATES.get(stat) or FAMILIES.get(stat[:2] if stat[2:3] == ":" else "", _FAILED)
