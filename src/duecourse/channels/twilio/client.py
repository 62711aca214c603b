"""What SMS and calls over Twilio share: the account, its requests, and whether a call to us is Twilio's.

Sources: twilio.com/docs/usage/requests-to-twilio, /usage/webhooks (read 2026-11-25).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any, TypeVar
from urllib.parse import quote, urlencode
from uuid import UUID

from pydantic import Field, SecretStr

from duecourse.channels.http.adapter import HttpAdapter
from duecourse.channels.http.line import Answer, Ask, HttpSettings
from duecourse.channels.twilio import codes
from duecourse.channels.twilio.signing import is_signed
from duecourse.domain.messaging import Accepted, Outcome, RawRequest

AGAIN = "#rc=5&rp=5xx,ct,rt"
"""Connection overrides: Twilio posts again when we could not store it or were away."""


class TwilioSettings(HttpSettings):
    """What both services are told."""

    account_sid: str = Field(pattern=r"^AC[0-9a-fA-F]{32}$")
    auth_token: SecretStr
    """Also what Twilio signs its calls to us with."""
    api_key: str = ""
    api_secret: SecretStr = SecretStr("")
    """Instead of the auth token for our requests."""
    url: str = Field(default="https://api.twilio.com", pattern=r"^https?://[^/]+$")
    window: int = Field(default=50, ge=1, le=1000)


S = TypeVar("S", bound=TwilioSettings)


class TwilioAdapter(HttpAdapter[S]):
    """A subclass says what to post and what a status means."""

    def form(self, resource: str, fields: Sequence[tuple[str, str]]) -> Ask:
        """A POST to a resource of the account."""
        settings = self.settings
        user = settings.api_key or settings.account_sid
        password = (settings.api_secret if settings.api_key else settings.auth_token).get_secret_value()
        headers = {
            "authorization": f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode('ascii')}",
            "content-type": "application/x-www-form-urlencoded",
        }
        url = f"{settings.url}/2010-04-01/Accounts/{settings.account_sid}/{resource}.json"
        return Ask(url, urlencode(fields, quote_via=quote).encode("ascii"), headers)

    def outcome_of(self, outgoing: Any, answer: Answer) -> Outcome:
        """201 is taken under `sid`."""
        if answer.status == 201:
            body = json.loads(answer.content)
            return Accepted(str(body["sid"]), max(1, int(body.get("num_segments") or 1)))
        return codes.outcome(
            answer.status, code_of(answer), answer.retry_after(self.settings.throttle_pause_seconds)
        )

    def is_theirs(self, callback_url: str, request: RawRequest) -> bool:
        """Whether Twilio signed this for the address that we gave it."""
        url = f"{callback_url}?{request.query}" if request.query else callback_url
        return is_signed(self.settings.auth_token.get_secret_value(), url, request)


def code_of(answer: Answer) -> str:
    """Twilio's own code; '' where the body holds none."""
    try:
        return str(json.loads(answer.content)["code"])
    except (ValueError, KeyError, TypeError):
        return ""


def attempt_of(text: str) -> UUID | None:
    """Our attempt, as it stood in the address that we gave."""
    try:
        return UUID(hex=text)
    except ValueError:
        return None
