"""WeChat's server and the people behind it, on loopback: tokens lent, fields measured, events sealed and posted.

People behave as their OpenID ends. Sources: as account.py, adapter.py, events.py; field lengths: 订阅通知, 参数限制.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from xml.sax.saxutils import escape

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from duecourse.channels.http.line import Ask
from duecourse.channels.sandbox.http_end import HttpEnd, delivers
from duecourse.channels.sandbox.journal import digest
from duecourse.channels.sandbox.room import Room, wall_seconds
from duecourse.channels.sandbox.rules import Behaviour
from duecourse.channels.wechat.envelope import Envelope, signature

APP_ID, APP_SECRET = "wx5a4db0c5e2d7396a", "5a4db0c5sandboxsecret00000000000"
TOKEN = "sandboxtoken"
AES_KEY = base64.b64encode(hashlib.sha256(b"duecourse sandbox: wechat").digest()).decode().rstrip("=")
ACCOUNT = "gh_5a4db0c5"
SUBSCRIPTION, LONG_TERM = "sandbox-subscription", "sandbox-long-term"
TOKEN_SECONDS = 7200
LIMITS: Mapping[str, int] = {
    "thing": 20, "number": 32, "letter": 32, "symbol": 5, "character_string": 32, "phone_number": 17, "car_number": 8,
    "name": 10, "phrase": 5, "const": 20,
}  # fmt: skip


class SandboxWechat(HttpEnd):
    """The server."""

    kind = "wechat.service"

    def __init__(self, room: Room) -> None:
        super().__init__(room)
        self._envelope = Envelope(AES_KEY, APP_ID)
        self._token = ""
        self._token_until = 0
        self._sent: dict[tuple[str, str], str] = {}
        self._used: set[str] = set()
        self._subscribed: dict[tuple[str, str], int] = {}
        self._last_said: dict[str, int] = {}

    @staticmethod
    def settings(port: int, folder: Path) -> dict[str, Any]:
        """As the adapter's."""
        return {
            "url": f"http://127.0.0.1:{port}",
            "open_url": f"http://127.0.0.1:{port}",
            "picture_url": f"http://127.0.0.1:{port}",
            "app_id": APP_ID,
            "app_secret": APP_SECRET,
            "callback_token": TOKEN,
            "encoding_aes_key": AES_KEY,
            "subscription_templates": [SUBSCRIPTION, LONG_TERM],
            "long_term_templates": [LONG_TERM],
            "drain_url": f"http://127.0.0.1:{port}/sandbox/drain",
            "window": 100,
            "response_seconds": 2,
            "throttle_pause_seconds": 0,
        }

    def routes(self) -> Sequence[Route]:
        """WeChat's, and one by which a test or a demonstration lets a person act."""
        return [
            Route("/cgi-bin/stable_token", self._lend, methods=["POST"]),
            Route("/cgi-bin/message/template/send", self._template, methods=["POST"]),
            Route("/cgi-bin/message/subscribe/bizsend", self._subscription, methods=["POST"]),
            Route("/cgi-bin/qrcode/create", self._qr_code, methods=["POST"]),
            Route("/sns/oauth2/access_token", self._who, methods=["GET"]),
            Route("/sandbox/person", self._person, methods=["POST"]),
        ]

    async def _lend(self, request: Request) -> Response:
        asked = json.loads(await request.body())
        self.journal.add("token", kind=self.kind)
        self.journal.flush()
        if asked.get("appid") != APP_ID:
            return _error(40013)
        if asked.get("secret") != APP_SECRET:
            return _error(40125)
        if asked.get("grant_type") != "client_credential":
            return _error(40002)
        now = wall_seconds()
        if asked.get("force_refresh") or now >= self._token_until:
            self._token, self._token_until = f"SANDBOX_{secrets.token_urlsafe(40)}", now + TOKEN_SECONDS
        return JSONResponse({"access_token": self._token, "expires_in": self._token_until - now})

    async def _template(self, request: Request) -> Response:
        return await self._send(request, subscription=False)

    async def _subscription(self, request: Request) -> Response:
        return await self._send(request, subscription=True)

    async def _send(self, request: Request, *, subscription: bool) -> Response:
        if (refused := self._credential(request)) is not None:
            return refused
        message = json.loads(await request.body())
        openid, template = str(message.get("touser", "")), str(message.get("template_id", ""))
        values = {name: str(each["value"]) for name, each in message.get("data", {}).items()}
        if not template or (subscription != (template in (SUBSCRIPTION, LONG_TERM))):
            return _error(40037)
        behaviour = self.rules.of_number(openid)
        if (code := self._refusal(openid, behaviour, values)) is not None:
            return _error(code)
        if subscription and not self._consume(openid, template):
            return _error(43101)
        key = (openid, str(message.get("client_msg_id", self.next_id())))
        if key in self._sent:  # a second one of the same id is answered as the first, and not sent
            return JSONResponse({"errcode": 0, "errmsg": "ok", "msgid": int(self._sent[key])})
        message_id = self._sent[key] = str(int(self.next_id(), 16) % 2**62)
        text = next(iter(values.values()), "")
        self.journal.add("taken", kind=self.kind, id=message_id, address=openid, text_sha256=digest(text))
        self.journal.flush()
        self._tell(openid, template if subscription else "", message_id, behaviour)
        if behaviour in (Behaviour.UNANSWERED, Behaviour.LOST_ANSWER):
            return await self.unanswered()
        return JSONResponse({"errcode": 0, "errmsg": "ok", "msgid": int(message_id)})

    def _credential(self, request: Request) -> Response | None:
        token = request.query_params.get("access_token", "")
        if not token or token != self._token:
            return _error(40001)
        return _error(42001) if wall_seconds() >= self._token_until else None

    def _refusal(self, openid: str, behaviour: Behaviour, values: Mapping[str, str]) -> int | None:
        if behaviour is Behaviour.REFUSED:
            return 40003
        if behaviour is Behaviour.BROKEN:
            return -1
        if behaviour is Behaviour.THROTTLED and self.is_throttled(openid):
            return 45009
        fits = (len(value) <= LIMITS.get(name.rstrip("0123456789"), 200) for name, value in values.items())
        return None if values and all(fits) else 47003

    def _consume(self, openid: str, template: str) -> bool:
        """Whether the person has allowed this one; a one-time consent is used up by it."""
        left = self._subscribed.get((openid, template), 0)
        if template == SUBSCRIPTION and left:
            self._subscribed[openid, template] = left - 1
        return left > 0

    def _tell(self, openid: str, template: str, message_id: str, behaviour: Behaviour) -> None:
        if not delivers(behaviour) and behaviour is not Behaviour.UNDELIVERABLE:
            return
        arrives = delivers(behaviour)
        late = behaviour is Behaviour.LATE
        if template:
            status = "<ErrorCode>0</ErrorCode><ErrorStatus>success</ErrorStatus>"
            failed = "<ErrorCode>43101</ErrorCode><ErrorStatus>user refuse to accept the msg</ErrorStatus>"
            listed = f"<TemplateId>{template}</TemplateId><MsgID>{message_id}</MsgID>{status if arrives else failed}"
            content = f"<SubscribeMsgSentEvent><List>{listed}</List></SubscribeMsgSentEvent>"
            self._event(openid, "subscribe_msg_sent_event", content, late=late)
        else:
            status = "success" if arrives else "failed:user block"
            content = f"<MsgID>{message_id}</MsgID><Status>{status}</Status>"
            self._event(openid, "TEMPLATESENDJOBFINISH", content, late=late)
        if behaviour is Behaviour.STOPS:
            self._say(openid, "退订")

    async def _qr_code(self, request: Request) -> Response:
        if (refused := self._credential(request)) is not None:
            return refused
        asked = json.loads(await request.body())
        scene = asked.get("action_info", {}).get("scene", {}).get("scene_str", "")
        if asked.get("action_name") != "QR_STR_SCENE" or not 1 <= len(scene) <= 64:
            return _error(40035)
        seconds = min(int(asked.get("expire_seconds", 60)), 2_592_000)
        ticket = base64.b64encode(scene.encode()).decode()
        url = f"http://weixin.qq.com/q/{base64.urlsafe_b64encode(scene.encode()).decode().rstrip('=')}"
        return JSONResponse({"ticket": ticket, "expire_seconds": seconds, "url": url})

    async def _who(self, request: Request) -> Response:
        """A code is `code-OPENID` here, and serves once."""
        asked = request.query_params
        if asked.get("appid") != APP_ID or asked.get("secret") != APP_SECRET:
            return _error(40125 if asked.get("appid") == APP_ID else 40013)
        code = asked.get("code", "")
        if not code.startswith("code-") or code in self._used:
            return _error(40163 if code in self._used else 40029)
        self._used.add(code)
        return JSONResponse(
            {"access_token": "page", "expires_in": 7200, "openid": code.removeprefix("code-")}
        )

    async def _person(self, request: Request) -> Response:
        """{"openid", "does": scan|follow|unfollow|say|accept|reject, "what": scene, text or template}."""
        asked = json.loads(await request.body())
        openid, what = str(asked["openid"]), str(asked.get("what", ""))
        match asked["does"]:
            case "say":
                self._say(openid, what)
            case "follow":
                self._event(openid, "subscribe", _key(f"qrscene_{what}" if what else ""))
            case "scan":
                self._event(openid, "SCAN", _key(what))
            case "unfollow":
                self._event(openid, "unsubscribe", _key(""))
            case "accept" | "reject" as answer:
                if answer == "accept":
                    self._subscribed[openid, what] = self._subscribed.get((openid, what), 0) + 1
                listed = (
                    f"<TemplateId>{what}</TemplateId><SubscribeStatusString>{answer}</SubscribeStatusString>"
                )
                listed = f"<List>{listed}<PopupScene>1</PopupScene></List>"
                content = f"<SubscribeMsgPopupEvent>{listed}</SubscribeMsgPopupEvent>"
                self._event(openid, "subscribe_msg_popup_event", content)
        return Response(status_code=204)

    def _event(self, openid: str, event: str, content: str, *, late: bool = False) -> None:
        self._post_sealed(openid, f"<MsgType>event</MsgType><Event>{event}</Event>{content}", late=late)

    def _say(self, openid: str, text: str) -> None:
        content = f"<Content>{escape(text)}</Content><MsgId>{int(self.next_id(), 16) % 2**62}</MsgId>"
        self._post_sealed(openid, f"<MsgType>text</MsgType>{content}")

    def _post_sealed(self, openid: str, content: str, *, late: bool = False) -> None:
        stamp, nonce = str(wall_seconds()), secrets.token_hex(5)
        # Nobody presses twice in a second, and by its second an event is told from the next.
        self._last_said[openid] = max(wall_seconds(), self._last_said.get(openid, 0) + 1)
        head = f"<ToUserName>{ACCOUNT}</ToUserName><FromUserName>{openid}</FromUserName>"
        head += f"<CreateTime>{self._last_said[openid]}</CreateTime>"
        sealed = self._envelope.seal(f"<xml>{head}{content}</xml>".encode())
        query = {
            "signature": signature(TOKEN, stamp, nonce),
            "timestamp": stamp,
            "nonce": nonce,
            "openid": openid,
            "encrypt_type": "aes",
            "msg_signature": signature(TOKEN, stamp, nonce, sealed),
        }
        body = f"<xml><ToUserName>{ACCOUNT}</ToUserName><Encrypt>{sealed}</Encrypt></xml>".encode()
        self.owe(Ask(f"?{urlencode(query)}", body, {"content-type": "text/xml"}), late=late)


def _key(text: str) -> str:
    return f"<EventKey>{escape(text)}</EventKey>"


def _error(code: int) -> Response:
    return JSONResponse({"errcode": code, "errmsg": "refused"})
