"""One telephone line: a baresip process that makes one call at a time, driven over its control port.

baresip plays a prompt by being told a file, tells keys and endings as events, and writes both directions of the sound
to WAV files while the call goes on. A process for each line, since it knows only one sound to play for all its calls;
and what happens to one process happens to one call.

The prompts are files in the line's own folder, which only this user can read and which are gone after the call. They
end in silence: at the end of a file baresip hangs up, which is also what ends a call whose worker has died.

Sources: baresip 1.0.0 (Debian 12), modules ctrl_tcp, menu, aufile, sndfile, account; read and run 2026-11-25.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import logging
import secrets
import shutil
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

log = logging.getLogger(__name__)

START_SECONDS: Final = 10.0
COMMAND_SECONDS: Final = 5.0
STOP_SECONDS: Final = 3.0
_MODULES: Final = ("g711", "aufile", "aubridge", "sndfile", "contact")
_LONGEST_MESSAGE: Final = 1_000_000
_CONFIG: Final = """\
poll_method epoll
sip_listen {listen}
{net_interface}
call_local_timeout 120
call_max_calls 1
audio_source aufile,{folder}/quiet.wav
audio_player aubridge,nil
audio_alert aubridge,nil
ausrc_srate 8000
auplay_srate 8000
ausrc_channels 1
auplay_channels 1
audio_txmode poll
rtp_tos 184
rtp_ports {rtp_ports}
snd_path {folder}
module_path {modules}
{module_lines}
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{port}
"""


class LineLostError(Exception):
    """The process or its control port is gone."""


@dataclass(frozen=True, slots=True)
class LineSettings:
    """What every line of a provider is started with."""

    program: str
    modules: Path
    account: str = field(repr=False)
    """A line of baresip's `accounts`; may hold a password."""
    local_address: str = ""
    port: int = 0
    """Where calls to it would come in; 0: any, as for a line that only calls. The next one is taken too, for TLS."""
    rtp_ports: str = "10000-19999"
    media_modules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Event:
    """What the user agent tells, by its own word for it. Never logged: `parameter` may hold a number."""

    kind: str
    parameter: str = field(repr=False)


class Line:
    """One process. `start` again after it ended."""

    def __init__(self, folder: Path, settings: LineSettings, on_event: Callable[[Event], None]) -> None:
        """on_event: called for each event, and with an Event of kind 'LOST' when the process is gone."""
        self.folder = folder
        self._settings = settings
        self._on_event = on_event
        self._process: Process | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._is_known = False
        self._reading: asyncio.Task[None] | None = None
        self._tokens = itertools.count(1)
        self._answers: dict[str, asyncio.Future[str]] = {}

    @property
    def is_up(self) -> bool:
        """Whether it takes commands, and is not some other program that has the control port."""
        return self._is_known and self._is_connected

    @property
    def _is_connected(self) -> bool:
        return self._writer is not None and not self._writer.is_closing()

    @property
    def pid(self) -> int:
        """Of the process; 0 when there is none."""
        return self._process.pid if self._process is not None else 0

    async def start(self) -> None:
        """Run it; returns when it takes commands.

        Raises LineLostError, saying why, when it ends or does not take them within START_SECONDS.
        """
        await self.stop()
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _kept_port() as port:
            await self._start(port)

    async def _start(self, port: int) -> None:
        mark = secrets.token_hex(8)
        self._write_configuration(port, mark)
        command = [self._settings.program, "-f", str(self.folder)]
        if setpriv := shutil.which("setpriv"):
            # When the worker dies, however it dies, the kernel ends its calls.
            command = [setpriv, "--pdeathsig", "KILL", "--", *command]
        # Its own words hold the numbers it calls: nobody reads them.
        self._process = await asyncio.create_subprocess_exec(
            *command, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL
        )
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._connect(port)
                # Whoever else got that port first does not know our mark.
                self._is_known = mark in await self.command("contacts")
                if not self._is_known:
                    raise LineLostError("another program has the control port")
        except (TimeoutError, LineLostError) as error:
            await self.stop()
            why = str(error) or f"it took no command within {START_SECONDS:g} s"
            raise LineLostError(f"baresip did not start: {why}") from None

    async def command(self, name: str, parameters: str = "") -> str:
        """Give a command; returns what baresip answers. Raises LineLostError."""
        answer = self.write_command(name, parameters)
        for _ in range(2):  # a pause of our own, in which it may have answered, uses up one wait and not both
            if (await asyncio.wait([answer], timeout=COMMAND_SECONDS / 2))[0]:
                return answer.result()
        answer.cancel()
        raise LineLostError("no answer to a command")

    def write_command(self, name: str, parameters: str = "") -> asyncio.Future[str]:
        """Put a command on the wire now; the future holds the answer. Raises LineLostError when nothing was written."""
        if not self._is_connected:
            raise LineLostError("not running")
        assert self._writer is not None
        token = str(next(self._tokens))
        octets = json.dumps({"command": name, "params": parameters, "token": token}).encode()
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._answers[token] = answer
        answer.add_done_callback(lambda _: self._answers.pop(token, None))
        self._writer.write(b"%d:%s," % (len(octets), octets))
        return answer

    async def stop(self) -> None:
        """End the process and whatever call it has; kill it if it does not end within STOP_SECONDS."""
        self._is_known = False
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                async with asyncio.timeout(STOP_SECONDS):
                    await process.wait()
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        reading, self._reading = self._reading, None
        if reading is not None:
            reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reading

    def sound_files(self, direction: str) -> list[Path]:
        """What was written of a call's sound, 'enc' (ours) or 'dec' (theirs), oldest first."""
        return sorted(self.folder.glob(f"dump-*-{direction}.wav"))

    def clear_sound(self) -> None:
        """Take away what a call left in the folder: its prompts are personal."""
        for pattern in ("dump-*.wav", "say-*.wav"):
            for path in self.folder.glob(pattern):
                path.unlink(missing_ok=True)

    def _write_configuration(self, port: int, mark: str) -> None:
        settings = self._settings
        modules = (*_MODULES, *settings.media_modules)
        config = _CONFIG.format(
            listen=f"{settings.local_address or '0.0.0.0'}:{settings.port}",
            net_interface=f"net_interface {settings.local_address}" if settings.local_address else "",
            folder=self.folder,
            rtp_ports=settings.rtp_ports,
            modules=settings.modules,
            module_lines="\n".join(f"module {name}.so" for name in modules),
            port=port,
        )
        for name, text in (
            ("config", config),
            ("accounts", settings.account + "\n"),
            ("contacts", f'"{mark}" <sip:{mark}@invalid>\n'),
        ):
            path = self.folder / name
            path.unlink(missing_ok=True)
            path.touch(mode=0o600)
            path.write_text(text)

    async def _connect(self, port: int) -> None:
        process = self._process
        assert process is not None
        while True:
            if process.returncode is not None:
                raise LineLostError(f"it ended with status {process.returncode}")
            try:
                reader, self._writer = await asyncio.open_connection(
                    "127.0.0.1", port, limit=_LONGEST_MESSAGE
                )
                break
            except OSError:
                await asyncio.sleep(0.02)
        self._reading = asyncio.create_task(self._read(reader, self._writer))

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                length = await reader.readuntil(b":")
                body = await reader.readexactly(int(length[:-1]) + 1)
                self._heard(json.loads(body[:-1].decode("utf-8", "replace")))
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError, ValueError):
            pass
        finally:
            writer.close()
            for answer in list(self._answers.values()):
                if not answer.done():
                    answer.set_exception(LineLostError("gone"))
                    answer.exception()  # looked at, should nobody wait for it any more
            self._on_event(Event("LOST", ""))

    def _heard(self, message: dict[str, Any]) -> None:
        if message.get("event"):
            self._on_event(Event(str(message.get("type", "")), str(message.get("param", ""))))
        elif (answer := self._answers.get(str(message.get("token", "")))) is not None and not answer.done():
            answer.set_result(str(message.get("data", "")))


@contextlib.contextmanager
def _kept_port() -> Iterator[int]:
    """A port of loopback for one listener that allows its address to be used again, as baresip's control port does.

    It is nobody else's while the block runs: Linux gives a bound port to no other socket that asks for any port, and
    lets the listener in beside one that does not listen. A port that was only looked up can be another's by the time
    baresip is there, and baresip goes on without its control port. Elsewhere than on Linux that is what we have.
    """
    with socket.socket() as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        if sys.platform != "linux":
            bound.close()
        yield port
