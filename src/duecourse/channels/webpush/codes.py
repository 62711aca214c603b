"""What push services answer.

Sources: RFC 8030 (5, 8.4), RFC 8292 (4.2); Mozilla, "Autopush: Error Codes"; Apple, "Sending web push notifications in
web apps and browsers" (read 2026-11-25).
"""

from __future__ import annotations

from typing import Final

from duecourse.domain.messaging import AccountTrouble, Cause, Deferred, Outcome, Refused, Throttled

OTHER_KEY: Final = frozenset({"VapidPkHashMismatch"})
"""Apple's word for a subscription that was made with another key of ours."""


def outcome(status: int, reason: str, pause_seconds: float) -> Outcome:
    """The outcome of an answer that is not 2xx. reason: Apple's word where it gives one, else ''."""
    code = reason or str(status)
    if status in (404, 410):
        return Refused(code, "the subscription has ended", permanent=True, cause=Cause.DEAD)
    if status == 413:
        return Refused(code, "the message is too big", permanent=False, cause=Cause.CONTENT)
    if status == 429:
        return Throttled(code, pause_seconds)
    if status == 401 or (status == 403 and reason and reason not in OTHER_KEY):
        return AccountTrouble(code, "the VAPID signature is not accepted")
    if status == 403:
        # One subscription made with a former key must not stop all others, nor a wrong key retire them all.
        return Refused(code, "the subscription was made with another VAPID key", permanent=False)
    if status >= 500:
        return Deferred(code, "the push service has trouble", pause_seconds)
    return Refused(code, "the request is not accepted", permanent=False)
