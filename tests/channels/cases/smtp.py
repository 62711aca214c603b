from __future__ import annotations

from typing import Any

from duecourse.channels.sandbox.process import SandboxProcess
from duecourse.channels.sandbox.rules import LOCAL_PART_BEGINNINGS, Behaviour

from ..conformance import RESPONSE_SECONDS, Case


def _config(sandbox: SandboxProcess) -> dict[str, Any]:
    return {
        "host": "127.0.0.1",
        "port": sandbox.ports["email.smtp"],
        "security": "none",
        "from_address": "reminders@lender.example",
        "from_name": "远东消费金融",
        "return_path": "bounces@lender.example",
        "notify": "SUCCESS,FAILURE,DELAY",
        "connections": 4,
        "response_seconds": RESPONSE_SECONDS,
        "throttle_pause_seconds": 0.1,
        "bounces_maildir": str(sandbox.maildir),
        "bounces_poll_seconds": 0.05,
    }


def _mailbox(behaviour: Behaviour, index: int) -> str:
    beginning = next((p for p, b in LOCAL_PART_BEGINNINGS.items() if b is behaviour), "wangwei")
    return f"{beginning}{index}@borrower.example"


CASES = (
    Case(
        "email.smtp",
        _config,
        _mailbox,
        takes_event="mail",
        acknowledged=lambda sandbox, _: len(list((sandbox.maildir / "cur").glob("*"))),
    ),
)
