"""Addresses of every channel: their one form, and what is none."""

from __future__ import annotations

import json

import pytest

from duecourse.book.addresses import address_text, normal_address, platform_of
from duecourse.book.identity import ADDRESSABLE, address_index
from duecourse.book.parsing import FieldFault
from duecourse.domain.messaging import Channel
from duecourse.privacy.keyring import Keyring

SUBSCRIPTION = {
    "endpoint": "https://push.example/abc",
    "keys": {"auth": "tBHItJI5svbpez7KI4CCXg", "p256dh": "BNcRd"},
}


@pytest.mark.parametrize(
    ("channel", "written", "kept"),
    [
        (Channel.VOICE, "139 0000 1111", "+8613900001111"),
        (Channel.EMAIL, "San.Zhang@Example.com", "san.zhang@example.com"),
        (Channel.WECHAT, " o6_bmjrPTlm6_2sgVt7hMZOPfL2M ", "o6_bmjrPTlm6_2sgVt7hMZOPfL2M"),
        (Channel.APP, "740f4707bebcf74f", "740f4707bebcf74f"),
        (Channel.INBOX, " C00042 ", "C00042"),
        (
            Channel.LETTER,
            "张三\n\n  朝阳区  建国路 1 号\n100022 北京\n",
            "张三\n朝阳区 建国路 1 号\n100022 北京",
        ),
        (
            Channel.WEBPUSH,
            json.dumps(SUBSCRIPTION | {"expirationTime": None}, indent=2),
            '{"endpoint":"https://push.example/abc","keys":{"p256dh":"BNcRd","auth":"tBHItJI5svbpez7KI4CCXg"}}',
        ),
    ],
)
def test_an_address_has_one_form(channel: Channel, written: str, kept: str) -> None:
    assert normal_address(channel, address_text(channel, written), "CN") == kept


@pytest.mark.parametrize(
    ("channel", "written", "code"),
    [
        (Channel.VOICE, "1299", "B019"),
        (Channel.EMAIL, "zhang@", "B020"),
        (Channel.WECHAT, "short", "B068"),
        (Channel.APP, "with spaces in it", "B068"),
        (Channel.INBOX, "", "B016"),
        (Channel.LETTER, "only a name", "B069"),
        (Channel.LETTER, "\n".join("abcdefghi"), "B069"),
        (Channel.LETTER, "name\n" + "x" * 101, "B069"),
        (Channel.WEBPUSH, "{}", "B067"),
        (Channel.WEBPUSH, "[1]", "B067"),
        (Channel.WEBPUSH, json.dumps(SUBSCRIPTION | {"endpoint": "http://push.example/abc"}), "B067"),
        (Channel.WEBPUSH, json.dumps(SUBSCRIPTION | {"keys": {"auth": "x"}}), "B067"),
    ],
)
def test_what_is_no_address_is_refused_without_being_repeated(
    channel: Channel, written: str, code: str
) -> None:
    with pytest.raises(FieldFault) as caught:
        normal_address(channel, address_text(channel, written), "CN")
    assert caught.value.code == code
    assert not written or written not in str(caught.value)


def test_a_device_token_says_whose_it_is() -> None:
    assert platform_of(Channel.APP, " apns ") == "apns"
    assert platform_of(Channel.WECHAT, "wx1234") == "wx1234"
    assert platform_of(Channel.WECHAT, "") is None
    assert platform_of(Channel.SMS, "apns") is None
    for bad in ("", "pager"):
        with pytest.raises(FieldFault) as caught:
            platform_of(Channel.APP, bad)
        assert caught.value.code == "B066"


def test_addresses_of_different_channels_have_indexes_that_cannot_be_compared(keyring: Keyring) -> None:
    indexes = {address_index(keyring, channel, "+8613900001111") for channel in ADDRESSABLE}
    assert len(indexes) == len(ADDRESSABLE) - 1  # a number is one number, written to or called


def test_a_postal_address_is_found_however_it_is_spaced(keyring: Keyring) -> None:
    one, other = "San Zhang\n1 High Street", "SAN  ZHANG\n1 high street"
    assert address_index(keyring, Channel.LETTER, one) == address_index(keyring, Channel.LETTER, other)
