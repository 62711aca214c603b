"""Message encryption for web push, one record of aes128gcm. Sources: RFC 8291 (3.4), RFC 8188 (2)."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

MOST_PLAIN_OCTETS = 3993
"""What a push service must take: 4096 octets in all, less the header and the tag (RFC 8030, 7.2)."""
_RECORD_SIZE = 4096
_LAST_RECORD = b"\x02"


@dataclass(frozen=True, slots=True)
class Keys:
    """Of a subscription, as the browser gave them."""

    public: bytes = field(repr=False)
    """p256dh: a point, uncompressed, 65 octets."""
    auth: bytes = field(repr=False)
    """16 octets."""


def point(key: ec.EllipticCurvePublicKey) -> bytes:
    """A public key as 65 octets."""
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def encrypt(
    plain: bytes, keys: Keys, *, sender: ec.EllipticCurvePrivateKey | None = None, salt: bytes | None = None
) -> bytes:
    """The body of a push message. sender, salt: for published examples; else new for each message.

    Raises ValueError for keys that are none or a text of more than MOST_PLAIN_OCTETS.
    """
    if len(plain) > MOST_PLAIN_OCTETS:
        raise ValueError("too long for one push message")
    sender = sender or ec.generate_private_key(ec.SECP256R1())
    salt = salt or os.urandom(16)
    browser = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), keys.public)
    mine = point(sender.public_key())
    key, nonce = _key_and_nonce(sender.exchange(ec.ECDH(), browser), keys, mine, salt)
    header = salt + _RECORD_SIZE.to_bytes(4) + bytes([len(mine)]) + mine
    return header + AESGCM(key).encrypt(nonce, plain + _LAST_RECORD, None)


def decrypt(body: bytes, browser: ec.EllipticCurvePrivateKey, auth: bytes) -> bytes:
    """What a browser reads; the sandbox is one. Raises ValueError for what is no single record for this key."""
    salt, sender_length = body[:16], body[20] if len(body) > 20 else 0
    sender, record = body[21 : 21 + sender_length], body[21 + sender_length :]
    keys = Keys(point(browser.public_key()), auth)
    shared = browser.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender))
    key, nonce = _key_and_nonce(shared, keys, sender, salt)
    try:
        padded = AESGCM(key).decrypt(nonce, record, None).rstrip(b"\0")
    except InvalidTag:
        raise ValueError("not encrypted for this subscription") from None
    if not padded.endswith(_LAST_RECORD):
        raise ValueError("not the last record")
    return padded[:-1]


def _key_and_nonce(shared: bytes, keys: Keys, sender: bytes, salt: bytes) -> tuple[bytes, bytes]:
    material = _derive(shared, keys.auth, b"WebPush: info\0" + keys.public + sender, 32)
    key = _derive(material, salt, b"Content-Encoding: aes128gcm\0", 16)
    return key, _derive(material, salt, b"Content-Encoding: nonce\0", 12)


def _derive(material: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length, salt, info).derive(material)
