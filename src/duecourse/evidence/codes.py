"""Numbers and codes of certificates: made of what a certificate is, the code by a key and kept as a keyed hash.

Twelve of 32 signs are 1.2e18: nobody finds one by trying, and one can be read aloud or typed from paper, since no two
signs are taken for each other and case does not matter.
"""

from __future__ import annotations

import base64
from datetime import date
from hashlib import blake2b
from typing import Final
from uuid import UUID

from duecourse.dispatch.links import CodeShape
from duecourse.privacy.keyring import Keyring

CODES: Final = CodeShape(alphabet="23456789ABCDEFGHJKLMNPQRSTUVWXYZ", length=12)
_GROUP: Final = 4


def certificate_id_of(loan_id: UUID, settled_on: date, language: str, edition: int) -> UUID:
    """The same whenever the same certificate is made."""
    what = f"certificate|{loan_id}|{settled_on}|{language}|{edition}"
    return UUID(bytes=blake2b(what.encode(), digest_size=16).digest())


def number_of(certificate_id: UUID, settled_on: date) -> str:
    """What is printed: the day of settlement and eight signs of the id."""
    return f"{settled_on:%Y%m%d}-{certificate_id.hex[:8].upper()}"


def certificate_code(keyring: Keyring, certificate_id: UUID) -> str:
    """The code of a certificate, without the hyphens it is printed with."""
    return CODES.of(int.from_bytes(keyring.index("certificate-code", str(certificate_id))))


def code_hash(keyring: Keyring, code: str) -> bytes:
    """What is kept in place of a code."""
    return keyring.index("certificate", code)


def file_digest(keyring: Keyring, pdf: bytes) -> bytes:
    """What a file is found by."""
    return keyring.digest(base64.b64encode(pdf).decode())


def printed(code: str) -> str:
    """ABCD-EFGH-JKLM"""
    return "-".join(code[at : at + _GROUP] for at in range(0, len(code), _GROUP))


def read_code(typed: str) -> str | None:
    """The code that somebody typed, with or without hyphens and spaces, in either case, or as a whole address; None for
    what is none."""
    return CODES.read(typed.replace("-", "").upper()) if typed.isascii() else None
