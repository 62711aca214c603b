"""Expected cash by day: what falls due, what comes, and that nothing of the future is read."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from duecourse.book.cash import ENOUGH, Cash, expected_cash
from lender import Lender

MARCH = {"from_on": date(2026, 3, 1), "to_on": date(2026, 3, 31)}


def cash(lender: Lender, as_of: str = "2026-03-01", **span: date) -> Cash:
    return expected_cash(lender.conn, as_of=date.fromisoformat(as_of), **{**MARCH, **span})


def by_day(found: Cash) -> dict[tuple[str, str], tuple[int, int, int]]:
    return {
        (one.day.isoformat(), one.currency): (one.due_minor, one.expected_minor, one.installments)
        for one in found.days
    }


def paid(lender: Lender, loan: str, on: str, amount_minor: int) -> None:
    """A payment of so much, as an import would leave it."""
    lender.conn.execute(
        """WITH paid AS (
               INSERT INTO payment (lane, loan_id, payment_id, source, reference, amount_minor, paid_on, effective_at,
                   recorded_at)
               SELECT lane, loan_id, gen_random_uuid(), 'core', %s, %s, %s, now(), now() FROM loan WHERE loan_ref = %s
               RETURNING lane, loan_id, payment_id, paid_on, amount_minor)
           INSERT INTO allocation (lane, loan_id, number, payment_id, part, from_on, until_on, amount_minor)
           SELECT lane, loan_id, 1, payment_id, 'due', paid_on, 'infinity', amount_minor FROM paid""",
        (on, amount_minor, on, loan),
    )
    lender.conn.execute(
        """UPDATE installment i SET settled_on = %s FROM loan l
           WHERE l.lane = i.lane AND l.loan_id = i.loan_id AND l.loan_ref = %s AND %s >= i.due_minor""",
        (on, loan, amount_minor),
    )


def seen(lender: Lender, name: str, count: int, late_days: list[int | None], **columns: str) -> None:
    """So many installments that fell due in January, paid so many days late in turn (None: not at all)."""
    rows = "loan due_on amount\n" + "\n".join(f"{name}-{n} 2025-10-10 100.00 CNY" for n in range(count))
    lender.book(rows, **columns)
    for n in range(count):
        late = late_days[n % len(late_days)]
        if late is not None:
            paid(
                lender,
                f"{name}-{n}",
                date.fromordinal(date(2025, 10, 10).toordinal() + late).isoformat(),
                100_00,
            )


def test_with_nothing_seen_everybody_is_taken_to_pay_on_the_due_day(lender: Lender) -> None:
    lender.book("""
        loan  due_on      amount
        L-1   2026-03-10  100.00 CNY
        L-2   2026-03-10  50.00 CNY
        L-3   2026-03-10  7.00 USD
        L-4   2026-04-02  1.00 CNY
    """)
    found = cash(lender)
    assert by_day(found) == {
        ("2026-03-10", "CNY"): (150_00, 150_00, 2),
        ("2026-03-10", "USD"): (7_00, 7_00, 1),
    }
    assert {one.level for one in found.lateness} == {"none"}


def test_money_comes_as_late_as_it_came(lender: Lender) -> None:
    seen(lender, "S", 4, [0, 0, 5, None])
    lender.book("loan due_on amount\nL-1 2026-03-10 100.00 CNY")
    found = cash(lender)
    assert by_day(found) == {
        ("2026-03-10", "CNY"): (100_00, 50_00, 1),
        ("2026-03-15", "CNY"): (0, 25_00, 0),
    }
    assert [(one.level, one.installments) for one in found.lateness] == [("currency", 4)]
    assert round(found.lateness[0].curve.unpaid_share, 6) == Decimal("0.25")


def test_what_is_late_already_comes_with_what_is_left_of_its_chance(lender: Lender) -> None:
    seen(lender, "S", 4, [0, 0, 5, None])
    lender.book("loan due_on amount\nL-1 2026-02-27 100.00 CNY")
    found = by_day(cash(lender))
    # Of those not paid on the due day half came on day 5. L-1 itself, watched for two days, changes nothing of it.
    assert found == {("2026-03-04", "CNY"): (0, 50_00, 0)}


def test_only_what_is_still_open_is_expected(lender: Lender) -> None:
    lender.book(
        "loan due_on amount\nL-1 2026-03-10 100.00 CNY\nL-2 2026-03-10 100.00 CNY\nL-3 2026-03-10 9.00 CNY"
    )
    paid(lender, "L-1", "2026-02-20", 30_00)
    paid(lender, "L-2", "2026-02-20", 100_00)
    lender.conn.execute("UPDATE loan SET state = 'closed' WHERE loan_ref = 'L-3'")
    assert by_day(cash(lender)) == {("2026-03-10", "CNY"): (70_00, 70_00, 1)}


def test_nothing_after_the_day_is_known(lender: Lender) -> None:
    seen(lender, "S", 4, [0, 0, 5, None])
    lender.book("loan due_on amount\nL-1 2026-03-10 100.00 CNY")
    before = cash(lender)
    paid(lender, "L-1", "2026-03-05", 100_00)  # after the 1st
    paid(lender, "S-3", "2026-03-02", 100_00)
    lender.book("loan statement_on due_on amount\nL-9 2026-03-05 2026-03-20 80.00 CNY")
    after = cash(lender)
    assert after == before


def test_product_and_grade_count_where_enough_of_them_was_seen(lender: Lender) -> None:
    seen(lender, "A", ENOUGH, [0], product="card", grade="A")
    seen(lender, "B", 5, [10], product="card", grade="B")
    lender.book("loan due_on amount\nL-A 2026-03-10 100.00 CNY\n", product="card", grade="A")
    lender.book("loan due_on amount\nL-B 2026-03-11 100.00 CNY\n", product="card", grade="B")
    lender.book("loan due_on amount\nL-C 2026-03-12 100.00 CNY\n", product="other", grade="B")
    found = cash(lender)
    assert [(one.product, one.grade, one.level, one.installments) for one in found.lateness] == [
        ("card", "A", "product and grade", ENOUGH),
        ("card", "B", "product", ENOUGH + 5),
        ("other", "B", "currency", ENOUGH + 5),
    ]
    assert by_day(found)["2026-03-10", "CNY"] == (100_00, 100_00, 1)


def test_a_statement_taken_over_by_the_next_was_watched_until_then(lender: Lender) -> None:
    lender.book("loan statement_on due_on amount\nR-1 2025-12-01 2025-12-20 100.00 CNY")
    lender.conn.execute("UPDATE installment SET superseded_on = '2026-01-01'")
    lender.book("loan statement_on due_on amount\nL-1 2026-02-20 2026-03-10 100.00 CNY")
    found = cash(lender)
    assert by_day(found) == {("2026-03-10", "CNY"): (100_00, 0, 1)}
    assert found.lateness[0].curve.unpaid_share == 1
