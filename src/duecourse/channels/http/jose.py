"""Signed web tokens (JWT) as providers ask for them: ES256 and RS256. Sources: RFC 7515, 7518 (3.3, 3.4), 7519."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from pydantic import SecretStr

SigningKey: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
CheckingKey: TypeAlias = ec.EllipticCurvePublicKey | rsa.RSAPublicKey

_SHA256 = hashes.SHA256()
_P256_OCTETS = 32


def b64url(octets: bytes) -> str:
    """Base64 for URLs, without padding (RFC 7515, appendix C)."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")


def unb64url(text: str) -> bytes:
    """Its inverse. Raises ValueError for anything else."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise ValueError("not base64url") from None


def secret_text(value: SecretStr | None, file: Path | None, what: str) -> str:
    """A secret that settings give either as itself or as a file. Raises ValueError for neither or both; OSError."""
    if (value is None) == (file is None):
        raise ValueError(f"give {what} or {what}_file, one of them")
    return value.get_secret_value() if value is not None else file.read_text("utf-8")  # type: ignore[union-attr]


def read_key(pem: str) -> SigningKey:
    """A private key from PEM: P-256 or RSA of at least 2048 bits. Raises ValueError."""
    key = serialization.load_pem_private_key(pem.encode("ascii"), password=None)
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= 2048:
        return key
    raise ValueError("the key is neither P-256 nor RSA of at least 2048 bits")


def sign_token(claims: Mapping[str, Any], key: SigningKey, **header: str) -> str:
    """A token over these claims. header: besides alg, e.g. kid and typ."""
    algorithm = "ES256" if isinstance(key, ec.EllipticCurvePrivateKey) else "RS256"
    signed = f"{_part({'alg': algorithm, **header})}.{_part(claims)}"
    octets = signed.encode("ascii")
    if isinstance(key, rsa.RSAPrivateKey):
        signature = key.sign(octets, padding.PKCS1v15(), _SHA256)
    else:
        r, s = decode_dss_signature(key.sign(octets, ec.ECDSA(_SHA256)))
        signature = r.to_bytes(_P256_OCTETS) + s.to_bytes(_P256_OCTETS)
    return f"{signed}.{b64url(signature)}"


def read_token(token: str, key: CheckingKey) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of a token that this key signed. Raises ValueError for any other; times are not looked at."""
    try:
        head, body, tail = token.split(".")
        header, signature = json.loads(unb64url(head)), unb64url(tail)
        expected = "ES256" if isinstance(key, ec.EllipticCurvePublicKey) else "RS256"
        if header.get("alg") != expected:
            raise ValueError(f"alg is not {expected}")
        octets = f"{head}.{body}".encode("ascii")
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, octets, padding.PKCS1v15(), _SHA256)
        else:
            if len(signature) != 2 * _P256_OCTETS:
                raise ValueError("the signature is not of 64 octets")
            r, s = int.from_bytes(signature[:_P256_OCTETS]), int.from_bytes(signature[_P256_OCTETS:])
            key.verify(encode_dss_signature(r, s), octets, ec.ECDSA(_SHA256))
        return header, json.loads(unb64url(body))
    except (InvalidSignature, AttributeError):
        raise ValueError("the signature does not fit") from None


def _part(members: Mapping[str, Any]) -> str:
    return b64url(json.dumps(members, separators=(",", ":")).encode())
