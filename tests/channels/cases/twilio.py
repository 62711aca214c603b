from __future__ import annotations

from typing import Any

from duecourse.channels.sandbox.process import SandboxProcess
from duecourse.domain.messaging import ReceiptStatus

from ..conformance import RESPONSE_SECONDS, Case, call_to, digest, number


def _config(kind: str, **more: Any) -> Any:
    def config(sandbox: SandboxProcess) -> dict[str, Any]:
        changes = {"response_seconds": RESPONSE_SECONDS, "throttle_pause_seconds": 0.1, "window": 20}
        return sandbox.settings(kind) | changes | more

    return config


CASES = (
    Case("sms.twilio", _config("sms.twilio"), number),
    Case(
        "voice.twilio",
        _config("voice.twilio", record=False),
        number,
        call_to,
        # What a call says the far end learns only by answering it; the attempt it knows at once.
        mark=lambda outgoing: digest(outgoing.attempt_id.hex),
        delivered=ReceiptStatus.READ,
        free_text=False,
    ),
)
