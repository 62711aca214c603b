"""What an SMG sends to us: reports and what people write."""

from __future__ import annotations

from collections.abc import Callable

from duecourse.channels.sgip import codes
from duecourse.channels.sgip.codec import Command, decode_deliver, decode_report, encode_result
from duecourse.channels.wire.carrier import e164_of, judged, sender_of
from duecourse.channels.wire.centre import CentreConfig
from duecourse.channels.wire.frame import Frame
from duecourse.channels.wire.inbound import Verdict
from duecourse.channels.wire.parts import Incoming
from duecourse.channels.wire.text import decode_carrier_text, split_user_data
from duecourse.domain.messaging import Receipt, ReceiptStatus


class SgipInterpreter:
    """Reads with this provider's settings."""

    repeats = True
    notices = frozenset[int]()
    bringing: frozenset[int] = frozenset({Command.REPORT, Command.DELIVER})

    def __init__(self, config: CentreConfig, heard: Callable[[str], None]) -> None:
        """heard: told the id of each submit that a final report has come for."""
        self._config = config
        self._heard = heard

    def read(self, frame: Frame) -> Receipt | Incoming | None:
        """The receipt in a Report, the reply in a Deliver."""
        if frame.command == Command.DELIVER:
            deliver = decode_deliver(frame.body)
            octets, place = split_user_data(deliver.content, has_header=deliver.has_header)
            text = decode_carrier_text(octets, deliver.coding) or ""
            return Incoming(sender_of(deliver.user), deliver.recipient, text, place, frame.sequence)
        report = decode_report(frame.body)
        meaning = codes.state_of(report.state, report.error)
        if meaning is None or report.kind != 0:
            return None
        state = judged(meaning, str(report.error), self._config)
        provider_id = report.submit.hex()
        if state.status is not ReceiptStatus.BUFFERED:
            self._heard(provider_id)
        return Receipt(
            status=state.status,
            code=f"SGIP:{report.error if report.state == 2 else report.state}",
            provider_id=provider_id,
            permanent=state.permanent,
            cause=state.cause,
            address=e164_of(report.user),
            reference=reference_in(report.submit),
        )

    def answer(self, frame: Frame, verdict: Verdict) -> tuple[int, bytes] | None:
        """Silence for what shall come again: a client repeats what stays unanswered (3.1)."""
        if verdict is Verdict.AGAIN:
            return None
        result = 0 if verdict is Verdict.TAKEN else codes.FORMAT_WRONG
        return result, encode_result(result)


def reference_in(sequence: bytes) -> int:
    """`reference_of` the attempt, which stands in the counter's upper half of every sequence number we give."""
    return int.from_bytes(sequence[8:10])
