"""Which payment meets which due: the set-based SQL against a plain reading of the rule."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from duecourse.book.counting import counters_of
from duecourse.book.importing import import_rows
from duecourse.book.mapping import parse_mapping
from duecourse.book.reading import find_borrower, installments_of
from duecourse.book.summary import owed
from duecourse.privacy.keyring import Keyring

from .conftest import NOW

LOANS = """
mapping = "loans"
[money]
currency = "USD"
unit = "minor"
[borrower]
key = "{cust}"
language = "en"
region = "US"
zone = "America/New_York"
[loan]
ref = "{loan}"
creditor = "bank"
product = "cash-loan"
method = "given"
[[installment]]
when = { column = "statement_on", empty = true }
number = "{number}"
due_on = "{due_on}"
due = "{due}"
[[installment]]
when = { column = "statement_on", empty = false }
number = "{number}"
due_on = "{due_on}"
statement_on = "{statement_on}"
balance = "{balance}"
due = "{due}"
"""
PAYMENTS = """
mapping = "payments"
[money]
currency = "USD"
unit = "minor"
[[payment]]
loan = "{loan}"
creditor = "bank"
source = "core"
reference = "{ref}"
amount = "{amount}"
paid_on = "{paid_on}"
"""
FIRST = date(2026, 1, 1)


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


@dataclass
class Due:
    """What falls due, in days after FIRST."""

    number: int
    due: int
    amount: int
    statement: int | None = None
    balance: int = 0


@dataclass
class Paid:
    """A payment, in days after FIRST."""

    ref: str
    on: int
    amount: int


class Book:
    """A book of one loan a borrower, and what the rule says of it."""

    def __init__(self, conn: psycopg.Connection, keyring: Keyring) -> None:
        self.conn = conn
        self.keyring = keyring

    def loan(self, loan: str, dues: list[Due]) -> None:
        rows = [
            {
                "cust": f"C-{loan}",
                "loan": loan,
                "number": d.number,
                "due_on": day(d.due),
                "due": d.amount,
                "statement_on": None if d.statement is None else day(d.statement),
                "balance": d.balance,
            }
            for d in dues
        ]
        columns = ("cust", "loan", "number", "due_on", "due", "statement_on", "balance")
        report = import_rows(
            self.conn, self.keyring, rows, parse_mapping(LOANS, "m"), columns=columns, now=NOW
        )
        assert report.problems == []

    def pay(self, loan: str, payments: list[Paid], more: str = "") -> None:
        rows = [
            {"loan": loan, "ref": f"{loan}-{p.ref}", "amount": p.amount, "paid_on": day(p.on)}
            for p in payments
        ]
        columns = ("loan", "ref", "amount", "paid_on")
        mapping = parse_mapping(PAYMENTS + more, "m")
        report = import_rows(self.conn, self.keyring, rows, mapping, columns=columns, now=NOW)
        assert report.problems == []

    def allocations(self, loan: str) -> dict[tuple[int, str], int]:
        rows = self.conn.execute(
            """SELECT a.number, p.reference, a.amount_minor FROM allocation a
               JOIN payment p USING (lane, loan_id, payment_id) JOIN loan l USING (lane, loan_id)
               WHERE l.loan_ref = %s AND a.from_on = p.paid_on AND a.until_on = 'infinity'""",
            (loan,),
        ).fetchall()
        self.conn.commit()
        return {(number, ref.removeprefix(f"{loan}-")): amount for number, ref, amount in rows}

    def states(self, loan: str) -> dict[int, tuple[date | None, date | None, date | None]]:
        rows = self.conn.execute(
            """SELECT i.number, i.settled_on, i.superseded_on, i.past_due_since FROM installment i
               JOIN loan l USING (lane, loan_id) WHERE l.loan_ref = %s""",
            (loan,),
        ).fetchall()
        self.conn.commit()
        return {row[0]: tuple(row[1:]) for row in rows}


@pytest.fixture
def book(database: psycopg.Connection, keyring: Keyring) -> Book:
    """An empty book."""
    return Book(database, keyring)


def oracle_allocations(dues: list[Due], payments: list[tuple[Paid, object]]) -> dict[tuple[int, str], int]:
    """Oldest first, one unit of the rule after the other."""
    open_dues = [[d.number, d.amount] for d in sorted(dues, key=lambda d: (d.due, d.number))]
    met: dict[tuple[int, str], int] = {}
    for paid, _ in sorted(payments, key=lambda p: (p[0].on, p[1])):
        left = paid.amount
        for due in open_dues:
            share = min(left, due[1])
            if share:
                met[due[0], paid.ref] = share
                due[1] -= share
                left -= share
    return met


def oracle_settled(
    dues: list[Due], payments: list[Paid], met: dict[tuple[int, str], int]
) -> dict[int, int | None]:
    days = {paid.ref: paid.on for paid in payments}
    settled: dict[int, int | None] = {}
    for due in dues:
        mine = {ref: amount for (number, ref), amount in met.items() if number == due.number}
        if due.amount == 0:
            settled[due.number] = due.due if due.statement is None else min(due.due, due.statement)
        else:
            settled[due.number] = max(days[ref] for ref in mine) if sum(mine.values()) == due.amount else None
    return settled


amounts = st.one_of(st.just(0), st.integers(1, 60))
payments_drawn = st.lists(st.builds(Paid, st.just(""), st.integers(0, 200), st.integers(1, 90)), max_size=7)
terms_drawn = st.lists(st.tuples(st.integers(0, 180), amounts), min_size=1, max_size=6)
statements_drawn = st.lists(st.tuples(amounts, st.integers(0, 200)), min_size=1, max_size=6)
quiet = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
_loans = iter(range(10**9))


def named(payments: list[Paid]) -> list[Paid]:
    return [Paid(f"P{i}", paid.on, paid.amount) for i, paid in enumerate(payments)]


def tie_breaks(book: Book, loan: str) -> dict[str, object]:
    """Payments of one day are met in the order of their ids, which are hashes."""
    rows = book.conn.execute(
        "SELECT p.reference, p.payment_id FROM payment p JOIN loan l USING (lane, loan_id) WHERE l.loan_ref = %s",
        (loan,),
    ).fetchall()
    book.conn.commit()
    return {ref.removeprefix(f"{loan}-"): payment_id for ref, payment_id in rows}


@quiet
@given(terms_drawn, payments_drawn, st.integers(0, 7))
def test_payments_meet_installments_oldest_first(
    book: Book, drawn: list[tuple[int, int]], payments: list[Paid], split: int
) -> None:
    loan = f"T{next(_loans)}"
    dues = [Due(i + 1, due, amount) for i, (due, amount) in enumerate(drawn)]
    payments = named(payments)
    book.loan(loan, dues)
    book.pay(loan, payments[split:])  # in two deliveries, the later days maybe first
    book.pay(loan, payments[:split])
    ids = tie_breaks(book, loan)
    met = oracle_allocations(dues, [(paid, ids[paid.ref]) for paid in payments])
    assert book.allocations(loan) == met
    settled = oracle_settled(dues, payments, met)
    assert book.states(loan) == {
        number: (None if on is None else day(on), None, None) for number, on in settled.items()
    }


@quiet
@given(statements_drawn, payments_drawn)
def test_a_payment_meets_the_statement_in_force_on_its_day(
    book: Book, drawn: list[tuple[int, int]], payments: list[Paid]
) -> None:
    loan = f"R{next(_loans)}"
    dues = [Due(i + 1, 30 * i + 20, min(a, b), 30 * i, b) for i, (a, b) in enumerate(drawn)]
    payments = named(payments)
    book.loan(loan, dues)
    book.pay(loan, payments)
    ids = tie_breaks(book, loan)
    met: dict[tuple[int, str], int] = {}
    for i, due in enumerate(dues):
        until = dues[i + 1].statement if i + 1 < len(dues) else 10**6
        mine = [(p, ids[p.ref]) for p in payments if (due.statement or 0) <= p.on < (until or 0)]
        met |= oracle_allocations([due], mine)
    assert book.allocations(loan) == met
    settled = oracle_settled(dues, payments, met)
    carried: int | None = None
    expected: dict[int, tuple[date | None, date | None, date | None]] = {}
    for i, due in enumerate(dues):
        on = settled[due.number]
        following = dues[i + 1].statement if i + 1 < len(dues) else None
        since = carried if due.amount else None
        expected[due.number] = (
            None if on is None else day(on),
            None if following is None else day(following),
            None if since is None else day(since),
        )
        carried = None if on is not None else (due.due if carried is None else carried)
    assert book.states(loan) == expected


def test_a_payment_that_may_change_is_allocated_anew(book: Book) -> None:
    book.loan("L", [Due(1, 10, 100), Due(2, 40, 100)])
    book.pay("L", [Paid("P", 5, 150)])
    assert book.allocations("L") == {(1, "P"): 100, (2, "P"): 50}
    book.pay("L", [Paid("P", 6, 80)], more='if_changed = "update"\n')
    assert book.allocations("L") == {(1, "P"): 80}
    assert book.states("L") == {1: (None, None, None), 2: (None, None, None)}


def test_a_day_sees_only_what_was_known_then(
    book: Book, database: psycopg.Connection, keyring: Keyring
) -> None:
    book.loan("R", [Due(1, 20, 10, 0, 100), Due(2, 50, 10, 30, 95), Due(3, 80, 10, 60, 97)])
    book.pay("R", [Paid("A", 10, 5), Paid("B", 45, 30)])
    borrower = find_borrower(database, keyring, "C-R")
    assert borrower is not None

    def seen(on: int) -> tuple[list[tuple[int, int, bool]], int, int, int]:
        known = installments_of(database, borrower.lane, borrower.borrower_id, day(on))
        money = owed(database, day(on))[0]
        return (
            [(i.number, i.paid_minor, i.is_open) for i in known],
            max((one.days.contractual for one in counters_of(database, day(on))), default=0),
            money.owed_minor,
            money.past_due_minor,
        )

    assert seen(9) == ([(1, 0, True)], 0, 100, 0)
    assert seen(25) == ([(1, 5, True)], 5, 95, 5)
    assert seen(40) == ([(1, 5, False), (2, 0, True)], 20, 95, 0)
    assert seen(45) == ([(1, 5, False), (2, 10, False)], 0, 65, 0)
    assert seen(60) == ([(1, 5, False), (2, 10, False), (3, 0, True)], 0, 97, 0)
