"""A lender's own sender on loopback: takes signed messages once, and tells back what became of them, signed.

Addresses behave as they end (numbers, and what stands before the @) or begin (mail). Source: as adapter.py.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from duecourse.channels.http.line import Ask
from duecourse.channels.sandbox.http_end import HttpEnd, delivers
from duecourse.channels.sandbox.journal import digest
from duecourse.channels.sandbox.room import Room, wall_seconds
from duecourse.channels.sandbox.rules import Behaviour
from duecourse.channels.webhook.signing import is_signed, key_of, signed_headers

SECRET: Final = "whsec_" + base64.b64encode(b"duecourse sandbox webhook secret").decode("ascii")


class SandboxWebhook(HttpEnd):
    """The receiver. A subclass names its kind."""

    def __init__(self, room: Room) -> None:
        super().__init__(room)
        self._keys = [key_of(SECRET)]
        self._taken: set[str] = set()

    @staticmethod
    def settings(port: int, folder: Path) -> dict[str, Any]:
        """As the adapter's."""
        return {
            "url": f"http://127.0.0.1:{port}/messages",
            "secret": SECRET,
            "drain_url": f"http://127.0.0.1:{port}/sandbox/drain",
            "response_seconds": 2,
            "throttle_pause_seconds": 0,
        }

    def routes(self) -> Sequence[Route]:
        """The one address."""
        return [Route("/messages", self._message, methods=["POST"])]

    async def _message(self, request: Request) -> Response:
        headers = {key.lower(): value for key, value in request.headers.items()}
        body = await request.body()
        if not is_signed(self._keys, headers, body, wall_seconds()):
            return JSONResponse({"code": "signature"}, 401)
        message = json.loads(body)["data"]
        attempt, address = headers["webhook-id"], message["to"]
        if attempt != message["attempt"]:
            return JSONResponse({"code": "id"}, 400)
        if attempt in self._taken:
            self.journal.add("again", kind=self.kind, id=attempt)
            self.journal.flush()
            return JSONResponse({"id": attempt})
        behaviour = self._behaviour(address)
        if behaviour is Behaviour.REFUSED:
            return JSONResponse({"code": "no-such", "permanent": True, "cause": "dead"}, 422)
        if behaviour is Behaviour.BROKEN:
            return JSONResponse({}, 500)
        if behaviour is Behaviour.THROTTLED and self.is_throttled(address):
            return JSONResponse({}, 429)
        self._taken.add(attempt)
        self.journal.add("taken", kind=self.kind, id=attempt, text_sha256=digest(message["text"]))
        self.journal.flush()
        self._tell(attempt, behaviour)
        if behaviour in (Behaviour.UNANSWERED, Behaviour.LOST_ANSWER):
            return await self.unanswered()
        return JSONResponse({"id": attempt})

    def _behaviour(self, address: str) -> Behaviour:
        if "@" in address:
            return self.rules.of_mailbox(address)
        return self.rules.of_number(address)

    def _tell(self, attempt: str, behaviour: Behaviour) -> None:
        if not delivers(behaviour) and behaviour is not Behaviour.UNDELIVERABLE:
            return
        receipt: dict[str, Any] = {"attempt": attempt, "status": "delivered"}
        if behaviour is Behaviour.UNDELIVERABLE:
            receipt = {
                "attempt": attempt,
                "status": "failed",
                "permanent": True,
                "cause": "dead",
                "code": "gone",
            }
        told: dict[str, Any] = {"receipts": [receipt]}
        if behaviour is Behaviour.STOPS:
            told["replies"] = [{"attempt": attempt, "text": "STOP"}]
        body = json.dumps(told).encode()
        headers = signed_headers(self._keys, self.next_id(), wall_seconds(), body)
        ask = Ask("", body, {**headers, "content-type": "application/json"})
        self.owe(ask, late=behaviour is Behaviour.LATE)


class SandboxSmsWebhook(SandboxWebhook):
    """SMS."""

    kind = "sms.webhook"


class SandboxEmailWebhook(SandboxWebhook):
    """E-mail."""

    kind = "email.webhook"


class SandboxWechatWebhook(SandboxWebhook):
    """WeChat."""

    kind = "wechat.webhook"


class SandboxAppWebhook(SandboxWebhook):
    """App push."""

    kind = "app.webhook"


class SandboxVoiceWebhook(SandboxWebhook):
    """Calls."""

    kind = "voice.webhook"


class SandboxLetterWebhook(SandboxWebhook):
    """Letters."""

    kind = "letter.webhook"
