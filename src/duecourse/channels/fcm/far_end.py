"""Google's side of `app.fcm` on loopback: the token endpoint checks the service account's signature, messages:send the
access token. Devices behave as their registration token ends. Sources: as fcm/adapter.py and fcm/codes.py.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from duecourse.channels.fcm.codes import BAD_REQUEST, FCM_ERROR
from duecourse.channels.http.jose import read_key, read_token
from duecourse.channels.sandbox.http_end import HttpEnd
from duecourse.channels.sandbox.journal import digest
from duecourse.channels.sandbox.room import Room, wall_seconds
from duecourse.channels.sandbox.rules import Behaviour

PROJECT = "duecourse-sandbox"
EMAIL = "sandbox@duecourse-sandbox.iam.gserviceaccount.com"
KEY_ID = "5a4db0c5"
SCOPES = frozenset(
    f"https://www.googleapis.com/auth/{name}" for name in ("firebase.messaging", "cloud-platform")
)
"""Either lets a service account send."""
TOKEN_SECONDS = 3599
MOST_OCTETS = 4096
LEAST_TOKEN = 20
NO_TOKEN = "The registration token is not a valid FCM registration token"


class SandboxFcm(HttpEnd):
    """The server."""

    kind = "app.fcm"

    def __init__(self, room: Room) -> None:
        super().__init__(room)
        self._lent: dict[str, int] = {}
        key = read_key(_private_key(room.folder))
        assert isinstance(key, rsa.RSAPrivateKey)
        self._public = key.public_key()

    @staticmethod
    def settings(port: int, folder: Path) -> dict[str, Any]:
        """As the adapter's."""
        account = {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": KEY_ID,
            "private_key": _private_key(folder),
            "client_email": EMAIL,
            "token_uri": f"http://127.0.0.1:{port}/token",
        }
        return {
            "url": f"http://127.0.0.1:{port}",
            "service_account": json.dumps(account),
            "window": 100,
            "response_seconds": 2,
            "throttle_pause_seconds": 0,
        }

    def routes(self) -> Sequence[Route]:
        """Google's."""
        send = f"/v1/projects/{PROJECT}/messages:send"
        return [Route("/token", self._lend, methods=["POST"]), Route(send, self._send, methods=["POST"])]

    async def _lend(self, request: Request) -> Response:
        form = parse_qs((await request.body()).decode())
        self.journal.add("token", kind=self.kind)
        self.journal.flush()
        try:
            header, claims = read_token(form["assertion"][0], self._public)
            good = (
                form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
                and header.get("kid") == KEY_ID
                and claims["iss"] == EMAIL
                and SCOPES & set(str(claims["scope"]).split())
                and str(claims["aud"]).endswith("/token")
                and claims["iat"] - 300 <= wall_seconds() < claims["exp"] <= claims["iat"] + 3600
            )
        except (ValueError, KeyError, TypeError):
            good = False
        if not good:
            fault = {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
            return JSONResponse(fault, 400)
        token = f"ya29.sandbox-{self.next_id()}"
        self._lent[token] = wall_seconds() + TOKEN_SECONDS
        return JSONResponse({"access_token": token, "expires_in": TOKEN_SECONDS, "token_type": "Bearer"})

    async def _send(self, request: Request) -> Response:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self._lent.get(token, 0) <= wall_seconds():
            return _fault(401, "UNAUTHENTICATED")
        body = await request.body()
        try:
            message = json.loads(body)["message"]
            address, text = message["token"], message["notification"]["body"]
            data = message.get("data", {})
        except (ValueError, KeyError, TypeError):
            return _fault(400, "INVALID_ARGUMENT", field="message")
        if not all(isinstance(value, str) for value in data.values()):
            return _fault(400, "INVALID_ARGUMENT", field="message.data[0].value")
        if len(json.dumps({**message, "token": ""}, ensure_ascii=False).encode()) > MOST_OCTETS + 200:
            return _fault(400, "INVALID_ARGUMENT", field="message")
        if len(address) < LEAST_TOKEN:
            return _fault(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", said=NO_TOKEN)
        behaviour = self.rules.of_number(address)
        if (refused := self._refusal(address, behaviour)) is not None:
            return refused
        name = f"projects/{PROJECT}/messages/0:{self.next_id()}"
        self.journal.add("taken", kind=self.kind, id=name, address=address, text_sha256=digest(text))
        self.journal.flush()
        if behaviour in (Behaviour.UNANSWERED, Behaviour.LOST_ANSWER):
            return await self.unanswered()
        return JSONResponse({"name": name})

    def _refusal(self, address: str, behaviour: Behaviour) -> Response | None:
        if behaviour in (Behaviour.REFUSED, Behaviour.UNDELIVERABLE):
            return _fault(404, "NOT_FOUND", "UNREGISTERED")
        if behaviour is Behaviour.BROKEN:
            return _fault(503, "UNAVAILABLE", "UNAVAILABLE")
        if behaviour is Behaviour.THROTTLED and self.is_throttled(address):
            return _fault(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED")
        return None


def _fault(status: int, general: str, own: str = "", *, field: str = "", said: str = "refused") -> Response:
    """An error as Google writes it."""
    details: list[dict[str, Any]] = []
    if own:
        details.append({"@type": FCM_ERROR, "errorCode": own})
    if field:
        details.append({"@type": BAD_REQUEST, "fieldViolations": [{"field": field}]})
    error = {"code": status, "message": said, "status": general, "details": details}
    return JSONResponse({"error": error}, status)


def _private_key(folder: Path) -> str:
    """The sandbox's RSA key, made once in its folder: whoever comes first writes it, all others read that one."""
    path = folder / "fcm-key.pem"
    if not path.exists():
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        folder.mkdir(parents=True, exist_ok=True)
        mine = folder / f".fcm-key-{os.getpid()}.pem"
        mine.write_bytes(pem)
        with suppress(FileExistsError):
            os.link(mine, path)
        mine.unlink()
    return path.read_text("ascii")
