"""The one list of adapters. A provider of a new kind adds its folder and one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from duecourse.channels.smpp.adapter import SmppAdapter
from duecourse.channels.smtp.adapter import SmtpAdapter
from duecourse.domain.messaging import Adapter, ReceiptSink, ReplySink
from duecourse.domain.problems import DuecourseError, Problem

ADAPTERS: dict[str, type[SmppAdapter] | type[SmtpAdapter]] = {
    "sms.smpp": SmppAdapter,
    "email.smtp": SmtpAdapter,
}


def build(
    kind: str,
    name: str,
    config: Mapping[str, Any],
    on_receipts: ReceiptSink,
    on_reply: ReplySink,
    clock: Callable[[], datetime] | None = None,
) -> Adapter:
    """The adapter of a configured provider, not yet open.

    clock: dates messages that bring no date of their own (the Date of an e-mail).
    Raises DuecourseError C001 (unknown kind), C002 (each bad setting), C003 (a key or certificate is
    unusable).
    """
    where = f"provider {name}"
    adapter = ADAPTERS.get(kind)
    if adapter is None:
        known = ", ".join(sorted(ADAPTERS))
        raise DuecourseError(
            Problem("C001", where, f"kind '{kind}' is unknown; known: {known}.", "Not opened.")
        )
    try:
        return adapter.configured(name, config, on_receipts, on_reply, clock)
    except ValidationError as error:
        raise DuecourseError(
            [
                # The value itself may be a secret, so only its place and the fault are told.
                Problem(
                    "C002", f"{where}, {'.'.join(map(str, each['loc'])) or 'settings'}", f"{each['msg']}."
                )
                for each in error.errors(include_input=False, include_context=False, include_url=False)
            ]
        ) from None
    except (OSError, ValueError) as error:
        raise DuecourseError(
            Problem("C003", where, f"A key or certificate cannot be used: {error}.", "Not opened.")
        ) from None
