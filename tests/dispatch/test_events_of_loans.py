"""What happens to a loan or an application besides a payment is told once, and only while it is so."""

from __future__ import annotations

from datetime import date

import pytest

from counter import Counter
from duecourse.book.events import Happening, record_event
from duecourse.book.importing import import_rows
from duecourse.book.mapping import parse_mapping
from duecourse.book.moving import apply_move, propose_move
from duecourse.book.pauses import find_loan as find_due_loan
from duecourse.book.reading import find_borrower
from duecourse.book.wishes import Person
from duecourse.planning.events import ToldReport
from duecourse.store.migrate import put_setting
from events_book import MAPPING, SETTLED, TEN, at, load, pay, reverse, said, tell
from lender import Lender
from post import TEXTS, Post


@pytest.fixture(autouse=True)
def texts(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in {
        "came-back": "Test Bank: your payment of {{ amount | money }} was taken back.",
        "settled": "Test Bank: your loan {{ loan_ref }} is settled. Thank you.",
        "applied": "Test Bank: we have your application {{ reference }}.",
        "decided": "Test Bank: your application is {{ decision }}.",
        "rate": "Test Bank: your rate is {{ rate }} now, {{ rate_before }} before.",
        "moved": "Test Bank: due on {{ new_due_on | date }}, not {{ due_before | date }}.",
    }.items():
        monkeypatch.setitem(TEXTS, name, text)


def told(lender: Lender) -> list[tuple[object, ...]]:
    return lender.messages("step", "coalesce(outcome, state)", "rule", where="event_id IS NOT NULL")


def test_the_last_payment_settles_the_loan_and_the_thanks_for_that_waits_for_no_reversal(
    lender: Lender, post: Post
) -> None:
    load(lender)
    lender.policy(SETTLED)
    pay(lender, "1")
    assert tell(lender) == ToldReport(looked_at=1)
    pay(lender, "2", now="2026-03-08T11:00+08:00")
    assert tell(lender, "2026-03-08T11:00+08:00") == ToldReport(looked_at=2, messages=1, items=1)
    reverse(lender, "2", now="2026-03-08T11:00+08:00")
    counter = Counter(post)
    counter.at("2026-03-08T11:00+08:00")
    assert told(lender) == [("settled", "planned", "REOPENED")]
    pay(lender, "3", on="2026-03-09", now="2026-03-09T09:00+08:00")
    tell(lender, "2026-03-09T09:00+08:00")
    counter.at("2026-03-09T09:00+08:00")
    assert said(counter) == ["Test Bank: your loan L-1 is settled. Thank you."]


def test_a_loan_that_the_lender_closes_with_nothing_open_is_settled(lender: Lender, post: Post) -> None:
    load(lender)
    lender.policy(SETTLED)
    load(lender, [{"state": "closed"}], now=TEN)  # two installments are open: written off, or sold
    assert tell(lender).messages == 0


def test_a_changed_rate_is_told_once_however_often_the_file_comes(lender: Lender, post: Post) -> None:
    load(lender)
    lender.policy(
        """
  - id: rate
    on: rate.changed
    purpose: status
    route: [sms]
    template: rate
"""
    )
    for hour in (10, 11, 12):
        load(lender, [{"rate": "0.0385"}], now=f"2026-03-08T{hour}:00+08:00")
        tell(lender, f"2026-03-08T{hour}:00+08:00")
    counter = Counter(post)
    counter.at("2026-03-08T12:00+08:00")
    assert said(counter) == ["Test Bank: your rate is 3.85% now, 4% before."]


MOVED = """
  - id: moved
    on: date.changed
    purpose: status
    route: [sms]
    template: moved
"""


def test_a_due_day_that_a_file_moved_is_told_once_by_the_first_that_moved(lender: Lender, post: Post) -> None:
    load(lender)
    lender.policy(MOVED)
    later = MAPPING.replace("2026-03-10", "2026-03-15").replace("2026-04-10", "2026-04-15")
    for hour in (10, 11):
        load(lender, now=f"2026-03-08T{hour}:00+08:00", mapping=later)
        tell(lender, f"2026-03-08T{hour}:00+08:00")
    counter = Counter(post)
    counter.at("2026-03-08T11:00+08:00")
    assert said(counter) == ["Test Bank: due on 15 March, not 10 March."]


def test_a_due_day_that_was_moved_on_request_is_told(lender: Lender, post: Post) -> None:
    load(lender)
    lender.policy(MOVED)
    moved = propose_move(
        lender.conn, find_due_loan(lender.conn, "L-1"), 20, from_on=date(2026, 4, 1), as_of=date(2026, 3, 8),
        with_interest=False,
    )  # fmt: skip
    apply_move(lender.conn, moved, recorded_by="anna", now=at(TEN))
    lender.conn.commit()
    assert tell(lender).messages == 1
    counter = Counter(post)
    counter.at(TEN)
    assert said(counter) == ["Test Bank: due on 20 April, not 10 April."]


DEBIT = """
mapping = "d"
[money]
currency = "CNY"
[[debit]]
loan = "L-1"
creditor = "bank"
source = "bank"
reference = "D-1"
amount = 100
submitted_on = "2026-03-07"
state = {column = "state"}
result_on = "2026-03-08"
"""


def test_a_debit_that_failed_is_told_unless_a_later_result_says_that_it_was_paid(
    lender: Lender, post: Post
) -> None:
    load(lender)
    lender.policy(
        MOVED.replace("date.changed", "debit.failed").replace("template: moved", "template: came-back")
    )
    counter = Counter(post)
    for state in ("failed", "failed", "paid"):
        import_rows(
            lender.conn, lender.keyring, [{"state": state}], parse_mapping(DEBIT, "d"), columns=("state",), now=at(TEN)
        )  # fmt: skip
        lender.conn.commit()
        tell(lender)
        if state == "failed":
            assert told(lender) == [("moved", "planned", None)]
    counter.at(TEN)
    assert told(lender) == [("moved", "planned", "OVERTAKEN")]


APPLICATION = """
  - id: applied
    on: application.received
    purpose: status
    route: [sms]
    template: applied
  - id: declined
    on: application.decided
    if: {decision: declined}
    purpose: status
    route: [sms]
    template: decided
"""


def test_an_applicant_without_a_loan_is_told_of_the_application(lender: Lender, post: Post) -> None:
    mapping = parse_mapping(
        """
mapping = "a"
[borrower]
key = "C-9"
language = "en"
region = "CN"
zone = "Asia/Shanghai"
[[contact_point]]
channel = "sms"
address = "+8613900009999"
[[event]]
kind = {column = "kind"}
creditor = "bank"
reference = "A-7"
at = {column = "at"}
decision = {column = "decision"}
""",
        "a",
    )
    lender.policy(APPLICATION)
    put_setting(lender.conn, "lender_zone", "Asia/Shanghai")
    rows = [
        {"kind": "application.received", "at": "2026-03-08T09:59+08:00", "decision": ""},
        {"kind": "application.decided", "at": "2026-03-08", "decision": "declined"},
    ]
    for _ in range(2):
        import_rows(lender.conn, lender.keyring, rows, mapping, columns=tuple(rows[0]), now=at(TEN))
    lender.conn.commit()
    assert tell(lender) == ToldReport(looked_at=2, messages=2, items=2)
    counter = Counter(post)
    counter.at(TEN)
    assert sorted(said(counter)) == [
        "Test Bank: we have your application A-7.",
        "Test Bank: your application is declined.",
    ]
    assert lender.conn.execute("SELECT count(*) FROM contact WHERE weight = 1").fetchone() == (2,)


def test_the_same_said_by_hand_and_again_is_one_event(lender: Lender) -> None:
    load(lender)
    borrower = find_borrower(lender.conn, lender.keyring, "C-1")
    assert borrower is not None
    happening = Happening(
        Person(borrower.lane, borrower.borrower_id), "application.received", at(TEN), "A-1", creditor="bank"
    )
    new = [record_event(lender.conn, happening, source="cli", by="anna", now=at(TEN)) for _ in range(2)]
    assert new == [True, False]
