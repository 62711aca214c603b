from __future__ import annotations

from typing import Any

from duecourse.channels.sandbox.process import SandboxProcess
from duecourse.channels.sandbox.rules import NUMBER_ENDINGS, Behaviour
from duecourse.domain.messaging import Outgoing, Registered

from ..conformance import RESPONSE_SECONDS, Case, message_to


def _config(sandbox: SandboxProcess) -> dict[str, Any]:
    return sandbox.settings("wechat.service") | {
        "response_seconds": RESPONSE_SECONDS,
        "throttle_pause_seconds": 0.1,
        "rest_seconds": 0.1,
    }


def openid(behaviour: Behaviour, index: int) -> str:
    ending = next((e for e, b in NUMBER_ENDINGS.items() if b is behaviour), "_dDQ")
    return f"oFpruAK8D-E6EfStSY{index:06d}{ending}"


def template_message(address: str, text: str = "Your payment is due.", **changes: Any) -> Outgoing:
    """The text stands in the template's first field."""
    registered = Registered(template="repayment", values=(("character_string1", text), ("time2", "3月10日")))
    return message_to(address, text, **{"registered": registered, **changes})


CASES = (
    Case(
        "wechat.service",
        _config,
        openid,
        message=template_message,
        # "failed:user block" is no dead address: who unblocks has the same OpenID.
        tells_failure=False,
        free_text=False,
    ),
)
