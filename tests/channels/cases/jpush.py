from __future__ import annotations

from typing import Any

from duecourse.channels.sandbox.process import SandboxProcess
from duecourse.channels.sandbox.rules import NUMBER_ENDINGS, Behaviour

from ..conformance import RESPONSE_SECONDS, Case


def _config(sandbox: SandboxProcess) -> dict[str, Any]:
    return sandbox.settings("app.jpush") | {
        "response_seconds": RESPONSE_SECONDS,
        "throttle_pause_seconds": 0.1,
        "rest_seconds": 0.1,
    }


def _registration(behaviour: Behaviour, index: int) -> str:
    ending = next((e for e, b in NUMBER_ENDINGS.items() if b is behaviour), "beef")
    return f"1507bfd3a7{index:05d}{ending}"


CASES = (Case("app.jpush", _config, _registration, tells_failure=False, acknowledges=False),)
