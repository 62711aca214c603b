"""App notifications by Apple's push service, over HTTP/2.

Sources: Apple, "Sending notification requests to APNs", "Establishing a token-based connection to APNs", "Generating a
remote notification" (read 2026-11-25).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

from pydantic import Field, SecretStr

from duecourse.channels.apns import codes
from duecourse.channels.http.adapter import HttpAdapter, refused_address
from duecourse.channels.http.jose import read_key, secret_text, sign_token
from duecourse.channels.http.line import Answer, Ask, HttpSettings
from duecourse.domain.messaging import (
    Accepted,
    Cause,
    Channel,
    Outcome,
    Outgoing,
    ReceiptSink,
    Refused,
    ReplySink,
)

MOST_OCTETS: Final = 4096
TOKEN_SECONDS: Final = 2400
"""Apple takes a provider token for 60 minutes and wants no new one within 20."""
_TOKEN = re.compile(r"[0-9a-fA-F]{64,200}")


class ApnsSettings(HttpSettings):
    """[NAME] with kind = "app.apns" in providers.toml."""

    team_id: str = Field(pattern=r"^[A-Z0-9]{10}$")
    key_id: str = Field(pattern=r"^[A-Z0-9]{10}$")
    key: SecretStr | None = None
    """The .p8 key's text."""
    key_file: Path | None = None
    topic: str = Field(min_length=1, max_length=200)
    """The app's bundle id."""
    url: str = Field(default="https://api.push.apple.com", pattern=r"^https?://[^/]+$")
    sound: str = ""
    """A sound the app brings, or "default"; '' is silent."""
    throttle_pause_seconds: float = Field(default=5, ge=0, le=3600)


class ApnsAdapter(HttpAdapter[ApnsSettings]):
    """One notification a request, many on one connection. Apple tells no delivery: accepted is all one hears."""

    kind = "app.apns"
    channel = Channel.APP
    deduplicates = False  # a second one with the same apns-id rings again
    http2 = True
    settings_type = ApnsSettings

    def __init__(
        self,
        name: str,
        settings: ApnsSettings,
        on_receipts: ReceiptSink,
        on_reply: ReplySink,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        super().__init__(name, settings, on_receipts, on_reply, clock)
        self._key = read_key(secret_text(settings.key, settings.key_file, "key"))
        self._token, self._token_at = "", 0

    async def ask_for(self, outgoing: Outgoing) -> Ask | Outcome:
        """The quiet text on the lock screen; the link and the message's id for the app alone."""
        if not _TOKEN.fullmatch(outgoing.address):
            return refused_address("the address is no device token")
        content = payload(outgoing, self.settings.sound)
        if len(content) > MOST_OCTETS:
            return Refused("PayloadTooLarge", "more than 4096 octets", permanent=False, cause=Cause.CONTENT)
        now = int(self.now().timestamp())
        headers = {
            "authorization": f"bearer {self._provider_token(now)}",
            "apns-id": str(outgoing.attempt_id),
            "apns-topic": self.settings.topic,
            "apns-push-type": "alert",
            "apns-priority": "10",
            "apns-expiration": str(now + outgoing.valid_for_seconds),
            "content-type": "application/json",
        }
        return Ask(f"{self.settings.url}/3/device/{outgoing.address}", content, headers)

    def outcome_of(self, outgoing: Outgoing, answer: Answer) -> Outcome:
        """200 is accepted under our own id."""
        if answer.status == 200:
            return Accepted(answer.headers.get("apns-id", str(outgoing.attempt_id)).lower())
        return codes.outcome(
            answer.status, reason_of(answer), answer.retry_after(self.settings.throttle_pause_seconds)
        )

    async def renew(self, ask: Ask, answer: Answer) -> bool:
        """A provider token that Apple finds too old is made anew, once for all that were sent with it."""
        if answer.status != 403 or reason_of(answer) not in codes.STALE_CREDENTIAL:
            return False
        if ask.headers["authorization"] == f"bearer {self._token}":
            self._token = ""
        return True

    def _provider_token(self, now: int) -> str:
        if not self._token or not 0 <= now - self._token_at < TOKEN_SECONDS:
            claims = {"iss": self.settings.team_id, "iat": now}
            self._token, self._token_at = sign_token(claims, self._key, kid=self.settings.key_id), now
        return self._token


def payload(outgoing: Outgoing, sound: str) -> bytes:
    """The notification as JSON. What is beside `aps` reaches the app and no lock screen."""
    alert = (
        {"title": outgoing.subject, "body": outgoing.text} if outgoing.subject else {"body": outgoing.text}
    )
    aps = {"alert": alert, "sound": sound} if sound else {"alert": alert}
    beside = {"message": str(outgoing.attempt_id)} | ({"link": outgoing.link} if outgoing.link else {})
    return json.dumps({"aps": aps, **beside}, ensure_ascii=False, separators=(",", ":")).encode()


def reason_of(answer: Answer) -> str:
    """Apple's word for why not; '' where the body holds none."""
    try:
        reason = json.loads(answer.content)["reason"]
    except (ValueError, KeyError, TypeError):
        return ""
    return reason if isinstance(reason, str) and len(reason) <= 60 else ""
