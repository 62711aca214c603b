"""Standard Webhooks: signatures that anybody can check with a published library.

Source: github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md (read 2026-11-25); its example and the
independent package `standardwebhooks` are in the tests.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Final

TOLERANCE_SECONDS: Final = 300
_PREFIX: Final = "whsec_"


def key_of(secret: str) -> bytes:
    """The octets of `whsec_` and base64. Raises ValueError for anything else, or under 24 or over 64 octets."""
    if not secret.startswith(_PREFIX):
        raise ValueError("a secret begins with whsec_")
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("after whsec_ stands base64") from None
    if not 24 <= len(key) <= 64:
        raise ValueError("a secret has 24 to 64 octets")
    return key


def signature(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """v1 of one key."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return f"v1,{base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode('ascii')}"


def signed_headers(keys: Sequence[bytes], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """With a signature of each key, so that the receiver may change its secret at its own time."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signature(key, message_id, timestamp, body) for key in keys),
    }


def is_signed(keys: Sequence[bytes], headers: Mapping[str, str], body: bytes, now: float) -> bool:
    """Whether one of the keys signed it, at most TOLERANCE_SECONDS from now. headers: names in lower case."""
    message_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not message_id or not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) < 12):
        return False
    if abs(now - int(timestamp)) > TOLERANCE_SECONDS:
        return False
    given = [each.encode("utf-8", "replace") for each in headers.get("webhook-signature", "").split(" ")]
    made = [signature(key, message_id, int(timestamp), body).encode() for key in keys]
    return any([hmac.compare_digest(one, other) for one in given for other in made])
