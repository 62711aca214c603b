"""A book with loans that are paid, and what is told of it: for tests about events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

from counter import Counter
from duecourse.book.importing import import_rows
from duecourse.book.mapping import parse_mapping
from duecourse.book.payments import add_payment, find_loan, reverse_payment
from duecourse.domain.money import to_minor
from duecourse.planning.events import ToldReport, tell_events
from duecourse.store.migrate import put_setting
from lender import Lender

MAPPING = """
mapping = "m"
[money]
currency = "CNY"
[borrower]
key = {column = "key"}
language = "en"
region = "CN"
zone = {column = "zone"}
[[contact_point]]
channel = "sms"
address = {column = "phone"}
[[contact_point]]
channel = "email"
address = {column = "email"}
when = {column = "email", empty = false}
[loan]
ref = {column = "loan"}
creditor = "bank"
product = "cash-loan"
method = "given"
principal = 200
annual_rate = {column = "rate"}
state = {column = "state"}
[[installment]]
repeat = [{n = 1, day = "2026-03-10"}, {n = 2, day = "2026-04-10"}]
number = {value = "{n}"}
due_on = {value = "{day}"}
due = 100
principal = 100
"""
THANKS = """
  - id: thanks
    on: payment.received
    purpose: confirmation
    route: [sms, email]
    template: thanks
"""
BACK = """
  - id: came-back
    on: payment.reversed
    if: {confirmed: true}
    purpose: status
    route: [sms]
    template: came-back
"""
SETTLED = """
  - id: settled
    on: loan.settled
    purpose: confirmation
    route: [sms]
    template: settled
"""
TEN = "2026-03-08T10:00+08:00"


def at(instant: str) -> datetime:
    """An instant."""
    return datetime.fromisoformat(instant)


def load(
    lender: Lender,
    rows: Sequence[dict[str, str]] = ({},),
    now: str = "2026-02-01T00:00+08:00",
    email: str = "person@example.com",
    mapping: str = MAPPING,
) -> None:
    """Loans of 200.00 in two installments, the first due on the 10th."""
    put_setting(lender.conn, "lender_zone", "Asia/Shanghai")
    standard = {"key": "C-1", "phone": "+8613900001111", "loan": "L-1", "rate": "0.04", "state": "open"}
    standard |= {"zone": "Asia/Shanghai", "email": email}
    full = [standard | row for row in rows]
    columns = tuple(dict.fromkeys(name for row in full for name in row))
    report = import_rows(
        lender.conn, lender.keyring, full, parse_mapping(mapping, "m"), columns=columns, now=at(now)
    )
    assert report.problems == []
    lender.conn.commit()


def pay(
    lender: Lender,
    reference: str = "R",
    *,
    amount: str = "100.00",
    on: str = "2026-03-08",
    now: str = TEN,
    loan: str = "L-1",
) -> None:
    """A payment that comes in, also again."""
    add_payment(
        lender.conn, find_loan(lender.conn, loan), amount_minor=to_minor(Decimal(amount), "CNY"), currency="CNY",
        paid_on=date.fromisoformat(on), source="desk", reference=reference, now=at(now),
    )  # fmt: skip
    lender.conn.commit()


def reverse(
    lender: Lender, reference: str = "R", *, on: str = "2026-03-08", now: str = TEN, loan: str = "L-1"
) -> None:
    """A payment that is taken back."""
    reverse_payment(
        lender.conn, find_loan(lender.conn, loan), source="desk", reference=reference,
        reversed_on=date.fromisoformat(on), reason="returned", now=at(now),
    )  # fmt: skip
    lender.conn.commit()


def tell(lender: Lender, now: str = TEN, *, commit: bool = True) -> ToldReport:
    """Plan what tells of all that happened by then."""
    told = tell_events(lender.conn, lender.plannables(), range(256), as_of=at(now).date(), now=at(now))
    if commit:
        lender.conn.commit()
    return told


def said(counter: Counter, channel: str = "sms") -> list[str]:
    """The texts that a far end took."""
    return [one.text for one in counter.ends[channel].taken]
