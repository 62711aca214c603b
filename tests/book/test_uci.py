"""The mapping shipped for the UCI card accounts, on the real file where it is found.

DUECOURSE_UCI_CSV names it; else it is looked for beside the checkout.
"""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import psycopg
import pytest

from duecourse.book.importing import import_book
from duecourse.book.mapping import load_mapping
from duecourse.book.summary import owed, summary
from duecourse.privacy.keyring import Keyring

from .conftest import NOW

ROOT = Path(__file__).parents[2]
BESIDE = ROOT.parent / "shared" / "data" / "uci_credit_card.csv"
FILE = Path(os.environ.get("DUECOURSE_UCI_CSV", BESIDE))
MAPPING = ROOT / "examples" / "uci" / "mapping.toml"


def test_the_mapping_is_well_formed() -> None:
    assert load_mapping(MAPPING).mapping == "uci-credit-card"


@pytest.mark.slow
@pytest.mark.skipif(not FILE.exists(), reason="UCI file not found: set DUECOURSE_UCI_CSV")
def test_the_real_file_gives_the_known_figures(database: psycopg.Connection, keyring: Keyring) -> None:
    mapping = load_mapping(MAPPING)
    report = import_book(database, keyring, FILE, mapping, now=NOW)
    assert (report.rows, report.rejected, report.scientific) == (30_000, 0, 4_262)
    found = summary(database)
    assert {key: found[key] for key in list(found)[:6]} == {
        "borrowers": 30_000,
        "loans": 30_000,
        "installments": 157_963,
        "payments": 143_103,
        "installments_amount": "8102602247",
        "payments_amount": "949541777",
    }
    assert owed(database, date(2005, 9, 30))[0].owed_minor == 1_537_381_257_00
    figures = database.execute(
        """SELECT count(*) FILTER (WHERE extract(day FROM paid_on) >= 25),
                  count(*) FILTER (WHERE paid_on < '2005-04-01' OR paid_on > '2005-09-30') FROM payment"""
    ).fetchone()
    assert figures == (0, 0), "every payment lies in its month and before its statement"
    answered = database.execute(
        """SELECT count(*) FROM payment p
           LEFT JOIN installment i ON i.lane = p.lane AND i.loan_id = p.loan_id
                AND p.paid_on >= i.statement_on AND p.paid_on < i.superseded_on
           WHERE date_trunc('month', p.paid_on) <> date_trunc('month', coalesce(i.due_on, '2005-04-01'))"""
    ).fetchone()
    assert answered == (0,), "a payment answers the statement of the month before"
    database.commit()
