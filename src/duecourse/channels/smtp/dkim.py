"""DKIM signatures, relaxed/relaxed. Sources: RFC 6376 (DKIM), RFC 8463 (Ed25519), RFC 8301 (key sizes)."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from datetime import datetime

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

SIGNED = (
    b"from",
    b"to",
    b"reply-to",
    b"subject",
    b"date",
    b"message-id",
    b"mime-version",
    b"content-type",
    b"content-transfer-encoding",
    b"list-unsubscribe",
    b"list-unsubscribe-post",
)
OVERSIGNED = (b"from", b"to", b"subject", b"date", b"reply-to")
"""Named once more than they occur, so that nobody can add another without breaking the signature."""
LEAST_RSA_BITS = 1024
_BLANKS = re.compile(rb"[ \t]+")
_LINE_END_BLANKS = re.compile(rb"[ \t]+(?=\r\n)")
_FOLD = re.compile(rb"\r\n(?=[ \t])")


class DkimSigner:
    """One key of one domain. Parsed once; signing makes no copies but the canonical form."""

    def __init__(self, domain: str, selector: str, private_key_pem: bytes) -> None:
        """Raises ValueError for what is no PEM key, another kind of key, or an RSA key below 1024 bits."""
        key = serialization.load_pem_private_key(private_key_pem, password=None)
        if not isinstance(key, rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey):
            raise ValueError("the key is neither RSA nor Ed25519")
        if isinstance(key, rsa.RSAPrivateKey) and key.key_size < LEAST_RSA_BITS:
            raise ValueError(f"the RSA key has {key.key_size} bits; at least {LEAST_RSA_BITS}")
        self._key = key
        self._algorithm = b"rsa-sha256" if isinstance(key, rsa.RSAPrivateKey) else b"ed25519-sha256"
        self._tags = b"d=%s; s=%s" % (domain.encode("idna"), selector.encode("ascii"))

    def header(self, message: bytes, signed_at: datetime | None) -> bytes:
        """The DKIM-Signature field, CRLF included, to stand before `message` (which uses CRLF)."""
        head, _, body = message.partition(b"\r\n\r\n")
        fields = _fields(head)
        names, canonical = _signed_fields(fields)
        body_hash = base64.b64encode(hashlib.sha256(relaxed_body(body)).digest())
        stamp = b" t=%d;" % int(signed_at.timestamp()) if signed_at else b""
        unsigned = b"DKIM-Signature: v=1; a=%s; c=relaxed/relaxed; %s;\r\n%s h=%s;\r\n bh=%s;\r\n b=" % (
            self._algorithm,
            self._tags,
            stamp,
            _fold(names),
            body_hash,
        )
        canonical.append(relaxed_field(unsigned))
        signature = base64.b64encode(self._sign(b"\r\n".join(canonical)))
        pieces = [signature[at : at + 72] for at in range(0, len(signature), 72)]
        return unsigned + b"\r\n ".join(pieces) + b"\r\n"

    def _sign(self, octets: bytes) -> bytes:
        if isinstance(self._key, rsa.RSAPrivateKey):
            return self._key.sign(octets, padding.PKCS1v15(), hashes.SHA256())
        # RFC 8463, 3: Ed25519 signs the SHA-256 digest.
        return self._key.sign(hashlib.sha256(octets).digest())


def sign(message: bytes, signers: Sequence[DkimSigner], signed_at: datetime | None) -> bytes:
    """The message with one DKIM-Signature per signer before it."""
    return b"".join(signer.header(message, signed_at) for signer in signers) + message


def relaxed_body(body: bytes) -> bytes:
    """RFC 6376, 3.4.4."""
    if not body:
        return b""
    if not body.endswith(b"\r\n"):
        body += b"\r\n"
    body = _BLANKS.sub(b" ", _LINE_END_BLANKS.sub(b"", body)).rstrip(b"\r\n")
    return body + b"\r\n" if body else b""


def relaxed_field(field: bytes) -> bytes:
    """RFC 6376, 3.4.2, without the CRLF at its end."""
    name, _, value = field.partition(b":")
    value = _BLANKS.sub(b" ", _FOLD.sub(b"", value)).strip()
    return name.strip().lower() + b":" + value


def _fields(head: bytes) -> list[tuple[bytes, bytes]]:
    fields = re.split(rb"\r\n(?![ \t])", head)
    return [(field.partition(b":")[0].strip().lower(), field) for field in fields]


def _signed_fields(fields: list[tuple[bytes, bytes]]) -> tuple[list[bytes], list[bytes]]:
    names: list[bytes] = []
    canonical: list[bytes] = []
    for wanted in SIGNED:
        # Several fields of one name are signed from the bottom up (5.4.2).
        for name, field in reversed(fields):
            if name == wanted:
                names.append(name)
                canonical.append(relaxed_field(field))
        if wanted in OVERSIGNED:
            names.append(wanted)
    return names, canonical


def _fold(names: Sequence[bytes]) -> bytes:
    lines: list[bytes] = [b""]
    for name in names:
        if len(lines[-1]) + len(name) > 64:
            lines.append(b"")
        lines[-1] += name + b":"
    return b"\r\n ".join(lines).rstrip(b":")
