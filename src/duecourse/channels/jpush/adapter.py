"""App notifications by JPush, REST v3.

Sources: docs.jiguang.cn, 推送 API v3 and 统计 API v3, 送达统计详情 (read 2026-11-25). What JPush posts about
deliveries is described to its customers alone, so deliveries are asked for.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from pydantic import Field, SecretStr

from duecourse.channels.http.adapter import HttpAdapter, refused_address
from duecourse.channels.http.line import Answer, Ask, HttpSettings
from duecourse.channels.jpush import codes
from duecourse.domain.messaging import (
    Accepted,
    Channel,
    Outcome,
    Outgoing,
    Receipt,
    ReceiptSink,
    ReceiptStatus,
    ReplySink,
)

MOST_TTL_SECONDS: Final = 10 * 86_400
MOST_ASKED: Final = 100
"""Messages that one question about deliveries may name."""
MOST_REMEMBERED: Final = 50_000
_REGISTRATION = re.compile(r"[0-9A-Za-z]{8,64}")
_RECEIVED = re.compile(r"(jpush|android_pns|ios_apns|quickapp_jpush|quickapp_pns|hmos_hmpns)_received")


class JpushSettings(HttpSettings):
    """[NAME] with kind = "app.jpush" in providers.toml."""

    app_key: str = Field(min_length=1, max_length=64)
    master_secret: SecretStr
    url: str = Field(default="https://api.jpush.cn", pattern=r"^https?://[^/]+$")
    """https://bjapi.push.jiguang.cn for an app in Beijing."""
    report_url: str = Field(default="https://report.jpush.cn/v3", pattern=r"^https?://.+[^/]$")
    apns_production: bool = True
    pull_seconds: float = Field(default=30, ge=0, le=3600)
    remember_seconds: float = Field(default=86_400, ge=60, le=28 * 86_400)
    """How long the delivery of a message is asked for."""


class JpushAdapter(HttpAdapter[JpushSettings]):
    """One notification a request, to one device. Its delivery is asked for as long as this worker lives."""

    kind = "app.jpush"
    channel = Channel.APP
    deduplicates = False  # its `cid` would, but has to be fetched beforehand and kept with the attempt
    settings_type = JpushSettings

    def __init__(
        self,
        name: str,
        settings: JpushSettings,
        on_receipts: ReceiptSink,
        on_reply: ReplySink,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        super().__init__(name, settings, on_receipts, on_reply, clock)
        account = f"{settings.app_key}:{settings.master_secret.get_secret_value()}"
        self._headers = {
            "authorization": f"Basic {base64.b64encode(account.encode()).decode('ascii')}",
            "content-type": "application/json",
        }
        self._awaited: OrderedDict[str, float] = OrderedDict()
        self._pulling = asyncio.Lock()

    async def ask_for(self, outgoing: Outgoing) -> Ask | Outcome:
        """The quiet text; the link and the message's id as extras for the app."""
        if not _REGISTRATION.fullmatch(outgoing.address):
            return refused_address("the address is no registration id")
        content = json.dumps(self._push(outgoing), ensure_ascii=False, separators=(",", ":")).encode()
        return Ask(f"{self.settings.url}/v3/push", content, self._headers)

    def outcome_of(self, outgoing: Outgoing, answer: Answer) -> Outcome:
        """200 is accepted under msg_id, whose delivery is awaited from then on."""
        if answer.status != 200:
            pause = answer.retry_after(self.settings.throttle_pause_seconds)
            return codes.outcome(answer.status, code_of(answer), pause)
        message_id = str(json.loads(answer.content)["msg_id"])
        self._awaited[message_id] = time.monotonic() + self.settings.remember_seconds
        while len(self._awaited) > MOST_REMEMBERED:
            self._awaited.popitem(last=False)
        return Accepted(message_id)

    async def pull(self) -> bool:
        """Ask for the deliveries of all that are awaited, MOST_ASKED at a time."""
        async with self._pulling:  # who drains and who asks by the clock must not both tell of one delivery
            await self._ask_for_deliveries()
        return False

    async def _ask_for_deliveries(self) -> None:
        now = time.monotonic()
        for message_id in [each for each, until in self._awaited.items() if until < now]:
            del self._awaited[message_id]
        awaited = list(self._awaited)
        for first in range(0, len(awaited), MOST_ASKED):
            asked = awaited[first : first + MOST_ASKED]
            url = f"{self.settings.report_url}/received/detail?msg_ids={','.join(asked)}"
            heard = await self.line.ask(Ask(url, headers=self._headers, method="GET"))
            if not isinstance(heard, Answer) or heard.status != 200:
                return
            arrived = delivered(json.loads(heard.content))
            told = [Receipt(ReceiptStatus.DELIVERED, "received", provider_id=each) for each in arrived]
            if not await self.hand_in(told):
                return
            for each in arrived:
                self._awaited.pop(each, None)

    def _push(self, outgoing: Outgoing) -> Mapping[str, Any]:
        extras = {"message": str(outgoing.attempt_id)} | ({"link": outgoing.link} if outgoing.link else {})
        title = {"title": outgoing.subject} if outgoing.subject else {}
        plain = {"alert": outgoing.text, "extras": extras} | title
        return {
            "platform": "all",
            "audience": {"registration_id": [outgoing.address]},
            "notification": {
                "alert": outgoing.text,
                "android": plain,
                "ios": {"alert": {"body": outgoing.text} | title, "extras": extras},
                "hmos": plain,
            },
            "options": {
                "time_to_live": min(outgoing.valid_for_seconds, MOST_TTL_SECONDS),
                "apns_production": self.settings.apns_production,
            },
        }


def delivered(report: Sequence[Mapping[str, Any]]) -> list[str]:
    """Of messages to one device each: those that arrived. A count may be null."""
    return [
        str(one["msg_id"])
        for one in report
        if any(_RECEIVED.fullmatch(key) and value for key, value in one.items())
    ]


def code_of(answer: Answer) -> int:
    """JPush's own code; 0 where the body holds none."""
    try:
        return int(json.loads(answer.content)["error"]["code"])
    except (ValueError, KeyError, TypeError):
        return 0
