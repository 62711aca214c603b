from __future__ import annotations

from typing import Any

from duecourse.channels.sandbox.process import SandboxProcess

from ..conformance import RESPONSE_SECONDS, Case, number


def _config(kind: str) -> Any:
    def config(sandbox: SandboxProcess) -> dict[str, Any]:
        changes = {"response_seconds": RESPONSE_SECONDS, "throttle_pause_seconds": 0.1, "retry_seconds": 0.2}
        return sandbox.settings(kind) | changes

    return config


# One code for all of them: the others differ by their channel alone (see test_webhook.py).
CASES = (Case("sms.webhook", _config("sms.webhook"), number),)
