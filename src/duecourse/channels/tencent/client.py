"""What SMS and calls over Tencent Cloud share: signed requests, and who may call us."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar
from urllib.parse import urlsplit

from pydantic import Field, SecretStr

from duecourse.channels.http import verdicts
from duecourse.channels.http.adapter import HttpAdapter
from duecourse.channels.http.callbacks import (
    FORBIDDEN,
    NOT_STORED,
    UNREADABLE,
    CallbackSettings,
    acknowledged,
    json_of,
)
from duecourse.channels.http.line import Answer, Ask
from duecourse.channels.tencent import codes
from duecourse.channels.tencent.signing import signed_headers
from duecourse.domain.messaging import Outcome, Outgoing, RawRequest, RawResponse, Receipt, Reply


class TencentSettings(CallbackSettings):
    """What both services are told."""

    secret_id: str = Field(min_length=1)
    secret_key: SecretStr
    sdk_app_id: str = Field(min_length=1)
    region: str = "ap-guangzhou"
    window: int = Field(default=50, ge=1, le=1000)


S = TypeVar("S", bound=TencentSettings)


class TencentAdapter(HttpAdapter[S]):
    """A subclass names its service and version, and says what a callback means."""

    service: ClassVar[str]
    version: ClassVar[str]

    def signed(self, url: str, action: str, parameters: Mapping[str, Any]) -> Ask:
        """A call of their API."""
        body = json.dumps(parameters, ensure_ascii=False).encode()
        headers = signed_headers(
            self.settings.secret_id,
            self.settings.secret_key.get_secret_value(),
            host=urlsplit(url).netloc,
            service=self.service,
            action=action,
            version=self.version,
            region=self.settings.region,
            body=body,
            now=self.now(),
        )
        return Ask(f"{url}/", body, headers)

    def outcome_of(self, outgoing: Outgoing, answer: Answer) -> Outcome:
        """An error of their API, of what stands before it, or what the service says of the message."""
        pause = self.settings.throttle_pause_seconds
        if answer.status != 200:  # not from the API itself, which answers everything with 200
            verdict = verdicts.of_status(answer.status)
            return verdicts.outcome(str(answer.status), verdict, answer.retry_after(pause))
        response = response_of(answer)
        if "Error" in response:
            return codes.outcome(response["Error"]["Code"], pause)
        return self.said(outgoing, response)

    @abstractmethod
    def said(self, outgoing: Outgoing, response: Mapping[str, Any]) -> Outcome:
        """What an answer without an error means."""

    @abstractmethod
    def heard(self, body: Any) -> tuple[list[Receipt], list[Reply]]:
        """What a callback says. Raises KeyError, TypeError or ValueError for what is none of theirs."""

    async def receive(self, request: RawRequest) -> RawResponse:
        """Their callback. They sign nothing, so the token or the net must be right."""
        if not self.settings.lets_in(request):
            return FORBIDDEN
        try:
            receipts, replies = self.heard(json_of(request))
        except (ValueError, KeyError, TypeError, AttributeError):
            return UNREADABLE
        if not await self.hand_in(receipts, replies):
            return NOT_STORED
        return acknowledged({"result": 0, "errmsg": "OK"})


def response_of(answer: Answer) -> Mapping[str, Any]:
    """What stands under `Response`. Raises ValueError, KeyError or TypeError for any other answer."""
    response = json.loads(answer.content)["Response"]
    if not isinstance(response, dict):
        raise TypeError("not an object")
    return response
