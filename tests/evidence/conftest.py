"""A seal, and who issues certificates of a lender's book."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from duecourse.book.payments import find_loan
from duecourse.domain.typesetting import Typesetter
from duecourse.evidence.issuing import Issued, Issuer
from duecourse.evidence.seal import Seal, make_demonstration_seal
from lender import Lender
from sealed_files import PUBLIC, WALL, Make


@pytest.fixture(scope="session")
def seal() -> Seal:
    """A demonstration seal."""
    return make_demonstration_seal("海港消费金融", now=WALL)


@pytest.fixture(scope="session")
def typesetter() -> Typesetter:
    """Reads the fonts once."""
    return Typesetter()


@pytest.fixture
def issuer(lender: Lender, seal: Seal, typesetter: Typesetter) -> Issuer:
    """Issues certificates of the lender's book."""
    return Issuer(lender.conn, lender.keyring, lambda: seal, typesetter, PUBLIC, "", "test")


@pytest.fixture
def make(issuer: Issuer) -> Make:
    """Issue the certificate of a loan on a day; the last words are fields of Issuer to change."""

    def issue(on: str, loan: str = "L-1", language: str | None = None, **changed: Any) -> Issued:
        place = find_loan(issuer.conn, loan)
        issuer.conn.rollback()
        day = date.fromisoformat(on)
        return replace(issuer, **changed).issue(
            place.lane, place.loan_id, as_of=day, now=WALL, language=language
        )

    return issue
