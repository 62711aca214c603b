"""Who issues certificates of a lender's book."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from duecourse.book.payments import find_loan
from duecourse.evidence.issuing import Issued, Issuer
from lender import Lender
from sealed_files import WALL, Make, issuer_of


@pytest.fixture
def issuer(lender: Lender) -> Issuer:
    """Issues certificates of the lender's book."""
    return issuer_of(lender)


@pytest.fixture
def make(issuer: Issuer) -> Make:
    """Issue the certificate of a loan on a day; the last words are fields of Issuer to change."""

    def issue(on: str, loan: str = "L-1", language: str | None = None, **changed: Any) -> Issued:
        place = find_loan(issuer.conn, loan)
        issuer.conn.rollback()
        who = replace(issuer, **changed)
        return who.issue(place.lane, place.loan_id, as_of=date.fromisoformat(on), now=WALL, language=language)

    return issue
