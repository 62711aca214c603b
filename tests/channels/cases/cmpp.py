from __future__ import annotations

from functools import partial
from typing import Any

from duecourse.channels.sandbox.process import SandboxProcess
from duecourse.channels.sandbox.rules import Behaviour

from ..conformance import RESPONSE_SECONDS, Case, number


def _config(version: str, sandbox: SandboxProcess) -> dict[str, Any]:
    return sandbox.settings("sms.cmpp") | {
        "version": version,
        "window": 50,
        "response_seconds": RESPONSE_SECONDS,
        "rebind_first_seconds": 0.1,
        "rebind_most_seconds": 0.5,
        "throttle_pause_seconds": 0.1,
        "permanent_errors": ["SUBMIT:13"],
    }


def _number(prefix: str, behaviour: Behaviour, index: int) -> str:
    """Each version its own people: the far end remembers whom it throttled."""
    return number(behaviour, index).replace("+86138", prefix)


def _answered(_: SandboxProcess, events: list[dict[str, Any]]) -> int:
    return sum(e["event"] == "answered" and e["kind"] == "sms.cmpp" and e["status"] == 0 for e in events)


CASES = tuple(
    Case(
        "sms.cmpp",
        partial(_config, version),
        partial(_number, prefix),
        takes_event="submit",
        text_key="whole_sha256",
        acknowledged=_answered,
    )
    for version, prefix in (("2.0", "+86138"), ("3.0", "+86139"))
)
