from __future__ import annotations

from typing import Any

from duecourse.channels.sandbox.process import SandboxProcess

from ..conformance import RESPONSE_SECONDS, Case, number


def _config(sandbox: SandboxProcess) -> dict[str, Any]:
    return {
        "host": "127.0.0.1",
        "port": sandbox.ports["sms.smpp"],
        "system_id": "lender",
        "password": "secret",
        "source": "LENDER",
        "source_ton": 5,
        "response_seconds": RESPONSE_SECONDS,
        "rebind_first_seconds": 0.1,
        "rebind_most_seconds": 0.5,
        "throttle_pause_seconds": 0.1,
    }


CASES = (
    Case(
        "sms.smpp",
        _config,
        number,
        size=1.0,
        takes_event="submit",
        text_key="whole_sha256",
        acknowledged=lambda _, events: sum(
            e["event"] == "answered" and e["kind"] == "sms.smpp" and e["status"] == 0 for e in events
        ),
    ),
)
