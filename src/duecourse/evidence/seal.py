"""The lender's electronic seal: a certificate and its key, from a PKCS#12 file that was made here or an authority gave.

A file of ours stands in the home folder under a password that the key ring gives, so that there is no second secret to
keep; one that the settings name has the password of whoever made it. The demonstration seal is made here and signed by
itself: its name says so, and so does every certificate under it.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID, ObjectIdentifier

from duecourse.domain.problems import DuecourseError, Problem
from duecourse.privacy.keyring import Keyring

FILE: Final = "seal.p12"
"""In the home folder."""
DEMONSTRATION: Final = "DEMONSTRATION SEAL, no legal effect"
"""The organizational unit of a seal that was made here."""
DEMONSTRATION_YEARS: Final = 10
LEAST_RSA_BITS: Final = 2048
_BITS: Final = 3072
"""Of a demonstration seal."""
_DOCUMENTS: Final = ObjectIdentifier("1.3.6.1.5.5.7.3.36")
"""Extended key usage: signing documents (RFC 9336)."""
_NOTHING: Final = "No seal was changed."

Key: TypeAlias = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class Seal:
    """Who seals, and with what. Its repr shows no key."""

    key: Key = field(repr=False)
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...] = ()
    """Of the authorities above it, as the file has them."""

    @property
    def name(self) -> str:
        """Whom the certificate names: the common name, else the organization."""
        for kind in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME):
            if found := self.certificate.subject.get_attributes_for_oid(kind):
                return str(found[0].value)
        return self.certificate.subject.rfc4514_string()

    @property
    def self_signed(self) -> bool:
        """Whether nobody but itself vouches for it."""
        return self.certificate.issuer == self.certificate.subject

    @property
    def demonstration(self) -> bool:
        """Whether it was made here and has no legal effect."""
        units = self.certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)
        return self.self_signed and any(unit.value == DEMONSTRATION for unit in units)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, hexadecimal."""
        return self.certificate.fingerprint(SHA256()).hex()

    @property
    def strength(self) -> str:
        """RSA 3072, or EC and the curve."""
        if isinstance(self.key, rsa.RSAPrivateKey):
            return f"RSA {self.key.key_size}"
        return f"EC {self.key.curve.name}"

    def to_pkcs12(self, password: bytes) -> bytes:
        """As a file."""
        encryption = serialization.BestAvailableEncryption(password)
        name = self.name.encode()
        return pkcs12.serialize_key_and_certificates(
            name, self.key, self.certificate, list(self.chain) or None, encryption
        )


def make_demonstration_seal(name: str, *, now: datetime) -> Seal:
    """A fresh seal that nobody vouches for. name: the lender's, at most 64 characters; now: from when it holds."""
    key = rsa.generate_private_key(65537, _BITS)
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, name[:64]),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, DEMONSTRATION),
        ]
    )
    begins = now.replace(microsecond=0) - timedelta(days=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=365 * DEMONSTRATION_YEARS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(), critical=True)
        .add_extension(x509.ExtendedKeyUsage([_DOCUMENTS]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, SHA256())
    )
    return Seal(key, certificate)


def read_seal(path: Path, password: bytes, *, now: datetime) -> Seal:
    """The seal of a PKCS#12 file. Raises DuecourseError K010 (no file), K011 (cannot be read), K012 (cannot seal)."""
    try:
        octets = path.read_bytes()
    except FileNotFoundError:
        found = "there is no seal here; `duecourse certificate seal import` brings the lender's, `seal init` makes one "
        raise DuecourseError(
            Problem("K010", str(path), found + "for trying", "Nothing was sealed.")
        ) from None
    except OSError as error:
        raise DuecourseError(Problem("K011", str(path), f"it cannot be read ({error.strerror})")) from None
    try:
        key, certificate, chain = pkcs12.load_key_and_certificates(octets, password or None)
    except (ValueError, TypeError):
        found = "this is no PKCS#12 file, or its password is another one"
        raise DuecourseError(Problem("K011", str(path), found)) from None
    if certificate is None or not isinstance(key, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey)):
        found = "it must hold a certificate and its RSA or EC key"
        raise DuecourseError(Problem("K011", str(path), found))
    seal = Seal(key, certificate, tuple(chain))
    if fault := fault_of(seal, now=now):
        raise DuecourseError(Problem("K012", str(path), fault, "Nothing was sealed."))
    return seal


def fault_of(seal: Seal, *, now: datetime) -> str:
    """Why a seal cannot seal now; '' when it can."""
    certificate = seal.certificate
    if seal.key.public_key() != certificate.public_key():
        return "its key is not that of its certificate"
    if now < certificate.not_valid_before_utc:
        return f"its certificate holds only from {certificate.not_valid_before_utc:%Y-%m-%d} on"
    if now > certificate.not_valid_after_utc:
        return f"its certificate has expired on {certificate.not_valid_after_utc:%Y-%m-%d}"
    if isinstance(seal.key, rsa.RSAPrivateKey) and seal.key.key_size < LEAST_RSA_BITS:
        return f"its key has {seal.key.key_size} bits; {LEAST_RSA_BITS} are the least"
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return ""
    if not (usage.digital_signature or usage.content_commitment):
        return "its certificate is not for signing (key usage)"
    return ""


def own_password(keyring: Keyring) -> bytes:
    """What opens the file in the home folder: the key ring's, and no secret of its own."""
    return keyring.index("seal", "password").hex().encode()


def keep_seal(seal: Seal, keyring: Keyring, home: Path, *, replace: bool) -> Path:
    """Write a seal to the home folder, whole or not at all, readable by its owner only.

    Raises DuecourseError K013 when one is there and may not be replaced.
    """
    path = home / FILE
    if path.exists() and not replace:
        found = "a seal is here already; --replace takes the new one from now on, and what is sealed stays as it is"
        raise DuecourseError(Problem("K013", str(path), found, _NOTHING))
    fresh = path.with_name(f".{FILE}.{secrets.token_hex(4)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(seal.to_pkcs12(own_password(keyring)))
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(path)
    return path


def _usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
