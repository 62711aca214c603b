"""A browser maker's push service and the browsers behind it, on loopback: VAPID checked, messages decrypted with the
subscription's own keys. Browsers behave as their endpoint ends. Sources: as webpush/adapter.py.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from duecourse.channels.http.jose import b64url, read_token
from duecourse.channels.sandbox.http_end import HttpEnd
from duecourse.channels.sandbox.journal import digest
from duecourse.channels.sandbox.room import sandbox_key, wall_seconds
from duecourse.channels.sandbox.rules import Behaviour
from duecourse.channels.webpush.encryption import decrypt, point

HOST = "push.sandbox.example"
MOST_OCTETS = 4096
MOST_TOKEN_SECONDS = 24 * 3600
_TOPIC = re.compile(r"[A-Za-z0-9_-]{1,32}")
_VAPID = re.compile(r"vapid t=([A-Za-z0-9_.-]+), ?k=([A-Za-z0-9_-]+)")


def subscription(browser: str, origin: str = f"https://{HOST}") -> str:
    """The subscription of the browser of this name, as JSON: what a contact point's address is. It behaves as `browser`
    ends.
    """
    key, auth = _browser(browser)
    keys = {"p256dh": b64url(point(key.public_key())), "auth": b64url(auth)}
    return json.dumps({"endpoint": f"{origin}/push/{browser}", "keys": keys})


def _browser(name: str) -> tuple[ec.EllipticCurvePrivateKey, bytes]:
    return sandbox_key(f"browser {name}"), hashlib.sha256(f"auth {name}".encode()).digest()[:16]


class SandboxWebpush(HttpEnd):
    """The server."""

    kind = "webpush.vapid"

    @staticmethod
    def settings(port: int, folder: Path) -> dict[str, Any]:
        """As the adapter's."""
        key = sandbox_key("vapid").private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return {
            "gateway": f"http://127.0.0.1:{port}",
            "services": [HOST],
            "key": key.decode(),
            "contact": "mailto:notices@lender.example",
            "window": 100,
            "response_seconds": 2,
            "throttle_pause_seconds": 0,
        }

    def routes(self) -> Sequence[Route]:
        """Of RFC 8030: a push resource for each browser."""
        return [Route("/push/{browser}", self._push, methods=["POST"])]

    async def _push(self, request: Request) -> Response:
        browser = request.path_params["browser"]
        refused = self._credential(request)
        if refused is not None:
            return refused
        if not request.headers.get("ttl", "").isdigit() or not _TOPIC.fullmatch(
            request.headers.get("topic", "none")
        ):
            return Response(status_code=400)
        body = await request.body()
        if len(body) > MOST_OCTETS:
            return Response(status_code=413)
        behaviour = self.rules.of_number(browser)
        if behaviour in (Behaviour.REFUSED, Behaviour.UNDELIVERABLE):
            return Response(status_code=404 if behaviour is Behaviour.REFUSED else 410)
        if behaviour is Behaviour.BROKEN:
            return Response(status_code=503)
        if behaviour is Behaviour.THROTTLED and self.is_throttled(browser):
            return Response(status_code=429)
        try:
            told = decrypt(body, *_browser(browser))
        except ValueError:
            return Response(status_code=400)
        message_id = self.next_id()
        text = _text_of(told)
        self.journal.add("taken", kind=self.kind, id=message_id, address=browser, text_sha256=digest(text))
        self.journal.flush()
        if behaviour in (Behaviour.UNANSWERED, Behaviour.LOST_ANSWER):
            return await self.unanswered()
        return Response(status_code=201, headers={"location": f"/message/{message_id}"})

    def _credential(self, request: Request) -> Response | None:
        match = _VAPID.fullmatch(request.headers.get("authorization", ""))
        if match is None or request.headers.get("content-encoding") != "aes128gcm":
            return Response(status_code=401 if match is None else 400)
        if match[2] != b64url(point(sandbox_key("vapid").public_key())):
            return Response(status_code=403)
        try:
            _, claims = read_token(match[1], sandbox_key("vapid").public_key())
            lives = claims["exp"] - wall_seconds()
            good = claims["aud"] == f"http://{request.url.netloc}" and 0 < lives <= MOST_TOKEN_SECONDS
        except (ValueError, KeyError, TypeError):
            good = False
        return None if good else Response(status_code=401)


def _text_of(told: bytes) -> str:
    """The body of our own messages; of another program's the whole."""
    try:
        return str(json.loads(told)["body"])
    except (ValueError, KeyError, TypeError):
        return told.decode("utf-8", "replace")
