"""Payments, reversals and orders of allocation: the set-based SQL against a plain reading of the rule."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import count

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from duecourse.book.allocation_orders import Band, Order, set_orders
from duecourse.book.importing import ImportReport, import_rows
from duecourse.book.mapping import parse_mapping
from duecourse.book.payments import find_loan, payments_of_loan
from duecourse.privacy.keyring import Keyring

from .conftest import NOW

HEAD = """
mapping = "m"
[money]
currency = "CNY"
unit = "minor"
"""
LOAN = """
[borrower]
key = "{loan}"
language = "zh-CN"
region = "CN"
zone = "Asia/Shanghai"
[loan]
ref = "{loan}"
creditor = "{creditor}"
product = "cash-loan"
method = "given"
"""
DUES = """
[[installment]]
loan = "{loan}"
creditor = "{creditor}"
number = "{number}"
due_on = "{due_on}"
due = "{due}"
principal = "{principal}"
interest = "{interest}"
fee = "{fee}"
penalty = "{penalty}"
"""
PAYMENTS = """
[[payment]]
loan = "{loan}"
creditor = "{creditor}"
source = "core"
reference = "{ref}"
amount = "{amount}"
paid_on = "{paid_on}"
"""
REVERSALS = """
[[reversal]]
loan = "{loan}"
creditor = "{creditor}"
source = "core"
reference = "{ref}"
reversed_on = "{reversed_on}"
reason = "returned"
"""
FIRST = date(2026, 1, 1)
PARTS = ("penalty", "fee", "interest", "principal")
_names = count(1)


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


@dataclass(frozen=True)
class Due:
    """An installment; due in days after FIRST, parts in the order of PARTS."""

    number: int
    due: int
    parts: tuple[int, int, int, int]


@dataclass(frozen=True)
class Paid:
    """A payment and, if it was taken back, when; in days after FIRST."""

    ref: str
    on: int
    amount: int
    reversed_on: int | None = None


@dataclass
class Book:
    """A book of loans of one creditor, filled in any order."""

    conn: psycopg.Connection
    keyring: Keyring
    creditor: str = field(default_factory=lambda: f"bank-{next(_names)}")

    def _bring(self, mapping: str, rows: list[dict[str, object]], columns: str) -> ImportReport:
        given = [{"creditor": self.creditor, **row} for row in rows]
        parsed = parse_mapping(HEAD + mapping, "m")
        report = import_rows(
            self.conn, self.keyring, given, parsed, columns=("creditor", *columns.split()), now=NOW
        )
        assert report.problems == []
        return report

    def loan(self, loan: str) -> None:
        self._bring(LOAN, [{"loan": loan}], "loan")

    def due(self, loan: str, dues: list[Due]) -> None:
        rows: list[dict[str, object]] = [
            {"loan": loan, "number": d.number, "due_on": day(d.due), "due": sum(d.parts)}
            | dict(zip(PARTS, d.parts, strict=True))
            for d in dues
        ]
        self._bring(DUES, rows, "loan number due_on due penalty fee interest principal")

    def pay(self, loan: str, payments: list[Paid]) -> None:
        rows: list[dict[str, object]] = [
            {"loan": loan, "ref": p.ref, "amount": p.amount, "paid_on": day(p.on)} for p in payments
        ]
        self._bring(PAYMENTS, rows, "loan ref amount paid_on")

    def reverse(self, loan: str, payments: list[Paid]) -> None:
        rows: list[dict[str, object]] = [
            {"loan": loan, "ref": p.ref, "reversed_on": day(p.reversed_on)}
            for p in payments
            if p.reversed_on is not None
        ]
        self._bring(REVERSALS, rows, "loan ref reversed_on")

    def all(self, query: str, *parameters: object) -> list[tuple[object, ...]]:
        rows = self.conn.execute(query, parameters).fetchall()  # type: ignore[call-overload]
        self.conn.commit()
        return rows  # type: ignore[no-any-return]

    def met(self, loan: str, on: int) -> dict[tuple[int, str, str], int]:
        """(number, reference, part) to what was met, as of a day; sums over a whole due as part 'due'."""
        rows = self.all(
            """SELECT a.number, p.reference, a.part, a.amount_minor FROM allocation a
               JOIN payment p USING (lane, loan_id, payment_id) JOIN loan l USING (lane, loan_id)
               WHERE l.creditor = %s AND l.loan_ref = %s AND a.from_on <= %s AND a.until_on > %s""",
            self.creditor, loan, day(on), day(on),
        )  # fmt: skip
        return {(number, ref, part): amount for number, ref, part, amount in rows}  # type: ignore[misc]

    def settled(self, loan: str, on: int) -> dict[int, date | None]:
        """Since when each installment was settled, as of a day."""
        rows = self.all(
            """SELECT i.number, CASE WHEN w.lane IS NULL THEN i.settled_on ELSE w.settled_on END
               FROM installment i JOIN loan l USING (lane, loan_id)
               LEFT JOIN installment_was w ON (w.lane, w.loan_id, w.number) = (i.lane, i.loan_id, i.number)
                    AND w.from_on <= %s AND w.until_on > %s
               WHERE l.creditor = %s AND l.loan_ref = %s""",
            day(on), day(on), self.creditor, loan,
        )  # fmt: skip
        return {number: at if at and at <= day(on) else None for number, at in rows}  # type: ignore[misc,operator]

    def everything(self, loan: str) -> list[tuple[object, ...]]:
        """All that follows from the facts of one loan, without when it was written."""
        named = (
            "JOIN loan l USING (lane, loan_id) WHERE l.creditor = %s AND l.loan_ref = %s ORDER BY 1, 2, 3, 4"
        )
        return [
            *self.all(
                "SELECT 'a', a.number, p.reference, a.part, a.from_on, a.until_on::text, a.amount_minor"
                f" FROM allocation a JOIN payment p USING (lane, loan_id, payment_id) {named}, 5",
                self.creditor, loan,
            ),
            *self.all(
                "SELECT 'i', i.number, i.settled_on, i.superseded_on, i.past_due_since"
                f" FROM installment i {named}",
                self.creditor, loan,
            ),
            *self.all(
                "SELECT 'w', w.number, w.from_on::text, w.until_on, w.settled_on, w.past_due_since"
                f" FROM installment_was w {named}",
                self.creditor, loan,
            ),
        ]  # fmt: skip


@pytest.fixture
def book(database: psycopg.Connection, keyring: Keyring) -> Book:
    """An empty book."""
    return Book(database, keyring)


def oracle(
    dues: list[Due], payments: list[Paid], orders: list[Order], on: int, ties: dict[str, object]
) -> tuple[dict[tuple[int, str, str], int], dict[int, date | None]]:
    """One payment after the other, one part after the other: (number, reference, part) to what it met; settled on."""
    left = {(d, part): amount for d in dues for part, amount in zip(PARTS, d.parts, strict=True) if amount}
    met: dict[tuple[int, str, str], int] = {}
    settled = dict.fromkeys((d.number for d in dues), None)
    counting = [p for p in payments if p.on <= on and (p.reversed_on is None or p.reversed_on > on)]
    for paid in sorted(counting, key=lambda p: (p.on, ties[p.ref])):
        in_force = [o for o in orders if o.effective_on <= day(paid.on)]
        order = max(in_force, key=lambda o: o.effective_on) if in_force else None
        oldest = min((d.due for (d, _), amount in left.items() if amount), default=paid.on)
        band = Band(0, "horizontal", PARTS)
        for one in order.bands if order else ():
            if one.from_days <= max(0, paid.on - oldest):
                band = one
        past = sorted((d for d in dues if d.due <= paid.on), key=lambda d: (d.due, d.number))
        ahead = sorted((d for d in dues if d.due > paid.on), key=lambda d: (d.due, d.number))
        if order and order.excess == "credit":
            reach = min((d.due for d in dues if d.due >= paid.on), default=paid.on)
            ahead = [d for d in ahead if d.due <= reach]
        if band.across == "vertical":
            line = [(d, part) for part in band.parts for d in past]
        else:
            line = [(d, part) for d in past for part in band.parts]
        line += [(d, part) for d in ahead for part in band.parts]
        money = paid.amount
        for key in line:
            share = min(money, left.get(key, 0))
            if share:
                met[key[0].number, paid.ref, key[1]] = share
                left[key] -= share
                money -= share
        for d in dues:
            if sum(d.parts) and settled[d.number] is None and not any(left.get((d, part)) for part in PARTS):
                settled[d.number] = day(paid.on)
    return met, settled


parts = st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 40), st.integers(1, 90))
dues_drawn = st.lists(st.tuples(st.integers(0, 150), parts), min_size=1, max_size=5)
payments_drawn = st.lists(
    st.tuples(st.integers(0, 250), st.integers(1, 160), st.none() | st.integers(0, 120)),
    max_size=6,
    unique_by=lambda drawn: drawn[0],
)
bands_drawn = st.lists(
    st.tuples(st.integers(1, 120), st.sampled_from(["horizontal", "vertical"]), st.permutations(PARTS)),
    max_size=2,
    unique_by=lambda drawn: drawn[0],
)
orders_drawn = st.lists(
    st.tuples(
        st.integers(0, 200),
        st.sampled_from(["advance", "credit"]),
        st.sampled_from(["horizontal", "vertical"]),
        st.permutations(PARTS),
        bands_drawn,
    ),
    max_size=2,
    unique_by=lambda drawn: drawn[0],
)
quiet = settings(
    max_examples=25,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def made(
    dues: list[tuple[int, tuple[int, int, int, int]]], payments: list[tuple[int, int, int | None]]
) -> tuple[list[Due], list[Paid]]:
    return (
        [Due(i + 1, on, amounts) for i, (on, amounts) in enumerate(dues)],
        [
            Paid(f"P{i}", on, amount, None if lasts is None else on + lasts)
            for i, (on, amount, lasts) in enumerate(payments)
        ],
    )


def orders_of(book: Book, drawn: list[tuple]) -> list[Order]:  # type: ignore[type-arg]
    return [
        Order(
            book.creditor,
            "*",
            day(effective),
            excess,
            (Band(0, across, tuple(first)), *(Band(n, a, tuple(p)) for n, a, p in sorted(bands))),
        )
        for effective, excess, across, first, bands in drawn
    ]


def days_of_interest(dues: list[Due], payments: list[Paid]) -> Iterator[int]:
    for p in payments:
        yield from (p.on - 1, p.on, *(() if p.reversed_on is None else (p.reversed_on - 1, p.reversed_on)))
    yield from (-1, 400)


@pytest.mark.slow
@quiet
@given(dues_drawn, payments_drawn, orders_drawn)
def test_every_order_of_allocation_is_as_a_plain_reading_has_it_on_every_day(
    book: Book,
    dues_given: list,
    payments_given: list,
    orders_given: list,  # type: ignore[type-arg]
) -> None:
    book = Book(book.conn, book.keyring)
    dues, payments = made(dues_given, payments_given)
    orders = orders_of(book, orders_given)
    book.loan("L")
    book.due("L", dues)
    set_orders(book.conn, orders, by="test", now=NOW)
    book.pay("L", payments)
    book.reverse("L", payments)
    ties: dict[str, object] = dict.fromkeys((p.ref for p in payments), 0)
    for on in days_of_interest(dues, payments):
        met, settled = oracle(dues, payments, orders, on, ties)
        if not orders:  # whole dues
            whole: dict[tuple[int, str, str], int] = {}
            for (number, ref, _), amount in met.items():
                whole[number, ref, "due"] = whole.get((number, ref, "due"), 0) + amount
            met = whole
        assert book.met("L", on) == met
        assert book.settled("L", on) == settled


@pytest.mark.slow
@quiet
@given(dues_drawn, payments_drawn, orders_drawn, st.randoms(use_true_random=False))
def test_facts_in_any_order_and_repeated_make_the_same_book(
    book: Book,
    dues_given: list,
    payments_given: list,
    orders_given: list,
    rng: random.Random,  # type: ignore[type-arg]
) -> None:
    dues, payments = made(dues_given, payments_given)
    loan = f"L{next(_names)}"
    books = []
    conn, keyring = book.conn, book.keyring
    for shuffled in (False, True):
        book = Book(conn, keyring)
        orders = orders_of(book, orders_given)
        book.loan(loan)
        facts = [
            *((book.due, [d]) for d in dues),
            *((book.pay, [p]) for p in payments),
            *((book.reverse, [p]) for p in payments if p.reversed_on is not None),
            (lambda _, given: set_orders(conn, given, by="test", now=NOW), orders),
        ]
        if shuffled:
            facts += rng.sample(facts, k=len(facts) // 2)
            rng.shuffle(facts)
            for say, what in facts:
                say(loan, what)  # type: ignore[operator]
        else:
            set_orders(conn, orders, by="test", now=NOW)
            book.due(loan, dues)
            book.pay(loan, payments)
            book.reverse(loan, payments)
        books.append(book.everything(loan))
    assert books[0] == books[1]


@pytest.mark.slow
@quiet
@given(dues_drawn, payments_drawn, orders_drawn, st.data())
def test_a_reversal_restores_the_state_before_the_payment(
    book: Book,
    dues_given: list,
    payments_given: list,
    orders_given: list,
    data: st.DataObject,  # type: ignore[type-arg]
) -> None:
    book = Book(book.conn, book.keyring)
    dues, payments = made(dues_given, payments_given)
    set_orders(book.conn, orders_of(book, orders_given), by="test", now=NOW)
    book.loan("L")
    book.due("L", dues)
    book.pay("L", payments)
    book.reverse("L", payments)
    before = {on: (book.met("L", on), book.settled("L", on)) for on in days_of_interest(dues, payments)}
    on = data.draw(st.integers(0, 250))
    bounced = Paid("bounced", on, data.draw(st.integers(1, 160)), on + data.draw(st.integers(0, 60)))
    book.pay("L", [bounced])
    during = {day: book.met("L", day) for day in range(bounced.on, bounced.reversed_on or 0)}
    book.reverse("L", [bounced])
    assert bounced.reversed_on is not None
    for at, was in before.items():
        if not bounced.on <= at < bounced.reversed_on:
            assert (book.met("L", at), book.settled("L", at)) == was
    # and a replay of the days while it counted still knows it
    assert {day: book.met("L", day) for day in during} == during


@quiet
@given(dues_drawn, payments_drawn, orders_drawn)
def test_what_met_and_what_is_left_over_is_what_was_paid(
    book: Book,
    dues_given: list,
    payments_given: list,
    orders_given: list,  # type: ignore[type-arg]
) -> None:
    book = Book(book.conn, book.keyring)
    dues, payments = made(dues_given, payments_given)
    set_orders(book.conn, orders_of(book, orders_given), by="test", now=NOW)
    book.loan("L")
    book.due("L", dues)
    book.pay("L", payments)
    book.reverse("L", payments)
    lines = payments_of_loan(book.conn, find_loan(book.conn, "L", book.creditor), as_of=day(400))
    assert len(lines) == len(payments)
    for line in lines:
        counts = 0 if line.reversed_on else line.amount_minor
        assert sum(share.amount_minor for share in line.allocations) + line.unallocated_minor == counts
        assert line.unallocated_minor >= 0
    for number, amount in book.all(
        "SELECT number, sum(amount_minor) FROM allocation JOIN loan l USING (lane, loan_id)"
        " WHERE l.creditor = %s AND until_on = 'infinity' GROUP BY number", book.creditor,
    ):  # fmt: skip
        assert amount <= sum(next(d.parts for d in dues if d.number == number))  # type: ignore[operator]
