from __future__ import annotations

from concurrent.futures import Future
from datetime import UTC, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duecourse.channels.smpp.codec import EsmClass, ShortMessage, Tag
from duecourse.channels.smpp.receipts import IdForm, ReceiptForm, is_receipt, parse_receipt
from duecourse.channels.wire.frame import Frame
from duecourse.channels.wire.parts import GAP, Asked, Incoming, IncomingParts, PartReceipts
from duecourse.channels.wire.text import Concatenation
from duecourse.domain.messaging import Receipt, ReceiptStatus

DELIVERED, FAILED, BUFFERED = ReceiptStatus.DELIVERED, ReceiptStatus.FAILED, ReceiptStatus.BUFFERED
ATTEMPT = UUID(int=7)


def receipt_of(text: str, tlvs: dict[int, bytes] | None = None, **form: object) -> Receipt | None:
    message = ShortMessage(
        destination="10690", esm_class=EsmClass.RECEIPT, short_message=text.encode(), tlvs=tlvs or {}
    )
    return parse_receipt(message, ReceiptForm(**form))


@pytest.mark.parametrize(
    ("text", "provider_id", "status", "code"),
    [
        (
            "id:0123456789 sub:001 dlvrd:001 submit date:2603100900 done date:2603100901 stat:DELIVRD err:000 text:Hi",
            "0123456789",
            DELIVERED,
            "DELIVRD",
        ),
        ("ID:ab-1 STAT:UNDELIV ERR:027 TEXT:", "ab-1", FAILED, "UNDELIV:027"),
        ("stat:REJECTD id:9", "9", FAILED, "REJECTD"),
        ("id: 9 sub: 1 stat: DELETED err: 0", "9", FAILED, "DELETED"),
        ("id:9 stat:EXPIRED", "9", ReceiptStatus.EXPIRED, "EXPIRED"),
        ("id:9 stat:ENROUTE", "9", BUFFERED, "ENROUTE"),
        ("id:9 stat:ACCEPTD", "9", BUFFERED, "ACCEPTD"),
        ("id:9 stat:UNKNOWN", "9", BUFFERED, "UNKNOWN"),
        ("id:9 stat:DELIVERED err:", "9", DELIVERED, "DELIVRD"),
        ("id:9 stat:DELIVRD text:id:8 stat:UNDELIV", "9", DELIVERED, "DELIVRD"),
    ],
)
def test_text_form_is_read_in_its_variants(text: str, provider_id: str, status: ReceiptStatus, code: str):
    receipt = receipt_of(text)
    assert receipt is not None
    assert (receipt.provider_id, receipt.status, receipt.code) == (provider_id, status, code)


@pytest.mark.parametrize("text", ["", "hello", "id:9", "stat:DELIVRD", "id:9 stat:PERHAPS"])
def test_what_names_no_message_or_state_is_no_receipt(text: str):
    assert receipt_of(text) is None


def test_parameters_win_over_the_text():
    tlvs = {Tag.RECEIPTED_MESSAGE_ID: b"right\0", Tag.MESSAGE_STATE: b"\x05"}
    receipt = receipt_of("id:wrong stat:DELIVRD", tlvs)
    assert receipt is not None
    assert (receipt.provider_id, receipt.status) == ("right", FAILED)


def test_ids_in_different_bases_meet_in_decimal():
    form = {"submit_ids": IdForm.HEX, "receipt_ids": IdForm.DECIMAL}
    in_text = receipt_of("id:0000255 stat:DELIVRD", **form)
    in_parameter = receipt_of("stat:DELIVRD", {Tag.RECEIPTED_MESSAGE_ID: b"00FF\0"}, **form)
    assert in_text is not None and in_parameter is not None
    assert in_text.provider_id == in_parameter.provider_id == "255"


def test_number_is_dead_only_where_the_network_or_the_provider_says_so():
    undelivered = receipt_of("id:9 stat:UNDELIV err:001")
    by_network = receipt_of("id:9 stat:UNDELIV", {Tag.NETWORK_ERROR_CODE: b"\x03\x00\x01"})
    absent = receipt_of("id:9 stat:UNDELIV", {Tag.NETWORK_ERROR_CODE: b"\x03\x00\x1b"})
    by_provider = receipt_of("id:9 stat:UNDELIV err:001", permanent_errors=frozenset({"001"}))
    assert [r is not None and r.permanent for r in (undelivered, by_network, absent, by_provider)] == [
        False,
        True,
        False,
        True,
    ]


def test_time_is_told_only_in_a_known_zone():
    text = "id:9 done date:2603100901 stat:DELIVRD"
    without, within = receipt_of(text), receipt_of(text, zone=ZoneInfo("Asia/Shanghai"))
    assert without is not None and without.occurred_at is None
    assert within is not None and within.occurred_at == datetime(2026, 3, 10, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("source", "value", "address", "reference"),
    [
        ("8613800001111", b"\xbe\xef", "+8613800001111", 0xBEEF),
        ("+8613800001111", b"\x00\x00", "+8613800001111", 0),
        ("013800001111", b"\xff\xff", "", 0xFFFF),
        ("10690", b"", "", None),
        ("BANK", b"\x07", "", None),
        ("8613800001111", b"\x00\x00\x07", "+8613800001111", None),
    ],
)
def test_receipt_names_the_number_and_the_reference_it_is_about(
    source: str, value: bytes, address: str, reference: int | None
):
    message = ShortMessage(
        source=source,
        destination="10690",
        esm_class=EsmClass.RECEIPT,
        short_message=b"id:9 stat:DELIVRD",
        tlvs={Tag.USER_MESSAGE_REFERENCE: value},
    )
    receipt = parse_receipt(message, ReceiptForm())
    assert receipt is not None
    assert (receipt.address, receipt.reference) == (address, reference)
    assert source not in repr(receipt)


def test_a_person_cannot_write_a_receipt():
    forged = ShortMessage(destination="10690", short_message=b"id:9 stat:DELIVRD err:000")
    assert not is_receipt(forged)


@given(st.binary(max_size=254), st.dictionaries(st.sampled_from(list(Tag)), st.binary(max_size=8)))
def test_any_receipt_is_survived(octets: bytes, tlvs: dict[Tag, bytes]):
    message = ShortMessage(destination="1", esm_class=EsmClass.RECEIPT, short_message=octets, tlvs=dict(tlvs))
    receipt = parse_receipt(message, ReceiptForm(IdForm.HEX, IdForm.DECIMAL, UTC, frozenset({"001"})))
    assert receipt is None or (receipt.provider_id and receipt.code)


def part(provider_id: str, status: ReceiptStatus = DELIVERED) -> Receipt:
    return Receipt(status, status.value, provider_id=provider_id)


def three_parts() -> PartReceipts:
    parts = PartReceipts()
    for index, provider_id in enumerate("abc"):
        parts.accepted(ATTEMPT, 3, index, provider_id)
    return parts


def test_long_message_is_delivered_when_its_last_part_is():
    parts = three_parts()
    assert parts.combine(part("c")) is None
    assert parts.combine(part("a")) is None
    assert parts.combine(part("b")) == part("a")
    assert parts.combine(part("b")) == part("a"), "a receipt that comes again is told again"


def test_long_message_fails_with_its_first_failing_part():
    parts = three_parts()
    assert parts.combine(part("a")) is None
    assert parts.combine(part("b", FAILED)) == part("a", FAILED)
    assert parts.combine(part("c")) is None


def test_receipt_of_an_attempt_of_unknown_outcome_names_the_attempt():
    parts = PartReceipts()
    parts.accepted(ATTEMPT, 1, 0, "late")
    parts.unsettled(ATTEMPT)
    assert parts.combine(part("late")) == Receipt(DELIVERED, "delivered", attempt_id=ATTEMPT)


def test_receipt_of_a_stranger_passes_as_it_is():
    assert three_parts().combine(part("stranger")) == part("stranger")


def test_memory_of_parts_is_bounded_and_falls_back_to_the_first_part():
    parts = PartReceipts(most_attempts=10)
    for number in range(100):
        for index in range(2):
            parts.accepted(UUID(int=number), 2, index, f"{number}-{index}")
    assert len(parts._attempts) == 10 and len(parts._by_id) == 20
    assert parts.combine(part("0-0")) == part("0-0")


class Line:
    """A line that is there, or gone."""

    def __init__(self) -> None:
        self.lost = Future()


def piece(number: int, total: int, text: str) -> tuple[Incoming, Concatenation]:
    place = Concatenation(9, total, number)
    return Incoming("s", "r", text, place), place


def test_reply_in_parts_is_joined_in_order_and_answered_together():
    incoming, line = IncomingParts(60), Line()
    asked = [Asked(line, Frame(5, 0, number, b"")) for number in range(4)]
    assert incoming.add(*piece(3, 3, "c"), asked[0], 0) is None
    assert incoming.add(*piece(1, 3, "a"), asked[1], 0) is None
    assert incoming.add(*piece(1, 3, "a"), asked[2], 0) is None
    whole = incoming.add(*piece(2, 3, "b"), asked[3], 0)
    assert whole is not None and (whole.text, whole.asked) == ("abc", asked)
    assert len(incoming) == 0


def test_reply_whose_part_never_came_is_told_with_its_gap():
    incoming, asked = IncomingParts(60), Asked(Line(), Frame(5, 0, 1, b""))
    incoming.add(*piece(1, 2, "STOP"), asked, now=0)
    assert incoming.overdue(59) == []
    (whole,) = incoming.overdue(60)
    assert (whole.sender, whole.recipient, whole.text, whole.asked) == ("s", "r", f"STOP{GAP}", [asked])


def test_part_of_a_lost_line_is_left_to_the_next_which_brings_it_again():
    incoming, old, new = IncomingParts(60), Line(), Line()
    frames = [Frame(5, 0, number, b"") for number in range(3)]
    incoming.add(*piece(1, 2, "ST"), Asked(old, frames[0]), now=0)
    old.lost.set_result("the connection was lost")
    assert incoming.add(*piece(2, 2, "OP"), Asked(new, frames[1]), now=1) is None
    whole = incoming.add(*piece(1, 2, "ST"), Asked(new, frames[2]), now=2)
    assert whole is not None and whole.text == "STOP"
    assert [asked.frame for asked in whole.asked] == [frames[1], frames[2]]
