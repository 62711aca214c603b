from __future__ import annotations

from typing import Any

from duecourse.channels.sandbox.process import SandboxProcess

from ..conformance import RESPONSE_SECONDS, Case, number


def _config(sandbox: SandboxProcess) -> dict[str, Any]:
    changes = {"response_seconds": RESPONSE_SECONDS, "throttle_pause_seconds": 0.1}
    return sandbox.settings("sms.http") | changes


CASES = (Case("sms.http", _config, number),)
