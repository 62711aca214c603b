"""What happens to calls when a process, an exchange or the store fails, and when time runs out."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from duecourse.channels.registry import build
from duecourse.channels.sandbox.process import SandboxProcess
from duecourse.channels.voice.sound import RATE, samples_of
from duecourse.channels.voice_sip.call import UNREACHABLE
from duecourse.domain.messaging import (
    Accepted,
    AccountTrouble,
    Adapter,
    Deferred,
    NotWritten,
    Outcome,
    Refused,
    Unknown,
    VoiceScript,
)
from duecourse.domain.problems import DuecourseError

from ..conformance import Journal, Sink, free_port, message_to, send_until_taken, until
from ..counterparts import program
from .calling import QUICK, SCRIPT, SPEECH, a_call, ended, hears, of, person, until_over, with_adapter


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    program("baresip")
    program("espeak-ng")
    with SandboxProcess(tmp_path_factory.mktemp("exchange"), ports={"voice.sip": 0}) as running:
        yield running


@pytest.fixture
def journal(sandbox: SandboxProcess) -> Journal:
    journal = Journal(sandbox.log)
    journal.set_mark()
    return journal


def settings_for(sandbox: SandboxProcess, **changes: Any) -> dict[str, Any]:
    return sandbox.settings("voice.sip") | QUICK | {"lines": 1, "recordings_folder": None} | changes


def user_agents(parent: int) -> list[int]:
    """Process ids of the baresips that a process started."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
        except OSError:
            continue
        name, _, rest = text.partition("(")[2].rpartition(")")
        if name == "baresip" and int(rest.split()[1]) == parent and rest.split()[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def test_killed_user_agent_ends_its_call_and_the_line_comes_back(sandbox: SandboxProcess, journal: Journal):
    async def body(adapter: Adapter, sink: Sink) -> None:
        outgoing = a_call(person("0012"))
        assert isinstance(await send_until_taken(adapter, outgoing, 60), Accepted)
        (pid,) = user_agents(os.getpid())
        os.kill(pid, signal.SIGKILL)
        await until(lambda: bool(sink.receipts), 30)
        (receipt,) = sink.receipts
        assert (receipt.status.value, receipt.code, receipt.permanent) == ("failed", "line-lost", False)
        assert isinstance(await send_until_taken(adapter, a_call(person("0010")), 60), Accepted)
        assert user_agents(os.getpid()) != [pid]
        assert [call["to"] for call in of(journal, "call")] == [person("0012"), person("0010")], (
            "no second call"
        )

    asyncio.run(with_adapter(settings_for(sandbox, ring_seconds=60), body))


def test_killed_user_agent_after_the_confirmation_leaves_what_was_told(
    sandbox: SandboxProcess, journal: Journal
):
    async def body(adapter: Adapter, sink: Sink) -> None:
        await send_until_taken(adapter, a_call(person("0021")), 60)
        await until(lambda: bool(sink.receipts), 60)
        (pid,) = user_agents(os.getpid())
        os.kill(pid, signal.SIGKILL)
        await asyncio.wait_for(adapter.drain(), 30)
        assert [receipt.code for receipt in sink.receipts] == ["confirmed"]

    asyncio.run(with_adapter(settings_for(sandbox), body))


def command_line(pid: int) -> bytes:
    """'' when the process is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
    until_then = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until_then, f"never: {what}"
        time.sleep(0.02)


WORKER = """
import asyncio, json, sys, time
from uuid import uuid4
from duecourse.channels.registry import build
from duecourse.domain.messaging import NotWritten, Outgoing, VoiceScript

async def main():
    async def nothing(*_): pass
    adapter = build("voice.sip", "worker", json.loads(sys.argv[1]), nothing, nothing)
    await adapter.open()
    call = Outgoing(uuid4(), sys.argv[2], "x", script=VoiceScript("Hello there.", "Notice.", "Call."), language="en")
    while isinstance((await adapter.send([call]))[0], NotWritten):
        pass
    print("talks", flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


def test_killed_worker_leaves_no_call_no_process_and_after_the_next_start_no_prompt(
    sandbox: SandboxProcess, journal: Journal, tmp_path: Path
):
    settings = settings_for(sandbox, folder=str(tmp_path), ring_seconds=100)
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, json.dumps(settings), person("0020")], stdout=subprocess.PIPE
    )
    try:
        assert worker.stdout is not None and worker.stdout.readline() == b"talks\n"
        wait_until(lambda: bool(list(tmp_path.glob("*/line-0/say-*.wav"))), "a prompt is said")
        (pid,) = user_agents(worker.pid)
    finally:
        worker.kill()
        worker.wait()
    worker.stdout.close()
    wait_until(lambda: not command_line(pid), "the user agent ends with its worker")

    async def body(adapter: Adapter, sink: Sink) -> None:
        folders = {path.parent for path in tmp_path.glob("*/lock")}
        assert len(folders) == 1, "the dead worker's folder is gone"

    asyncio.run(with_adapter(settings, body))
    assert list(tmp_path.iterdir()) == []
    assert len(of(journal, "call")) == 1


def test_two_workers_share_a_folder(sandbox: SandboxProcess, tmp_path: Path):
    settings = settings_for(sandbox, folder=str(tmp_path))

    async def outer(adapter: Adapter, sink: Sink) -> None:
        async def inner(other: Adapter, _: Sink) -> None:
            assert len(list(tmp_path.glob("*/lock"))) == 2

        await with_adapter(settings, inner)
        assert isinstance(await send_until_taken(adapter, a_call(person("0010")), 60), Accepted)

    asyncio.run(with_adapter(settings, outer))


def test_call_ends_before_its_window_closes(sandbox: SandboxProcess, journal: Journal):
    async def body(adapter: Adapter, sink: Sink) -> None:
        # Left to itself the call would wait half a minute for a key, twice.
        outgoing = a_call(person("0020"), valid_for_seconds=4)
        assert isinstance(await send_until_taken(adapter, outgoing, 60), Accepted)
        (call,) = await until_over(adapter, journal, 1)
        assert call["by"] == "caller" and call["seconds"] < 20
        assert [receipt.code for receipt in sink.receipts] == ["no-key"]

    asyncio.run(with_adapter(settings_for(sandbox, key_seconds=30), body))


def test_ringing_ends_before_its_window_closes(sandbox: SandboxProcess, journal: Journal):
    async def body(adapter: Adapter, sink: Sink) -> None:
        await send_until_taken(adapter, a_call(person("0012"), valid_for_seconds=2), 60)
        await until(lambda: bool(sink.receipts), 30)
        assert sink.receipts[0].code == "rang-out"

    asyncio.run(with_adapter(settings_for(sandbox, ring_seconds=100), body))


def test_call_is_not_begun_when_too_little_time_is_left(sandbox: SandboxProcess, journal: Journal):
    async def body(adapter: Adapter, sink: Sink) -> None:
        (outcome,) = await adapter.send([a_call(person("1234"), valid_for_seconds=59)])
        assert outcome == NotWritten("too little time is left for a call")

    asyncio.run(with_adapter(settings_for(sandbox, shortest_seconds=60), body))
    assert of(journal, "call") == []


def test_receipt_that_could_not_be_stored_is_handed_in_again(sandbox: SandboxProcess, journal: Journal):
    async def body(adapter: Adapter, sink: Sink) -> None:
        sink.failures_left = 2
        await send_until_taken(adapter, a_call(person("0011")), 60)
        await until_over(adapter, journal, 1)
        assert sink.failed == 2
        assert [receipt.code for receipt in sink.receipts] == ["486"]

    asyncio.run(with_adapter(settings_for(sandbox), body))


def test_closing_hangs_up_and_tells_of_it(sandbox: SandboxProcess, journal: Journal):
    sink = Sink()

    async def body(adapter: Adapter, _: Sink) -> None:
        await send_until_taken(adapter, a_call(person("0012")), 60)

    asyncio.run(with_adapter(settings_for(sandbox, ring_seconds=60), body, sink))
    assert [receipt.code for receipt in sink.receipts] == ["cut-off"]
    asyncio.run(until(lambda: bool(ended(journal)), 60))
    assert [call["by"] for call in ended(journal)] == ["caller"]


def test_taken_lines_are_no_window_and_more_calls_wait_unwritten(sandbox: SandboxProcess):
    async def body(adapter: Adapter, sink: Sink) -> None:
        assert adapter.window == 1
        await send_until_taken(adapter, a_call(person("0012", 1)), 60)
        assert adapter.window == 0
        (outcome,) = await adapter.send([a_call(person("1234", 2))])
        assert outcome == NotWritten("every line is busy or down")
        (pid,) = user_agents(os.getpid())
        os.kill(pid, signal.SIGKILL)
        await until(lambda: adapter.window == 1, 30)

    asyncio.run(with_adapter(settings_for(sandbox, line_wait_seconds=0, ring_seconds=100), body))


def test_password_is_proved_and_a_wrong_one_is_account_trouble(tmp_path: Path):
    program("baresip")
    outcomes: dict[tuple[str, str], type] = {}

    async def call(exchange: SandboxProcess, transport: str, password: str) -> None:
        async def body(adapter: Adapter, sink: Sink) -> None:
            outcome = await send_until_taken(adapter, a_call(person("0011")), 60)
            outcomes[transport, password] = type(outcome)

        account = {"username": "lender", "password": password, "transport": transport}
        await with_adapter(settings_for(exchange, **account), body)

    async def run(exchange: SandboxProcess) -> None:
        accounts = [("udp", "geheim"), ("tcp", "geheim"), ("udp", "falsch"), ("tcp", "falsch")]
        await asyncio.gather(*(call(exchange, *account) for account in accounts))

    with SandboxProcess(tmp_path, ports={"voice.sip": 0}, password="geheim") as exchange:
        asyncio.run(run(exchange))
    assert outcomes == {
        ("udp", "geheim"): Accepted,
        ("tcp", "geheim"): Accepted,
        ("udp", "falsch"): AccountTrouble,
        ("tcp", "falsch"): AccountTrouble,
    }


def test_calls_over_udp_are_heard_too(sandbox: SandboxProcess, journal: Journal):
    async def body(adapter: Adapter, sink: Sink) -> None:
        assert isinstance(await send_until_taken(adapter, a_call(person("0010")), 60), Accepted)
        await until_over(adapter, journal, 1)
        assert [receipt.code for receipt in sink.receipts] == ["no-key"]

    asyncio.run(with_adapter(settings_for(sandbox, transport="udp"), body))


def test_message_without_a_script_is_no_call(sandbox: SandboxProcess):
    async def body(adapter: Adapter, sink: Sink) -> None:
        (outcome,) = await adapter.send([message_to(person("1234"))])
        assert isinstance(outcome, Refused) and not outcome.permanent and outcome.cause == "content"

    asyncio.run(with_adapter(settings_for(sandbox), body))


def test_silent_speech_engine_defers_the_call(sandbox: SandboxProcess, journal: Journal):
    async def body(adapter: Adapter, sink: Sink) -> None:
        (outcome,) = await adapter.send([a_call(person("1234"))])
        assert isinstance(outcome, Deferred)
        assert SCRIPT.notice not in outcome.reason

    engine = {"engine": "command", "command": [sys.executable, "-c", "raise SystemExit(1)"]}
    asyncio.run(with_adapter(settings_for(sandbox, speech=engine), body))
    assert of(journal, "call") == []


async def _nothing(*_: object) -> None: ...


def configured(**changes: Any) -> Adapter:
    settings = {"host": "127.0.0.1", "port": free_port(), "caller": "400"} | changes
    return build("voice.sip", "trunk", settings, _nothing, _nothing)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"program": "no-such-baresip"}, "C090"),
        ({"modules_folder": "/nowhere"}, "C090"),
        ({"speech": {"engine": "espeak", "program": "no-such-espeak"}}, "C091"),
        ({"caller": "400;auth_pass=x"}, "C002"),
        ({"password": 'a"b'}, "C002"),
        ({"host": "a b"}, "C002"),
        ({"transport": "tls"}, "C002"),
    ],
)
def test_misconfiguration_is_told_at_once(changes: dict[str, Any], code: str):
    program("baresip")
    with pytest.raises(DuecourseError, match=code):
        configured(**changes)


def test_settings_never_show_the_password():
    program("baresip")
    adapter = configured(username="lender", password="geheim")
    assert "geheim" not in repr(vars(adapter))


def test_exchange_that_dies_with_the_invite_in_hand_leaves_unknown_and_an_absent_one_not_written(
    tmp_path: Path,
):
    program("baresip")
    outcomes: list[Outcome] = []
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    listening.setblocking(False)

    async def body(adapter: Adapter, sink: Sink) -> None:
        loop = asyncio.get_running_loop()
        sending = asyncio.create_task(send_until_taken(adapter, a_call(person("1234")), 60))
        peer, _ = await asyncio.wait_for(loop.sock_accept(listening), 60)
        peer.setblocking(False)
        assert (await loop.sock_recv(peer, 10_000)).startswith(b"INVITE ")
        listening.close()
        peer.close()
        outcomes.append(await sending)
        async with asyncio.timeout(60):
            while (await adapter.send([a_call(person("1234"))]))[0] != NotWritten(UNREACHABLE):
                await asyncio.sleep(0.05)

    settings = {"host": "127.0.0.1", "port": port, "transport": "tcp", "caller": "400", "lines": 2}
    asyncio.run(
        with_adapter(QUICK | settings | {"local_address": "127.0.0.1", "response_seconds": 0.5}, body)
    )
    assert [type(outcome) for outcome in outcomes] == [Unknown]


def test_line_that_spoke_a_notice_says_nothing_to_the_next_before_they_pick_up(
    sandbox: SandboxProcess, journal: Journal
):
    async def body(adapter: Adapter, sink: Sink) -> None:
        script = VoiceScript("Acme Bank, press one.", "$900 are due on March 3.", "Please call us.")
        first, second = (a_call(person(*who), script) for who in (("1234", 1), ("0022", 2)))
        for outgoing in (first, second):
            assert isinstance(await send_until_taken(adapter, outgoing, 60), Accepted)
            over = await until_over(adapter, journal, 1 + (outgoing is second))
        assert [call["early_sound"] for call in over] == [0, 0]
        codes = [
            [r.code for r in sink.receipts if r.attempt_id == each.attempt_id] for each in (first, second)
        ]
        assert codes == [["confirmed", "heard"], ["no-key"]]
        sound = samples_of((sandbox.folder / "heard" / over[1]["heard"]).read_bytes())
        begins = np.flatnonzero(np.abs(sound) > 0.02)[0]
        opening = sound[
            max(0, begins - RATE // 2) : begins + len(SPEECH.say(script.greeting, "en")) + RATE // 2
        ]
        assert hears(opening, script.greeting), "the greeting is the first that is heard, from its beginning"
        assert not hears(sound, script.notice)

    asyncio.run(with_adapter(settings_for(sandbox, repeats=0), body))
