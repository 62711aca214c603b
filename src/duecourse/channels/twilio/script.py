"""What a call says, sealed into the address that Twilio fetches it from.

Whichever worker is asked can answer, also after a restart, and nobody but holders of the auth token can read it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import zlib
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from duecourse.domain.messaging import VoiceScript

_NONCE_OCTETS = 12
MOST_OCTETS = 10_000
"""Of an opened script."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """One call."""

    attempt_id: UUID
    language: str
    """BCP 47."""
    script: VoiceScript = field(repr=False)
    good_until: int
    """Seconds since 1970; later it is not spoken."""


def seal(auth_token: str, sealed: Sealed) -> str:
    """URL-safe text of it."""
    script = sealed.script
    words = [script.greeting, script.notice, script.voicemail, script.repeat]
    plain = json.dumps(
        [sealed.attempt_id.hex, sealed.language, sealed.good_until, *words], ensure_ascii=False
    ).encode()
    nonce = os.urandom(_NONCE_OCTETS)
    octets = nonce + AESGCM(_key(auth_token)).encrypt(nonce, zlib.compress(plain, 9), None)
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")


def unseal(auth_token: str, text: str, now: datetime) -> Sealed | None:
    """The call; None for anything that this token did not seal, or that is past its time."""
    try:
        octets = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        packed = AESGCM(_key(auth_token)).decrypt(octets[:_NONCE_OCTETS], octets[_NONCE_OCTETS:], None)
    except (InvalidTag, ValueError, binascii.Error):
        return None
    attempt, language, good_until, greeting, notice, voicemail, repeat = json.loads(
        zlib.decompressobj().decompress(packed, MOST_OCTETS)
    )
    if now.timestamp() > good_until:
        return None
    script = VoiceScript(greeting, notice, voicemail, repeat)
    return Sealed(UUID(hex=attempt), language, script, good_until)


def _key(auth_token: str) -> bytes:
    return hashlib.sha256(b"duecourse: what a call says\0" + auth_token.encode()).digest()
