"""What FCM answers. Sources: Firebase, "FCM Error Codes", and HTTP v1, `ErrorCode` (read 2026-11-25)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from duecourse.domain.messaging import AccountTrouble, Cause, Deferred, Outcome, Refused, Throttled

FCM_ERROR: Final = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
BAD_REQUEST: Final = "type.googleapis.com/google.rpc.BadRequest"


@dataclass(frozen=True, slots=True)
class Fault:
    """An error as FCM tells it."""

    status: int
    code: str
    """FCM's own code, else Google's general status, else ''."""
    about_token: bool = False
    """It names the registration token as what was not accepted."""


def fault_of(status: int, content: bytes) -> Fault:
    """Read an error's body; a body that is none gives an empty code."""
    try:
        error = json.loads(content)["error"]
        details = [each for each in error.get("details", ()) if isinstance(each, dict)]
        codes = [str(each["errorCode"]) for each in details if each.get("@type") == FCM_ERROR]
        code = codes[0] if codes else str(error.get("status", ""))
        # A fault of ours in every message must not retire every token: only what is said of the token counts.
        said = "registration token" in str(error.get("message", ""))
        about_token = set(_fields(details)) == {"message.token"} or (bool(codes) and said)
        return Fault(status, code if code.isascii() and len(code) <= 60 else "", about_token)
    except (ValueError, KeyError, TypeError, AttributeError):
        return Fault(status, "")


def _fields(details: list[dict[str, Any]]) -> tuple[str, ...]:
    violations = [
        each for one in details if one.get("@type") == BAD_REQUEST for each in one["fieldViolations"]
    ]
    return tuple(str(each.get("field", "")) for each in violations)


def outcome(fault: Fault, pause_seconds: float) -> Outcome:
    """The outcome of an answer that is not 200. pause_seconds: as the answer says, else as is set."""
    code = fault.code or str(fault.status)
    if code == "UNREGISTERED":
        return Refused(code, "the app was removed or its token is not valid any more", True, Cause.DEAD)
    if code == "SENDER_ID_MISMATCH":
        return Refused(code, "the token belongs to another sender", True, Cause.DEAD)
    if code == "INVALID_ARGUMENT":
        if fault.about_token:
            return Refused(code, "the address is no registration token", True, Cause.DEAD)
        return Refused(code, "the message is not accepted", False, Cause.CONTENT)
    if code in ("QUOTA_EXCEEDED", "RESOURCE_EXHAUSTED") or fault.status == 429:
        return Throttled(code, pause_seconds)
    if code == "THIRD_PARTY_AUTH_ERROR":
        return AccountTrouble(code, "Firebase has no good APNs or web push credential of this project")
    if fault.status in (401, 403, 404):
        return AccountTrouble(code, "the service account may not send for this project")
    if fault.status >= 500:
        return Deferred(code, "Firebase has trouble", pause_seconds)
    return Refused(code, "the request is not accepted", permanent=False)
