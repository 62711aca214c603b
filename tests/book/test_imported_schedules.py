"""What installments an import makes of rows that name none: of a loan's terms, or of a year's columns."""

from __future__ import annotations

from datetime import date

import pytest

from .conftest import BORROWER, HEAD, LOAN, Importer

PEOPLE = HEAD + BORROWER

TERMS = (
    PEOPLE
    + LOAN.replace('"given"', '"{method}"')
    + """
    principal = "{principal}"
    annual_rate = { column = "rate", percent = true }
    started_on = "2025-12-31"

    [loan.schedule]
    periods = "{months}"
    first_due_on = "2026-01-31"
    total = "{total}"
"""
)


def test_a_loan_that_stands_twice_has_the_schedule_of_its_terms_once(bring: Importer) -> None:
    header = "cust,name,loan,method,principal,rate,months,total\n"
    report = bring(TERMS, header + "C1,A,L1,annuity,10000,12,3,10200.67\n" * 2)
    assert (report.rejected, report.counts["installments new"]) == (0, 3)
    assert bring.all("SELECT number FROM installment ORDER BY 1") == [(1,), (2,), (3,)]


def test_a_schedule_is_computed_from_terms_and_new_terms_drop_what_is_gone(bring: Importer) -> None:
    header = "cust,name,loan,method,principal,rate,months,total\n"
    bring(TERMS, header + "C1,A,L1,annuity,10000,12,3,10200.67\n")
    assert bring.all("SELECT due_on, principal_minor, interest_minor FROM installment ORDER BY number") == [
        (date(2026, 1, 31), 330022, 10000),
        (date(2026, 2, 28), 333322, 6700),
        (date(2026, 3, 31), 336656, 3367),
    ]
    bring(TERMS, header + "C1,A,L1,equal-principal,10000,12,2,\n")
    assert bring.all("SELECT number, principal_minor FROM installment ORDER BY number") == [
        (1, 500000),
        (2, 500000),
    ]
    assert bring.all("SELECT count(*) FROM book_history WHERE subject = 'installment'") == [(3,)]


SCHEDULES = (
    PEOPLE
    + LOAN.replace('"given"', '"{method}"')
    + """
    principal = 12000
    annual_rate = 0.12
    started_on = "{started}"

    [loan.schedule]
    periods = 3
    first_due_on = "{first}"
"""
)


@pytest.mark.parametrize(
    ("method", "started", "first", "terms", "dues"),
    [
        (
            "interest-only",
            "2026-01-15",
            "2026-02-15",
            "",
            [("02-15", 0, 12000), ("03-15", 0, 12000), ("04-15", 1200000, 12000)],
        ),
        (
            "flat",
            "2026-01-15",
            "2026-02-15",
            "",
            [("02-15", 400000, 12000), ("03-15", 400000, 12000), ("04-15", 400000, 12000)],
        ),
        ("bullet", "2026-01-15", "2026-02-15", "", [("04-15", 1200000, 36000)]),
        (
            "equal-principal",
            "2026-01-15",
            "2026-01-29",
            'every = "2w"',
            [("01-29", 400000, 5538), ("02-12", 400000, 3692), ("02-26", 400000, 1846)],
        ),
        (
            "interest-only",
            "2026-01-31",
            "2026-02-28",
            'due_day = 31\n    day_count = "actual/actual"',
            [("02-28", 0, 11047), ("03-31", 0, 12230), ("04-30", 1200000, 11836)],
        ),
        (
            "equal-principal",
            "2026-01-15",
            "2026-02-15",
            "balloon = 6000\n    principal_grace = 1",
            [("02-15", 0, 12000), ("03-15", 300000, 12000), ("04-15", 900000, 9000)],
        ),
        (
            "interest-only",
            "2026-01-15",
            "2026-02-15",
            "interest_grace = 1",
            [("02-15", 0, 0), ("03-15", 0, 24000), ("04-15", 1200000, 12000)],
        ),
        (
            "interest-only",
            "2026-01-01",
            "2026-02-15",
            "",
            [("02-15", 0, 17753), ("03-15", 0, 12000), ("04-15", 1200000, 12000)],
        ),
    ],
)
def test_schedules_of_every_method_and_rhythm_are_computed_from_terms(
    method: str, started: str, first: str, terms: str, dues: list[tuple[str, int, int]], bring: Importer
) -> None:
    mapping = SCHEDULES + f"    {terms}\n"
    report = bring(mapping, f"cust,name,loan,method,started,first\nC1,A,L1,{method},{started},{first}\n")
    assert report.problems == []
    found = bring.all(
        "SELECT to_char(due_on, 'MM-DD'), principal_minor, interest_minor FROM installment ORDER BY number"
    )
    assert found == dues


def test_terms_that_cannot_be_or_add_up_to_another_total_are_refused(bring: Importer) -> None:
    report = bring(
        TERMS,
        """
        cust,name,loan,method,principal,rate,months,total
        C1,A,L1,annuity,10000,12,3,10200.68
        C2,A,L2,annuity,10000,12,0,
        C3,A,L3,revolving,10000,12,3,
        C4,A,L4,ballooon,10000,12,3,
        """,
    )
    assert [problem.code for problem in report.problems] == ["B027", "B025", "B025", "B018"]


WIDE = (
    PEOPLE
    + LOAN.replace('"given"', '"revolving"')
    + """
    [[installment]]
    repeat = [{ month = "2026-01", bill = "B1" }, { month = "2026-02", bill = "B2" }]
    number = "{i}"
    statement_on = { month = "{month}", day = 25 }
    due_on = { month = "{month}", plus_months = 1, day = "end" }
    balance = { column = "{bill}", negative = "zero" }
    minimum = { percent = 10, floor = 20 }
    [[payment]]
    repeat = [{ month = "2026-02", paid = "P1" }, { month = "2026-03", paid = "P2" }]
    when = { column = "{paid}", greater = 0 }
    source = "core"
    reference = "{loan}-{month}"
    amount = { column = "{paid}" }
    paid_on = { month = "{month}", day = 10 }
"""
)


def test_wide_rows_become_statements_and_payments(bring: Importer) -> None:
    report = bring(WIDE, "cust,name,loan,B1,B2,P1,P2\nC1,A,L1,500,-3,0,12.5\nC2,B,L2,10,300,10,\n")
    assert report.rejected == 0
    assert bring.all(
        "SELECT loan_ref, number, statement_on, due_on, balance_minor, due_minor"
        " FROM installment JOIN loan USING (lane, loan_id) ORDER BY 1, 2"
    ) == [
        ("L1", 1, date(2026, 1, 25), date(2026, 2, 28), 50000, 5000),
        ("L1", 2, date(2026, 2, 25), date(2026, 3, 31), 0, 0),
        ("L2", 1, date(2026, 1, 25), date(2026, 2, 28), 1000, 1000),
        ("L2", 2, date(2026, 2, 25), date(2026, 3, 31), 30000, 3000),
    ]
    assert bring.all("SELECT reference, amount_minor, paid_on FROM payment ORDER BY 1") == [
        ("L1-2026-03", 1250, date(2026, 3, 10)),
        ("L2-2026-02", 1000, date(2026, 2, 10)),
    ]
