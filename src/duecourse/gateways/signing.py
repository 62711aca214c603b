"""Keys and signatures that gateways share: RSA with SHA-256 (PKCS #1 v1.5), HMAC-SHA256, and sorted fields."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

_SPACE = re.compile(r"\s+")


def private_key(text: str) -> rsa.RSAPrivateKey:
    """From PEM, or from base64 alone as Chinese gateways hand keys out (PKCS #8 or #1). Raises ValueError."""
    key: object
    if "-----BEGIN" in text:
        key = serialization.load_pem_private_key(text.encode("ascii"), password=None)
    else:
        key = serialization.load_der_private_key(_der(text), password=None)
    if not isinstance(key, rsa.RSAPrivateKey) or key.key_size < 2048:
        raise ValueError("expected an RSA key of at least 2048 bits")
    return key


def public_key(text: str) -> rsa.RSAPublicKey:
    """From PEM (a key or a certificate), or from base64 alone. Raises ValueError."""
    key: object
    if "BEGIN CERTIFICATE" in text:
        key = x509.load_pem_x509_certificate(text.encode("ascii")).public_key()
    elif "-----BEGIN" in text:
        key = serialization.load_pem_public_key(text.encode("ascii"))
    else:
        key = serialization.load_der_public_key(_der(text))
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size < 2048:
        raise ValueError("expected an RSA key of at least 2048 bits")
    return key


def _der(text: str) -> bytes:
    try:
        return base64.b64decode(_SPACE.sub("", text), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("expected a key in PEM or base64") from None


def rsa_sign(key: rsa.RSAPrivateKey, text: bytes) -> str:
    """In base64."""
    return base64.b64encode(key.sign(text, padding.PKCS1v15(), hashes.SHA256())).decode("ascii")


def rsa_verifies(key: rsa.RSAPublicKey, text: bytes, signature: str) -> bool:
    """Whether a signature in base64 is of this text; False for what is no base64."""
    try:
        key.verify(base64.b64decode(signature, validate=True), text, padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def hmac_sign(secret: str, text: bytes) -> str:
    """HMAC-SHA256 in lower-case hexadecimal."""
    return hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()


def hmac_verifies(secret: str, text: bytes, signature: str) -> bool:
    """In constant time."""
    return hmac.compare_digest(hmac_sign(secret, text).encode(), signature.lower().encode("utf-8", "replace"))


def sorted_fields(fields: Mapping[str, str], without: tuple[str, ...] = ()) -> bytes:
    """`a=1&b=2`: by name, values as they are and not encoded, empty ones and `without` left out."""
    kept = sorted((name, value) for name, value in fields.items() if value != "" and name not in without)
    return "&".join(f"{name}={value}" for name, value in kept).encode()


def secret_pem(key: rsa.RSAPrivateKey) -> str:
    """A private key as PEM."""
    kept = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, kept, serialization.NoEncryption()).decode("ascii")


def public_pem(key: rsa.RSAPublicKey) -> str:
    """A public key as PEM."""
    kept = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(serialization.Encoding.PEM, kept).decode("ascii")
