"""Delivery receipts.

Source: SMPP v3.4 Issue 1.2, 4.6.1, appendix B (text form), 5.3.2.12, 5.3.2.17, 5.3.2.31, 5.3.2.35.

The text form is vendor's custom, not law: fields may be missing, reordered, differently cased or longer. The
optional parameters receipted_message_id and message_state, where given, win over the text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, tzinfo
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from duecourse.channels.smpp import codes
from duecourse.channels.smpp.codec import (
    Command,
    EsmClass,
    ShortMessage,
    Tag,
    decode_short_message,
    encode_message_id,
)
from duecourse.channels.smpp.text import decode_text, split_header
from duecourse.channels.wire.frame import Frame
from duecourse.channels.wire.inbound import Verdict
from duecourse.channels.wire.parts import Incoming
from duecourse.domain.messaging import Cause, Receipt, ReceiptStatus

_FIELD = re.compile(
    r"\b(id|sub|dlvrd|submit date|done date|stat|err)\s*:\s*([^\s:]*)",
    re.IGNORECASE,
)
_E164 = re.compile(r"[1-9][0-9]{6,14}")
_TEXT_FIELD = re.compile(r"\btext\s*:", re.IGNORECASE)

MESSAGE_STATES = {
    1: "ENROUTE",
    2: "DELIVRD",
    3: "EXPIRED",
    4: "DELETED",
    5: "UNDELIV",
    6: "ACCEPTD",
    7: "UNKNOWN",
    8: "REJECTD",
}
STATUSES = {
    "ENROUTE": ReceiptStatus.BUFFERED,
    "ACCEPTD": ReceiptStatus.BUFFERED,
    # "In an invalid state" is no word on the person's phone: the attempt's own deadline decides.
    "UNKNOWN": ReceiptStatus.BUFFERED,
    "DELIVRD": ReceiptStatus.DELIVERED,
    "EXPIRED": ReceiptStatus.EXPIRED,
    "DELETED": ReceiptStatus.FAILED,
    "UNDELIV": ReceiptStatus.FAILED,
    "REJECTD": ReceiptStatus.FAILED,
}
_SPELLINGS = {
    "DELIVERED": "DELIVRD",
    "UNDELIVERABLE": "UNDELIV",
    "UNDELIVERED": "UNDELIV",
    "ACCEPTED": "ACCEPTD",
    "REJECTED": "REJECTD",
    "EXPIRD": "EXPIRED",
}
GSM_NETWORK = 3
MAP_ERRORS: dict[int, Cause] = {
    1: Cause.DEAD,  # unknownSubscriber
    6: Cause.OFF,  # absentSubscriberSM
    11: Cause.SUSPENDED,  # teleserviceNotProvisioned
    13: Cause.SUSPENDED,  # callBarred
    27: Cause.OFF,  # absentSubscriber
    31: Cause.OFF,  # subscriberBusyForMT-SMS
}
"""GSM MAP errors that tell about the phone. Source: 3GPP TS 29.002, 17.6.6; only the first says that nobody has this
number."""


class IdForm(StrEnum):
    """How a peer writes a message id. Numbers are compared, and kept, in decimal."""

    TEXT = "text"
    DECIMAL = "decimal"
    HEX = "hex"


class ReceiptForm(NamedTuple):
    """What must be known of one SMSC to read its receipts."""

    submit_ids: IdForm = IdForm.TEXT
    """Form of message_id in submit_sm_resp and receipted_message_id."""
    receipt_ids: IdForm = IdForm.TEXT
    """Form of `id:` in the text, which some SMSCs write in the other base."""
    zone: tzinfo | None = None
    """Zone of `done date`; without it the receipt carries no time of its own."""
    permanent_errors: frozenset[str] = frozenset()
    """Values of `err:` by which this SMSC says that the number is dead."""
    causes: Mapping[str, Cause] = MappingProxyType({})
    """What other values of `err:` mean at this SMSC."""


_ANSWERS = {
    Verdict.TAKEN: codes.OK,
    Verdict.AGAIN: codes.TEMPORARY_APPLICATION_ERROR,
    Verdict.NEVER: codes.PERMANENT_APPLICATION_ERROR,
}
_EMPTY_ID = encode_message_id("")


class SmppInterpreter:
    """deliver_sm as Inbound takes it."""

    repeats = False
    notices: frozenset[int] = frozenset({Command.ALERT_NOTIFICATION, Command.OUTBIND})
    """These two have no response (4.12.1, 4.1.7)."""
    bringing: frozenset[int] = frozenset({Command.DELIVER_SM})

    def __init__(self, form: ReceiptForm) -> None:
        self._form = form

    def read(self, frame: Frame) -> Receipt | Incoming | None:
        """The receipt or the reply in a deliver_sm."""
        message = decode_short_message(frame.body)
        if is_receipt(message):
            return parse_receipt(message, self._form)
        octets, place = split_header(message)
        text = decode_text(octets, message.data_coding) or ""
        return Incoming(message.source, message.destination, text, place)

    def answer(self, frame: Frame, verdict: Verdict) -> tuple[int, bytes]:
        return _ANSWERS[verdict], _EMPTY_ID


def canonical_id(given: str, form: IdForm) -> str:
    """The id as it is kept. What is not a number in the declared base is kept as given."""
    if form is IdForm.TEXT:
        return given
    try:
        return str(int(given, 16 if form is IdForm.HEX else 10))
    except ValueError:
        return given


def is_receipt(message: ShortMessage) -> bool:
    """Whether a deliver_sm is the SMSC's word. Never judged by its text: a person could write that."""
    kind = message.esm_class & EsmClass.TYPE_MASK
    return kind in (EsmClass.RECEIPT, EsmClass.INTERMEDIATE) or Tag.RECEIPTED_MESSAGE_ID in message.tlvs


def parse_receipt(message: ShortMessage, form: ReceiptForm) -> Receipt | None:
    """The receipt in a deliver_sm; None when it names no message or no known state."""
    fields = _text_fields(message.content)
    tlvs = message.tlvs
    given = tlvs.get(Tag.RECEIPTED_MESSAGE_ID, b"").split(b"\0", 1)[0].decode("latin-1")
    if given:
        provider_id = canonical_id(given, form.submit_ids)
    else:
        provider_id = canonical_id(fields.get("id", ""), form.receipt_ids)
    state = MESSAGE_STATES.get(int.from_bytes(tlvs.get(Tag.MESSAGE_STATE, b""))) or _state(fields)
    if not provider_id or state not in STATUSES:
        return None
    status = STATUSES[state]
    error = fields.get("err", "")
    cause = Cause.OTHER
    if status is not ReceiptStatus.DELIVERED:
        cause = _cause(status, error, tlvs.get(Tag.NETWORK_ERROR_CODE, b""), form)
    return Receipt(
        status=status,
        code=f"{state}:{error}" if error.strip("0") else state,
        provider_id=provider_id,
        permanent=status is ReceiptStatus.FAILED and cause is Cause.DEAD,
        cause=cause,
        occurred_at=_done_at(fields.get("done date", ""), form.zone),
        address=_number(message.source),
        reference=_reference(tlvs.get(Tag.USER_MESSAGE_REFERENCE, b"")),
    )


def _cause(status: ReceiptStatus, error: str, network: bytes, form: ReceiptForm) -> Cause:
    if status is ReceiptStatus.EXPIRED:
        return form.causes.get(error, Cause.OFF)
    if status is not ReceiptStatus.FAILED:
        return Cause.OTHER
    if error in form.permanent_errors:
        return Cause.DEAD
    if error in form.causes:
        return form.causes[error]
    of_map = len(network) == 3 and network[0] == GSM_NETWORK
    return MAP_ERRORS.get(int.from_bytes(network[1:]), Cause.OTHER) if of_map else Cause.OTHER


def _number(source: str) -> str:
    """E.164 with plus of the phone that the receipt is about; empty where it names none (4.6.1: its source)."""
    digits = source.removeprefix("+")
    return f"+{digits}" if _E164.fullmatch(digits) else ""


def _reference(value: bytes) -> int | None:
    return int.from_bytes(value) if len(value) == 2 else None


def _text_fields(content: bytes) -> dict[str, str]:
    text = content.decode("latin-1")
    cut = _TEXT_FIELD.search(text)
    if cut:
        text = text[: cut.start()]
    return {name.lower(): value for name, value in _FIELD.findall(text)}


def _state(fields: dict[str, str]) -> str:
    stat = fields.get("stat", "").upper()
    return _SPELLINGS.get(stat, stat)


def _done_at(digits: str, zone: tzinfo | None) -> datetime | None:
    if zone is None or not digits.isdigit():
        return None
    pattern = {10: "%y%m%d%H%M", 12: "%y%m%d%H%M%S"}.get(len(digits))
    if pattern is None:
        return None
    try:
        return datetime.strptime(digits, pattern).replace(tzinfo=zone)
    except ValueError:
        return None
