"""Putting the seal on a PDF file: a PAdES signature over all of it, after which nothing in it may change.

Baseline B-B, or B-T where an authority stamps the time (RFC 3161). What is seen of the seal is a page of its own, set
like the rest, so that no font is missing in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import Final

from asn1crypto import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import Certificate
from pyhanko.pdf_utils.content import PdfContent
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.layout import AxisAlignment, BoxConstraints, Margins, SimpleBoxLayoutRule
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import MDPPerm, SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, Signer
from pyhanko.sign.timestamps import HTTPTimeStamper, TimeStamper, TimestampRequestError
from pyhanko.stamp import StaticStampStyle
from pyhanko_certvalidator.registry import SimpleCertificateStore

from duecourse.domain.problems import DuecourseError, Problem

from .seal import Seal

FIELD: Final = "Seal"
_DIGEST: Final = "sha256"
TIMESTAMP_SECONDS: Final = 10
"""How long the authority has to answer."""


@dataclass(frozen=True, slots=True)
class Appearance:
    """What is seen of the seal. page: a PDF of one page; box: where it goes on the first page, in points from the lower
    left corner: left, bottom, right, top."""

    page: bytes
    box: tuple[int, int, int, int]


def seal_pdf(
    pdf: bytes, seal: Seal, appearance: Appearance, *, reason: str, timestamp_url: str = ""
) -> bytes:
    """The file with its seal: the same octets and a signature after them. reason: what is sealed; nothing personal.

    Raises DuecourseError K014 when the authority of time does not answer.
    """
    signing = PdfSigner(
        PdfSignatureMetadata(
            field_name=FIELD,
            md_algorithm=_DIGEST,
            reason=reason,
            name=seal.name,
            subfilter=SigSeedSubFilter.PADES,
            certify=True,
            docmdp_permissions=MDPPerm.NO_CHANGES,
        ),
        _Signer(seal),
        timestamper=_timestamper(timestamp_url),
        stamp_style=StaticStampStyle(
            background=_Page(appearance.page),
            background_layout=SimpleBoxLayoutRule(
                AxisAlignment.ALIGN_MID, AxisAlignment.ALIGN_MID, Margins()
            ),
            border_width=0,
        ),
        new_field_spec=SigFieldSpec(FIELD, on_page=0, box=appearance.box),
    )
    sealed = BytesIO()
    try:
        signing.sign_pdf(IncrementalPdfFileWriter(BytesIO(pdf)), output=sealed)
    except TimestampRequestError as error:
        found = f"the authority that stamps the time did not answer as it should ({type(error).__name__})"
        raise DuecourseError(
            Problem("K014", "DUECOURSE_TIMESTAMP_URL", found, "Nothing was sealed."), exit_code=3
        ) from None
    return sealed.getvalue()


class _Signer(Signer):
    """Signs with a key that was read once: the library's own reads and checks it again for every signature."""

    def __init__(self, seal: Seal) -> None:
        above = [_theirs(one) for one in seal.chain]
        registry = SimpleCertificateStore.from_certs(above)  # type: ignore[no-untyped-call]
        super().__init__(signing_cert=_theirs(seal.certificate), cert_registry=registry)
        self._key = seal.key

    async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:
        """The signature of some octets; dry_run: only its length counts."""
        assert digest_algorithm == _DIGEST
        if isinstance(self._key, RSAPrivateKey):
            return self._key.sign(data, PKCS1v15(), SHA256())
        return self._key.sign(data, ECDSA(SHA256()))


class _Page(PdfContent):
    """The first page of a PDF that is not on disk."""

    def __init__(self, pdf: bytes) -> None:
        super().__init__()
        self._pdf = pdf

    def render(self) -> bytes:
        """Import it into the file that is written."""
        writer = self.writer
        assert writer is not None
        page = writer.import_page_as_xobject(PdfFileReader(BytesIO(self._pdf)))
        self.resources.xobject["/Sealed"] = page
        left, bottom, right, top = page.get_object()["/BBox"]
        self.box = BoxConstraints(width=abs(right - left), height=abs(top - bottom))
        return b"/Sealed Do"


def _timestamper(url: str) -> TimeStamper | None:
    return HTTPTimeStamper(url, timeout=TIMESTAMP_SECONDS) if url else None


def _theirs(certificate: Certificate) -> x509.Certificate:
    """A certificate in the classes of the library that signs."""
    return x509.Certificate.load(certificate.public_bytes(serialization.Encoding.DER))
