"""The seal: what independent programs say of it, that nothing can be changed under it, and which seals are taken."""

from __future__ import annotations

import hashlib
import random
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from asn1crypto import keys, tsp, x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509 import (
    Certificate,
    CertificateBuilder,
    ExtendedKeyUsage,
    KeyUsage,
    Name,
    NameAttribute,
    random_serial_number,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.timestamps import DummyTimeStamper

from duecourse.domain.problems import DuecourseError
from duecourse.evidence.codes import printed
from duecourse.evidence.drawing import Told, appearance_of, draw
from duecourse.evidence.seal import FILE, Seal, keep_seal, own_password, read_seal
from duecourse.evidence.sealing import seal_pdf
from duecourse.evidence.verifying import read_sealed
from duecourse.portal.texts import LANGUAGES
from duecourse.privacy.keyring import Keyring
from sealed_files import PUBLIC, WALL, a_seal, a_typesetter, seen_by

TITLES = {
    "zh-CN": "贷款结清证明", "zh-TW": "貸款結清證明", "en": "Settlement certificate",
    "es": "Certificado de cancelación", "pt-BR": "Certificado de quitação",
    "id": "Surat keterangan lunas", "vi": "Giấy xác nhận tất toán",
}  # fmt: skip


def told(language: str = "en") -> Told:
    """What stands on a certificate."""
    parts = {"principal": 2_000_000, "interest": 60_000, "penalty": 1_500}
    return Told(
        "Harbour Finance", "400-810-6688", "张三丰 Maria", "110***********1234", "HT-2023-000123", "home loan", "CNY",
        2_000_000, date(2023, 3, 10), 2_061_500, parts, date(2026, 3, 10), date(2026, 3, 11), "20260310-7F3A9C2E",
        "ABCDEFGHJKMN", f"{PUBLIC}/check/certificate", language,
    )  # fmt: skip


@cache
def one() -> bytes:
    """One of them, in English."""
    return sealed()


def sealed(seal: Seal | None = None, language: str = "en", timestamp_url: str = "") -> bytes:
    """A certificate under a seal."""
    seal = seal or a_seal()
    page = draw(a_typesetter(), told(language), at=WALL, demonstration=seal.demonstration)
    seen = appearance_of(a_typesetter(), seal, language, on=date(2026, 3, 11), at=WALL)
    return seal_pdf(page, seal, seen, reason="Settlement certificate", timestamp_url=timestamp_url)


def issued(
    name: str,
    key: Any,
    *,
    begins: datetime = WALL - timedelta(days=1),
    ends: datetime = WALL + timedelta(days=365),
    usage: KeyUsage | None = None,
    extended: ExtendedKeyUsage | None = None,
) -> Certificate:
    """A certificate that signs itself."""
    subject = Name([NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(random_serial_number()).not_valid_before(begins).not_valid_after(ends)
    )  # fmt: skip
    for extension in (usage, extended):
        if extension is not None:
            builder = builder.add_extension(extension, critical=True)
    return builder.sign(key, SHA256())


def for_encryption_alone() -> KeyUsage:
    """A key usage that does not let sign."""
    return KeyUsage(False, False, True, False, False, False, False, False, False)


def test_pdfsig_finds_a_valid_pades_signature_over_the_whole_file(tmp_path: Path) -> None:
    said = seen_by("pdfsig", one(), tmp_path)
    for line in (
        "Signature Validation: Signature is Valid.", "Total document signed", "ETSI.CAdES.detached", "SHA-256",
        "Signer Certificate Common Name: 海港消费金融", "DEMONSTRATION SEAL",
    ):  # fmt: skip
        assert line in said
    assert said.count("Signature #") == 1


def test_the_signature_is_what_pades_baseline_b_asks_for() -> None:
    (signature,) = PdfFileReader(BytesIO(one())).embedded_regular_signatures
    attributes = {each["type"].native: each["values"] for each in signature.signer_info["signed_attrs"]}
    assert {"content_type", "message_digest", "signing_certificate_v2"} <= attributes.keys()
    assert "signing_time" not in attributes
    bound = attributes["signing_certificate_v2"][0]["certs"][0]["cert_hash"].native
    der = a_seal().certificate.public_bytes(serialization.Encoding.DER)
    assert bound == hashlib.sha256(der).digest()
    assert signature.sig_object["/SubFilter"] == "/ETSI.CAdES.detached"
    assert signature.docmdp_level is not None and signature.docmdp_level.name == "NO_CHANGES"


def test_our_own_reader_says_whose_seal_it_is() -> None:
    found = read_sealed(one())
    assert found is not None and found.intact and found.seal == a_seal().fingerprint
    assert found.signer == "海港消费金融" and found.stamped_at is None


def test_a_change_of_any_octet_is_seen() -> None:
    pdf = one()
    (signature,) = PdfFileReader(BytesIO(pdf)).embedded_regular_signatures
    start, length, after, rest = (int(each) for each in signature.byte_range)
    places = random.Random(7).sample([*range(start, length), *range(after, after + rest)], 25)
    for at in places:
        changed = bytearray(pdf)
        changed[at] ^= 0x04
        found = read_sealed(bytes(changed))
        assert found is None or not found.intact, at


@pytest.mark.parametrize("more", [b"\n", b"%EOF\n", b"1 0 obj\n<<>>\nendobj\n"])
def test_what_is_added_behind_it_is_seen(more: bytes) -> None:
    found = read_sealed(one() + more)
    assert found is None or not found.intact


@pytest.mark.parametrize("octets", [b"", b"%PDF-1.7\n", b"\0" * 5000, b"%PDF-1.7\nstartxref\n9999999\n%%EOF"])
def test_what_is_no_sealed_pdf_has_no_seal(octets: bytes) -> None:
    assert read_sealed(octets) is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_of_the_pages_has_a_certificate_with_one_page(language: str, tmp_path: Path) -> None:
    pdf = sealed(language=language)
    text = seen_by("pdftotext", pdf, tmp_path)
    assert printed("ABCDEFGHJKMN") in text and "20260310-7F3A9C2E" in text and "HT-2023-000123" in text
    assert TITLES.get(language, "") in text and text.count("\f") == 1


def test_parts_of_what_was_paid_are_said_where_the_book_knows_them(tmp_path: Path) -> None:
    text = seen_by("pdftotext", one(), tmp_path)
    for said in ("CN¥20,615.00", "of which principal", "of which interest", "CN¥600.00", "fees and charges"):
        assert said in text


def test_an_elliptic_key_seals_too(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    pdf = sealed(Seal(key, issued("Harbour", key)))
    found = read_sealed(pdf)
    assert found is not None and found.intact
    assert "Signature is Valid" in seen_by("pdfsig", pdf, tmp_path)
    assert "DEMONSTRATION" not in seen_by("pdftotext", pdf, tmp_path)


def test_a_seal_of_the_home_folder_opens_with_the_key_ring_alone(tmp_path: Path) -> None:
    ring = Keyring.new()
    path = keep_seal(a_seal(), ring, tmp_path, replace=False)
    assert path == tmp_path / FILE and stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_seal(path, own_password(ring), now=WALL).fingerprint == a_seal().fingerprint
    with pytest.raises(DuecourseError, match="K011"):
        read_seal(path, own_password(Keyring.new()), now=WALL)
    with pytest.raises(DuecourseError, match="K013"):
        keep_seal(a_seal(), ring, tmp_path, replace=False)
    assert [each.name for each in tmp_path.iterdir()] == [FILE]


def test_a_seal_that_cannot_seal_is_refused(tmp_path: Path) -> None:
    strong, weak = rsa.generate_private_key(65537, 2048), rsa.generate_private_key(65537, 1024)
    day = timedelta(days=1)
    for seal, why in (
        (Seal(strong, issued("x", strong, ends=WALL - day / 2)), "has expired"),
        (Seal(strong, issued("x", strong, begins=WALL + day)), "holds only from"),
        (Seal(weak, issued("x", weak)), "1024 bits"),
        (Seal(strong, issued("x", strong, usage=for_encryption_alone())), "not for signing"),
    ):
        path = tmp_path / "seal.p12"
        path.write_bytes(seal.to_pkcs12(b"secret"))
        with pytest.raises(DuecourseError, match=why) as caught:
            read_seal(path, b"secret", now=WALL)
        assert caught.value.problems[0].code == "K012"


def test_a_file_that_is_no_seal_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "seal.p12"
    with pytest.raises(DuecourseError, match="K010"):
        read_seal(path, b"", now=WALL)
    alone = pkcs12.serialize_key_and_certificates(
        b"x", None, a_seal().certificate, None, serialization.BestAvailableEncryption(b"secret")
    )
    for octets in (b"", b"nonsense", a_seal().to_pkcs12(b"another"), alone):
        path.write_bytes(octets)
        with pytest.raises(DuecourseError, match="K011"):
            read_seal(path, b"secret", now=WALL)


def test_the_key_is_shown_by_nothing() -> None:
    assert "RSAPrivateKey" not in repr(a_seal()) and "key=" not in repr(a_seal())


@contextmanager
def authority(answer: Any) -> Iterator[str]:
    """An authority of time on loopback; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = self.rfile.read(int(self.headers["Content-Length"]))
            status, body = answer(asked)
            self.send_response(status)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return None

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_an_authority_of_time_makes_it_baseline_t(tmp_path: Path) -> None:
    key = rsa.generate_private_key(65537, 2048)
    usage = ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
    certificate = issued("Clock", key, extended=usage).public_bytes(serialization.Encoding.DER)
    secret = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    stamped = datetime.now(UTC).replace(microsecond=0)
    clock = DummyTimeStamper(
        x509.Certificate.load(certificate), keys.PrivateKeyInfo.load(secret), fixed_dt=stamped
    )

    def answer(asked: bytes) -> tuple[int, bytes]:
        return 200, clock.request_tsa_response(tsp.TimeStampReq.load(asked)).dump()

    with authority(answer) as url:
        found = read_sealed(pdf := sealed(timestamp_url=url))
    assert found is not None and found.intact and found.stamped_at == stamped
    assert "Signature is Valid" in seen_by("pdfsig", pdf, tmp_path)


def test_without_its_answer_nothing_is_sealed() -> None:
    with authority(lambda _: (500, b"")) as url:
        for address in (url, "http://127.0.0.1:1/"):
            with pytest.raises(DuecourseError) as caught:
                sealed(timestamp_url=address)
            assert caught.value.problems[0].code == "K014" and caught.value.exit_code == 3
