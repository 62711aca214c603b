"""SMGP's Deliver as Inbound takes it: status reports and what people write."""

from __future__ import annotations

from duecourse.channels.smgp import codes
from duecourse.channels.smgp.codec import Command, Tag, decode_deliver, decode_report, encode_answer
from duecourse.channels.wire.carrier import e164_of, judged, minute_of, sender_of
from duecourse.channels.wire.centre import CentreConfig
from duecourse.channels.wire.frame import Frame
from duecourse.channels.wire.inbound import Verdict
from duecourse.channels.wire.parts import Incoming
from duecourse.channels.wire.text import decode_carrier_text, split_user_data
from duecourse.domain.messaging import Receipt


class SmgpInterpreter:
    """Reads with this provider's settings."""

    repeats = True
    notices = frozenset[int]()
    bringing: frozenset[int] = frozenset({Command.DELIVER})

    def __init__(self, config: CentreConfig) -> None:
        self._config = config

    def read(self, frame: Frame) -> Receipt | Incoming | None:
        """The report or the reply in a Deliver."""
        deliver = decode_deliver(frame.body)
        if not deliver.is_report:
            has_header = deliver.tlvs.get(Tag.TP_UDHI, b"\0")[-1:] == b"\1"
            octets, place = split_user_data(deliver.content, has_header=has_header)
            text = decode_carrier_text(octets, deliver.format) or ""
            return Incoming(sender_of(deliver.source), deliver.destination, text, place, deliver.message_id)
        report = decode_report(deliver.content)
        meaning = codes.state_of(report.state, report.error)
        if meaning is None:
            return None
        state = judged(meaning, report.error, self._config)
        return Receipt(
            status=state.status,
            code=f"{report.state}:{report.error}" if report.error.strip("0") else report.state,
            provider_id=report.message_id.hex(),
            permanent=state.permanent,
            cause=state.cause,
            occurred_at=minute_of(report.done),
            address=e164_of(deliver.source),
        )

    def answer(self, frame: Frame, verdict: Verdict) -> tuple[int, bytes] | None:
        """Silence for what shall come again: a gateway repeats what stays unanswered (4.1)."""
        if verdict is Verdict.AGAIN:
            return None
        status = 0 if verdict is Verdict.TAKEN else codes.STRUCTURE_WRONG
        return status, encode_answer(frame.body[:10].ljust(10, b"\0"), status)
