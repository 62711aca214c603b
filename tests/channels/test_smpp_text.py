from __future__ import annotations

import pytest
import smsutil
from hypothesis import given
from hypothesis import strategies as st

from duecourse.channels.smpp.codec import DataCoding, EsmClass, ShortMessage, Tag
from duecourse.channels.smpp.text import (
    Alphabet,
    LongMessages,
    decode_text,
    encode_text,
    split_header,
)
from duecourse.channels.wire.text import Concatenation

GSM = smsutil.codecs.GSM_CHARSET.replace("\x1b", "")
anything = st.text(st.characters(exclude_categories=["Cs"]), max_size=400)
gsm_text = st.text(st.sampled_from(GSM), max_size=500)
emoji = st.text(st.sampled_from("到期还款🏠🚗👍🏽"), max_size=300)


def parts_of(text: str, long_messages: LongMessages, alphabet: Alphabet = Alphabet.GSM) -> list[str]:
    """Each part as a phone would show it, decoded strictly."""
    encoded = encode_text(text, alphabet, long_messages, reference=0x1234)
    shown = []
    for body in encoded.bodies:
        esm_class = EsmClass.UDH if len(encoded.bodies) > 1 else 0
        octets, _ = split_header(ShortMessage(destination="1", esm_class=esm_class, short_message=body))
        strict = "utf-16-be" if encoded.data_coding == DataCoding.UCS2 else "gsm0338"
        shown.append(octets.decode(strict))
    return shown


@pytest.mark.parametrize("long_messages", list(LongMessages))
@given(text=st.one_of(anything, gsm_text, emoji))
def test_any_text_comes_out_as_it_went_in(long_messages: LongMessages, text: str):
    assert "".join(parts_of(text, long_messages)) == text


@given(st.one_of(anything, gsm_text, emoji))
def test_parts_are_cut_where_smsutil_cuts_them(text: str):
    expected = [part.content for part in smsutil.split(text).parts] or [""]
    if "\x1b" not in text:
        assert parts_of(text, LongMessages.UDH8) == expected


@pytest.mark.parametrize("long_messages", list(LongMessages))
@given(text=st.one_of(gsm_text, emoji))
def test_no_part_is_longer_than_an_sms(long_messages: LongMessages, text: str):
    encoded = encode_text(text, Alphabet.GSM, long_messages, 1)
    if encoded.payload:
        return
    for body in encoded.bodies:
        if encoded.data_coding == DataCoding.UCS2:
            assert len(body) <= 140
        else:
            header = body[0] + 1 if len(encoded.bodies) > 1 else 0
            septets = len(body) - header + -(-header * 8 // 7)
            assert septets <= 160


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 307, 3),
        ("到" * 70, 1),
        ("到" * 71, 2),
        ("到" * 135, 3),
        ("", 1),
    ],
)
def test_parts_are_counted_as_they_are_charged(text: str, parts: int):
    assert encode_text(text, Alphabet.GSM, LongMessages.UDH8, 1).parts == parts


def test_euro_costs_two_septets_and_is_never_cut():
    assert parts_of("a" * 152 + "€" * 10, LongMessages.UDH8) == ["a" * 152, "€" * 10]


def test_unknown_alphabet_sends_everything_as_ucs2():
    encoded = encode_text("hello", Alphabet.UCS2, LongMessages.UDH8, 1)
    assert encoded.data_coding == DataCoding.UCS2
    assert encoded.bodies[0].decode("utf-16-be") == "hello"


def test_text_beyond_255_parts_is_refused():
    with pytest.raises(ValueError, match="at most 255"):
        encode_text("到" * 67 * 256, Alphabet.GSM, LongMessages.UDH8, 1)


@given(st.binary(max_size=160), st.integers(0, 255))
def test_received_octets_are_always_readable(octets: bytes, coding: int):
    decoded = decode_text(octets, coding)
    assert decoded is None or isinstance(decoded, str)


@given(st.binary(max_size=60), st.integers(0, 255))
def test_any_header_of_a_received_message_is_survived(octets: bytes, esm_class: int):
    content, place = split_header(ShortMessage(destination="1", esm_class=esm_class, short_message=octets))
    assert octets.endswith(content)
    assert place is None or 1 <= place.number <= place.total


def test_parts_joined_by_parameters_are_recognised():
    tlvs = {
        Tag.SAR_MSG_REF_NUM: b"\x01\x02",
        Tag.SAR_TOTAL_SEGMENTS: b"\x03",
        Tag.SAR_SEGMENT_SEQNUM: b"\x02",
    }
    message = ShortMessage(destination="1", short_message=b"b", tlvs=tlvs)
    assert split_header(message) == (b"b", Concatenation(0x0102, 3, 2))
