from __future__ import annotations

import os
import shutil
from typing import Any

from duecourse.channels.sandbox.process import SandboxProcess
from duecourse.channels.sandbox.rules import Behaviour
from duecourse.domain.messaging import Outgoing, VoiceScript

from ..conformance import Case, message_to, number


def _config(sandbox: SandboxProcess) -> dict[str, Any]:
    return sandbox.settings("voice.sip") | {
        "recordings_folder": None,
        "lines": 6,
        "line_wait_seconds": 30,
        "response_seconds": 5,
        "ring_seconds": 30,
        "key_seconds": 0.3,
        "greetings": 1,
        "repeats": 0,
        "throttle_pause_seconds": 0.1,
        "shortest_seconds": 1,
    }


def _picks_up(behaviour: Behaviour, index: int) -> str:
    """Whoever takes a call and hangs up without a key: one receipt, as of a message that was delivered."""
    return f"+86138{index:04d}0010" if behaviour is Behaviour.DELIVERED else number(behaviour, index)


def _call(address: str, text: str = "Your payment is due.", **changes: Any) -> Outgoing:
    script = VoiceScript("Hello. Press one.", text, "Please call us.")
    return message_to(address, text, **{"script": script, "language": "en"} | changes)


_FOUND = all(shutil.which(program) for program in ("baresip", "espeak-ng"))
# Where the programs are missing, test_voice_sip.py says what was skipped; where all must be tested, it fails.
CASES: tuple[Case, ...] = (
    (
        Case(
            "voice.sip",
            _config,
            _picks_up,
            _call,
            takes_event="call",
            text_key="to",
            acknowledges=False,
            free_text=False,
            size=0.02,
            mark=lambda outgoing: outgoing.address,
        ),
    )
    if _FOUND or os.environ.get("DUECOURSE_TEST_ALL") == "1"
    else ()
)
