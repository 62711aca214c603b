"""Alibaba Cloud's side of `sms.aliyun` and `voice.aliyun` on loopback: signatures checked, reports pushed, questions
answered. Numbers behave as they end. Sources: as sms.py, voice.py and signing.py.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from duecourse.channels.aliyun.client import BEIJING
from duecourse.channels.aliyun.signing import is_signed, key_id_of
from duecourse.channels.aliyun.voice import NOTICE_PRODUCT
from duecourse.channels.http.line import Ask
from duecourse.channels.sandbox.http_end import HttpEnd, delivers
from duecourse.channels.sandbox.journal import digest
from duecourse.channels.sandbox.room import Room, wall_seconds
from duecourse.channels.sandbox.rules import Behaviour

KEY_ID: Final = "LTAI5tSandboxSandboxKey0"
SECRET: Final = "sandbox-access-key-secret-0000"
TOKEN: Final = "sandbox-callback-token"
MOST_SKEW_SECONDS: Final = 900


@dataclass(frozen=True, slots=True)
class Words:
    """What a service calls the action that hands over and the one that asks, and what each of them has."""

    send: str
    query: str
    needed: frozenset[str]
    number: str
    values: str
    provider_id: str
    id_ends: str


class SandboxAliyun(HttpEnd):
    """What both services share. A subclass says what it calls it, and what it reports."""

    version: ClassVar[str] = "2017-05-25"
    words: ClassVar[Words]

    def __init__(self, room: Room) -> None:
        super().__init__(room)
        self._nonces: set[str] = set()

    @staticmethod
    def settings(port: int, folder: Path) -> dict[str, Any]:
        """As the adapter's."""
        return {
            "url": f"http://127.0.0.1:{port}",
            "access_key_id": KEY_ID,
            "access_key_secret": SECRET,
            "callback_token": TOKEN,
            "drain_url": f"http://127.0.0.1:{port}/sandbox/drain",
            "response_seconds": 2,
            "throttle_pause_seconds": 0,
        }

    def routes(self) -> Sequence[Route]:
        """Everything is a POST to the root, told by its headers."""
        return [Route("/", self._call, methods=["POST"])]

    @abstractmethod
    def report(self, provider_id: str, number: str, out_id: str, behaviour: Behaviour) -> None:
        """Push what becomes of one that was taken."""

    @abstractmethod
    def query(self, asked: dict[str, str]) -> Response:
        """What is known of one that was taken."""

    async def act(self, action: str, asked: dict[str, str]) -> Response:
        """Answer a call whose signature was right: the two actions that the adapter knows."""
        words = self.words
        if action == words.query:
            return self.query(asked)
        if action != words.send:
            return fault("InvalidAction.NotFound", 404)
        if not words.needed <= set(asked):
            return fault("MissingParameter", 400)
        number = asked[words.number]
        if not number.isdecimal():
            return fault("isv.MOBILE_NUMBER_ILLEGAL")
        behaviour = self.rules.of_number(number)
        refused = self.refusal(number, behaviour)
        if refused is not None:
            return refused
        text = "".join(json.loads(asked.get(words.values, "{}")).values())
        provider_id = f"{self.next_id()}{words.id_ends}"
        self.report(provider_id, number, asked.get("OutId", ""), behaviour)
        return await self.taken(provider_id, number, text, behaviour)

    async def _call(self, request: Request) -> Response:
        headers = {key.lower(): value for key, value in request.headers.items()}
        body = await request.body()
        query = request.url.query
        if key_id_of(headers) != KEY_ID:
            return fault("InvalidAccessKeyId.NotFound", 404)
        if not is_signed(SECRET, "POST", "/", query, headers, body):
            return fault("SignatureDoesNotMatch", 400)
        if headers.get("x-acs-version") != self.version:
            return fault("InvalidVersion", 400)
        sent_at = datetime.fromisoformat(headers["x-acs-date"]).timestamp()
        if abs(wall_seconds() - sent_at) > MOST_SKEW_SECONDS:
            return fault("InvalidTimeStamp.Expired", 400)
        nonce = headers.get("x-acs-signature-nonce", "")
        if not nonce or nonce in self._nonces:
            return fault("SignatureNonceUsed", 400)
        self._nonces.add(nonce)
        return await self.act(headers.get("x-acs-action", ""), dict(request.query_params))

    def push(self, items: list[dict[str, Any]], *, late: bool = False) -> None:
        """Owe an array to the callback address as it was entered in their console, token and all."""
        content = json.dumps(items, ensure_ascii=False).encode()
        self.owe(Ask(f"?token={TOKEN}", content, {"content-type": "application/json"}), late=late)

    def refusal(self, number: str, behaviour: Behaviour) -> Response | None:
        """For those that are refused at once."""
        if behaviour is Behaviour.REFUSED:
            return fault("isv.MOBILE_NUMBER_ILLEGAL")
        if behaviour is Behaviour.BROKEN:
            return fault("isp.SYSTEM_ERROR")
        if behaviour is Behaviour.THROTTLED and self.is_throttled(number):
            return fault("Throttling.User", 400)
        return None

    async def taken(self, provider_id: str, number: str, text: str, behaviour: Behaviour) -> Response:
        """Note that it was taken, and answer so, unless this one is never answered."""
        self.journal.add("taken", kind=self.kind, id=provider_id, address=number, text_sha256=digest(text))
        self.journal.flush()
        if behaviour in (Behaviour.UNANSWERED, Behaviour.LOST_ANSWER):
            return await self.unanswered()
        body = {"Code": "OK", "Message": "OK", "RequestId": self.next_id()}
        return JSONResponse(body | {self.words.provider_id: provider_id})


class SandboxAliyunSms(SandboxAliyun):
    """SendSms and QuerySendDetails. What a template says is its values, one after the other."""

    kind = "sms.aliyun"
    words = Words(
        send="SendSms",
        query="QuerySendDetails",
        needed=frozenset({"PhoneNumbers", "SignName", "TemplateCode"}),
        number="PhoneNumbers",
        values="TemplateParam",
        provider_id="BizId",
        id_ends="^0",
    )

    def __init__(self, room: Room) -> None:
        super().__init__(room)
        self._details: dict[str, dict[str, Any]] = {}

    def report(self, biz_id: str, number: str, out_id: str, behaviour: Behaviour) -> None:
        """A report by number and code; whoever stops answers so."""
        good = delivers(behaviour)
        code = "DELIVERED" if good else "INVALID_NUMBER"
        detail = {
            "OutId": out_id,
            "PhoneNum": number,
            "SendDate": now(),
            "ReceiveDate": now(),
            "ErrCode": code,
        }
        if not good and behaviour is not Behaviour.UNDELIVERABLE:
            self._details[biz_id] = detail | {"SendStatus": 1}
            return
        self._details[biz_id] = detail | {"SendStatus": 3 if good else 2}
        report = {
            "phone_number": number, "send_time": now(), "report_time": now(), "success": good, "err_code": code,
            "err_msg": "", "sms_size": "1", "biz_id": biz_id, "out_id": out_id,
        }  # fmt: skip
        self.push([report], late=behaviour is Behaviour.LATE)
        if behaviour is Behaviour.STOPS:
            reply = {"phone_number": number, "content": "STOP", "send_time": now(), "dest_code": "1234"}
            self.push([reply | {"sequence_id": self.next_id()}])

    def query(self, asked: dict[str, str]) -> Response:
        """One of these details, of the day that is asked about."""
        detail = self._details.get(asked.get("BizId", ""))
        known = detail is not None and detail["PhoneNum"] == asked.get("PhoneNumber")
        found = [detail] if known and asked.get("SendDate") == now()[:10].replace("-", "") else []
        return JSONResponse(
            {
                "Code": "OK",
                "Message": "OK",
                "RequestId": self.next_id(),
                "TotalCount": str(len(found)),
                "SmsSendDetailDTOs": {"SmsSendDetailDTO": found},
            }
        )


class SandboxAliyunVoice(SandboxAliyun):
    """SingleCallByTts and QueryCallDetailByCallId. Whoever answers presses 1."""

    kind = "voice.aliyun"
    words = Words(
        send="SingleCallByTts",
        query="QueryCallDetailByCallId",
        needed=frozenset({"CalledNumber", "TtsCode"}),
        number="CalledNumber",
        values="TtsParam",
        provider_id="CallId",
        id_ends="^1",
    )

    def __init__(self, room: Room) -> None:
        super().__init__(room)
        self._calls: dict[str, dict[str, Any]] = {}

    def report(self, call_id: str, number: str, out_id: str, behaviour: Behaviour) -> None:
        """How the call went, and the key that was pressed."""
        good = delivers(behaviour)
        if not good and behaviour is not Behaviour.UNDELIVERABLE:
            return
        code = "200000" if good else "200004"
        self._calls[call_id] = {
            "callee": number,
            "state": code,
            "endDate": now(),
            "duration": 9 if good else 0,
        }
        key = "0" if behaviour is Behaviour.STOPS else "1"
        report = {
            "call_id": call_id, "callee": number, "originate_time": now(), "start_time": now() if good else "",
            "end_time": now(), "duration": "9", "status_code": code, "out_id": out_id, "dtmf": key if good else "",
            "voice_type": "voice",
        }  # fmt: skip
        self.push([report], late=behaviour is Behaviour.LATE)

    def query(self, asked: dict[str, str]) -> Response:
        """The call, in the day after it."""
        begins = int(asked.get("QueryDate", "0")) / 1000
        call = self._calls.get(asked.get("CallId", ""))
        known = (
            call is not None
            and asked.get("ProdId") == NOTICE_PRODUCT
            and 0 <= wall_seconds() - begins < 86_400
        )
        body = {"Code": "OK", "Message": "OK", "RequestId": self.next_id()}
        return JSONResponse(body | ({"Data": json.dumps(call)} if known else {}))


def fault(code: str, status: int = 200) -> Response:
    """An answer with an error code; errors of the service itself come with status 200."""
    return JSONResponse({"Code": code, "Message": "refused", "RequestId": "0"}, status)


def now() -> str:
    """Beijing's wall clock, as they write it."""
    return datetime.fromtimestamp(wall_seconds(), BEIJING).strftime("%Y-%m-%d %H:%M:%S")
