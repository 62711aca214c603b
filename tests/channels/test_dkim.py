from __future__ import annotations

import base64
import hashlib
import re
from datetime import UTC, datetime

import dkim
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from duecourse.channels.smtp.dkim import DkimSigner, relaxed_body, relaxed_field, sign

from .dkim_keys import dns_record, pem

NOW = datetime(2026, 3, 10, 9, 30, tzinfo=UTC)
RSA = rsa.generate_private_key(65537, 2048)
ED25519 = ed25519.Ed25519PrivateKey.generate()
HEADERS = (
    b"From: Lender <reminders@lender.example>\r\nTo: wangwei@borrower.example\r\n"
    b"Subject: =?utf-8?b?6L+Y5qy+?=\r\n =?utf-8?b?5o+Q6YaS?=\r\nDate: Tue, 10 Mar 2026 09:30:00 +0000\r\n"
)
# RFC 8463, appendix A.
RFC_8463 = """DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=brisbane; t=1528637909; h=from : to :
 subject : date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus
 Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==
From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>

Hi.

We lost the game.  Are you hungry yet?

Joe.
"""


def verifies(message: bytes, public: ed25519.Ed25519PublicKey) -> bool:
    """Whether the first field signs body and headers, by Ed25519: dkimpy needs PyNaCl for that."""
    head, _, body = message.partition(b"\r\n\r\n")
    fields = re.split(rb"\r\n(?![ \t])", head)
    signature = fields.pop(0)
    tags = dict(re.findall(rb"(\w+)=([^;]*)", re.sub(rb"\s", b"", signature.partition(b":")[2])))
    if tags[b"bh"] != base64.b64encode(hashlib.sha256(relaxed_body(body)).digest()):
        return False
    signed = []
    for wanted in tags[b"h"].split(b":"):
        at = next(
            (n for n in reversed(range(len(fields))) if fields[n].lower().startswith(wanted + b":")), None
        )
        if at is not None:
            signed.append(relaxed_field(fields.pop(at)))
    signed.append(relaxed_field(re.sub(rb"(?s)([;\s]b=).*", rb"\1", signature)))
    try:
        public.verify(base64.b64decode(tags[b"b"]), hashlib.sha256(b"\r\n".join(signed)).digest())
    except InvalidSignature:
        return False
    return True


def test_canonical_form_is_that_of_the_published_example():
    public = ed25519.Ed25519PublicKey.from_public_bytes(
        base64.b64decode("11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")
    )
    message = RFC_8463.replace("\n", "\r\n").encode()
    assert verifies(message, public)
    assert not verifies(message.replace(b"We lost", b"We won"), public)


def test_ed25519_signature_verifies():
    message = HEADERS + b"\r\nThree  days left. \t\r\n\r\n\r\n"
    signed = sign(message, [DkimSigner("lender.example", "d1", pem(ED25519).encode())], NOW)
    assert verifies(signed, ED25519.public_key())
    assert not verifies(signed.replace(b"\r\nTo: wangwei", b"\r\nTo: lisi"), ED25519.public_key())


@given(st.lists(st.binary(max_size=60).map(lambda b: b.replace(b"\r", b"").replace(b"\n", b"")), max_size=8))
def test_any_body_verifies_with_somebody_elses_verifier(lines: list[bytes]):
    message = HEADERS + b"\r\n" + b"".join(line + b"\r\n" for line in lines)
    signed = sign(message, [DkimSigner("lender.example", "d1", pem(RSA).encode())], NOW)
    assert dkim.verify(signed, dnsfunc=lambda name, timeout=5: dns_record(RSA))


def test_a_header_added_on_the_way_breaks_the_signature():
    signed = sign(HEADERS + b"\r\nHi\r\n", [DkimSigner("lender.example", "d1", pem(RSA).encode())], NOW)
    forged = signed.replace(b"\r\nTo:", b"\r\nFrom: Thief <a@b.example>\r\nTo:", 1)
    assert not dkim.verify(forged, dnsfunc=lambda name, timeout=5: dns_record(RSA))


@pytest.mark.parametrize("key", ["", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_what_is_no_key_is_refused_when_it_is_loaded(key: str):
    with pytest.raises(ValueError):
        DkimSigner("lender.example", "d1", key.encode())
