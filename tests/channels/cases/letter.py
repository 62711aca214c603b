from __future__ import annotations

from typing import Any
from uuid import uuid4

from duecourse.channels.sandbox.process import SandboxProcess
from duecourse.channels.sandbox.rules import LOCAL_PART_BEGINNINGS, Behaviour
from duecourse.domain.messaging import Outgoing

from ..conformance import Case


def _config(sandbox: SandboxProcess) -> dict[str, Any]:
    return sandbox.settings("letter.print") | {"returns_poll_seconds": 0.05}


def _address(behaviour: Behaviour, index: int) -> str:
    beginning = next((p for p, b in LOCAL_PART_BEGINNINGS.items() if b is behaviour), "")
    return f"{beginning}Wang Wei {index}\n1 Century Avenue\n200120 Shanghai"


def _message(address: str, text: str = "Your payment is due.", **changes: Any) -> Outgoing:
    return Outgoing(uuid4(), address, text, "Payment due", language="en", **changes)


CASES = (
    Case(
        "letter.print",
        _config,
        _address,
        _message,
        lacks=frozenset(
            {
                Behaviour.REFUSED,
                Behaviour.BROKEN,
                Behaviour.THROTTLED,
                Behaviour.UNANSWERED,
                Behaviour.LOST_ANSWER,
            }
        ),
        size=0.1,
        free_text=False,
        needs_peer=False,
        acknowledged=lambda sandbox, _: len(list((sandbox.folder / "returns" / "read").glob("*.csv"))),
    ),
)
