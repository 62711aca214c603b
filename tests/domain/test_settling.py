"""What ends a loan early: the engine's own figures from the lender's installments alone, or none."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from duecourse.domain.day_count import DayCount
from duecourse.domain.schedule import (
    Due,
    Method,
    PrepaymentError,
    Settlement,
    Terms,
    Then,
    clipped,
    run_schedule,
)
from duecourse.domain.settling import ROUNDING_MINOR, Contract, Ending, Listed, Unknown, ending_of, fee_minor

from .test_schedule_laws import contracts, prepaid

LEVEL = [Method.ANNUITY, Method.EQUAL_PRINCIPAL, Method.INTEREST_ONLY]


def listed(rows: list[Due] | tuple[Due, ...], *, paid_through: date) -> list[Listed]:
    """As a lender's file lists them, paid as they fell due."""
    return [
        Listed(
            row.number,
            row.due_on,
            row.due_on,
            row.due_minor,
            row.principal_minor,
            row.interest_minor,
            row.due_minor if row.due_on <= paid_through else 0,
            row.due_on > paid_through,
        )
        for row in rows
        if not row.is_prepayment
    ]


def known_of(method: Method, terms: Terms, on: date) -> Contract:
    """What a book has: today's rate, not how often it changed."""
    rates = [
        terms.annual_rate,
        *(one.annual_rate for one in sorted(terms.repricings, key=lambda r: r.day) if one.day <= on),
    ]
    return Contract(method, rates[-1], terms.day_count, terms.started_on, terms.principal_minor)


def asked(method: Method, terms: Terms, share: float) -> tuple[Ending | Unknown, Settlement]:
    """The book's answer for a day of the loan's life, and the engine's, which knows all terms."""
    whole = run_schedule(method, terms)
    assert terms.started_on is not None
    on = terms.started_on + timedelta(int((whole.rows[-1].due_on - terms.started_on).days * share))
    engine = run_schedule(method, terms, settle_on=on).settlement
    assert engine is not None
    return ending_of(
        known_of(method, terms, on), listed(whole.rows, paid_through=on), on=on, today=on
    ), engine


@given(contracts(), st.sampled_from(LEVEL), st.floats(0, 0.99))
def test_of_a_contract_without_hidden_terms_it_is_the_engines_to_the_cent(
    terms: Terms, method: Method, share: float
) -> None:
    first = clipped(terms.first_due_on, 31) if terms.month_end else terms.first_due_on
    terms = replace(terms, first_due_on=first, interest_grace=0, repricings=())
    assume(terms.periods > 1)
    ending, engine = asked(method, terms, share)
    assume(engine.principal_minor)
    assert isinstance(ending, Ending), ending
    assert ending.settlement == engine
    assert ending.due_minor == 0


TINY = Terms(
    164, Decimal("0.0915"), 3, date(2024, 1, 1), started_on=date(2023, 11, 2), day_count=DayCount.ACTUAL_360,
    interest_grace=2,
)  # fmt: skip
"""Of which a month's interest is one cent, so that a file that asks for none looks like one of a loan that bears it."""


@example(TINY, Method.ANNUITY, None, 0.5)
@given(
    contracts(),
    st.sampled_from([*LEVEL, Method.FLAT, Method.BULLET]),
    st.none() | st.tuples(st.floats(0.001, 0.5), st.sampled_from(Then), st.floats(0, 1)),
    st.floats(0, 0.99),
)
def test_of_any_other_it_is_the_engines_or_a_persons(
    terms: Terms, method: Method, prepayment: tuple[float, Then, float] | None, share: float
) -> None:
    """Grace, new rates, money that came between due days: what a book does not know, and sees only where it shows: not
    where all the interest of a period is within the rounding, which grace then carries from one period to the next.
    """
    if prepayment:
        terms = prepaid(terms, *prepayment)
    try:
        ending, engine = asked(method, terms, share)
    except PrepaymentError:  # more than is owed by then
        assume(False)
    if isinstance(ending, Ending) and all(one.day <= engine.day for one in terms.prepayments):
        assert ending.settlement.principal_minor == engine.principal_minor
        unseen = (ROUNDING_MINOR + 1) * (1 + terms.interest_grace)
        assert abs(ending.settlement.interest_minor - engine.interest_minor) <= unseen


BOOK = Contract(Method.ANNUITY, Decimal("0.12"), None, date(2026, 1, 10), 300_00)
ROWS = [
    Listed(n, date(2026, n + 1, 10), date(2026, n + 1, 10), 100_00 + interest, 100_00, interest, 0, True)
    for n, interest in ((1, 3_00), (2, 2_00), (3, 1_00))
]
ON = date(2026, 2, 24)


def test_what_falls_due_until_the_day_stands_beside_what_ends_the_loan() -> None:
    found = ending_of(BOOK, ROWS, on=ON, today=date(2026, 2, 1))
    assert found == Ending(103_00, Settlement(ON, 200_00, 1_00), 203_00, 14)
    assert found.amount_minor == 304_00
    assert fee_minor(200_00, Decimal("1.5")) == 3_00


def test_on_the_last_day_nothing_is_left_to_end() -> None:
    found = ending_of(BOOK, ROWS, on=date(2026, 4, 10), today=date(2026, 2, 1))
    assert found == Ending(306_00, Settlement(date(2026, 4, 10), 0, 0), 0, 0)


@pytest.mark.parametrize(
    ("why", "contract", "rows", "today"),
    [
        (Unknown.CLOSED, {}, [{"is_open": False}] * 3, ON),
        (Unknown.STATEMENTS, {"method": Method.REVOLVING}, [{}] * 3, date(2026, 2, 1)),
        (Unknown.OVERDUE, {}, [{}] * 3, ON),
        (Unknown.PAID_AHEAD, {}, [{}, {"paid_minor": 1}, {}], date(2026, 2, 1)),
        (Unknown.PAID_AHEAD, {}, [{}, {}, {"is_open": False}], date(2026, 2, 1)),
        (Unknown.PARTS, {}, [{}, {}, {"principal_minor": None}], date(2026, 2, 1)),
        (Unknown.PARTS, {}, [{}, {}, {"due_minor": 102_00}], date(2026, 2, 1)),
        (Unknown.NO_RATE, {"annual_rate": None}, [{}] * 3, date(2026, 2, 1)),
        (Unknown.CONTRACT, {"annual_rate": Decimal("0.13")}, [{}] * 3, date(2026, 2, 1)),
        (Unknown.CONTRACT, {"day_count": DayCount.ACTUAL_360}, [{}] * 3, date(2026, 2, 1)),
    ],
    ids=lambda value: value.value if isinstance(value, Unknown) else "",
)
def test_where_the_book_does_not_know_enough_it_says_why(
    why: Unknown, contract: dict[str, object], rows: list[dict[str, object]], today: date
) -> None:
    changed = [replace(row, **more) for row, more in zip(ROWS, rows, strict=True)]  # type: ignore[arg-type]
    assert ending_of(replace(BOOK, **contract), changed, on=ON, today=today) is why  # type: ignore[arg-type]
