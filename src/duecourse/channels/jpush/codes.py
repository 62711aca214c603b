"""What JPush answers. Source: docs.jiguang.cn, 推送 API v3, 调用返回 (read 2026-11-25)."""

from __future__ import annotations

from typing import Final

from duecourse.domain.messaging import AccountTrouble, Cause, Deferred, Outcome, Refused, Throttled

MEANINGS: Final[dict[int, str]] = {
    1000: "trouble inside JPush",
    1001: "only POST is taken",
    1002: "a parameter is missing",
    1003: "a parameter is not accepted",
    1004: "app_key or master_secret is refused",
    1005: "the message is too big",
    1008: "app_key is not one",
    1009: "a key of the audience is unknown",
    1011: "no such device, or one that was not seen for 255 days",
    1020: "only HTTPS is taken",
    1030: "JPush took too long inside",
    2002: "too many calls of this app",
    2003: "this app may not call any more",
    2004: "this machine's address is not on the app's list",
    2005: "more messages than JPush finds reasonable",
}
ACCOUNT: Final = frozenset({1004, 1008, 2003, 2004})
AWAY: Final = frozenset({1000, 1030})
SLOW_DOWN: Final = frozenset({2002, 2005})


def outcome(status: int, code: int, pause_seconds: float) -> Outcome:
    """The outcome of an answer that is not 200. code: JPush's own, 0 where the body holds none."""
    label, words = str(code or status), MEANINGS.get(code, "not accepted")
    if code in SLOW_DOWN or status == 429:
        return Throttled(label, pause_seconds)
    if code in ACCOUNT or status == 401:
        return AccountTrouble(label, words)
    if code == 1011:
        return Refused(label, words, permanent=True, cause=Cause.DEAD)
    if code in AWAY or status >= 500:
        return Deferred(label, words, pause_seconds)
    cause = Cause.CONTENT if code == 1005 else Cause.OTHER
    return Refused(label, words, permanent=False, cause=cause)
