from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duecourse.channels.smpp import codes
from duecourse.channels.smpp.adapter import relative_time
from duecourse.channels.smpp.codec import (
    Bind,
    Command,
    ShortMessage,
    decode_bind,
    decode_bind_resp,
    decode_frame,
    decode_message_id,
    decode_short_message,
    decode_tlvs,
    encode_bind,
    encode_bind_resp,
    encode_frame,
    encode_message_id,
    encode_short_message,
)
from duecourse.channels.wire.frame import DecodeError, Frame

octet = st.integers(0, 255)


def latin(most: int) -> st.SearchStrategy[str]:
    return st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=most)


short_messages = st.builds(
    ShortMessage,
    service_type=latin(5),
    source_ton=octet,
    source_npi=octet,
    source=latin(20),
    dest_ton=octet,
    dest_npi=octet,
    destination=latin(20),
    esm_class=octet,
    protocol_id=octet,
    priority=octet,
    schedule_time=latin(16),
    validity_period=latin(16),
    registered_delivery=octet,
    replace_if_present=octet,
    data_coding=octet,
    default_message_id=octet,
    short_message=st.binary(max_size=254),
    tlvs=st.dictionaries(st.integers(0, 0xFFFF), st.binary(max_size=300), max_size=4),
)
binds = st.builds(Bind, latin(15), latin(8), latin(12), octet, octet, octet, latin(40))


@given(short_messages)
def test_short_message_survives_the_wire(message: ShortMessage):
    assert decode_short_message(encode_short_message(message)) == message


@given(binds)
def test_bind_survives_the_wire(bind: Bind):
    assert decode_bind(encode_bind(bind)) == bind


@given(octet, octet, st.integers(1, 0x7FFFFFFF), st.binary(max_size=100))
def test_frame_survives_the_wire(command: int, status: int, sequence: int, body: bytes):
    assert decode_frame(encode_frame(command, status, sequence, body)) == Frame(
        command, status, sequence, body
    )


@given(latin(64), latin(15))
def test_responses_survive_the_wire(message_id: str, system_id: str):
    assert decode_message_id(encode_message_id(message_id)) == message_id
    assert decode_bind_resp(encode_bind_resp(system_id)) == system_id


@pytest.mark.parametrize(
    "decode", [decode_short_message, decode_bind, decode_bind_resp, decode_message_id, decode_frame]
)
@given(octets=st.binary(max_size=200))
def test_random_octets_raise_nothing_but_decode_error(decode, octets: bytes):
    try:
        decode(octets)
    except DecodeError as error:
        assert repr(octets) not in str(error)


@given(st.data())
def test_a_cut_body_is_refused(data: st.DataObject):
    body = encode_short_message(ShortMessage(destination="1", short_message=b"text", tlvs={0x1E: b"id"}))
    cut = data.draw(st.integers(1, len(body) - 1))
    try:
        decoded = decode_short_message(body[: len(body) - cut])
    except DecodeError:
        return
    # Only the end of the mandatory fields is a place where a whole message may end.
    assert decoded.tlvs == {} and decoded.short_message == b"text"


@pytest.mark.parametrize(
    "octets",
    [b"", b"\0" * 15, encode_frame(Command.ENQUIRE_LINK, 0, 1) + b"x", b"\0\0\0\x05" + b"\0" * 12],
    ids=["nothing", "short header", "longer than it says", "length below a header"],
)
def test_a_frame_whose_length_lies_is_refused(octets: bytes):
    with pytest.raises(DecodeError):
        decode_frame(octets)


def test_parameter_that_claims_more_than_is_there_is_refused():
    with pytest.raises(DecodeError, match="0x001E claims 9 octets, 2 are left"):
        decode_tlvs(b"\x00\x1e\x00\x09ab", 0)


def test_field_too_long_is_refused_before_the_wire():
    with pytest.raises(ValueError, match="destination_addr of 21 octets; at most 20"):
        encode_short_message(ShortMessage(destination="1" * 21))


def test_nothing_personal_shows_in_a_repr():
    shown = repr(ShortMessage(destination="8613800001111", short_message=b"Wang", source="8613900001111"))
    assert "8613" not in shown and "Wang" not in shown
    assert "secret" not in repr(Bind("lender", "secret"))


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (codes.THROTTLED, codes.StatusClass.THROTTLED),
        (codes.QUEUE_FULL, codes.StatusClass.THROTTLED),
        (0x0B, codes.StatusClass.ADDRESS),
        (0x0A, codes.StatusClass.CONFIGURATION),
        (0x08, codes.StatusClass.TEMPORARY),
        (0x401, codes.StatusClass.TEMPORARY),
        (0x10, codes.StatusClass.TEMPORARY),
    ],
)
def test_only_what_says_so_counts_against_the_number(code: int, kind: codes.StatusClass):
    assert codes.status(code).kind is kind


@pytest.mark.parametrize(
    ("seconds", "period"),
    [
        (1, "000000000001000R"),
        (0, "000000000001000R"),
        (86_399, "000000235959000R"),
        (86_400, "000001000000000R"),
        (400 * 86_400, "000030000000000R"),
    ],
)
def test_validity_is_relative_and_at_most_thirty_days(seconds: int, period: str):
    assert relative_time(seconds) == period
