"""CMPP_DELIVER as Inbound takes it: status reports and what people write."""

from __future__ import annotations

from duecourse.channels.cmpp import codes
from duecourse.channels.cmpp.codec import Command, Dialect, decode_deliver, decode_report, encode_answer
from duecourse.channels.wire.carrier import e164_of, judged, minute_of, sender_of
from duecourse.channels.wire.centre import CentreConfig
from duecourse.channels.wire.frame import Frame
from duecourse.channels.wire.inbound import Verdict
from duecourse.channels.wire.parts import Incoming
from duecourse.channels.wire.text import decode_carrier_text, split_user_data
from duecourse.domain.messaging import Receipt


class CmppInterpreter:
    """Reads with one version's field widths and this provider's settings."""

    repeats = True
    notices = frozenset[int]()
    bringing: frozenset[int] = frozenset({Command.DELIVER})

    def __init__(self, dialect: Dialect, config: CentreConfig) -> None:
        self._dialect = dialect
        self._config = config

    def read(self, frame: Frame) -> Receipt | Incoming | None:
        """The report or the reply in a CMPP_DELIVER."""
        deliver = decode_deliver(frame.body, self._dialect)
        if not deliver.is_report:
            octets, place = split_user_data(deliver.content, has_header=deliver.has_header)
            return Incoming(
                sender_of(deliver.source),
                deliver.destination,
                decode_carrier_text(octets, deliver.format) or "",
                place,
                deliver.message_id,
            )
        report = decode_report(deliver.content)
        if not report.state:
            return None
        state = judged(codes.state_of(report.state), report.state, self._config)
        return Receipt(
            status=state.status,
            code=report.state,
            provider_id=str(report.message_id),
            permanent=state.permanent,
            cause=state.cause,
            occurred_at=minute_of(report.done),
            address=e164_of(report.destination),
        )

    def answer(self, frame: Frame, verdict: Verdict) -> tuple[int, bytes] | None:
        """Silence for what shall come again: a gateway repeats what stays unanswered (7.1)."""
        if verdict is Verdict.AGAIN:
            return None
        result = 0 if verdict is Verdict.TAKEN else codes.STRUCTURE_WRONG
        return result, encode_answer(frame.body[:8].ljust(8, b"\0"), result, self._dialect)
