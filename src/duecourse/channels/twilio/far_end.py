"""Twilio's side of `sms.twilio` and `voice.twilio` on loopback: accounts checked, callbacks signed, calls held.

Numbers behave as they end. Sources: as sms.py and voice.py.
"""

from __future__ import annotations

import asyncio
import base64
import xml.etree.ElementTree as ET
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from duecourse.channels.http.line import Ask
from duecourse.channels.http.phone import is_e164
from duecourse.channels.sandbox.http_end import HttpEnd, delivers
from duecourse.channels.sandbox.journal import digest
from duecourse.channels.sandbox.rules import Behaviour
from duecourse.channels.twilio.signing import signature

ACCOUNT: Final = "AC" + "0123456789abcdef" * 2
AUTH_TOKEN: Final = "sandbox0auth0token0sandbox000000"
SENDER: Final = "+15005550006"
Form = dict[str, str]


class SandboxTwilio(HttpEnd):
    """What both services share. A subclass names its resource and takes what is posted to it."""

    given_callback_url = True
    resource: ClassVar[str]

    @staticmethod
    def settings(port: int, folder: Path) -> dict[str, Any]:
        """As the adapter's, without what a subclass adds."""
        return {
            "url": f"http://127.0.0.1:{port}",
            "account_sid": ACCOUNT,
            "auth_token": AUTH_TOKEN,
            "drain_url": f"http://127.0.0.1:{port}/sandbox/drain",
            "response_seconds": 2,
            "throttle_pause_seconds": 0,
        }

    def routes(self) -> Sequence[Route]:
        """The one resource."""
        path = f"/2010-04-01/Accounts/{{account}}/{self.resource}.json"
        return [Route(path, self._create, methods=["POST"])]

    @abstractmethod
    async def take(self, form: Form, behaviour: Behaviour) -> Response:
        """Answer a request whose account and number were right."""

    async def _create(self, request: Request) -> Response:
        account = base64.b64encode(f"{ACCOUNT}:{AUTH_TOKEN}".encode()).decode("ascii")
        if request.headers.get("authorization") != f"Basic {account}":
            return fault(401, 20003)
        if request.path_params["account"] != ACCOUNT:
            return fault(404, 20404)
        form = dict(parse_qsl((await request.body()).decode("ascii"), keep_blank_values=True))
        number = form.get("To", "")
        if not is_e164(number):
            return fault(400, 21211)
        behaviour = self.rules.of_number(number)
        if behaviour is Behaviour.REFUSED:
            return fault(400, 21211)
        if behaviour is Behaviour.BROKEN:
            return fault(500, 20500)
        if behaviour is Behaviour.THROTTLED and self.is_throttled(number):
            return fault(429, 20429)
        return await self.take(form, behaviour)

    async def called(self, url: str, form: Form) -> Response | None:
        """Post a signed form to an address that we were given, again while it fails; None where it is not taken."""
        address = urlsplit(url)._replace(fragment="").geturl()
        query = urlsplit(address).query
        headers = {
            "content-type": "application/x-www-form-urlencoded",
            "x-twilio-signature": signature(AUTH_TOKEN, address, list(form.items())),
        }
        body = urlencode(form, quote_via=quote).encode("ascii")
        response = await self.posted(Ask(f"?{query}" if query else "", body, headers))
        return Response(response.content, 200) if response is not None else None

    async def late_by(self, behaviour: Behaviour) -> None:
        """Wait where the number is of one whose receipts come late."""
        if behaviour is Behaviour.LATE:
            await asyncio.sleep(self.rules.late_seconds)

    async def answered(self, resource: dict[str, Any], behaviour: Behaviour) -> Response:
        """201, unless this one is never answered."""
        self.journal.flush()
        if behaviour in (Behaviour.UNANSWERED, Behaviour.LOST_ANSWER):
            return await self.unanswered()
        return JSONResponse(resource, 201)


class SandboxTwilioSms(SandboxTwilio):
    """Messages."""

    kind = "sms.twilio"
    resource = "Messages"

    @staticmethod
    def settings(port: int, folder: Path) -> dict[str, Any]:
        """As the adapter's."""
        return SandboxTwilio.settings(port, folder) | {"sender": SENDER}

    async def take(self, form: Form, behaviour: Behaviour) -> Response:
        """The text, whatever it is."""
        if not form.get("Body"):
            return fault(400, 21602)
        if "From" not in form and "MessagingServiceSid" not in form:
            return fault(400, 21603)
        sid = f"SM{self.next_id():0>32}"
        self.journal.add(
            "taken", kind=self.kind, id=sid, address=form["To"], text_sha256=digest(form["Body"])
        )
        if behaviour is Behaviour.UNDELIVERABLE or delivers(behaviour):
            self.owe_conversation(self._report(sid, form, behaviour))
        return await self.answered({"sid": sid, "status": "queued", "num_segments": "1"}, behaviour)

    async def _report(self, sid: str, form: Form, behaviour: Behaviour) -> bool:
        await self.late_by(behaviour)
        common = {
            "AccountSid": ACCOUNT,
            "MessageSid": sid,
            "To": form["To"],
            "From": form.get("From", SENDER),
        }
        callback = form.get("StatusCallback", "")
        good = delivers(behaviour)
        last = (
            {"MessageStatus": "delivered"} if good else {"MessageStatus": "undelivered", "ErrorCode": "30005"}
        )
        done = [await self.called(callback, common | {"MessageStatus": "sent"})]
        done.append(await self.called(callback, common | last))
        if behaviour is Behaviour.STOPS:
            said = {
                "MessageSid": f"SM{self.next_id():0>32}",
                "Body": "STOP",
                "From": form["To"],
                "To": SENDER,
            }
            done.append(await self.called(callback.partition("?")[0], {"AccountSid": ACCOUNT, **said}))
        return all(done)


class SandboxTwilioVoice(SandboxTwilio):
    """Calls, held to their end: whoever answers confirms with 1, hears the notice and presses 1 again.

    A silent number is answered by a machine; one that stops presses 0 at the end. What was said is in the journal,
    in its order, with the key that was pressed before it.
    """

    kind = "voice.twilio"
    resource = "Calls"

    @staticmethod
    def settings(port: int, folder: Path) -> dict[str, Any]:
        """As the adapter's."""
        return SandboxTwilio.settings(port, folder) | {"caller_id": SENDER}

    async def take(self, form: Form, behaviour: Behaviour) -> Response:
        """The call; what it says is fetched when it is answered."""
        if not form.get("From"):
            return fault(400, 21213)
        if not form.get("Url") and not form.get("Twiml"):
            return fault(400, 21205)
        sid = f"CA{self.next_id():0>32}"
        attempt = dict(parse_qsl(urlsplit(form.get("StatusCallback", "")).query)).get("attempt", "")
        self.journal.add("taken", kind=self.kind, id=sid, address=form["To"], text_sha256=digest(attempt))
        if behaviour is not Behaviour.UNANSWERED:
            self.owe_conversation(self._call(sid, form, behaviour))
        return await self.answered({"sid": sid, "status": "queued"}, behaviour)

    async def _call(self, sid: str, form: Form, behaviour: Behaviour) -> bool:
        await self.late_by(behaviour)
        common = {"AccountSid": ACCOUNT, "CallSid": sid, "To": form["To"], "From": form["From"]}
        callback = form.get("StatusCallback", "")
        if behaviour is Behaviour.UNDELIVERABLE:
            failed = common | {"CallStatus": "failed", "SipResponseCode": "404"}
            return await self.called(callback, failed) is not None
        machine = behaviour is Behaviour.SILENT
        common["AnsweredBy"] = "machine_end_beep" if machine else "human"
        keys = [] if machine else ["1", "0" if behaviour is Behaviour.STOPS else "1"]
        talked = await self._talk(sid, common | {"CallStatus": "in-progress"}, form["Url"], keys)
        ended = await self.called(callback, common | {"CallStatus": "completed"})
        if form.get("Record") == "true":
            recorded = {"RecordingSid": f"RE{self.next_id():0>32}", "RecordingStatus": "completed"}
            await self.called(form["RecordingStatusCallback"], common | recorded)
        return talked and ended is not None

    async def _talk(self, sid: str, common: Form, url: str, keys: list[str]) -> bool:
        """Do what the TwiML says until it has no next step."""
        form, pressed = common, ""
        while url:
            answer = await self.called(url, form)
            if answer is None:
                return False
            url = ""
            for verb in ET.fromstring(bytes(answer.body)):
                for said in verb.iter("Say"):
                    self.journal.add("said", id=sid, after=pressed, text_sha256=digest(said.text or ""))
                if verb.tag == "Gather":
                    url = verb.attrib["action"]
                    pressed = keys.pop(0) if keys else ""
                    form = common | {"Digits": pressed}
        self.journal.flush()
        return True


def fault(status: int, code: int) -> Response:
    """An answer with an error code."""
    return JSONResponse({"code": code, "message": "refused", "more_info": "", "status": status}, status)
