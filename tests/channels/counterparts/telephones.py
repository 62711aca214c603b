"""Telephones by other hands: a second baresip that a test presses keys on, and SIPp, which holds us to the protocol."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import time
from collections.abc import Callable, Collection
from contextlib import ExitStack
from pathlib import Path
from typing import Final, Self

import numpy as np

from duecourse.channels.voice.sound import Samples, silence, wav_of
from duecourse.channels.voice_sip.adapter import MODULE_FOLDERS
from duecourse.channels.voice_sip.line import Event, Line, LineLostError, LineSettings

from ..conformance import free_port
from . import program

START_TRIES: Final = 5
"""What was free when we looked may be another's when the telephone comes: it then tries other ports."""
_WAV_HEADER: Final = 44


def free_ports(*, tcp: Collection[int] = (), udp: Collection[int] = ()) -> int:
    """A port of loopback so far below which, in each protocol, these are free now: 0 is the port itself.

    Of one port that is free for TCP nothing follows for UDP, and the next is likely taken: Linux deals the odd ports to
    those who listen and the even ones to those who connect, and keeps a port for a minute after a connection's end.
    """
    while True:
        port = free_port()
        with ExitStack() as held:
            try:
                for kind, offsets in ((socket.SOCK_STREAM, tcp), (socket.SOCK_DGRAM, udp)):
                    for offset in offsets:
                        held.enter_context(socket.socket(type=kind)).bind(("127.0.0.1", port + offset))
            except (OSError, OverflowError):
                continue
            return port


class AnsweringBaresip:
    """A baresip that picks up by itself and keeps what it hears."""

    def __init__(self, folder: Path, number: str, *, encrypted: bool = False) -> None:
        self.port = 0
        """Known once it has started."""
        self.events: list[str] = []
        self._program = program("baresip")
        self._folder = folder
        self._number = number
        self._encrypted = encrypted
        self._line = self._on(0)
        folder.mkdir(parents=True, exist_ok=True)
        folder.joinpath("quiet.wav").write_bytes(wav_of(silence(120)))

    async def start(self) -> None:
        for attempt in range(1, START_TRIES + 1):
            self.port = free_ports(
                tcp=(0, 1), udp=(0,)
            )  # SIP over TCP and UDP; and over TLS, which nobody asked for
            self._line = self._on(self.port)
            try:
                await self._line.start()
                break
            except LineLostError:
                if attempt == START_TRIES:
                    raise
        self.events.clear()

    async def press(self, key: str) -> None:
        """Press a key for a tenth of a second."""
        await self._line.command("sndcode", key)
        await asyncio.sleep(0.1)
        await self._line.command("sndcode", "\x04")

    async def until(self, condition: Callable[[], bool], seconds: float = 60) -> None:
        async with asyncio.timeout(seconds):
            while not condition():
                await asyncio.sleep(0.05)

    def heard(self) -> Samples:
        """What the last call has brought so far, in pieces where it was heard in pieces."""
        pcm = b"".join(path.read_bytes()[_WAV_HEADER:] for path in self._line.sound_files("dec"))
        return np.frombuffer(pcm[: len(pcm) & ~1], "<i2") / 32768

    async def stop(self) -> None:
        await self._line.stop()

    def _on(self, port: int) -> Line:
        modules = next(Path(each) for each in MODULE_FOLDERS if Path(each, "ctrl_tcp.so").exists())
        account = f"<sip:{self._number}@127.0.0.1:{port}>;regint=0;answermode=auto"
        settings = LineSettings(
            self._program,
            modules,
            account + (";mediaenc=srtp-mand" if self._encrypted else ""),
            local_address="127.0.0.1",
            port=port,
            media_modules=("srtp",) if self._encrypted else (),
        )
        return Line(self._folder, settings, self._heard)

    def _heard(self, event: Event) -> None:
        self.events.append(event.kind)


class Sipp:
    """SIPp in the part of the called: it answers one call as a scenario says, and knows whether all went by it."""

    def __init__(self, folder: Path, scenario: str = "") -> None:
        """scenario: XML; '' takes SIPp's own, which rings, answers, and waits for our BYE."""
        self.port = 0
        """Known inside the block."""
        self._folder = folder
        self._program = program("sipp")
        if not scenario:
            own = subprocess.run([self._program, "-sd", "uas"], capture_output=True, text=True).stdout
            # It would stay for seconds in case the last answer was lost: nothing is lost on loopback.
            scenario = own.replace('<timewait milliseconds="4000"/>', "")
        folder.joinpath("scenario.xml").write_text(scenario)

    def verdict(self) -> int:
        """0 when the whole call went by the scenario. Waits for its end."""
        return self._process.wait(70)

    def __enter__(self) -> Self:
        for _ in range(START_TRIES):
            if self._has_started():
                return self
        raise AssertionError("SIPp did not start")

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def _has_started(self) -> bool:
        """Run it; whether it has got its ports, without which it ends."""
        self.port, sound = free_ports(udp=(0,)), free_ports(udp=(0, 2))
        command = [self._program, "-i", "127.0.0.1", "-p", str(self.port), "-mp", str(sound)]
        command += ["-m", "1", "-nostdin", "-timeout", "60s", "-timeout_error", "-sf", "scenario.xml"]
        self._process = subprocess.Popen(
            command,
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while self._process.poll() is None:
            if {self.port, sound, sound + 2} <= _bound_for_udp():
                return True
            time.sleep(0.01)
        return False


def _bound_for_udp() -> set[int]:
    rows = Path("/proc/net/udp").read_text().splitlines()[1:]
    return {int(row.split()[1].partition(":")[2], 16) for row in rows}
