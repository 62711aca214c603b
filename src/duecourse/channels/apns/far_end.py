"""Apple's side of `app.apns` on loopback: HTTP/2, provider tokens checked, devices that behave as their token ends.

Source: as apns/adapter.py. Cleartext HTTP/2 by prior knowledge instead of TLS; all else as Apple describes it.
"""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from collections import Counter
from pathlib import Path
from typing import Any, ClassVar, Self

from cryptography.hazmat.primitives import serialization

from duecourse.channels.http.jose import read_token
from duecourse.channels.sandbox.h2_server import H2Answer, H2Request, H2Server
from duecourse.channels.sandbox.journal import digest
from duecourse.channels.sandbox.room import Room, sandbox_key, wall_seconds
from duecourse.channels.sandbox.rules import Behaviour

KEY_ID, TEAM_ID, TOPIC = "SANDBOXKEY", "SANDBOXTEA", "example.lender.app"
TOKEN_LIVES_SECONDS = 3600
MOST_OCTETS = 4096
_PATH = re.compile(r"/3/device/([^/]*)")
_TOKEN = re.compile(r"[0-9a-fA-F]{64,200}")


class SandboxApns:
    """The server. A token ends like a special number: 0001 to 0009."""

    kind: ClassVar[str] = "app.apns"

    def __init__(self, room: Room) -> None:
        self.rules = room.rules
        self.journal = room.journal
        self.throttled: Counter[str] = Counter()
        self._server = H2Server(self._answer)

    @classmethod
    def of(cls, room: Room) -> Self:
        """Not yet listening."""
        return cls(room)

    @staticmethod
    def settings(port: int, folder: Path) -> dict[str, Any]:
        """As the adapter's."""
        key = sandbox_key("apns").private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return {
            "url": f"http://127.0.0.1:{port}",
            "team_id": TEAM_ID,
            "key_id": KEY_ID,
            "key": key.decode(),
            "topic": TOPIC,
            "window": 200,
            "response_seconds": 2,
            "throttle_pause_seconds": 0,
        }

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listen; returns the port."""
        return await self._server.start(host, port)

    async def stop(self) -> None:
        """Close the listener and every connection."""
        await self._server.stop()
        self.journal.flush()

    async def _answer(self, request: H2Request) -> H2Answer:
        apns_id = request.headers.get("apns-id", str(uuid.uuid4()))
        status, reason = self._judge(request)
        token = request.headers.get(":path", "").rpartition("/")[2]
        if status == 200:
            behaviour = self.rules.of_number(token)
            status, reason = self._deliver(token, behaviour, apns_id, request)
            if behaviour in (Behaviour.UNANSWERED, Behaviour.LOST_ANSWER):
                self.journal.flush()
                await asyncio.Event().wait()  # ends with the connection
        self.journal.flush()
        body = json.dumps({"reason": reason}).encode() if reason else b""
        return H2Answer(status, {"apns-id": apns_id}, body)

    def _judge(self, request: H2Request) -> tuple[int, str]:
        """What Apple checks before it looks for the device."""
        headers = request.headers
        match = _PATH.fullmatch(headers.get(":path", ""))
        if headers.get(":method") != "POST":
            return 405, "MethodNotAllowed"
        if match is None:
            return 404, "BadPath"
        if (refused := self._credential(headers.get("authorization", ""))) is not None:
            return 403, refused
        if headers.get("apns-topic") != TOPIC:
            return 400, "MissingTopic" if "apns-topic" not in headers else "TopicDisallowed"
        if headers.get("apns-push-type") != "alert":
            return 400, "InvalidPushType"
        if not headers.get("apns-expiration", "0").isdigit():
            return 400, "BadExpirationDate"
        if not request.body:
            return 400, "PayloadEmpty"
        if len(request.body) > MOST_OCTETS:
            return 413, "PayloadTooLarge"
        return (200, "") if _TOKEN.fullmatch(match[1]) else (400, "BadDeviceToken")

    def _credential(self, authorization: str) -> str | None:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            return "MissingProviderToken"
        try:
            header, claims = read_token(token, sandbox_key("apns").public_key())
        except ValueError:
            return "InvalidProviderToken"
        if header.get("kid") != KEY_ID or claims.get("iss") != TEAM_ID:
            return "InvalidProviderToken"
        issued_at = claims.get("iat")
        if not isinstance(issued_at, int) or abs(wall_seconds() - issued_at) > TOKEN_LIVES_SECONDS:
            return "ExpiredProviderToken"
        return None

    def _deliver(self, token: str, behaviour: Behaviour, apns_id: str, request: H2Request) -> tuple[int, str]:
        if behaviour in (Behaviour.UNDELIVERABLE, Behaviour.REFUSED):
            return (410, "Unregistered") if behaviour is Behaviour.UNDELIVERABLE else (400, "BadDeviceToken")
        if behaviour is Behaviour.BROKEN:
            return 503, "ServiceUnavailable"
        if behaviour is Behaviour.THROTTLED:
            self.throttled[token] += 1
            if self.throttled[token] <= self.rules.throttled_times:
                return 429, "TooManyRequests"
        try:
            alert = json.loads(request.body)["aps"]["alert"]
        except (ValueError, KeyError, TypeError):
            return 400, "PayloadEmpty"
        body = alert["body"] if isinstance(alert, dict) else str(alert)
        self.journal.add("taken", kind=self.kind, id=apns_id, address=token, text_sha256=digest(body))
        return 200, ""
