"""Addresses of every channel: checked, and brought into the form in which they are sealed, indexed and handed over."""

from __future__ import annotations

import json
import re
from typing import Final
from urllib.parse import urlsplit

import phonenumbers

from duecourse.domain.messaging import Channel

from .checking import text_within
from .parsing import FieldFault, length

PLATFORMS: Final = ("apns", "fcm", "jpush", "hms", "honor", "xiaomi", "oppo", "vivo")
"""Push services whose device tokens are told apart: a token of one is rubbish to another."""
LONGEST_LINE: Final = 100
MOST_LINES: Final = 8
LONGEST_SUBSCRIPTION: Final = 4096
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_EMAIL = re.compile(
    rf"(?=.{{3,254}}$)(?=[^@]{{1,64}}@){_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+[A-Za-z][A-Za-z0-9-]*[A-Za-z0-9]"
)
_OPENID = re.compile(r"[A-Za-z0-9_-]{20,64}")
_TOKEN = re.compile(r"[!-~]{8,4000}")
_APPID = re.compile(r"[!-~]{1,64}")
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+=*")


def address_text(channel: Channel, text: str) -> str:
    """Trimmed text that may be an address of the channel, or empty. B014, B024.

    One line, but for a letter; of any length that the channel's own check allows for what programs make.
    """
    if channel in (Channel.LETTER, Channel.WEBPUSH, Channel.APP):
        return text.strip()
    return text_within(text, required=False)


def normal_address(channel: Channel, address: str, region: str) -> str:
    """The address as it is kept, sealed and looked up: E.164 for phones, lower case for e-mail, lines for a letter.

    region: of the borrower; a number without a country code is read as one of that country. When bad B019, B020, B067,
    B068 or B069.
    """
    match channel:
        case Channel.SMS | Channel.VOICE | Channel.TASK:
            return _phone(address, region[:2])
        case Channel.EMAIL:
            return _email(address)
        case Channel.WEBPUSH:
            return _subscription(address)
        case Channel.LETTER:
            return _lines(address)
        case Channel.WECHAT:
            return _one(_OPENID, address, "an OpenID of 20 to 64 letters, digits, - and _")
        case Channel.APP:
            return _one(_TOKEN, address, "a device token of 8 to 4000 characters without spaces")
        case Channel.INBOX:
            return text_within(address, required=True)


def platform_of(channel: Channel, platform: str) -> str | None:
    """Whose address it is: of a device its push service, of an OpenID the account's appid; None elsewhere. B066."""
    platform = platform.strip()
    if channel is Channel.APP:
        if platform not in PLATFORMS:
            found = f"'{platform}' is no push service" if platform else "nothing says whose token it is"
            raise FieldFault("B066", found, f"known: {', '.join(PLATFORMS)}")
        return platform
    if channel is Channel.WECHAT and platform:
        if not _APPID.fullmatch(platform):
            raise FieldFault(
                "B066", f"{length(platform)} is no appid", "expected the appid of the WeChat account"
            )
        return platform
    return None


def _phone(address: str, country: str) -> str:
    expected = f"expected a number that exists in its country, e.g. +14155550123, or one of {country}"
    try:
        number = phonenumbers.parse(address, country)
    except phonenumbers.NumberParseException:
        raise FieldFault("B019", f"{length(address)} is not a phone number", expected) from None
    if not phonenumbers.is_valid_number(number) or number.extension:
        raise FieldFault("B019", f"{length(address)} is not a phone number in use", expected)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _email(address: str) -> str:
    # Lower case also before the @: an opt-out must find its address however it was typed.
    if not _EMAIL.fullmatch(address):
        raise FieldFault("B020", f"{length(address)} is not an e-mail address", "expected name@example.com")
    return address.lower()


def _one(pattern: re.Pattern[str], address: str, expected: str) -> str:
    if not pattern.fullmatch(address):
        raise FieldFault("B068", f"{length(address)} cannot be one", f"expected {expected}")
    return address


def _subscription(address: str) -> str:
    """A browser's push subscription: its endpoint and its two keys, in one spelling."""
    expected = 'expected JSON with "endpoint" (https) and "keys": {"p256dh", "auth"}'
    try:
        given = json.loads(address if len(address) <= LONGEST_SUBSCRIPTION else "")
        endpoint, keys = given["endpoint"], given["keys"]
        kept = {"p256dh": keys["p256dh"], "auth": keys["auth"]}
        place = urlsplit(endpoint)
        sound = (
            place.scheme == "https" and bool(place.hostname) and endpoint.isascii() and endpoint.isprintable()
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        raise FieldFault("B067", f"{length(address)} is no push subscription", expected) from None
    if not sound or not all(isinstance(key, str) and _BASE64URL.fullmatch(key) for key in kept.values()):
        raise FieldFault("B067", f"{length(address)} is no push subscription", expected)
    return json.dumps({"endpoint": endpoint, "keys": kept}, separators=(",", ":"))


def _lines(address: str) -> str:
    """The lines of a postal address, the name first; empty ones are left out."""
    lines = [" ".join(line.split()) for line in address.splitlines()]
    lines = [line for line in lines if line]
    expected = (
        f"expected the name and 1 to {MOST_LINES - 1} lines more, each of at most {LONGEST_LINE} characters"
    )
    if not 2 <= len(lines) <= MOST_LINES or not all(
        line.isprintable() and len(line) <= LONGEST_LINE for line in lines
    ):
        raise FieldFault("B069", f"{len(lines)} lines are no postal address", expected)
    return "\n".join(lines)
