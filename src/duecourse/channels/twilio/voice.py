"""Calls over Twilio: the Call resource, TwiML that asks who listens before it names a debt, answering machines.

Sources (read 2026-11-25): twilio.com/docs/voice/api/call-resource, /voice/twiml/gather, /voice/twiml/say,
/voice/answering-machine-detection, /voice/api/recording; PyPI twilio 9.13.0.

The call: greeting and "press 1 if you are"; 1 goes on, 2 is somebody else, nothing gets the voicemail text. Only
after 1 the notice, which no key cuts short, then the keys: 1 heard, 2 a link by SMS, 9 call me, 0 stop. A machine hears
the voicemail text.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final
from urllib.parse import parse_qs
from uuid import UUID

from pydantic import Field

from duecourse.channels.http.adapter import refused_address
from duecourse.channels.http.callbacks import FORBIDDEN, NOT_STORED, UNREADABLE
from duecourse.channels.http.line import Ask
from duecourse.channels.http.phone import is_e164
from duecourse.channels.twilio import codes
from duecourse.channels.twilio.client import AGAIN, TwilioAdapter, TwilioSettings, attempt_of
from duecourse.channels.twilio.script import Sealed, seal, unseal
from duecourse.channels.twilio.signing import fields_of
from duecourse.channels.twilio.twiml import Twiml
from duecourse.domain.messaging import (
    Cause,
    Channel,
    Outcome,
    Outgoing,
    RawRequest,
    RawResponse,
    Receipt,
    ReceiptSink,
    ReceiptStatus,
    Refused,
    Reply,
    ReplyKind,
    ReplySink,
)

MOST_URL: Final = 4000
KEYS: Final = frozenset("1290")
ASKED_TIMES: Final = 2
"""How often the greeting and the keys are spoken before the call ends."""
MOST_REMEMBERED: Final = 50_000
_HOUR: Final = 3600


class TwilioVoiceSettings(TwilioSettings):
    """[NAME] with kind = "voice.twilio" in providers.toml."""

    caller_id: str = Field(pattern=r"^\+[1-9]\d{6,14}$")
    callback_url: str = Field(pattern=r"^https?://[^?#]+$", max_length=200)
    """Our address for it, …/callbacks/NAME: Twilio fetches there what to say."""
    ring_seconds: int = Field(default=25, ge=5, le=120)
    most_seconds: int = Field(default=180, ge=30, le=900)
    """A call is ended after this long."""
    key_seconds: int = Field(default=6, ge=2, le=30)
    """How long a key is waited for."""
    machine_seconds: int = Field(default=30, ge=3, le=59)
    """How long Twilio may listen for whether a machine answered."""
    record: bool = True
    """The greeting must say so."""
    voices: Mapping[str, str] = Field(default_factory=dict)
    """Language to Twilio's voice, as `zh-CN = "Polly.Zhiyu-Neural"`."""


class TwilioVoiceAdapter(TwilioAdapter[TwilioVoiceSettings]):
    """One call a request."""

    kind = "voice.twilio"
    channel = Channel.VOICE
    settings_type = TwilioVoiceSettings

    def __init__(
        self,
        name: str,
        settings: TwilioVoiceSettings,
        on_receipts: ReceiptSink,
        on_reply: ReplySink,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        super().__init__(name, settings, on_receipts, on_reply, clock)
        self._told: OrderedDict[UUID, None] = OrderedDict()

    async def ask_for(self, outgoing: Outgoing) -> Ask | Outcome:
        """The call; what it says stays here until Twilio asks for it."""
        settings = self.settings
        if not is_e164(outgoing.address):
            return refused_address("the address is no phone number with its country")
        script = outgoing.script
        if script is None or not (script.greeting and script.notice and script.voicemail):
            return Refused("script", "a call needs greeting, notice and voicemail text", False, Cause.CONTENT)
        good_until = int(self.now().timestamp()) + outgoing.valid_for_seconds + _HOUR
        sealed = Sealed(outgoing.attempt_id, outgoing.language, script, good_until)
        token = seal(settings.auth_token.get_secret_value(), sealed)
        url = f"{settings.callback_url}?step=answered&call={token}"
        if len(url) > MOST_URL - 40:
            return Refused("script", "the script is too long", False, Cause.CONTENT)
        attempt = f"attempt={outgoing.attempt_id.hex}"
        fields = [
            ("To", outgoing.address),
            ("From", (outgoing.registered and outgoing.registered.sender) or settings.caller_id),
            ("Url", f"{url}{AGAIN}"),
            ("StatusCallback", f"{settings.callback_url}?step=ended&{attempt}{AGAIN}"),
            ("StatusCallbackEvent", "completed"),
            ("MachineDetection", "DetectMessageEnd"),
            ("MachineDetectionTimeout", str(settings.machine_seconds)),
            ("Timeout", str(max(5, min(settings.ring_seconds, outgoing.valid_for_seconds)))),
            ("TimeLimit", str(settings.most_seconds)),
        ]
        if settings.record:
            recorded = f"{settings.callback_url}?step=recorded&{attempt}{AGAIN}"
            fields += [("Record", "true"), ("RecordingStatusCallback", recorded)]
        return self.form("Calls", fields)

    async def receive(self, request: RawRequest) -> RawResponse:
        """A step of a call, its end, or its recording."""
        if not self.is_theirs(self.settings.callback_url, request):
            return FORBIDDEN
        fields, query = fields_of(request), parse_qs(request.query)
        if fields is None or not fields.get("CallSid"):
            return UNREADABLE
        step = query.get("step", [""])[0]
        if step in ("ended", "recorded"):
            attempt = attempt_of(query.get("attempt", [""])[0])
            receipts = self._end(fields, attempt) if step == "ended" else recording_of(fields, attempt)
            return Twiml("").response() if await self.hand_in(receipts) else NOT_STORED
        now, token = self.now(), query.get("call", [""])[0]
        call = unseal(self.settings.auth_token.get_secret_value(), token, now)
        if call is None:
            return UNREADABLE
        talk = _Talk(self, call, token, fields, int(query.get("time", ["1"])[0]))
        answer = talk.step(step)
        if answer is None:
            return UNREADABLE
        if not await self.hand_in(talk.receipts, talk.replies):
            return NOT_STORED
        if talk.receipts:
            self._told[call.attempt_id] = None
            while len(self._told) > MOST_REMEMBERED:
                self._told.popitem(last=False)
        return answer.response()

    def _end(self, fields: Mapping[str, str], attempt: UUID | None) -> list[Receipt]:
        """What the end of a call adds: nothing where the talk has said it, which this worker heard."""
        status, by = fields.get("CallStatus", ""), fields.get("AnsweredBy", "")
        known = {"provider_id": fields["CallSid"], "attempt_id": attempt}
        if status in codes.NOT_ANSWERED:
            dead = status == "failed" and fields.get("SipResponseCode", "") in codes.NOBODY
            cause = Cause.DEAD if dead else codes.NOT_ANSWERED[status]
            return [receipt(known, ReceiptStatus.FAILED, status, cause)]
        if status != "completed" or attempt in self._told:
            return []
        if by.startswith(("machine", "fax")):
            return [receipt(known, ReceiptStatus.FAILED, by, Cause.VOICEMAIL)]
        return [receipt(known, ReceiptStatus.DELIVERED, by or status)]


class _Talk:
    """One step of a call: what to say next, and what it tells."""

    def __init__(
        self, adapter: TwilioVoiceAdapter, call: Sealed, token: str, fields: Mapping[str, str], time: int
    ) -> None:
        self._settings = adapter.settings
        self._name = adapter.name
        self._call = call
        self._token = token
        self._fields = fields
        self._time = time
        self._known = {"provider_id": fields["CallSid"], "attempt_id": call.attempt_id}
        self.receipts: list[Receipt] = []
        self.replies: list[Reply] = []

    def step(self, step: str) -> Twiml | None:
        """None for a step that there is not."""
        if step == "answered":
            return self._answered()
        if step == "asked":
            return self._asked(self._fields.get("Digits", ""))
        if step == "heard":
            return self._heard(self._fields.get("Digits", ""))
        return None

    def _answered(self) -> Twiml:
        by = self._fields.get("AnsweredBy", "")
        if by.startswith("machine"):
            self._tell(ReceiptStatus.FAILED, by, Cause.VOICEMAIL)
            return self._twiml().say(self._call.script.voicemail).hang_up()
        if by == "fax":
            self._tell(ReceiptStatus.FAILED, by, Cause.VOICEMAIL)
            return self._twiml().hang_up()
        return self._greet(1)

    def _asked(self, key: str) -> Twiml:
        if key == "1":
            keys = self._call.script.repeat
            return self._twiml().say(self._call.script.notice).gather(self._next("heard", 1), keys)
        if key == "2":
            self._tell(ReceiptStatus.FAILED, "key 2", Cause.WRONG_PARTY)
            return self._twiml().hang_up()
        if self._time < ASKED_TIMES:
            return self._greet(self._time + 1)
        return self._twiml().say(self._call.script.voicemail).hang_up()

    def _heard(self, key: str) -> Twiml:
        if self._time == 1:
            self._tell(ReceiptStatus.READ, "heard")
        if key in KEYS and key:
            self._reply(key)
            return self._twiml().hang_up()
        if self._time < ASKED_TIMES and self._call.script.repeat:
            return self._twiml().gather(self._next("heard", self._time + 1), self._call.script.repeat)
        return self._twiml().hang_up()

    def _greet(self, time: int) -> Twiml:
        return self._twiml().gather(self._next("asked", time), self._call.script.greeting)

    def _twiml(self) -> Twiml:
        language = self._call.language
        return Twiml(language, self._settings.voices.get(language, ""), self._settings.key_seconds)

    def _next(self, step: str, time: int) -> str:
        return f"{self._settings.callback_url}?step={step}&time={time}&call={self._token}{AGAIN}"

    def _tell(self, status: ReceiptStatus, code: str, cause: Cause = Cause.OTHER) -> None:
        self.receipts.append(receipt(self._known, status, code, cause))

    def _reply(self, key: str) -> None:
        who, us = self._fields.get("To", ""), self._fields.get("From", "")
        self.replies.append(
            Reply(
                self._name,
                who,
                us,
                key,
                Channel.VOICE,
                ReplyKind.KEY,
                self._call.attempt_id,
                reference=f"{self._fields['CallSid']} {self._time}",
            )
        )


def receipt(
    known: Mapping[str, object], status: ReceiptStatus, code: str, cause: Cause = Cause.OTHER
) -> Receipt:
    """A receipt on a call. known: provider_id and attempt_id."""
    dead = cause is Cause.DEAD
    return Receipt(status, code, permanent=dead, cause=cause, **known)  # type: ignore[arg-type]


def recording_of(fields: Mapping[str, str], attempt: UUID | None) -> list[Receipt]:
    """Where the recording is kept: at Twilio, under its SID. It changes nothing else."""
    if fields.get("RecordingStatus") != "completed" or not fields.get("RecordingSid"):
        return []
    return [
        Receipt(
            ReceiptStatus.BUFFERED,
            "recorded",
            provider_id=fields["CallSid"],
            attempt_id=attempt,
            evidence=f"twilio {fields['RecordingSid']}",
        )
    ]
