"""The mappings that come with the program, on samples made from the fields Fineract and Frappe Lending document."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest

from duecourse.book.importing import ImportReport, import_book
from duecourse.book.reading import contact_points_of, find_borrower
from duecourse.book.shipped import find_mapping, shipped_mappings, shipped_text
from duecourse.domain.problems import DuecourseError
from duecourse.privacy.keyring import Keyring

from .conftest import NOW

SAMPLES = Path(__file__).parent / "samples"
Bring = Callable[..., ImportReport]


PAYMENTS = """SELECT p.reference, p.amount_minor, p.paid_on, r.reversed_on
    FROM payment p LEFT JOIN reversal r USING (lane, payment_id) ORDER BY 1"""


@pytest.fixture
def brought(database: psycopg.Connection, keyring: Keyring) -> Bring:
    def brought(file: str, mapping: str, **settings: str) -> ImportReport:
        return import_book(database, keyring, SAMPLES / file, find_mapping(Path(mapping), settings), now=NOW)

    return brought


def installments(conn: psycopg.Connection, ref: str) -> list[tuple[Any, ...]]:
    query = """SELECT number, due_on::text, due_minor, i.principal_minor, interest_minor, fee_minor
               FROM installment i JOIN loan USING (lane, loan_id) WHERE loan_ref = %s ORDER BY 1"""
    return conn.execute(query, (ref,)).fetchall()


def test_every_shipped_mapping_loads_and_says_what_it_is_for() -> None:
    found = shipped_mappings()
    assert {
        "fineract",
        "fineract-clients",
        "frappe",
        "frappe-loan",
        "frappe-schedule",
        "frappe-repayment",
    } <= set(found)
    assert all(found.values())
    assert shipped_text("fineract").startswith("# Loans of Apache Fineract")


def test_an_unknown_name_is_answered_with_those_there_are() -> None:
    with pytest.raises(DuecourseError, match=r"comes with the program: fineract, .*B073"):
        find_mapping(Path("finerakt"))


def test_a_setting_that_the_mapping_does_not_have_is_refused() -> None:
    with pytest.raises(DuecourseError, match=r"no \[vars\] named 'regio'; it has creditor, .*B072"):
        find_mapping(Path("fineract"), {"regio": "KE"})


# -- Fineract --------------------------------------------------------------------------------------------------------


def test_a_fineract_loan_brings_its_borrower_installments_and_payments(
    database: psycopg.Connection, keyring: Keyring, brought: Bring
) -> None:
    report = brought("fineract-loans.json", "fineract")
    assert (report.rejected, report.problems) == (0, [])
    loans = """SELECT loan_ref, product, currency, principal_minor, annual_rate::text, started_on, state
        FROM loan ORDER BY 1"""
    assert database.execute(loans).fetchall() == [
        ("000000007", "Salary Advance", "KES", 300000, "0.18000000", date(2026, 1, 10), "open"),
        ("000000008", "Salary Advance", "KES", 50000, "0.18000000", date(2026, 1, 10), "closed"),
    ]
    # The disbursement row is none; fees and penalties are one; what was waived is not due.
    assert installments(database, "000000007") == [
        (1, "2026-02-10", 103015, 98515, 4500, 0),
        (2, "2026-03-10", 104565, 99993, 3022, 1550),
        (3, "2026-04-10", 102492, 101492, 1000, 0),
    ]
    # The disbursement, the accrual and the waiver are no payments; the reversed repayment counted until its reversal.
    assert database.execute(PAYMENTS).fetchall() == [
        ("22", 103015, date(2026, 2, 8), date(2026, 2, 9)),
        ("23", 103015, date(2026, 2, 9), None),
        ("31", 50750, date(2026, 2, 1), None),
    ]
    borrower = find_borrower(database, keyring, "11")
    assert borrower is not None and (borrower.region, borrower.zone) == ("KE", "Africa/Nairobi")
    again = brought("fineract-loans.json", "fineract")
    assert not [kind for kind, n in again.counts.items() if n and not kind.endswith("same")]


def test_a_client_who_was_imported_first_keeps_their_place(
    database: psycopg.Connection, keyring: Keyring, brought: Bring
) -> None:
    where = {"region": "UG", "zone": "Africa/Kampala", "language": "en"}
    report = brought("fineract-clients.json", "fineract-clients", **where)
    assert (report.rows, report.rejected, report.codes) == (2, 0, {"B019": 1})  # 123 is no number anywhere
    where |= {"region": "KE", "zone": "Africa/Nairobi"}
    report = brought("fineract-clients.json", "fineract-clients", **where)
    assert report.codes == {"B019": 1}
    brought("fineract-loans.json", "fineract", region="TZ", zone="Africa/Dar_es_Salaam")
    borrower = find_borrower(database, keyring, "11")
    assert borrower is not None and borrower.zone == "Africa/Nairobi"
    points = contact_points_of(database, borrower.lane, borrower.borrower_id)
    assert sorted(point.channel for point in points if point.state == "active") == ["email", "sms"]


def test_clients_without_a_place_are_refused(brought: Bring) -> None:
    report = brought("fineract-clients.json", "fineract-clients")
    assert report.rejected == 2 and set(report.codes) == {"B016"}


# -- Frappe ----------------------------------------------------------------------------------------------------------

SCHEDULE = [
    (1, "2026-02-05", 1074800, 939800, 135000, 0),
    (2, "2026-03-05", 1074800, 950373, 124427, 0),
    (3, "2026-04-05", 1074800, 961064, 113736, 0),
]


@pytest.mark.parametrize(
    "files",
    [
        [("frappe.json", "frappe")],
        [
            ("frappe-loan.csv", "frappe-loan"),
            ("frappe-schedule.csv", "frappe-schedule"),
            ("frappe-repayment.csv", "frappe-repayment"),
        ],
    ],
    ids=["json", "csv"],
)
def test_frappes_doctypes_become_a_book(
    database: psycopg.Connection, keyring: Keyring, brought: Bring, files: list[tuple[str, str]]
) -> None:
    for file, mapping in files:
        assert brought(file, mapping).problems == []
    loans = (
        "SELECT loan_ref, creditor, product, currency, principal_minor, annual_rate::text, state FROM loan"
    )
    assert database.execute(loans).fetchall() == [
        ("ACC-LOAN-2026-00001", "frappe", "Personal Loan", "INR", 12000000, "0.13500000", "open")
    ]  # the sanctioned one was not paid out
    assert installments(database, "ACC-LOAN-2026-00001") == SCHEDULE  # the restructured schedule is none
    assert database.execute(PAYMENTS).fetchall() == [
        ("LM-REP-0001", 1074800, date(2026, 2, 4), None),
        ("LM-REP-0002", 50000, date(2026, 2, 20), date(2026, 2, 21)),  # cancelled, and counted until then
    ]
    borrower = find_borrower(database, keyring, "CUST-0001")
    assert borrower is not None and borrower.region == "IN"


def test_a_repayment_that_frappe_cancels_later_is_taken_back_though_no_day_is_exported(
    database: psycopg.Connection, keyring: Keyring, brought: Bring, tmp_path: Path
) -> None:
    brought("frappe-loan.csv", "frappe-loan")
    brought("frappe-repayment.csv", "frappe-repayment")
    later = tmp_path / "repayment.csv"
    later.write_text(
        "name,docstatus,against_loan,posting_date,amount_paid\n"
        "LM-REP-0001,2,ACC-LOAN-2026-00001,2026-02-04 10:15:00,10748.0\n"
    )
    report = import_book(database, keyring, later, find_mapping(Path("frappe-repayment")), now=NOW)
    assert (report.counts["payments same"], report.counts["reversals new"]) == (1, 1)
    assert database.execute(PAYMENTS).fetchall()[0][2:] == (date(2026, 2, 4), date(2026, 2, 4))


def test_a_repayment_that_fineract_reverses_later_without_a_day_is_taken_back(
    database: psycopg.Connection, keyring: Keyring, brought: Bring, tmp_path: Path
) -> None:
    brought("fineract-loans.json", "fineract")
    loans = json.loads((SAMPLES / "fineract-loans.json").read_text())
    for transaction in loans[0]["transactions"]:
        if transaction["id"] == 23:
            transaction["manuallyReversed"] = True
    later = tmp_path / "loans.json"
    later.write_text(json.dumps(loans))
    report = import_book(database, keyring, later, find_mapping(Path("fineract")), now=NOW)
    assert report.counts["reversals new"] == 1
    assert ("23", 103015, date(2026, 2, 9), date(2026, 2, 9)) in database.execute(PAYMENTS).fetchall()


def test_frappes_penalties_and_charges_stand_beside_the_schedule(
    database: psycopg.Connection, brought: Bring
) -> None:
    brought("frappe-loan.csv", "frappe-loan")
    brought("frappe-schedule.csv", "frappe-schedule")
    assert brought("frappe-demand.csv", "frappe-demand").problems == []
    assert installments(database, "ACC-LOAN-2026-00001") == [
        *SCHEDULE,
        (1000042, "2026-02-06", 20000, None, None, 20000),
        (1000043, "2026-02-06", 11800, None, None, 11800),
    ]
