"""Tencent Cloud's side of `sms.tencent` and `voice.tencent` on loopback.

Signatures are checked, states called back or pulled. Numbers behave as they end.
Sources: as sms.py, voice.py and signing.py.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from duecourse.channels.http.line import Ask
from duecourse.channels.sandbox.http_end import HttpEnd, delivers
from duecourse.channels.sandbox.journal import digest
from duecourse.channels.sandbox.room import Room, wall_seconds
from duecourse.channels.sandbox.rules import Behaviour
from duecourse.channels.tencent.signing import is_signed, secret_id_of
from duecourse.channels.tencent.sms import BEIJING

SECRET_ID: Final = "AKIDsandboxsandboxsandboxsandbox0000"
SECRET_KEY: Final = "sandboxSecretKeysandboxSecret000"
APP_ID: Final = "1400006666"
TOKEN: Final = "sandbox-callback-token"
MOST_SKEW_SECONDS: Final = 300


class SandboxTencent(HttpEnd):
    """What both services share. A subclass answers its actions."""

    service: ClassVar[str]
    version: ClassVar[str]

    @staticmethod
    def settings(port: int, folder: Path) -> dict[str, Any]:
        """As the adapter's."""
        return {
            "url": f"http://127.0.0.1:{port}",
            "secret_id": SECRET_ID,
            "secret_key": SECRET_KEY,
            "sdk_app_id": APP_ID,
            "callback_token": TOKEN,
            "drain_url": f"http://127.0.0.1:{port}/sandbox/drain",
            "response_seconds": 2,
            "throttle_pause_seconds": 0,
        }

    def routes(self) -> Sequence[Route]:
        """Everything is a POST to the root, told by its headers."""
        return [Route("/", self._call, methods=["POST"])]

    @abstractmethod
    async def act(self, action: str, asked: dict[str, Any]) -> Response:
        """Answer a call whose signature was right."""

    async def _call(self, request: Request) -> Response:
        headers = {key.lower(): value for key, value in request.headers.items()}
        body = await request.body()
        if secret_id_of(headers) != SECRET_ID:
            return fault("AuthFailure.SecretIdNotFound")
        if not is_signed(SECRET_KEY, self.service, headers, body):
            return fault("AuthFailure.SignatureFailure")
        if abs(wall_seconds() - int(headers["x-tc-timestamp"])) > MOST_SKEW_SECONDS:
            return fault("AuthFailure.SignatureExpire")
        if headers.get("x-tc-version") != self.version:
            return fault("NoSuchVersion")
        return await self.act(headers.get("x-tc-action", ""), json.loads(body))

    def call_back(self, body: Any, *, late: bool = False) -> None:
        """Owe a callback to the address as it was entered in their console, token and all."""
        content = json.dumps(body, ensure_ascii=False).encode()
        self.owe(Ask(f"?token={TOKEN}", content, {"content-type": "application/json"}), late=late)

    def refusal(self, number: str, behaviour: Behaviour) -> str:
        """The code for those that are refused at once; '' for the others."""
        if not number.startswith("+") or not number[1:].isdecimal():
            return "InvalidParameterValue.IncorrectPhoneNumber"
        if behaviour is Behaviour.REFUSED:
            return "InvalidParameterValue.IncorrectPhoneNumber"
        if behaviour is Behaviour.BROKEN:
            return "InternalError.OtherError"
        if behaviour is Behaviour.THROTTLED and self.is_throttled(number):
            return "RequestLimitExceeded"
        return ""

    def note(self, provider_id: str, number: str, text: str) -> None:
        """Note that it was taken."""
        self.journal.add("taken", kind=self.kind, id=provider_id, address=number, text_sha256=digest(text))
        self.journal.flush()


class SandboxTencentSms(SandboxTencent):
    """SendSms and both pulls. What a template says is its values, one after the other.

    Without a callback address states and replies are kept for the pulls, and handed out once.
    """

    kind = "sms.tencent"
    service = "sms"
    version = "2021-01-11"

    def __init__(self, room: Room) -> None:
        super().__init__(room)
        self._states: list[dict[str, Any]] = []
        self._replies: list[dict[str, Any]] = []

    async def act(self, action: str, asked: dict[str, Any]) -> Response:
        """The three actions that the adapter knows."""
        if action == "PullSmsSendStatus":
            return self._handed_out("PullSmsSendStatusSet", self._states, asked)
        if action == "PullSmsReplyStatus":
            return self._handed_out("PullSmsReplyStatusSet", self._replies, asked)
        if action != "SendSms":
            return fault("InvalidAction")
        if asked.get("SmsSdkAppId") != APP_ID:
            return fault("UnauthorizedOperation.SmsSdkAppIdVerifyFail")
        (number,) = asked["PhoneNumberSet"]
        behaviour = self.rules.of_number(number)
        refused = self.refusal(number, behaviour)
        if refused == "RequestLimitExceeded":
            return fault(refused)
        if refused:
            return self._status(number, asked, refused, "", 0)
        serial = f"2019:{self.next_id()}"
        self.note(serial, number, "".join(asked.get("TemplateParamSet") or []))
        self._tell(serial, number, behaviour)
        if behaviour in (Behaviour.UNANSWERED, Behaviour.LOST_ANSWER):
            return await self.unanswered()
        return self._status(number, asked, "Ok", serial, 1)

    def _tell(self, serial: str, number: str, behaviour: Behaviour) -> None:
        good = delivers(behaviour)
        if not good and behaviour is not Behaviour.UNDELIVERABLE:
            return
        country, mobile = number[1:3], number[3:]
        status, code = ("SUCCESS", "DELIVRD") if good else ("FAIL", "MK:0001")
        at = datetime.fromtimestamp(wall_seconds(), BEIJING)
        state = {
            "user_receive_time": at.strftime("%Y-%m-%d %H:%M:%S"), "nationcode": country, "mobile": mobile,
            "report_status": status, "errmsg": code, "description": "", "sid": serial,
        }  # fmt: skip
        pulled = {
            "UserReceiveTime": int(at.timestamp()), "CountryCode": country, "SubscriberNumber": mobile,
            "PhoneNumber": number, "SerialNo": serial, "ReportStatus": status, "Description": "", "SessionContext": "",
        }  # fmt: skip
        if not self.room.callbacks_url:
            self._states.append(pulled)
        self.call_back([state], late=behaviour is Behaviour.LATE)
        if behaviour is not Behaviour.STOPS:
            return
        now = int(at.timestamp())
        reply = {
            "extend": "",
            "mobile": mobile,
            "nationcode": country,
            "sign": "",
            "text": "STOP",
            "time": now,
        }
        self.call_back(reply)
        if not self.room.callbacks_url:
            self._replies.append(
                {"ExtendCode": "", "CountryCode": country, "PhoneNumber": number, "ReplyContent": "STOP"}
                | {"SignName": "", "SubscriberNumber": mobile, "ReplyTime": now}
            )

    def _handed_out(self, key: str, kept: list[dict[str, Any]], asked: dict[str, Any]) -> Response:
        most = int(asked["Limit"])
        given, kept[:] = kept[:most], kept[most:]
        return JSONResponse({"Response": {key: given, "RequestId": self.next_id()}})

    def _status(self, number: str, asked: dict[str, Any], code: str, serial: str, fee: int) -> Response:
        status = {
            "SerialNo": serial, "PhoneNumber": number, "Fee": fee, "SessionContext": asked.get("SessionContext", ""),
            "Code": code, "Message": "", "IsoCode": "CN",
        }  # fmt: skip
        return JSONResponse({"Response": {"SendStatusSet": [status], "RequestId": self.next_id()}})


class SandboxTencentVoice(SandboxTencent):
    """SendTtsVoice. Whoever answers presses 1, or 0 where the number is of one that stops."""

    kind = "voice.tencent"
    service = "vms"
    version = "2020-09-02"

    async def act(self, action: str, asked: dict[str, Any]) -> Response:
        """The one action that the adapter knows."""
        if action != "SendTtsVoice":
            return fault("InvalidAction")
        if asked.get("VoiceSdkAppid") != APP_ID:
            return fault("UnauthorizedOperation.VoiceSdkAppidVerifyFail")
        number = asked["CalledNumber"]
        behaviour = self.rules.of_number(number)
        refused = self.refusal(number, behaviour)
        if refused:
            dead = refused.endswith("PhoneNumber")
            return fault("InvalidParameterValue.CalledNumberVerifyFail" if dead else refused)
        call_id = self.next_id()
        self.note(call_id, number, "".join(asked.get("TemplateParamSet") or []))
        self._tell(call_id, number, behaviour)
        if behaviour in (Behaviour.UNANSWERED, Behaviour.LOST_ANSWER):
            return await self.unanswered()
        status = {"CallId": call_id, "SessionContext": asked.get("SessionContext", "")}
        return JSONResponse({"Response": {"SendStatus": status, "RequestId": self.next_id()}})

    def _tell(self, call_id: str, number: str, behaviour: Behaviour) -> None:
        who = {"call_from": "", "callid": call_id, "mobile": number[3:], "nationcode": number[1:3]}
        if behaviour is Behaviour.UNDELIVERABLE:
            failure = who | {"failure_code": 8, "failure_reason": "空号"}
            self.call_back({"voice_failure_callback": failure})
        elif delivers(behaviour):
            now = str(wall_seconds())
            state = who | {
                "result": "0",
                "accept_time": now,
                "end_calltime": now,
                "start_calltime": now,
                "fee": "1",
            }
            self.call_back({"voiceprompt_callback": state}, late=behaviour is Behaviour.LATE)
            if behaviour is Behaviour.STOPS:
                self.call_back({"voicekey_callback": who | {"keypress": "0"}})


def fault(code: str) -> Response:
    """An answer with an error code; it comes with status 200."""
    return JSONResponse({"Response": {"Error": {"Code": code, "Message": "refused"}, "RequestId": "0"}})
