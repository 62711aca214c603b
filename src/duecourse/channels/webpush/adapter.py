"""Notifications to browsers by the push service of each browser's maker.

Sources: RFC 8030 (protocol), RFC 8291 (encryption), RFC 8292 (VAPID).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import Field, SecretStr

from duecourse.channels.http.adapter import HttpAdapter, refused_address
from duecourse.channels.http.jose import b64url, read_key, secret_text, sign_token
from duecourse.channels.http.line import Answer, Ask, HttpSettings
from duecourse.channels.webpush import codes
from duecourse.channels.webpush.encryption import MOST_PLAIN_OCTETS, encrypt, point
from duecourse.channels.webpush.subscription import read_subscription
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

TOKEN_SECONDS: Final = 12 * 3600
"""A push service takes a VAPID token for at most 24 hours; it is made anew after half of these."""
PUSH_SERVICES: Final = (
    "fcm.googleapis.com",
    "push.services.mozilla.com",
    "push.apple.com",
    "notify.windows.com",
)
"""Of Chrome, Firefox, Safari and Edge; their subdomains too. We post to no other host a subscription may name."""


class WebpushSettings(HttpSettings):
    """[NAME] with kind = "webpush.vapid" in providers.toml."""

    key: SecretStr | None = None
    """The VAPID private key as PEM, P-256. Pages subscribe with its public key."""
    key_file: Path | None = None
    contact: str = Field(pattern=r"^(mailto:.+@.+|https://.+)$")
    """Whom a push service can ask when something is wrong."""
    services: tuple[str, ...] = PUSH_SERVICES
    urgency: str = Field(default="normal", pattern=r"^(very-low|low|normal|high)$")
    gateway: str = Field(default="", pattern=r"^(https?://[^/]+)?$")
    """Of the sandbox: takes the place of every subscription's scheme and host."""
    throttle_pause_seconds: float = Field(default=30, ge=0, le=3600)


class WebpushAdapter(HttpAdapter[WebpushSettings]):
    """One notification a request. Push services tell no delivery: accepted is all one hears."""

    kind = "webpush.vapid"
    channel = Channel.WEBPUSH
    deduplicates = False  # Topic replaces what has not arrived yet, nothing more
    settings_type = WebpushSettings

    def __init__(
        self,
        name: str,
        settings: WebpushSettings,
        on_receipts: ReceiptSink,
        on_reply: ReplySink,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        super().__init__(name, settings, on_receipts, on_reply, clock)
        key = read_key(secret_text(settings.key, settings.key_file, "key"))
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ValueError("a VAPID key is of P-256")
        self._key = key
        self._tokens: dict[str, tuple[str, int]] = {}
        hosts = "|".join(re.escape(host) for host in settings.services)
        self._hosts = re.compile(rf"(?:[a-z0-9-]+\.)*(?:{hosts})")

    @property
    def public_key(self) -> str:
        """What a page gives to `pushManager.subscribe` as applicationServerKey."""
        return b64url(point(self._key.public_key()))

    async def ask_for(self, outgoing: Outgoing) -> Ask | Outcome:
        """The quiet text and the link, encrypted for the one browser."""
        try:
            subscription = read_subscription(outgoing.address)
        except ValueError as error:
            return refused_address(str(error))
        parts = urlsplit(subscription.endpoint)
        if not self._hosts.fullmatch(parts.hostname or ""):
            return Refused(
                "service", "the subscription is of a push service that is not in `services`", False
            )
        content = payload(outgoing)
        if len(content) > MOST_PLAIN_OCTETS:
            return Refused("413", "the message is too big", permanent=False, cause=Cause.CONTENT)
        origin = self.settings.gateway or f"https://{parts.netloc}"
        path = f"{parts.path}{'?' + parts.query if parts.query else ''}"
        return Ask(f"{origin}{path}", encrypt(content, subscription.keys), self._headers(outgoing, origin))

    def outcome_of(self, outgoing: Outgoing, answer: Answer) -> Outcome:
        """Any 2xx is accepted. The service's own id is a secret address, so ours is kept."""
        if 200 <= answer.status < 300:
            return Accepted(str(outgoing.attempt_id))
        pause = answer.retry_after(self.settings.throttle_pause_seconds)
        return codes.outcome(answer.status, _reason(answer), pause)

    def _headers(self, outgoing: Outgoing, origin: str) -> dict[str, str]:
        return {
            "authorization": f"vapid t={self._token(origin)}, k={self.public_key}",
            "content-encoding": "aes128gcm",
            "content-type": "application/octet-stream",
            "ttl": str(outgoing.valid_for_seconds),
            "urgency": self.settings.urgency,
            "topic": outgoing.attempt_id.hex,  # 32 characters, as many as may be
        }

    def _token(self, origin: str) -> str:
        now = int(self.now().timestamp())
        token, until = self._tokens.get(origin, ("", 0))
        if not now + TOKEN_SECONDS // 2 < until <= now + TOKEN_SECONDS:
            claims = {"aud": origin, "exp": now + TOKEN_SECONDS, "sub": self.settings.contact}
            token = sign_token(claims, self._key, typ="JWT")
            self._tokens[origin] = (token, now + TOKEN_SECONDS)
        return token


def payload(outgoing: Outgoing) -> bytes:
    """What the page's service worker gets: title, body, link and the message's id."""
    told = {"title": outgoing.subject, "body": outgoing.text, "message": str(outgoing.attempt_id)}
    told |= {"link": outgoing.link} if outgoing.link else {}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


def _reason(answer: Answer) -> str:
    try:
        reason = json.loads(answer.content)["reason"]
    except (ValueError, KeyError, TypeError):
        return ""
    return reason if isinstance(reason, str) and reason.isalnum() and len(reason) <= 60 else ""
