"""What Apple's push service answers. Source: Apple, "Handling notification responses from APNs" (read 2026-11-25).

A token may be told dead only where Apple says that it is: what concerns our topic, key or payload is never the
device's fault.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from duecourse.domain.messaging import AccountTrouble, Cause, Deferred, Outcome, Refused, Throttled

STALE_CREDENTIAL: Final = frozenset({"ExpiredProviderToken"})
"""A new token of ours mends it."""
DEAD: Final[Mapping[str, str]] = {
    "BadDeviceToken": "the device token is not one, or of Apple's other environment",
    "DeviceTokenNotForTopic": "the device token belongs to another app",
    "Unregistered": "the device token is not active any more",
    "ExpiredToken": "the device token has expired",
    "MissingDeviceToken": "no device token",
}
ACCOUNT: Final[Mapping[str, str]] = {
    "BadCertificate": "the certificate is not good",
    "BadCertificateEnvironment": "the certificate is for Apple's other environment",
    "BadEnvironmentKeyIdInToken": "the key is for Apple's other environment",
    "BadTopic": "the topic is not a bundle id",
    "Forbidden": "the action is not allowed",
    "InvalidProviderToken": "the signature of the provider token does not fit key_id and team_id",
    "MissingProviderToken": "no provider token",
    "MissingTopic": "no topic",
    "TopicDisallowed": "this key may not push to the topic",
    "UnrelatedKeyIdInToken": "the key is not of this connection's team",
    "ExpiredProviderToken": "the provider token is old even when new: this machine's clock is wrong",
}
SLOW_DOWN: Final = frozenset({"TooManyRequests", "TooManyProviderTokenUpdates"})
AWAY: Final = frozenset({"InternalServerError", "ServiceUnavailable", "Shutdown", "IdleTimeout"})


def outcome(status: int, reason: str, pause_seconds: float) -> Outcome:
    """The outcome of an answer that is not 200. reason: as Apple wrote it, '' where the body holds none."""
    code = reason or str(status)
    if reason in DEAD:
        return Refused(code, DEAD[reason], permanent=True, cause=Cause.DEAD)
    if reason in ACCOUNT:
        return AccountTrouble(code, ACCOUNT[reason])
    if reason in SLOW_DOWN or status == 429:
        return Throttled(code, pause_seconds)
    if reason in AWAY or status >= 500:
        return Deferred(code, "Apple's push service has trouble", pause_seconds)
    if status == 410:
        return Refused(code, DEAD["Unregistered"], permanent=True, cause=Cause.DEAD)
    if status == 403:
        return AccountTrouble(code, "the credential is refused")
    if reason == "PayloadTooLarge" or status == 413:
        return Refused(code, "more than 4096 octets", permanent=False, cause=Cause.CONTENT)
    return Refused(code, "the request is not accepted", permanent=False)
