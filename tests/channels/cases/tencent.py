from __future__ import annotations

from typing import Any

from duecourse.channels.sandbox.process import SandboxProcess

from ..conformance import RESPONSE_SECONDS, Case, call_that_says, number, registered_message


def _config(kind: str, **more: Any) -> Any:
    def config(sandbox: SandboxProcess) -> dict[str, Any]:
        changes = {"response_seconds": RESPONSE_SECONDS, "throttle_pause_seconds": 0.1, "window": 20}
        return sandbox.settings(kind) | changes | more

    return config


CASES = (
    Case("sms.tencent", _config("sms.tencent"), number, registered_message, free_text=False),
    Case("voice.tencent", _config("voice.tencent", template_id="1"), number, call_that_says, free_text=False),
)
