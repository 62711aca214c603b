"""command_status values. Source: SMPP Protocol Specification v3.4, Issue 1.2, table 5-2 (5.1.3), all of it.

The class is ours: what a refusal of a submit_sm means for the next step.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import NamedTuple


class StatusClass(Enum):
    """What to do about a status."""

    OK = auto()
    THROTTLED = auto()  # not taken: slow down, the same message may go again
    ADDRESS = auto()  # this number will not work again
    TEMPORARY = auto()  # the SMSC's own trouble: may work later
    CONTENT = auto()  # this message will never be taken as it is, the number is not at fault
    CONFIGURATION = auto()  # ours: credentials, bind, parameters


class Status(NamedTuple):
    """One row of the table."""

    name: str
    meaning: str
    kind: StatusClass


OK = 0x00
INVALID_LENGTH = 0x02
INVALID_COMMAND = 0x03
BIND_FAILED = 0x0D
INVALID_DESTINATION = 0x0B
SYSTEM_ERROR = 0x08
QUEUE_FULL = 0x14
THROTTLED = 0x58
INVALID_BIND_STATE = 0x04
TEMPORARY_APPLICATION_ERROR = 0x64
PERMANENT_APPLICATION_ERROR = 0x65
OF_THE_ACCOUNT = (0x0E, 0x0F)
"""A wrong password or system id: no bind will succeed before a person has acted."""

_A, _C, _K, _T = (
    StatusClass.ADDRESS,
    StatusClass.CONTENT,
    StatusClass.CONFIGURATION,
    StatusClass.TEMPORARY,
)

STATUSES: dict[int, Status] = {
    0x00: Status("ESME_ROK", "no error", StatusClass.OK),
    0x01: Status("ESME_RINVMSGLEN", "message length is invalid", _C),
    0x02: Status("ESME_RINVCMDLEN", "command length is invalid", _K),
    0x03: Status("ESME_RINVCMDID", "invalid command id", _K),
    0x04: Status("ESME_RINVBNDSTS", "incorrect bind status for the command", _T),
    0x05: Status("ESME_RALYBND", "already bound", _K),
    0x06: Status("ESME_RINVPRTFLG", "invalid priority flag", _K),
    0x07: Status("ESME_RINVREGDLVFLG", "invalid registered delivery flag", _K),
    0x08: Status("ESME_RSYSERR", "system error", _T),
    0x0A: Status("ESME_RINVSRCADR", "invalid source address", _K),
    0x0B: Status("ESME_RINVDSTADR", "invalid destination address", _A),
    0x0C: Status("ESME_RINVMSGID", "message id is invalid", _C),
    0x0D: Status("ESME_RBINDFAIL", "bind failed", _K),
    0x0E: Status("ESME_RINVPASWD", "invalid password", _K),
    0x0F: Status("ESME_RINVSYSID", "invalid system id", _K),
    0x11: Status("ESME_RCANCELFAIL", "cancel_sm failed", _T),
    0x13: Status("ESME_RREPLACEFAIL", "replace_sm failed", _T),
    0x14: Status("ESME_RMSGQFUL", "message queue full", StatusClass.THROTTLED),
    0x15: Status("ESME_RINVSERTYP", "invalid service type", _K),
    0x33: Status("ESME_RINVNUMDESTS", "invalid number of destinations", _K),
    0x34: Status("ESME_RINVDLNAME", "invalid distribution list name", _K),
    0x40: Status("ESME_RINVDESTFLAG", "destination flag is invalid", _K),
    0x42: Status("ESME_RINVSUBREP", "invalid submit-with-replace request", _K),
    0x43: Status("ESME_RINVESMCLASS", "invalid esm_class", _K),
    0x44: Status("ESME_RCNTSUBDL", "cannot submit to distribution list", _K),
    0x45: Status("ESME_RSUBMITFAIL", "submit failed", _T),
    0x48: Status("ESME_RINVSRCTON", "invalid source address TON", _K),
    0x49: Status("ESME_RINVSRCNPI", "invalid source address NPI", _K),
    0x50: Status("ESME_RINVDSTTON", "invalid destination address TON", _K),
    0x51: Status("ESME_RINVDSTNPI", "invalid destination address NPI", _K),
    0x53: Status("ESME_RINVSYSTYP", "invalid system type", _K),
    0x54: Status("ESME_RINVREPFLAG", "invalid replace_if_present flag", _K),
    0x55: Status("ESME_RINVNUMMSGS", "invalid number of messages", _K),
    0x58: Status("ESME_RTHROTTLED", "message limits exceeded", StatusClass.THROTTLED),
    0x61: Status("ESME_RINVSCHED", "invalid scheduled delivery time", _K),
    0x62: Status("ESME_RINVEXPIRY", "invalid validity period", _K),
    0x63: Status("ESME_RINVDFTMSGID", "predefined message is invalid", _K),
    0x64: Status("ESME_RX_T_APPN", "receiver's temporary error", _T),
    0x65: Status("ESME_RX_P_APPN", "receiver's permanent error", _C),
    0x66: Status("ESME_RX_R_APPN", "receiver rejected the message", _C),
    0x67: Status("ESME_RQUERYFAIL", "query_sm failed", _T),
    0xC0: Status("ESME_RINVOPTPARSTREAM", "error in the optional parameters", _K),
    0xC1: Status("ESME_ROPTPARNOTALLWD", "optional parameter not allowed", _K),
    0xC2: Status("ESME_RINVPARLEN", "invalid parameter length", _K),
    0xC3: Status("ESME_RMISSINGOPTPARAM", "expected optional parameter missing", _K),
    0xC4: Status("ESME_RINVOPTPARAMVAL", "invalid optional parameter value", _K),
    0xFE: Status("ESME_RDELIVERYFAILURE", "delivery failure", _T),
    0xFF: Status("ESME_RUNKNOWNERR", "unknown error", _T),
}


def status(code: int) -> Status:
    """The status of `code`.

    Reserved and vendor codes (0x400-0x4FF) count as temporary: they say nothing of the number.
    """
    known = STATUSES.get(code)
    if known is not None:
        return known
    owner = "vendor's code" if 0x400 <= code <= 0x4FF else "reserved code"
    return Status(f"0x{code:08X}", owner, StatusClass.TEMPORARY)
