"""Telephones by other hands: a second baresip that a test presses keys on, and SIPp, which holds us to the protocol."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Self

from duecourse.channels.voice.sound import silence, wav_of
from duecourse.channels.voice_sip.adapter import MODULE_FOLDERS
from duecourse.channels.voice_sip.line import Event, Line, LineSettings

from ..conformance import free_port
from . import program


class AnsweringBaresip:
    """A baresip that picks up by itself and keeps what it hears."""

    def __init__(self, folder: Path, number: str, *, encrypted: bool = False) -> None:
        self.port = free_port()
        modules = next(Path(each) for each in MODULE_FOLDERS if Path(each, "ctrl_tcp.so").exists())
        account = f"<sip:{number}@127.0.0.1:{self.port}>;regint=0;answermode=auto"
        settings = LineSettings(
            program("baresip"),
            modules,
            account + (";mediaenc=srtp-mand" if encrypted else ""),
            local_address="127.0.0.1",
            port=self.port,
            media_modules=("srtp",) if encrypted else (),
        )
        self.events: list[str] = []
        self._line = Line(folder, settings, self._heard)
        folder.mkdir(parents=True, exist_ok=True)
        folder.joinpath("quiet.wav").write_bytes(wav_of(silence(120)))

    async def start(self) -> None:
        await self._line.start()

    async def press(self, key: str) -> None:
        """Press a key for a tenth of a second."""
        await self._line.command("sndcode", key)
        await asyncio.sleep(0.1)
        await self._line.command("sndcode", "\x04")

    async def until(self, condition: Callable[[], bool], seconds: float = 60) -> None:
        async with asyncio.timeout(seconds):
            while not condition():
                await asyncio.sleep(0.02)

    def heard(self) -> bytes:
        """The sound of the last call, as a WAV file."""
        return self._line.sound_files("dec")[-1].read_bytes()

    async def stop(self) -> None:
        await self._line.stop()

    def _heard(self, event: Event) -> None:
        self.events.append(event.kind)


class Sipp:
    """SIPp in the part of the called: it answers one call as a scenario says, and knows whether all went by it."""

    def __init__(self, folder: Path, scenario: str = "") -> None:
        """scenario: XML; '' takes SIPp's own, which rings, answers, and waits for our BYE."""
        self.port = free_port()
        command = [program("sipp"), "-i", "127.0.0.1", "-p", str(self.port), "-m", "1", "-nostdin"]
        command += ["-mp", str(free_port()), "-timeout", "60s", "-timeout_error"]
        if scenario:
            folder.joinpath("scenario.xml").write_text(scenario)
            command += ["-sf", str(folder / "scenario.xml")]
        else:
            command += ["-sn", "uas"]
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def verdict(self) -> int:
        """0 when the whole call went by the scenario. Waits for its end."""
        return self._process.wait(70)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
