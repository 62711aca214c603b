"""One line and its process: the start, who may have its ports, and what is made of what it tells."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from duecourse.channels.voice.sound import Samples, silence, wav_of
from duecourse.channels.voice_sip.adapter import MODULE_FOLDERS, VoiceSipConfig
from duecourse.channels.voice_sip.call import Call
from duecourse.channels.voice_sip.dialogue import Part
from duecourse.channels.voice_sip.line import Event, Line, LineLostError, LineSettings
from duecourse.channels.voice_sip.personas import MACHINE
from duecourse.domain.messaging import Receipt

from ..counterparts import program
from .calling import a_call

BEGINS = """\
#!{python}
import json, pathlib, re, socket, sys, time
config = pathlib.Path(sys.argv[2], "config").read_text()
control_port = int(re.search(r"ctrl_tcp_listen 127.0.0.1:([0-9]+)", config)[1])
"""
TAKES_THE_CONTROL_PORT_AS_ANYBODY_WOULD = """
try:
    socket.socket().bind(("127.0.0.1", control_port))
except OSError:
    sys.exit(41)
"""
ANSWERS_AS_ANOTHER_LINES_USER_AGENT = """
line, _ = socket.create_server(("127.0.0.1", control_port)).accept()
def say(**words):
    octets = json.dumps(words).encode()
    line.sendall(b"%d:%s," % (len(octets), octets))
say(event=True, type="REGISTER_OK")
command = json.loads(line.recv(1000).partition(b":")[2][:-1])
say(response=True, data="not your contacts", token=command["token"])
time.sleep(60)
"""

MAKES_A_CALL = """
folder = pathlib.Path(sys.argv[2])
line, _ = socket.create_server(("127.0.0.1", control_port)).accept()
stream = line.makefile("rb")
def say(**words):
    octets = json.dumps(words).encode()
    line.sendall(b"%d:%s," % (len(octets), octets))
while octets := stream.read(int(b"".join(iter(lambda: stream.read(1), b":")))):
    stream.read(1)
    command = json.loads(octets)
    told = folder.joinpath("contacts").read_text() if command["command"] == "contacts" else ""
    is_notice = command["params"].endswith("say-notice.wav")
    if command["command"] == "ausrc" and (NOTICE == "sent" or not is_notice):
        with folder.joinpath("dump-1-enc.wav").open("ab") as sent:
            sent.write(bytes(44 + 16000))
    told = "failed" if is_notice and NOTICE == "refused" else told
    say(response=True, data=told, token=command["token"])
    if command["command"] == "dial":
        folder.joinpath("dump-1-dec.wav").write_bytes(folder.parent.joinpath("heard.wav").read_bytes())
        for kind in EVENTS:
            say(event=True, type=kind, param="1")
    if is_notice and NOTICE == "kept back":
        time.sleep(0.5)
        say(event=True, type="CALL_CLOSED")
    if command["command"] == "hangup":
        say(event=True, type="CALL_CLOSED")
"""

PRESSES_ONE = ["CALL_ESTABLISHED", "CALL_DTMF_START"]


def line_with(
    folder: Path,
    then: str,
    seen: list[tuple[str, bool]],
    on: Callable[[Event], None] = lambda _: None,
) -> Line:
    """A line whose user agent is a script; seen: events, and whether the line was up then; on: who else hears them."""
    script = folder / "user-agent"
    script.write_text(BEGINS.format(python=sys.executable) + then)
    script.chmod(0o700)

    def on_event(event: Event) -> None:
        seen.append((event.kind, line.is_up))
        on(event)

    line = Line(folder / "line", LineSettings(str(script), folder, ""), on_event)
    return line


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps a port so")
def test_control_port_is_nobody_elses_while_the_user_agent_starts(tmp_path: Path):
    line = line_with(tmp_path, TAKES_THE_CONTROL_PORT_AS_ANYBODY_WOULD, [])
    with pytest.raises(LineLostError, match="it ended with status 41"):
        asyncio.run(line.start())


def test_line_is_not_up_at_the_control_port_of_another(tmp_path: Path):
    seen: list[tuple[str, bool]] = []
    line = line_with(tmp_path, ANSWERS_AS_ANOTHER_LINES_USER_AGENT, seen)
    with pytest.raises(LineLostError, match="another program has the control port"):
        asyncio.run(line.start())
    assert seen == [("REGISTER_OK", False), ("LOST", False)]
    assert not line.is_up


@pytest.mark.parametrize(
    ("kind", "offset"), [(socket.SOCK_STREAM, 0), (socket.SOCK_DGRAM, 0), (socket.SOCK_STREAM, 1)]
)
def test_user_agent_that_cannot_have_its_ports_ends_and_the_line_says_so(
    tmp_path: Path, kind: socket.SocketKind, offset: int
):
    baresip = program("baresip")
    modules = next(Path(each) for each in MODULE_FOLDERS if Path(each, "ctrl_tcp.so").exists())
    tmp_path.joinpath("quiet.wav").write_bytes(wav_of(silence(1)))

    async def start(port: int) -> None:
        settings = LineSettings(baresip, modules, "", local_address="127.0.0.1", port=port)
        line = Line(tmp_path, settings, lambda _: None)
        try:
            await line.start()
        finally:
            await line.stop()

    with socket.socket(type=kind) as other:
        other.bind(("127.0.0.1", 0))
        if kind is socket.SOCK_STREAM:
            other.listen()
        with pytest.raises(LineLostError, match="it ended with status"):
            asyncio.run(start(other.getsockname()[1] - offset))


def told_of_a_call(
    tmp_path: Path, heard: Samples, events: list[str], notice: str = "sent"
) -> tuple[list[str], bool]:
    """Codes of the receipts of a call that a script makes, and whether the line is up after it.

    The script tells these events as soon as it dials. notice: 'sent', 'kept back', 'refused'.
    """
    tmp_path.joinpath("heard.wav").write_bytes(wav_of(heard))
    prompts = {part: silence(0.2) for part in Part}
    times = {"key_seconds": 0.3, "greetings": 1, "repeats": 0, "machine_seconds": 0.5}
    limits = VoiceSipConfig.model_validate({"host": "127.0.0.1", "caller": "400", **times}).limits()
    receipts: list[Receipt] = []

    async def run() -> bool:
        call = Call(a_call("+8613812345678"), prompts, limits, receipts.append, lambda _: None)
        script = f"EVENTS, NOTICE = {events}, {notice!r}" + MAKES_A_CALL
        line = line_with(tmp_path, script, [], call.on_event)
        try:
            await line.start()
            await call.run(line, "sip:+8613812345678@127.0.0.1")
            return line.is_up
        finally:
            await line.stop()

    is_up = asyncio.run(run())
    return [receipt.code for receipt in receipts], is_up


@pytest.mark.parametrize(
    ("events", "told"),
    [(["CALL_ESTABLISHED"], "machine"), (["CALL_PROGRESS", "CALL_ESTABLISHED"], "no-key")],
    ids=["said", "rang"],
)
def test_all_that_was_said_is_listened_to_however_late_and_nothing_that_rang_before(
    tmp_path: Path, events: list[str], told: str
):
    assert told_of_a_call(tmp_path, MACHINE, events) == ([told], True)


@pytest.mark.parametrize(("notice", "told"), [("sent", ["confirmed", "heard"]), ("kept back", ["confirmed"])])
def test_notice_that_a_busy_machine_has_not_sent_when_it_should_be_over_was_not_heard(
    tmp_path: Path, notice: str, told: list[str]
):
    assert told_of_a_call(tmp_path, silence(1), PRESSES_ONE, notice) == (told, True)


def test_user_agent_that_does_not_do_as_it_is_told_is_ended_with_its_call(tmp_path: Path):
    assert told_of_a_call(tmp_path, silence(1), PRESSES_ONE, "refused") == (["confirmed"], False)
