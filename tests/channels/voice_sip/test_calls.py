"""Calls through baresip to the sandbox's telephones, judged by what was heard there."""

from __future__ import annotations

import fcntl
import hashlib
import os
import pickle
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from duecourse.channels.sandbox.process import SandboxProcess
from duecourse.channels.sandbox.rules import SandboxRules
from duecourse.channels.voice.sound import RATE, samples_of, seconds_of
from duecourse.domain.messaging import Accepted, Refused, VoiceScript

from ..counterparts import program
from ..voice.listening import recognised
from .calling import SCRIPT, SPEECH, Called, a_call, calls, hears, person

PERSONAS = ("1234", "0001", "0002", "0005", "0006", "0010", "0011", "0012", "0013", "0014", "0015", "0016")
PERSONAS += ("0017", "0018", "0019", "0020", "0021")

RINGS = {"0012": {"valid_for_seconds": 10}}
"""For how long it rings where nobody ever answers."""


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    program("baresip")
    program("espeak-ng")
    rules = SandboxRules(late_seconds=0.3)
    with SandboxProcess(tmp_path_factory.mktemp("exchange"), rules=rules, ports={"voice.sip": 0}) as running:
        yield running


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of all the processes that run these tests together."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "calls"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def called(sandbox: SandboxProcess, shared: Path) -> dict[str, Called]:
    """One call to each kind of person, and one in Chinese, all at once; whichever process comes first makes them."""
    result = shared / "called"
    with shared.joinpath("lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not result.exists():
            outgoings = [
                a_call(person(ending, at), **RINGS.get(ending, {})) for at, ending in enumerate(PERSONAS)
            ]
            chinese = a_call(person("4321"), CHINESE, language="zh-CN")
            made = calls(sandbox, [*outgoings, chinese], recordings_folder=str(shared / "recordings"))
            result.write_bytes(pickle.dumps(made))
    known: dict[str, Called] = pickle.loads(result.read_bytes())
    return known


CHINESE = VoiceScript("您好，确认请按1", "您应还¥980.50，到期日3月3日。", "请回电。")
CONFIRMED = ("delivered", "confirmed", "other")
HEARD = ("read", "heard", "other")


def test_right_party_confirms_hears_the_notice_and_says_so(called: dict[str, Called]):
    call = called["1234"]
    assert isinstance(call.outcome, Accepted)
    assert call.told == [CONFIRMED, HEARD]
    assert call.keys == ["1"]
    assert hears(call.heard, SCRIPT.greeting) and hears(call.heard, SCRIPT.notice)
    assert not hears(call.heard, SCRIPT.voicemail)


def test_recogniser_hears_amount_and_date_in_what_came_out_of_the_telephone(called: dict[str, Called]):
    heard = called["0021"].heard
    # The notice is what follows the greeting's end and the wait for the key.
    loud = np.abs(heard) > 0.02
    greeting_ends = np.flatnonzero(loud)[0] + len(SPEECH.say(SCRIPT.greeting, "en"))
    notice = heard[greeting_ends:]
    assert recognised(notice) == "your payment of nine hundred eighty dollars is due on march third"
    spoken = np.flatnonzero(np.abs(notice) > 0.02)
    said = np.flatnonzero(np.abs(SPEECH.say(SCRIPT.notice, "en")) > 0.02)
    assert (spoken[-1] - spoken[0]) / RATE == pytest.approx((said[-1] - said[0]) / RATE, abs=0.15)


def test_right_party_who_listens_and_presses_nothing_more_has_heard(called: dict[str, Called]):
    assert called["0021"].told == [CONFIRMED, HEARD]
    assert called["0021"].keys == []


@pytest.mark.parametrize(("ending", "key"), [("0016", "2"), ("0017", "9"), ("0006", "0")])
def test_keys_answer_the_notice(called: dict[str, Called], ending: str, key: str):
    assert called[ending].keys == [key]
    assert called[ending].told == [CONFIRMED, HEARD]


def test_who_hangs_up_in_the_notice_was_reached_and_has_not_heard(called: dict[str, Called]):
    assert called["0019"].told == [CONFIRMED]
    assert called["0019"].call["by"] == "person"


def test_machine_hears_only_what_a_machine_may_hear(called: dict[str, Called]):
    call = called["0014"]
    assert call.told == [("failed", "machine", "voicemail")]
    assert hears(call.heard, SCRIPT.voicemail)
    assert not hears(call.heard, SCRIPT.notice)


def test_somebody_else_never_hears_of_a_debt(called: dict[str, Called]):
    call = called["0015"]
    assert call.told == [("failed", "wrong-party", "wrong-party")]
    assert hears(call.heard, SCRIPT.greeting)
    assert not hears(call.heard, SCRIPT.notice)


def test_who_presses_no_key_hears_what_a_machine_may_hear(called: dict[str, Called]):
    call = called["0020"]
    assert call.told == [("delivered", "no-key", "other")]
    assert hears(call.heard, SCRIPT.greeting) and hears(call.heard, SCRIPT.voicemail)
    assert not hears(call.heard, SCRIPT.notice)


@pytest.mark.parametrize(
    ("ending", "told"),
    [
        ("0011", ("failed", "486", "busy")),
        ("0012", ("failed", "rang-out", "no-answer")),
        ("0013", ("failed", "603", "other")),
        ("0018", ("failed", "480", "off")),
        ("0001", ("failed", "404", "dead")),
    ],
)
def test_calls_that_nobody_takes_are_told_apart(
    called: dict[str, Called], ending: str, told: tuple[str, ...]
):
    assert isinstance(called[ending].outcome, Accepted), "it rang"
    assert called[ending].told == [told]
    assert all(each.permanent == (told[2] == "dead") for each in called[ending].receipts)


def test_unknown_number_is_refused_before_anything_rings(called: dict[str, Called]):
    outcome = called["0002"].outcome
    assert isinstance(outcome, Refused) and (outcome.code, outcome.permanent) == ("404", True)
    assert called["0002"].receipts == []


@pytest.mark.parametrize("ending", ["0005", "0010"])
def test_who_picks_up_late_or_without_a_word_was_reached(called: dict[str, Called], ending: str):
    assert called[ending].told == [("delivered", "no-key", "other")]


def test_every_answered_call_is_recorded_and_its_receipt_names_file_and_digest(
    called: dict[str, Called], shared: Path
):
    folder = shared / "recordings"
    recorded = {ending: [r for r in each.receipts if r.code == "recorded"] for ending, each in called.items()}
    answered = {ending for ending, each in called.items() if each.call.get("answered")}
    assert {ending for ending, receipts in recorded.items() if receipts} >= answered - {"0005", "0010"}
    (receipt,) = recorded["1234"]
    name, _, digest = receipt.evidence.partition(" sha256:")
    path = folder / name
    assert hashlib.sha256(path.read_bytes()).hexdigest() == digest
    assert path.stat().st_mode & 0o077 == 0
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, RATE)
        frames = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2) / 32768
    ours, theirs = frames[:, 0], frames[:, 1]
    assert hears(ours, SCRIPT.greeting) and hears(ours, SCRIPT.notice)
    assert float(np.abs(theirs).max()) > 0.05, "the person's hello is in it"
    assert seconds_of(samples_of(path.read_bytes())) == pytest.approx(called["1234"].call["seconds"], abs=1.5)


def test_nothing_of_a_call_is_left_in_the_lines_folder(called: dict[str, Called], sandbox: SandboxProcess):
    folder = sandbox.folder / "lines"
    calls(sandbox, [a_call(person("0010", 77))], folder=str(folder))
    assert list(folder.iterdir()) == []


def test_chinese_call_is_heard_in_chinese(called: dict[str, Called]):
    assert called["4321"].told == [CONFIRMED, HEARD]
    assert hears(called["4321"].heard, CHINESE.notice, "zh-CN")
    assert not hears(called["4321"].heard, "您应还¥980.60，到期日3月4日。", "zh-CN")
