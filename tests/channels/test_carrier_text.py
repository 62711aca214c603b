from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duecourse.channels.wire.carrier import e164_of, signed, source_of
from duecourse.channels.wire.text import (
    Concatenation,
    Format,
    decode_carrier_text,
    encode_carrier_text,
    split_user_data,
)
from duecourse.domain.messaging import Registered

anything = st.text(st.characters(exclude_categories=["Cs"]), max_size=400)
chinese = st.text(st.sampled_from("您的车贷本期应还款将于三日后到期，请按时还款。1500.00 Due"), max_size=500)
emoji = st.text(st.sampled_from("到期还款🏠🚗👍🏽"), max_size=300)


def parts_of(text: str, form: Format, ascii_most: int = 159) -> tuple[Format, list[bytes], str]:
    """Format, bodies, and what a phone would join them to."""
    encoded = encode_carrier_text(text, form, 0x1234, ascii_most)
    many = len(encoded.bodies) > 1
    split = [split_user_data(body, has_header=many) for body in encoded.bodies]
    assert [place for _, place in split if many] == [
        Concatenation(0x34, len(split), number) for number in range(1, len(split) + 1) if many
    ]
    return (
        encoded.format,
        list(encoded.bodies),
        "".join(decode_carrier_text(octets, encoded.format) or "" for octets, _ in split),
    )


@pytest.mark.parametrize("form", [Format.UCS2, Format.GBK])
@given(text=st.one_of(anything, chinese, emoji))
def test_any_text_comes_out_as_it_went_in(form: Format, text: str):
    assert parts_of(text, form)[2] == text


@pytest.mark.parametrize("form", [Format.UCS2, Format.GBK])
@given(text=st.one_of(chinese, emoji, st.text("abc 123", max_size=600)))
def test_no_body_is_longer_than_the_protocol_allows(form: Format, text: str):
    for most in (140, 159, 160):
        used, bodies, _ = parts_of(text, form, most)
        assert all(len(body) <= (most if used is Format.ASCII else 140) for body in bodies)


@pytest.mark.parametrize(
    ("text", "form", "used", "parts"),
    [
        ("Due 1500.00", Format.UCS2, Format.ASCII, 1),
        ("到" * 70, Format.UCS2, Format.UCS2, 1),
        ("到" * 71, Format.UCS2, Format.UCS2, 2),
        ("到" * 70, Format.GBK, Format.GBK, 1),
        ("到" * 71, Format.GBK, Format.GBK, 2),
        ("到" * 69 + "ab", Format.GBK, Format.GBK, 1),
        ("到期🏠", Format.GBK, Format.UCS2, 1),
        ("a" * 159, Format.UCS2, Format.ASCII, 1),
        ("a" * 160, Format.UCS2, Format.ASCII, 2),
        ("user@example.com", Format.UCS2, Format.UCS2, 1),
    ],
)
def test_format_and_parts(text: str, form: Format, used: Format, parts: int):
    """@ stands elsewhere in GSM 03.38: as ASCII it might reach the phone as another letter."""
    assert (parts_of(text, form)[0], len(parts_of(text, form)[1])) == (used, parts)


def test_parts_begin_with_six_octets_of_header():
    encoded = encode_carrier_text("到" * 100, Format.UCS2, 0x0177, 159)
    assert [body[:6].hex() for body in encoded.bodies] == ["050003770201", "050003770202"]


def test_text_beyond_255_parts_is_refused():
    with pytest.raises(ValueError, match="at most 255"):
        encode_carrier_text("到" * 67 * 256, Format.UCS2, 1, 159)


def test_binary_is_no_text():
    assert decode_carrier_text(b"\1\2", Format.BINARY) is None


@pytest.mark.parametrize(
    ("text", "sign", "expected"),
    [
        ("您的贷款将到期", "front", "【远东】您的贷款将到期"),
        ("您的贷款将到期", "back", "您的贷款将到期【远东】"),
        ("您的贷款将到期", "never", "您的贷款将到期"),
        ("【远东】您的贷款将到期", "front", "【远东】您的贷款将到期"),
        ("您的贷款将到期【远东】", "front", "您的贷款将到期【远东】"),
    ],
)
def test_registered_signature_stands_once(text: str, sign: str, expected: str):
    assert signed(text, Registered(signature="远东"), sign) == expected
    assert signed(text, Registered(signature="【远东】"), sign) == expected
    assert signed(text, None, sign) == text


@pytest.mark.parametrize(
    ("access", "sender", "source"),
    [
        ("10690001", "", "10690001"),
        ("10690001", "77", "1069000177"),
        ("10690001", "1069000177", "1069000177"),
        ("10690001", "95588999", "95588999"),
    ],
)
def test_registered_sender_is_a_sub_port_or_a_whole_number(access: str, sender: str, source: str):
    assert source_of(access, Registered(sender=sender)) == source


@pytest.mark.parametrize(
    ("given", "e164"),
    [
        ("13800001111", "+8613800001111"),
        ("8613800001111", "+8613800001111"),
        ("+8613800001111", "+8613800001111"),
        ("10086", ""),
        ("", ""),
    ],
)
def test_numbers_are_read_with_and_without_the_country(given: str, e164: str):
    assert e164_of(given) == e164
