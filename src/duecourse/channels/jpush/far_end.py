"""JPush's side of `app.jpush` on loopback: Basic authentication, pushes to one device, statistics of deliveries.

Devices behave as their registration id ends. Sources: as jpush/adapter.py.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from duecourse.channels.sandbox.http_end import HttpEnd, delivers
from duecourse.channels.sandbox.journal import digest
from duecourse.channels.sandbox.room import Room
from duecourse.channels.sandbox.rules import Behaviour

APP_KEY, MASTER_SECRET = "5b4a1f0c8e2d7396a0b1c2d3", "5a4db0c5sandbox0secret00"
MOST_OCTETS = 4000
MOST_ASKED = 100


class SandboxJpush(HttpEnd):
    """The server."""

    kind = "app.jpush"

    def __init__(self, room: Room) -> None:
        super().__init__(room)
        self._arrives_at: dict[str, float] = {}
        account = base64.b64encode(f"{APP_KEY}:{MASTER_SECRET}".encode()).decode()
        self._authorization = f"Basic {account}"

    @staticmethod
    def settings(port: int, folder: Path) -> dict[str, Any]:
        """As the adapter's."""
        return {
            "url": f"http://127.0.0.1:{port}",
            "report_url": f"http://127.0.0.1:{port}/v3",
            "app_key": APP_KEY,
            "master_secret": MASTER_SECRET,
            "pull_seconds": 0.2,
            "window": 100,
            "response_seconds": 2,
            "throttle_pause_seconds": 0,
        }

    def routes(self) -> Sequence[Route]:
        """JPush's."""
        return [
            Route("/v3/push", self._push, methods=["POST"]),
            Route("/v3/received/detail", self._received, methods=["GET"]),
        ]

    async def _push(self, request: Request) -> Response:
        if request.headers.get("authorization") != self._authorization:
            return _fault(401, 1004)
        try:
            push = json.loads(await request.body())
            (device,) = push["audience"]["registration_id"]
            text = _text_of(push["notification"])
        except (ValueError, KeyError, TypeError):
            return _fault(400, 1003)
        if "platform" not in push:
            return _fault(400, 1002)
        if len(json.dumps(push["notification"].get("android"), ensure_ascii=False).encode()) > MOST_OCTETS:
            return _fault(400, 1005)
        behaviour = self.rules.of_number(device)
        if behaviour in (Behaviour.REFUSED, Behaviour.UNDELIVERABLE):
            return _fault(400, 1011)
        if behaviour is Behaviour.BROKEN:
            return _fault(500, 1000)
        if behaviour is Behaviour.THROTTLED and self.is_throttled(device):
            return _fault(429, 2002)
        message_id = str(int(self.next_id(), 16))
        self.journal.add("taken", kind=self.kind, id=message_id, address=device, text_sha256=digest(text))
        self.journal.flush()
        if delivers(behaviour):
            wait = self.rules.late_seconds if behaviour is Behaviour.LATE else 0.0
            self._arrives_at[message_id] = time.monotonic() + wait
        if behaviour in (Behaviour.UNANSWERED, Behaviour.LOST_ANSWER):
            return await self.unanswered()
        return JSONResponse({"sendno": "0", "msg_id": message_id})

    async def _received(self, request: Request) -> Response:
        if request.headers.get("authorization") != self._authorization:
            return _fault(401, 3001)
        asked = request.query_params.get("msg_ids", "").split(",")
        if len(asked) > MOST_ASKED:
            return _fault(400, 1003)
        now = time.monotonic()
        counts = {each: 1 if self._arrives_at.get(each, now + 1) <= now else None for each in asked}
        return JSONResponse(
            [
                {"msg_id": each, "jpush_received": count, "android_pns_sent": 1, "ios_apns_received": None}
                for each, count in counts.items()
            ]
        )


def _text_of(notification: dict[str, Any]) -> str:
    """The text that Android shows; the platforms' common one where it has none."""
    return str(notification.get("android", {}).get("alert") or notification["alert"])


def _fault(status: int, code: int) -> Response:
    return JSONResponse({"error": {"code": code, "message": "refused"}}, status)
