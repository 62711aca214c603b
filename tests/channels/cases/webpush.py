from __future__ import annotations

from typing import Any

from duecourse.channels.sandbox.process import SandboxProcess
from duecourse.channels.sandbox.rules import NUMBER_ENDINGS, Behaviour
from duecourse.channels.webpush.far_end import subscription

from ..conformance import RESPONSE_SECONDS, Case


def _config(sandbox: SandboxProcess) -> dict[str, Any]:
    return sandbox.settings("webpush.vapid") | {
        "response_seconds": RESPONSE_SECONDS,
        "throttle_pause_seconds": 0.1,
        "rest_seconds": 0.1,
    }


def _subscription(behaviour: Behaviour, index: int) -> str:
    ending = next((e for e, b in NUMBER_ENDINGS.items() if b is behaviour), "beef")
    return subscription(f"browser-{index}-{ending}")


CASES = (Case("webpush.vapid", _config, _subscription, tells_delivery=False),)
