"""Reading the seal of a PDF file: whose it is, and whether anything was changed since.

Nothing is fetched. Whether others trust the seal's certificate is for their lists to say; here a file is checked
against what this installation has issued.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import Final

from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import ModificationLevel
from pyhanko.sign.validation import SignatureCoverageLevel, validate_pdf_signature
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko_certvalidator import ValidationContext

MOST_BYTES: Final = 20 * 1024 * 1024
"""A larger file is none of ours."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """The seal of a file."""

    signer: str
    """Whom its certificate names."""
    seal: str
    """SHA-256 of that certificate, hexadecimal."""
    intact: bool
    """Nothing was changed in the file, or added to it, since it was sealed."""
    signed_at: datetime | None
    """By the signer's own clock."""
    stamped_at: datetime | None
    """By an authority of time; None without one."""


def read_sealed(pdf: bytes) -> Sealed | None:
    """The seal of a file; None for what is no PDF, or bears no signature."""
    if len(pdf) > MOST_BYTES:
        return None
    try:
        signatures = PdfFileReader(BytesIO(pdf)).embedded_regular_signatures
        if not signatures:
            return None
        first = signatures[0]
        signer = first.signer_cert
        status = validate_pdf_signature(first, ValidationContext(trust_roots=[signer], allow_fetching=False))
    except (PdfError, SignatureValidationError, ValueError, KeyError, TypeError, IndexError, RecursionError):
        return None
    stamp = status.timestamp_validity
    return Sealed(
        signer=str(signer.subject.native.get("common_name") or signer.subject.human_friendly),
        seal=signer.sha256.hex(),
        intact=status.intact
        and status.valid
        and status.coverage is SignatureCoverageLevel.ENTIRE_FILE
        and status.modification_level is ModificationLevel.NONE
        and len(signatures) == 1,
        signed_at=status.signer_reported_dt,
        stamped_at=stamp.timestamp if stamp and stamp.intact and stamp.valid else None,
    )
