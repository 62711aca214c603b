"""App notifications by Firebase Cloud Messaging, HTTP v1.

Sources: Firebase, "Send messages with the HTTP v1 API" and the reference of projects.messages; Google, "Using OAuth 2.0
for Server to Server Applications" (read 2026-11-25).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from duecourse.channels.fcm import codes
from duecourse.channels.http.adapter import HttpAdapter, refused_address
from duecourse.channels.http.credential import Credential, Lent, NoToken
from duecourse.channels.http.jose import read_key, secret_text, sign_token
from duecourse.channels.http.line import Answer, Ask, HttpSettings
from duecourse.domain.messaging import (
    Accepted,
    AccountTrouble,
    Cause,
    Channel,
    Deferred,
    NotWritten,
    Outcome,
    Outgoing,
    ReceiptSink,
    Refused,
    ReplySink,
)

SCOPE: Final = "https://www.googleapis.com/auth/firebase.messaging"
ASSERTION_SECONDS: Final = 3600
MOST_OCTETS: Final = 4096
MOST_TTL_SECONDS: Final = 28 * 86_400
_TOKEN = re.compile(r"[A-Za-z0-9_:-]{20,4096}")


class ServiceAccount(BaseModel):
    """What this adapter needs of the JSON file that Google gives out."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    project_id: str = Field(pattern=r"^[a-z0-9:.-]{1,80}$")
    client_email: str
    private_key: SecretStr
    private_key_id: str
    token_uri: str = Field(default="https://oauth2.googleapis.com/token", pattern=r"^https?://")


class FcmSettings(HttpSettings):
    """[NAME] with kind = "app.fcm" in providers.toml."""

    service_account: SecretStr | None = None
    """The service account's JSON."""
    service_account_file: Path | None = None
    url: str = Field(default="https://fcm.googleapis.com", pattern=r"^https?://[^/]+$")
    android_channel: str = ""
    """The app's notification channel; '' is the app's default."""
    throttle_pause_seconds: float = Field(default=60, ge=0, le=3600)
    """Firebase asks for at least a minute where no Retry-After stands."""


class FcmAdapter(HttpAdapter[FcmSettings]):
    """One notification a request. FCM tells no delivery to servers: accepted is all one hears."""

    kind = "app.fcm"
    channel = Channel.APP
    settings_type = FcmSettings

    def __init__(
        self,
        name: str,
        settings: FcmSettings,
        on_receipts: ReceiptSink,
        on_reply: ReplySink,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        super().__init__(name, settings, on_receipts, on_reply, clock)
        text = secret_text(settings.service_account, settings.service_account_file, "service_account")
        self.account = read_account(text)
        self._key = read_key(self.account.private_key.get_secret_value())
        self._credential = Credential(self._lend, settings.rest_seconds)

    async def ask_for(self, outgoing: Outgoing) -> Ask | Outcome:
        """The quiet text as notification; the link and the message's id as data for the app."""
        if not _TOKEN.fullmatch(outgoing.address):
            return refused_address("the address is no registration token")
        message = self._message(outgoing)
        if len(_json({**message, "token": ""})) > MOST_OCTETS:
            return Refused("MessageTooBig", "more than 4096 octets", permanent=False, cause=Cause.CONTENT)
        token = await self._credential.get()
        if not isinstance(token, str):
            return token
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        url = f"{self.settings.url}/v1/projects/{self.account.project_id}/messages:send"
        return Ask(url, _json({"message": message}), headers)

    def outcome_of(self, outgoing: Outgoing, answer: Answer) -> Outcome:
        """200 is accepted under the name that FCM gives."""
        if answer.status == 200:
            return Accepted(str(json.loads(answer.content)["name"]))
        fault = codes.fault_of(answer.status, answer.content)
        return codes.outcome(fault, answer.retry_after(self.settings.throttle_pause_seconds))

    async def renew(self, ask: Ask, answer: Answer) -> bool:
        """An access token that is refused is fetched anew, once for all that were sent with it."""
        if answer.status != 401 or codes.fault_of(401, answer.content).code != "UNAUTHENTICATED":
            return False
        self._credential.refused(ask.headers["authorization"].removeprefix("Bearer "))
        return True

    async def _lend(self) -> Lent | NoToken:
        now = int(self.now().timestamp())
        claims = {
            "iss": self.account.client_email,
            "scope": SCOPE,
            "aud": self.account.token_uri,
            "iat": now,
            "exp": now + ASSERTION_SECONDS,
        }
        grant = {
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "assertion": sign_token(claims, self._key, typ="JWT", kid=self.account.private_key_id),
        }
        headers = {"content-type": "application/x-www-form-urlencoded"}
        heard = await self.line.ask(Ask(self.account.token_uri, urlencode(grant).encode(), headers))
        if not isinstance(heard, Answer):
            return NotWritten("no access token: Google does not answer")
        if heard.status in (400, 401, 403):
            return AccountTrouble("invalid_grant", "Google does not accept the service account's key")
        try:
            lent = json.loads(heard.content)
            return Lent(str(lent["access_token"]), float(lent["expires_in"]))
        except (ValueError, KeyError, TypeError):
            return Deferred(str(heard.status), "Google gave no access token", self.settings.rest_seconds)

    def _message(self, outgoing: Outgoing) -> dict[str, Any]:
        notification = {"body": outgoing.text} | ({"title": outgoing.subject} if outgoing.subject else {})
        beside = {"message": str(outgoing.attempt_id)} | ({"link": outgoing.link} if outgoing.link else {})
        ttl = min(outgoing.valid_for_seconds, MOST_TTL_SECONDS)
        channel = {"channel_id": self.settings.android_channel} if self.settings.android_channel else {}
        expires = str(int(self.now().timestamp()) + ttl)
        return {
            "token": outgoing.address,
            "notification": notification,
            "data": beside,
            "android": {"priority": "HIGH", "ttl": f"{ttl}s"}
            | ({"notification": channel} if channel else {}),
            "apns": {"headers": {"apns-expiration": expires, "apns-priority": "10"}},
        }


def read_account(text: str) -> ServiceAccount:
    """Raises ValueError, which never quotes the file."""
    try:
        return ServiceAccount.model_validate_json(text)
    except ValidationError:
        raise ValueError("service_account is not the JSON of a Google service account") from None


def _json(members: object) -> bytes:
    return json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode()
