"""How WeChat's server proves that a call is its own: a signature over token, time and nonce, and encryption mode.

Sources: developers.weixin.qq.com, service accounts: 接入指南, 消息加解密说明 (read 2026-11-25).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

_BLOCK_BITS = 256
"""WeChat pads to 32 octets, not to the cipher's 16."""
_RANDOM_OCTETS = 16


def signature(*parts: str) -> str:
    """SHA-1 over the parts, sorted and joined."""
    return hashlib.sha1("".join(sorted(parts)).encode()).hexdigest()


def is_signed(given: str, *parts: str) -> bool:
    """Whether `given` is the signature of these parts; takes the same time for every wrong one."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), signature(*parts).encode())


class Envelope:
    """Encryption mode of one account."""

    def __init__(self, encoding_aes_key: str, app_id: str) -> None:
        """Raises ValueError for a key that is not 43 characters of base64."""
        try:
            self._key = base64.b64decode(encoding_aes_key + "=", validate=True)
        except binascii.Error:
            self._key = b""
        if len(encoding_aes_key) != 43 or len(self._key) != 32:
            raise ValueError("encoding_aes_key is not 43 characters of base64")
        self._app_id = app_id.encode()

    def open(self, sealed: str) -> bytes:
        """The message. Raises ValueError for what was not sealed with this key for this account."""
        try:
            octets = base64.b64decode(sealed, validate=True)
            padding = PKCS7(_BLOCK_BITS).unpadder()
            decryptor = self._cipher().decryptor()
            plain = padding.update(decryptor.update(octets) + decryptor.finalize()) + padding.finalize()
        except (binascii.Error, ValueError):
            raise ValueError("not sealed with this key") from None
        length = int.from_bytes(plain[_RANDOM_OCTETS : _RANDOM_OCTETS + 4])
        content = plain[_RANDOM_OCTETS + 4 :]
        if content[length:] != self._app_id or len(content) < length:
            raise ValueError("not sealed for this account")
        return content[:length]

    def seal(self, message: bytes) -> str:
        """As WeChat's server seals: the sandbox does."""
        plain = os.urandom(_RANDOM_OCTETS) + len(message).to_bytes(4) + message + self._app_id
        padding = PKCS7(_BLOCK_BITS).padder()
        encryptor = self._cipher().encryptor()
        padded = padding.update(plain) + padding.finalize()
        return base64.b64encode(encryptor.update(padded) + encryptor.finalize()).decode("ascii")

    def _cipher(self) -> Cipher[modes.CBC]:
        return Cipher(algorithms.AES256(self._key), modes.CBC(self._key[:16]))
