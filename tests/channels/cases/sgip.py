from __future__ import annotations

from typing import Any

from duecourse.channels.sandbox.process import SandboxProcess

from ..conformance import RESPONSE_SECONDS, Case, number


def _config(sandbox: SandboxProcess) -> dict[str, Any]:
    return sandbox.settings("sms.sgip") | {
        "response_seconds": RESPONSE_SECONDS,
        "rebind_first_seconds": 0.1,
        "rebind_most_seconds": 0.5,
        "throttle_pause_seconds": 0.1,
        "permanent_errors": ["SUBMIT:6"],
        "quiet_seconds": 3,
    }


CASES = (
    Case(
        "sms.sgip",
        _config,
        number,
        takes_event="submit",
        text_key="whole_sha256",
        acknowledged=lambda _, events: sum(
            e["event"] == "answered" and e["kind"] == "sms.sgip" and e["status"] == 0 for e in events
        ),
    ),
)
