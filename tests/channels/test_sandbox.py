from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from duecourse.channels.gateway.far_end import API_KEY, SandboxGateway
from duecourse.channels.sandbox.journal import Journal as Writer
from duecourse.channels.sandbox.process import SandboxProcess
from duecourse.channels.sandbox.room import Room
from duecourse.channels.sandbox.rules import Behaviour, SandboxRules
from duecourse.domain.messaging import Accepted, Outcome, ReceiptStatus, Unknown
from duecourse.domain.problems import DuecourseError

from .cases import cmpp, smgp, smpp, smtp
from .conformance import (
    SILENT_SECONDS,
    Case,
    Journal,
    Sink,
    adapter_of,
    digest,
    message_to,
    send_until_taken,
    until,
)

(SMPP,), (SMTP,) = smpp.CASES, smtp.CASES
LATE = [SMPP, SMTP, cmpp.CASES[0], *smgp.CASES]
ORPHAN_MAKER = """
import sys, time
from pathlib import Path
from duecourse.channels.gateway.far_end import API_KEY, SandboxGateway
from duecourse.channels.sandbox.journal import Journal as Writer
from duecourse.channels.sandbox.process import SandboxProcess
from duecourse.channels.sandbox.room import Room
sandbox = SandboxProcess(Path(sys.argv[1])).start()
print(sandbox.pid, flush=True)
time.sleep(60)
"""


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def wait_for_end(pid: int, seconds: float = 5) -> bool:
    until_then = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < until_then:
        time.sleep(0.02)
    return not alive(pid)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks into /proc")
def test_sandbox_never_outlives_a_parent_that_was_killed(tmp_path: Path):
    parent = subprocess.Popen(
        [sys.executable, "-c", ORPHAN_MAKER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert alive(pid)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert wait_for_end(pid)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks into /proc")
def test_sandbox_ends_on_sigterm(tmp_path: Path):
    sandbox = SandboxProcess(tmp_path).start()
    pid = sandbox.pid
    os.kill(pid, signal.SIGTERM)
    assert wait_for_end(pid)
    sandbox.stop()


def test_busy_port_is_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(DuecourseError, match="C030"):
            SandboxProcess(tmp_path, ports={"sms.smpp": port}).start()


def against_sandbox(
    case: Case, tmp_path: Path, behaviour: Behaviour, text: str = "Due.", outcome: type[Outcome] = Accepted
) -> tuple[Sink, Journal]:
    """Send one message to an address that behaves so; wait for what comes back."""
    folder = tmp_path
    rules = SandboxRules(late_seconds=0.3)

    async def run(sandbox: SandboxProcess) -> Sink:
        sink = Sink()
        silent = {"response_seconds": SILENT_SECONDS} if outcome is Unknown else {}
        adapter = adapter_of(case, sandbox, sink, **silent)
        await adapter.open()
        assert isinstance(
            await send_until_taken(adapter, message_to(case.address(behaviour, 1), text)), outcome
        )
        await adapter.drain()
        early = len(sink.receipts)
        if behaviour is Behaviour.LATE:
            assert all(receipt.status is ReceiptStatus.BUFFERED for receipt in sink.receipts)
            await until(lambda: len(sink.receipts) > early)
        await asyncio.sleep(0.1)
        await adapter.close()
        return sink

    with SandboxProcess(folder, rules=rules, ports={case.kind: 0}) as sandbox:
        return asyncio.run(run(sandbox)), Journal(sandbox.log)


@pytest.mark.parametrize("case", LATE, ids=lambda case: case.kind)
def test_late_address_is_delivered_later(case: Case, tmp_path: Path):
    sink, _ = against_sandbox(case, tmp_path, Behaviour.LATE)
    assert sink.receipts[-1].status is ReceiptStatus.DELIVERED


@pytest.mark.parametrize("case", LATE, ids=lambda case: case.kind)
def test_silent_address_says_nothing(case: Case, tmp_path: Path):
    sink, _ = against_sandbox(case, tmp_path, Behaviour.SILENT)
    assert sink.receipts == []


def test_lost_answer_leaves_a_receipt_that_names_number_and_reference(tmp_path: Path):
    sink, _ = against_sandbox(SMPP, tmp_path, Behaviour.LOST_ANSWER, outcome=Unknown)
    (receipt,) = sink.receipts
    assert receipt.status is ReceiptStatus.DELIVERED
    assert receipt.address == SMPP.address(Behaviour.LOST_ANSWER, 1)
    assert receipt.reference is not None


def test_person_who_answers_stop_is_heard(tmp_path: Path):
    sink, _ = against_sandbox(SMPP, tmp_path, Behaviour.STOPS)
    assert [reply.text for reply in sink.replies] == ["STOP"]
    assert sink.replies[0].sender == SMPP.address(Behaviour.STOPS, 1)


def test_journal_shows_each_part_and_the_whole_text(tmp_path: Path):
    text = "您的房贷本期应还款将于三日后到期。" * 6
    _, journal = against_sandbox(SMPP, tmp_path, Behaviour.DELIVERED, text)
    submits = [event for event in journal.events() if event["event"] == "submit"]
    assert [event["part"][1:] for event in submits] == [[2, 1], [2, 2]]
    assert [event["whole_sha256"] for event in submits] == [None, digest(text)]
    assert {event["event"] for event in journal.events()} == {"submit", "deliver", "answered"}
    assert text not in journal.path.read_text()


def test_half_a_request_is_let_go_without_a_word(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    room = Room(SandboxRules(), Writer(tmp_path / "journal"), tmp_path)

    async def hang_up():
        end = SandboxGateway.of(room)
        _, line = await asyncio.open_connection("127.0.0.1", await end.start())
        line.write(b"POST /api/send HTTP/1.1\r\nHost: sandbox\r\nAuthorization: Bearer " + API_KEY.encode())
        line.write(b"\r\nContent-Length: 400\r\n\r\n{")
        await line.drain()
        await asyncio.sleep(0.1)
        line.close()
        await asyncio.sleep(0.1)
        await end.stop()

    asyncio.run(hang_up())
    assert caplog.records == []
