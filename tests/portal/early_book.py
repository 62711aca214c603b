"""A loan whose terms the book knows, for the tests of what ends it early."""

from __future__ import annotations

from datetime import date

from lender import Lender

FIRST = date(2026, 3, 15)


def lend_on_terms(
    lender: Lender, loan: str, borrower: str, product: str = "cash-loan", times: int = 1
) -> None:
    """300.00 at 12 % a year in three parts of 100.00 from 15 March 2026 on, that many times over."""
    days = [FIRST, date(2026, 4, 15), date(2026, 5, 15)]
    for number, day in enumerate(days, start=1):
        amount = 100 * times + (4 - number) * times
        lender.book(f"loan product due_on amount\n{loan} {product} {day} {amount}.00 CNY", borrower=borrower)
    with lender.conn.transaction():
        lender.conn.execute(
            """UPDATE loan SET method = 'equal-principal', annual_rate = 0.12, principal_minor = %s,
                   started_on = '2026-02-15' WHERE loan_ref = %s""",
            (300_00 * times, loan),
        )
        lender.conn.execute(
            """UPDATE installment i SET principal_minor = %s, interest_minor = due_minor - %s
               FROM loan l WHERE l.lane = i.lane AND l.loan_id = i.loan_id AND l.loan_ref = %s""",
            (100_00 * times, 100_00 * times, loan),
        )
