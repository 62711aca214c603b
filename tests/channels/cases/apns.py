from __future__ import annotations

from typing import Any

from duecourse.channels.sandbox.process import SandboxProcess
from duecourse.channels.sandbox.rules import NUMBER_ENDINGS, Behaviour

from ..conformance import RESPONSE_SECONDS, Case


def _config(sandbox: SandboxProcess) -> dict[str, Any]:
    return sandbox.settings("app.apns") | {
        "response_seconds": RESPONSE_SECONDS,
        "throttle_pause_seconds": 0.1,
    }


def device_token(behaviour: Behaviour, index: int) -> str:
    ending = next((e for e, b in NUMBER_ENDINGS.items() if b is behaviour), "beef")
    return f"{index:060x}{ending}"


CASES = (Case("app.apns", _config, device_token, tells_delivery=False),)
