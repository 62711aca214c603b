"""Who issues certificates in tests, when they are sealed, and what other programs see in them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path

from channels.counterparts import program
from duecourse.book.payments import find_loan
from duecourse.domain.typesetting import Typesetter
from duecourse.evidence.issuing import Issued, Issuer
from duecourse.evidence.seal import Seal, make_demonstration_seal
from lender import Lender

WALL = datetime.now(UTC)
"""A signature's own clock is the machine's, so a seal must hold today."""
PUBLIC = "https://notices.lender.example"

Make = Callable[..., Issued]


@cache
def a_seal() -> Seal:
    """One demonstration seal."""
    return make_demonstration_seal("海港消费金融", now=WALL)


@cache
def a_typesetter() -> Typesetter:
    """Reads the fonts once."""
    return Typesetter()


def issuer_of(lender: Lender) -> Issuer:
    """Issues certificates of a lender's book."""
    return Issuer(lender.conn, lender.keyring, a_seal, a_typesetter(), PUBLIC, "", "test")


def close_and_certify(lender: Lender, loan: str, on: str) -> Issued:
    """Pay the first installment of a loan and close it, as a file of the lender's would; then issue its certificate."""
    close(lender, loan, on)
    place = find_loan(lender.conn, loan)
    lender.conn.commit()
    return issuer_of(lender).issue(place.lane, place.loan_id, as_of=date.fromisoformat(on), now=WALL)


def close(lender: Lender, loan: str, on: str, state: str = "closed") -> None:
    """The lender's file says so, or (state `open`) that it is open again."""
    lender.pay(loan, on)
    with lender.conn.transaction():
        query = "UPDATE loan SET state = %s, recorded_at = %s WHERE loan_ref = %s"
        lender.conn.execute(query, (state, f"{on}T09:00+08:00", loan))


def seen_by(name: str, pdf: bytes, folder: Path) -> str:
    """What pdfsig or pdftotext says of a file."""
    path = folder / "seen.pdf"
    path.write_bytes(pdf)
    words = [program(name), str(path), *(["-"] if name == "pdftotext" else [])]
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout
