"""What the three Chinese carriers' protocols share above the session: numbers, signatures, times, causes."""

from __future__ import annotations

import logging
import re
from abc import abstractmethod
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from enum import Enum, auto
from typing import ClassVar, Literal, NamedTuple

from pydantic import Field

from duecourse.channels.wire.centre import CentreConfig, MessageCentre
from duecourse.channels.wire.frame import Frame
from duecourse.channels.wire.inbound import Interpreter
from duecourse.channels.wire.link import BindRefusedError
from duecourse.channels.wire.requests import Request
from duecourse.channels.wire.text import Format, encode_carrier_text
from duecourse.domain.messaging import (
    AccountTrouble,
    Cause,
    Deferred,
    NotWritten,
    Outcome,
    Outgoing,
    ReceiptSink,
    ReceiptStatus,
    Refused,
    Registered,
    ReplySink,
    Throttled,
)

log = logging.getLogger(__name__)

BEIJING = timezone(timedelta(hours=8))
"""China's one zone, without summer time: the protocols' times are in it."""
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_MAINLAND = re.compile(r"\+86(1[0-9]{10,12})")
_NATIONAL = re.compile(r"1[0-9]{10,12}")

Clock = Callable[[], datetime]


class ResultClass(Enum):
    """What to do about the refusal of a submit."""

    THROTTLED = auto()  # not taken: slow down, the same message may go again
    TEMPORARY = auto()  # not taken: the gateway's own trouble
    ACCOUNT = auto()  # nothing of ours will be taken before a person has acted
    CONTENT = auto()  # this text will never be taken
    OTHER = auto()  # this message will not go this way; the number is not at fault


class Result(NamedTuple):
    """One row of a table of results."""

    meaning: str
    kind: ResultClass


class State(NamedTuple):
    """What a status report says."""

    status: ReceiptStatus
    cause: Cause = Cause.OTHER
    permanent: bool = False


class CarrierConfig(CentreConfig):
    """What every carrier's account has."""

    source: str = Field(max_length=20, pattern=r"^[0-9]+$")
    """The access number: what the person's phone shows as the sender."""
    sign: Literal["front", "back", "never"] = "front"
    """Where 【signature】 is put when the text does not have it yet; never: the gateway does it."""
    alphabet: Literal["ucs2", "gbk"] = "ucs2"
    """What is not plain ASCII goes as this. A character that GBK lacks makes the whole text UCS-2."""


class CarrierCentre(MessageCentre):
    """An adapter to one carrier's gateway. A family gives its table of results and builds the bodies."""

    ascii_most: ClassVar[int] = 160
    """Octets of a body in ASCII."""
    results: ClassVar[Mapping[int, Result]]

    def __init__(
        self,
        name: str,
        config: CarrierConfig,
        interpreter: Interpreter,
        on_receipts: ReceiptSink,
        on_reply: ReplySink,
        clock: Clock | None,
    ) -> None:
        if clock is None:
            raise TypeError("a carrier's gateway wants the time at every bind: give a clock")
        super().__init__(name, config, interpreter, on_receipts, on_reply)
        self._carrier = config
        self._clock = clock
        self._chinese = Format.GBK if config.alphabet == "gbk" else Format.UCS2

    @abstractmethod
    def _body(self, number: str, source: str, form: Format, part: Part, expires: str) -> bytes:
        """The body of one submit. number: 11 digits. expires: `absolute_time`."""

    def _prepare(self, outgoing: Outgoing) -> Request | Outcome:
        number = _MAINLAND.fullmatch(outgoing.address)
        if number is None:
            if _E164.fullmatch(outgoing.address):
                return Refused("address", "not a mobile number of mainland China", permanent=False)
            return Refused("address", "not a number in E.164", permanent=True, cause=Cause.DEAD)
        if outgoing.valid_for_seconds < 1:
            return NotWritten("its validity had passed")
        config = self._carrier
        text = signed(outgoing.text, outgoing.registered, config.sign)
        source = source_of(config.source, outgoing.registered)
        expires = absolute_time(self._clock() + timedelta(seconds=outgoing.valid_for_seconds))
        try:
            form, octets = encode_carrier_text(text, self._chinese, next(self._references), self.ascii_most)
            bodies = [
                self._body(number[1], source, form, Part(each, len(octets), at), expires)
                for at, each in enumerate(octets, 1)
            ]
        except ValueError as error:
            return Refused("length", str(error), permanent=False, cause=Cause.CONTENT)
        return Request(self.submit, bodies, outgoing.write_before, outgoing.attempt_id, len(bodies))

    def _refusal(self, frame: Frame) -> Outcome:
        code = f"SUBMIT:{frame.status}"
        if code in self._carrier.permanent_errors:
            return Refused(code, "the provider says so of dead numbers", permanent=True, cause=Cause.DEAD)
        meaning, kind = self.results.get(frame.status, Result("not in the table", ResultClass.TEMPORARY))
        match kind:
            case ResultClass.THROTTLED:
                return Throttled(code, self._carrier.throttle_pause_seconds)
            case ResultClass.TEMPORARY:
                return Deferred(code, meaning)
            case ResultClass.ACCOUNT:
                return AccountTrouble(code, meaning)
            case ResultClass.CONTENT:
                return Refused(code, meaning, permanent=False, cause=Cause.CONTENT)
            case _:
                return Refused(
                    code, meaning, permanent=False, cause=self._carrier.causes.get(code, Cause.OTHER)
                )

    def _now(self) -> datetime:
        return self._clock().astimezone(BEIJING)


def unproven(name: str) -> BindRefusedError:
    """Why a gateway that does not prove its knowledge of the shared secret is handed nothing."""
    log.error("%s: the gateway does not prove that it knows the shared secret. (%s)", name, "C061")
    return BindRefusedError(
        "PROOF", account=True, reason="the gateway does not prove that it knows the shared secret"
    )


class Part(NamedTuple):
    """Octets of one submit, and its place: number is 1..total."""

    octets: bytes
    total: int
    number: int


def judged(state: State, code: str, config: CentreConfig) -> State:
    """What a report says, with what this provider's settings say of its code."""
    if state.status is not ReceiptStatus.FAILED and state.status is not ReceiptStatus.EXPIRED:
        return state
    if code in config.permanent_errors:
        return State(ReceiptStatus.FAILED, Cause.DEAD, permanent=True)
    cause = config.causes.get(code)
    return state if cause is None else State(state.status, cause)


def e164_of(number: str) -> str:
    """E.164 with plus of a number as a carrier writes it: with or without 86; '' for what is no mobile number."""
    digits = number.removeprefix("+")
    if _MAINLAND.fullmatch(f"+{digits}"):
        return f"+{digits}"
    return f"+86{digits}" if _NATIONAL.fullmatch(digits) else ""


def sender_of(number: str) -> str:
    """Who wrote to us: E.164 where it is a mobile number, else as the carrier writes it."""
    return e164_of(number) or number


def source_of(access_number: str, registered: Registered | None) -> str:
    """What the phone shows as sender. A registered sender shorter than the access number is a sub-port behind it."""
    sender = registered.sender if registered is not None else ""
    if not sender:
        return access_number
    return access_number + sender if len(sender) < len(access_number) else sender


def signed(text: str, registered: Registered | None, sign: str) -> str:
    """The text with its registered signature in 【】, which the carriers ask for, unless it is there."""
    signature = registered.signature.strip("【】") if registered is not None else ""
    if not signature or sign == "never":
        return text
    mark = f"【{signature}】"
    if text.startswith(mark) or text.endswith(mark):
        return text
    return text + mark if sign == "back" else mark + text


def absolute_time(when: datetime) -> str:
    """yymmddhhmmsstnnp of SMPP 3.3 with the fixed end that the carriers ask for: Beijing's."""
    return when.astimezone(BEIJING).strftime("%y%m%d%H%M%S") + "032+"


def month_to_second(when: datetime) -> str:
    """MMDDHHMMSS in Beijing, ten digits."""
    return when.astimezone(BEIJING).strftime("%m%d%H%M%S")


def minute_of(digits: str) -> datetime | None:
    """YYMMDDHHMM of a report, in Beijing; None for what is no time."""
    try:
        return datetime.strptime(digits, "%y%m%d%H%M").replace(tzinfo=BEIJING)
    except ValueError:
        return None
