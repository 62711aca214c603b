"""What SMS and calls over Alibaba Cloud share: signed requests, callbacks, and asking about what was not told."""

from __future__ import annotations

import json
import time
import uuid
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, ClassVar, Final, TypeVar
from urllib.parse import urlsplit

from pydantic import Field, SecretStr

from duecourse.channels.aliyun import codes
from duecourse.channels.aliyun.signing import query_of, signed_headers
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
from duecourse.channels.http.outstanding import Outstanding
from duecourse.domain.messaging import (
    Accepted,
    Outcome,
    RawRequest,
    RawResponse,
    Receipt,
    ReceiptSink,
    Reply,
    ReplySink,
)

BEIJING: Final = timezone(timedelta(hours=8))
"""The zone of every time that Alibaba Cloud writes without one."""


class AliyunSettings(CallbackSettings):
    """What both services are told."""

    access_key_id: str = Field(min_length=1)
    access_key_secret: SecretStr
    window: int = Field(default=50, ge=1, le=1000)
    ask_after_seconds: float = Field(default=300, gt=0, le=86_400)
    """With pull_seconds: a message whose report has not come by then is asked about."""
    remember_seconds: float = Field(default=3 * 86_400, ge=60, le=7 * 86_400)


S = TypeVar("S", bound=AliyunSettings)


class AliyunAdapter(HttpAdapter[S]):
    """A subclass names its API and says what to ask and what a report means."""

    version: ClassVar[str] = "2017-05-25"
    id_key: ClassVar[str]
    """Of the answer: the provider's id."""

    def __init__(
        self,
        name: str,
        settings: S,
        on_receipts: ReceiptSink,
        on_reply: ReplySink,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        super().__init__(name, settings, on_receipts, on_reply, clock)
        self.url = str(getattr(settings, "url"))  # noqa: B009 - each service has a default of its own
        self._host = urlsplit(self.url).netloc
        self._outstanding: Outstanding[tuple[str, datetime]] = Outstanding(
            settings.ask_after_seconds, settings.remember_seconds
        )

    def signed(self, action: str, parameters: Mapping[str, str]) -> Ask:
        """A call of their API."""
        query = query_of(parameters)
        headers = signed_headers(
            self.settings.access_key_id,
            self.settings.access_key_secret.get_secret_value(),
            host=self._host,
            action=action,
            version=self.version,
            query=query,
            now=self.now(),
            nonce=uuid.uuid4().hex,
        )
        return Ask(f"{self.url}/?{query}", headers=headers)

    def accepted(self, answer: Answer, address: str) -> Outcome:
        """OK under the provider's id; anything else by the code table. It comes with status 200 as well."""
        body = _object(answer.content)
        if answer.status == 200 and body.get("Code") == "OK":
            provider_id = str(body[self.id_key])
            if self.settings.pull_seconds:
                self._outstanding.add(provider_id, (address, self.now()), time.monotonic())
            return Accepted(provider_id)
        pause = answer.retry_after(self.settings.throttle_pause_seconds)
        return codes.outcome(answer.status, str(body.get("Code", "")), str(body.get("Message", "")), pause)

    @abstractmethod
    def heard(self, items: Sequence[Mapping[str, Any]]) -> tuple[list[Receipt], list[Reply]]:
        """What a callback's items say. Raises KeyError, TypeError or ValueError for what is none of theirs."""

    async def receive(self, request: RawRequest) -> RawResponse:
        """Their HTTP push: a JSON array. They sign nothing, so the token or the net must be right."""
        if not self.settings.lets_in(request):
            return FORBIDDEN
        try:
            receipts, replies = self.heard(json_of(request))
        except (ValueError, KeyError, TypeError, AttributeError):
            return UNREADABLE
        if not await self.hand_in(receipts, replies):
            return NOT_STORED
        for receipt in receipts:
            self._outstanding.settle(receipt.provider_id)
        return acknowledged({"code": 0, "msg": "OK"})

    async def pull(self) -> bool:
        """Ask about messages that nothing was told of; False, since each is asked about at its own times."""
        for provider_id, (address, sent_at) in self._outstanding.due(time.monotonic()):
            heard = await self.line.ask(self.question(provider_id, address, sent_at))
            if not isinstance(heard, Answer):
                return False
            body = _object(heard.content)
            if heard.status != 200 or body.get("Code") != "OK":
                continue
            receipts, replies = self.told(provider_id, body)
            if receipts and await self.hand_in(receipts, replies):
                self._outstanding.settle(provider_id)
            elif receipts:
                self._outstanding.again(provider_id, time.monotonic())
        return False

    @abstractmethod
    def question(self, provider_id: str, address: str, sent_at: datetime) -> Ask:
        """The call that asks about one message."""

    @abstractmethod
    def told(self, provider_id: str, body: Mapping[str, Any]) -> tuple[list[Receipt], list[Reply]]:
        """What the answer to it says; no receipt while it is still under way."""


def attempt_of(out_id: object) -> uuid.UUID | None:
    """Our attempt, where what they carry for us is one."""
    try:
        return uuid.UUID(hex=str(out_id))
    except ValueError:
        return None


def instant(text: object) -> datetime | None:
    """Their times, as '2017-01-01 00:00:00'; None for an empty or other one."""
    try:
        return datetime.strptime(str(text), "%Y-%m-%d %H:%M:%S").replace(tzinfo=BEIJING)
    except ValueError:
        return None


def _object(content: bytes) -> Mapping[str, Any]:
    body = json.loads(content)
    if not isinstance(body, dict):
        raise TypeError("not an object")
    return body
