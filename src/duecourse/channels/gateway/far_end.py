"""A made-up gateway on loopback for `sms.http`: JSON in, JSON out, receipts posted with an HMAC header.

Numbers behave as they end. Its description, as providers.toml would hold it, is `settings`.
"""

from __future__ import annotations

import hashlib
import hmac
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
from duecourse.channels.sandbox.rules import Behaviour

API_KEY: Final = "sandbox-api-key-000000000000"
CALLBACK_SECRET: Final = "sandbox-callback-secret-0000"
CODES: Final = {"1001": "dead", "1002": "slower", "1003": "later", "1004": "account"}


class SandboxGateway(HttpEnd):
    """The gateway."""

    kind = "sms.http"

    @staticmethod
    def settings(port: int, folder: Path) -> dict[str, Any]:
        """As the adapter's."""
        return {
            "request": {
                "url": f"http://127.0.0.1:{port}/api/send",
                "format": "json",
                "headers": {"Authorization": "Bearer {secret}"},
                "body": {"to": "{number}", "text": "{text}", "ref": "{attempt}", "ttl": "{valid_seconds}"},
            },
            "answer": {
                "accepted_at": "code",
                "accepted_is": ["0"],
                "id_at": "data.msgid",
                "parts_at": "data.parts",
            },
            "codes": CODES,
            "callback": {
                "check": "hmac",
                "header": "X-Signature",
                "prefix": "sha256=",
                "list_at": "reports",
                "id_at": "msgid",
                "attempt_at": "ref",
                "status_at": "status",
                "code_at": "error",
                "statuses": {"DELIVRD": "delivered", "UNDELIV": "failed"},
                "causes": {"999": "dead"},
                "reply_text_at": "said",
                "reply_from_at": "from",
            },
            "secret": API_KEY,
            "callback_secret": CALLBACK_SECRET,
            "drain_url": f"http://127.0.0.1:{port}/sandbox/drain",
            "response_seconds": 2,
            "throttle_pause_seconds": 0,
        }

    def routes(self) -> Sequence[Route]:
        """The one interface."""
        return [Route("/api/send", self._send, methods=["POST"])]

    async def _send(self, request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {API_KEY}":
            return JSONResponse({"code": 1004}, 401)
        message = json.loads(await request.body())
        number = message["to"]
        behaviour = self.rules.of_number(number)
        if behaviour is Behaviour.REFUSED:
            return JSONResponse({"code": 1001})
        if behaviour is Behaviour.BROKEN:
            return JSONResponse({"code": 1003}, 500)
        if behaviour is Behaviour.THROTTLED and self.is_throttled(number):
            return JSONResponse({"code": 1002})
        msgid = self.next_id()
        self.journal.add(
            "taken", kind=self.kind, id=msgid, address=number, text_sha256=digest(message["text"])
        )
        self.journal.flush()
        self._report(msgid, message, behaviour)
        if behaviour in (Behaviour.UNANSWERED, Behaviour.LOST_ANSWER):
            return await self.unanswered()
        return JSONResponse({"code": 0, "data": {"msgid": msgid, "parts": 1}})

    def _report(self, msgid: str, message: dict[str, Any], behaviour: Behaviour) -> None:
        if not delivers(behaviour) and behaviour is not Behaviour.UNDELIVERABLE:
            return
        report = {"msgid": msgid, "ref": message["ref"], "status": "DELIVRD", "error": "0"}
        if behaviour is Behaviour.UNDELIVERABLE:
            report |= {"status": "UNDELIV", "error": "999"}
        reports: list[dict[str, str]] = [report]
        if behaviour is Behaviour.STOPS:
            reports.append({"from": message["to"], "said": "STOP"})
        body = json.dumps({"reports": reports}).encode()
        signature = hmac.new(CALLBACK_SECRET.encode(), body, hashlib.sha256).hexdigest()
        headers = {"content-type": "application/json", "x-signature": f"sha256={signature}"}
        self.owe(Ask("", body, headers), late=behaviour is Behaviour.LATE)
