"""Telephone calls over SIP: each message is a call that speaks, listens for keys, and is told of when it is over."""

from __future__ import annotations

import asyncio
import logging
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import ClassVar, Final, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from duecourse.channels.configured import Configured
from duecourse.channels.voice.sound import Samples
from duecourse.channels.voice.speech import EspeakSpeech, Remembered, SpeechConfig, SpeechError
from duecourse.channels.voice_sip.call import UNREACHABLE, Call, CallLimits, recorded
from duecourse.channels.voice_sip.dialogue import Manners, Part
from duecourse.channels.voice_sip.line import LineLostError, LineSettings
from duecourse.channels.voice_sip.lines import LineKeeper, Lines
from duecourse.channels.voice_sip.outbox import Outbox
from duecourse.domain.messaging import (
    Cause,
    Channel,
    Deferred,
    LineState,
    NotWritten,
    Outcome,
    Outgoing,
    Receipt,
    ReceiptSink,
    ReceiptStatus,
    Refused,
    Reply,
    ReplyKind,
    ReplySink,
)
from duecourse.domain.problems import DuecourseError, Problem

log = logging.getLogger(__name__)

MODULE_FOLDERS: Final = (
    "/usr/lib/baresip/modules",
    "/usr/local/lib/baresip/modules",
    "/usr/lib/x86_64-linux-gnu/baresip/modules",
    "/usr/lib/aarch64-linux-gnu/baresip/modules",
    "/opt/homebrew/lib/baresip/modules",
)
_PLAIN: Final = re.compile(r'^[^\s;"<>,@]*$')
_QUIET_BEYOND_RINGING: Final = 30.0
_CLOSE_SECONDS: Final = 5.0
_FIRST_WRITE_SECONDS: Final = 0.4


class Transport(StrEnum):
    """How SIP travels."""

    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"


class VoiceSipConfig(BaseModel):
    """One trunk of a telephone provider. Times are in seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = Field(min_length=1)
    port: int = Field(default=5060, ge=1, le=65535)
    transport: Transport = Transport.UDP
    accept_any_certificate: bool = False
    """With tls: baresip 1.0 does not check whose certificate it is shown, whatever it is told."""
    domain: str = ""
    """Of the From address; by default `host`."""
    caller: str = Field(min_length=1)
    """The number shown, as the provider wants it; also the user of the account."""
    username: str = ""
    password: SecretStr = SecretStr("")
    register_seconds: int = Field(default=0, ge=0, le=3600)
    """How often the account is registered; 0: never, as for a trunk that knows us by our address."""
    plus: bool = True
    """Whether numbers are dialled with their plus."""
    prefix: str = Field(default="", pattern=r"^[0-9*#]*$")
    """Dialled before every number."""
    lines: int = Field(default=10, ge=1, le=200)
    """Calls at once; each is a process of some ten megabytes."""
    encrypt_sound: bool = False
    """SRTP, demanded. Its keys travel with the call's description: in clear without tls."""
    local_address: str = ""
    """Where to listen; by default wherever the system's own address is."""
    rtp_ports: str = Field(default="10000-19999", pattern=r"^\d{4,5}-\d{4,5}$")
    speech: SpeechConfig = Field(default_factory=EspeakSpeech)
    recordings_folder: Path | None = None
    """Where calls are kept as they were heard; None: not recorded. Only with a greeting that says so."""
    folder: Path | None = None
    """Where the lines work; prompts lie there while a call goes on."""
    program: str = "baresip"
    modules_folder: Path | None = None
    response_seconds: float = Field(default=10, gt=0, le=60)
    ring_seconds: float = Field(default=35, gt=0, le=110)
    call_seconds: float = Field(default=180, gt=0, le=1800)
    key_seconds: float = Field(default=6, gt=0, le=30)
    guard_seconds: float = Field(default=1, ge=0, le=5)
    machine_seconds: float = Field(default=30, gt=0, le=120)
    greetings: int = Field(default=2, ge=1, le=5)
    repeats: int = Field(default=2, ge=0, le=5)
    shortest_seconds: int = Field(default=60, ge=1, le=600)
    """A call is not begun when less than this is left of the message's time."""
    throttle_pause_seconds: float = Field(default=30, ge=0, le=3600)
    reconnect_seconds: float = Field(default=1, ge=0, le=600)
    """After an exchange could not be reached nothing is dialled for this long."""
    line_wait_seconds: float = Field(default=1, ge=0, le=60)
    """How long a message waits for a free line before it goes back."""

    @field_validator("host", "domain", "caller", "username", "local_address")
    @classmethod
    def _is_plain(cls, value: str) -> str:
        if not _PLAIN.match(value):
            raise ValueError("no spaces, quotes, commas, semicolons, angle brackets or at signs")
        return value

    @field_validator("password")
    @classmethod
    def _password_is_plain(cls, value: SecretStr) -> SecretStr:
        if re.search(r'[\s;"<>]', value.get_secret_value()):
            raise ValueError("baresip takes no password with spaces, quotes, semicolons or angle brackets")
        return value

    @model_validator(mode="after")
    def _certificate_is_no_promise(self) -> Self:
        if self.transport is Transport.TLS and not self.accept_any_certificate:
            raise ValueError(
                "baresip does not check the exchange's certificate: bring the trunk through a tunnel and take tcp, "
                "or say accept_any_certificate = true"
            )
        return self

    def account(self) -> str:
        """The account as baresip's file has it."""
        parameters = [f"sip:{self.caller}@{self.domain or self.host};transport={self.transport}"]
        account = [f"<{parameters[0]}>", f"regint={self.register_seconds}"]
        account.append(f'outbound="sip:{self.host}:{self.port};transport={self.transport}"')
        account.append("audio_codecs=PCMU/8000/1,PCMA/8000/1")
        if self.username:
            account += [f"auth_user={self.username}", f"auth_pass={self.password.get_secret_value()}"]
        if self.encrypt_sound:
            account.append("mediaenc=srtp-mand")
        return ";".join(account)

    def limits(self) -> CallLimits:
        """How long a call may take."""
        manners = Manners(self.key_seconds, self.greetings, self.repeats, self.guard_seconds)
        return CallLimits(
            self.response_seconds,
            self.ring_seconds,
            self.call_seconds,
            self.machine_seconds,
            self.throttle_pause_seconds,
            _FIRST_WRITE_SECONDS if self.transport is Transport.UDP else float("inf"),
            manners,
        )


class VoiceSipAdapter(Configured):
    """Several lines of one trunk."""

    kind: ClassVar[str] = "voice.sip"
    settings_type = VoiceSipConfig
    channel: ClassVar[Channel] = Channel.VOICE
    deduplicates: ClassVar[bool] = False

    def __init__(
        self,
        name: str,
        config: VoiceSipConfig,
        on_receipts: ReceiptSink,
        on_reply: ReplySink,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        """Raises DuecourseError C090 or C091 where a program is missing."""
        self.name = name
        self.window = config.lines
        self._config = config
        self._clock = clock
        self._speech = Remembered(config.speech)
        self._limits = config.limits()
        self._outbox = Outbox(name, on_receipts, on_reply)
        program, modules = _programs(name, config)
        settings = LineSettings(
            program,
            modules,
            config.account(),
            local_address=config.local_address,
            rtp_ports=config.rtp_ports,
            media_modules=("srtp",) if config.encrypt_sound else (),
        )
        quiet = config.ring_seconds + _QUIET_BEYOND_RINGING + config.machine_seconds
        self._lines = Lines(name, config.folder, settings, config.lines, quiet)
        self._calls: dict[Call, tuple[LineKeeper, asyncio.Task[None]]] = {}
        self._is_open = False
        self._rest_until = 0.0

    async def open(self) -> None:
        """Start the lines in the background."""
        self._lines.open()
        self._outbox.start()
        self._is_open = True

    async def send(self, batch: Sequence[Outgoing]) -> Sequence[Outcome]:
        """Begin as many calls as there are lines, and the others as lines become free; one outcome each, in order.

        An outcome is there as soon as it rings, or does not; the call goes on after that.
        """
        outcomes: list[Outcome] = [NotWritten("closed")] * len(batch)
        if not self._is_open:
            return outcomes
        await self._each_in_turn(enumerate(batch), outcomes, min(len(batch), self._config.lines))
        return outcomes

    def line_state(self) -> LineState:
        """Its lines; a trunk that could not be reached is away while it rests."""
        up = self._lines.up
        return LineState(up > 0 and time.monotonic() >= self._rest_until, up)

    async def drain(self) -> None:
        """Wait until what the lines have told is committed, and until whoever picked up has hung up."""
        for call, (keeper, task) in list(self._calls.items()):
            with suppress(LineLostError):
                await keeper.line.command("callstat")  # whatever it had told before is here with the answer
            await call.caught_up()
            if call.is_answered:
                await asyncio.wait([task])
        await self._outbox.idle()

    async def close(self) -> None:
        """Hang up, commit what was told, end the processes."""
        self._is_open = False
        for call in self._calls:
            call.hang_up()
        tasks = [task for _, task in self._calls.values()]
        if tasks:
            _, cut = await asyncio.wait(tasks, timeout=_CLOSE_SECONDS)
            for task in cut:
                task.cancel()
            await asyncio.gather(*cut, return_exceptions=True)
        await self._outbox.stop()
        await self._lines.close()

    # Inside

    async def _each_in_turn(
        self, rest: Iterator[tuple[int, Outgoing]], outcomes: list[Outcome], at_once: int
    ) -> None:
        async def work() -> None:
            for index, outgoing in rest:
                outcomes[index] = await self._send_one(outgoing)

        workers = [asyncio.create_task(work()) for _ in range(at_once)]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()

    async def _send_one(self, outgoing: Outgoing) -> Outcome:
        digits = outgoing.address.removeprefix("+")
        if not (digits.isascii() and digits.isdigit() and 3 <= len(digits) <= 15):
            return Refused("address", "not a number in E.164", permanent=True, cause=Cause.DEAD)
        if outgoing.valid_for_seconds < self._config.shortest_seconds:
            return NotWritten("too little time is left for a call")
        if time.monotonic() < self._rest_until:
            return NotWritten(UNREACHABLE)
        try:
            prompts = await asyncio.to_thread(self._say, outgoing)
        except SpeechError as error:
            return Deferred("speech", str(error))
        if prompts is None:
            return Refused("script", "there is nothing to say in a call", False, Cause.CONTENT)
        return await self._call(outgoing, prompts, digits)

    def _say(self, outgoing: Outgoing) -> dict[Part, Samples] | None:
        script = outgoing.script
        if script is None or not script.greeting.strip() or not script.notice.strip():
            return None
        texts = {
            Part.GREETING: script.greeting,
            Part.NOTICE: script.notice,
            Part.VOICEMAIL: script.voicemail,
            Part.REPEAT: script.repeat,
        }
        language = outgoing.language or "en"
        return {part: self._speech.say(text, language) for part, text in texts.items() if text.strip()}

    async def _call(self, outgoing: Outgoing, prompts: Mapping[Part, Samples], digits: str) -> Outcome:
        config = self._config
        call = Call(
            outgoing,
            prompts,
            self._limits,
            lambda receipt: self._tell(outgoing, receipt),
            lambda key: self._pressed(outgoing, key),
        )
        until = min(outgoing.write_before, time.monotonic() + config.line_wait_seconds)
        keeper = await self._lines.take(call.on_event, until)
        if keeper is None:
            return NotWritten("every line is busy or down")
        number = config.prefix + ("+" if config.plus and not config.prefix else "") + digits
        task = asyncio.create_task(
            self._carry_out(outgoing, call, keeper, f"sip:{number}@{config.host}:{config.port}")
        )
        self._calls[call] = keeper, task
        self.window = self._lines.free
        outcome = await asyncio.shield(call.outcome)
        if isinstance(outcome, NotWritten) and outcome.reason == UNREACHABLE:
            # One message has found out; the rest of the batch need not knock one by one.
            if time.monotonic() > self._rest_until:
                log.warning("%s: %s. Nothing is dialled for now. (%s)", self.name, UNREACHABLE, "C095")
            self._rest_until = time.monotonic() + config.reconnect_seconds
        return outcome

    async def _carry_out(self, outgoing: Outgoing, call: Call, keeper: LineKeeper, uri: str) -> None:
        try:
            await call.run(keeper.line, uri)
            if call.is_answered and self._config.recordings_folder is not None:
                await self._record(outgoing, keeper, self._config.recordings_folder)
        except Exception as error:
            log.error("%s: a call failed (%s). (%s)", self.name, type(error).__name__, "C093")
        finally:
            self._lines.give_back(keeper)
            self._calls.pop(call, None)
            self.window = self._lines.free

    async def _record(self, outgoing: Outgoing, keeper: LineKeeper, folder: Path) -> None:
        try:
            evidence = await asyncio.to_thread(recorded, keeper.line, folder, outgoing.attempt_id.hex)
        except (OSError, ValueError) as error:
            log.error("%s: a recording could not be kept (%s). (%s)", self.name, type(error).__name__, "C094")
            return
        if evidence:
            self._tell(outgoing, Receipt(ReceiptStatus.BUFFERED, "recorded", evidence=evidence))

    def _tell(self, outgoing: Outgoing, receipt: Receipt) -> None:
        occurred_at = self._clock() if self._clock else None
        self._outbox.put(replace(receipt, attempt_id=outgoing.attempt_id, occurred_at=occurred_at))

    def _pressed(self, outgoing: Outgoing, key: str) -> None:
        self._outbox.put(
            Reply(
                provider=self.name,
                sender=outgoing.address,
                recipient=self._config.caller,
                text=key,
                channel=Channel.VOICE,
                kind=ReplyKind.KEY,
                attempt_id=outgoing.attempt_id,
            )
        )


def _programs(name: str, config: VoiceSipConfig) -> tuple[str, Path]:
    """baresip and its modules. Raises DuecourseError C090; C091 where the speech engine's program is missing."""
    where = f"provider {name}"
    program = shutil.which(config.program)
    folders = [config.modules_folder] if config.modules_folder else [Path(each) for each in MODULE_FOLDERS]
    modules = next((each for each in folders if each.joinpath("ctrl_tcp.so").exists()), None)
    if program is None or modules is None:
        what = f"the program '{config.program}'" if program is None else "baresip's modules"
        raise DuecourseError(
            Problem(
                "C090",
                where,
                f"{what} was not found; install the Debian package baresip-core.",
                "Not opened.",
            )
        )
    if missing := config.speech.missing():
        raise DuecourseError(
            Problem(
                "C091",
                where,
                f"'{missing}' was not found, which speaks; install {config.speech.needs}.",
                "Not opened.",
            )
        )
    return program, modules
