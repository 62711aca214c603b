"""Three counters of days past due: the set-based SQL against the plain definition, and what moves them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from duecourse.book.counting import CountingRules, count_buckets, counters_of
from duecourse.book.grace import pause_grace
from duecourse.book.pauses import end_pause, find_loan, pause_loan
from duecourse.domain.days_past_due import BureauRule, Counters, PastDue, Pause, counters, paused_grace
from duecourse.domain.problems import DuecourseError
from lender import LONG_AGO, Lender, lane_of

FIRST = date(2026, 1, 1)
LANE = 7
NOW = datetime.fromisoformat("2026-03-15T12:00+08:00")


def day(number: int) -> date:
    return FIRST + timedelta(number)


@dataclass
class Due:
    """An installment, in days after FIRST. paid: (day, amount) of what met it."""

    due: int
    amount: int
    grace: int | None
    settled: int | None
    paid: Sequence[tuple[int, int]] = ()


@st.composite
def loans(draw: st.DrawFn) -> list[Due]:
    found = []
    for due in draw(st.lists(st.integers(0, 100), min_size=1, max_size=4, unique=True).map(sorted)):
        parts = draw(st.lists(st.tuples(st.integers(0, 130), st.integers(1, 40)), max_size=2))
        settled = draw(st.none() | st.integers(0, 130))
        found.append(Due(due, 100, draw(st.none() | st.integers(0, 20)), settled, parts))
    return found


@st.composite
def pauses(draw: st.DrawFn) -> list[Pause]:
    marks = draw(st.lists(st.integers(-10, 130), unique=True, max_size=6).map(sorted))
    return [
        Pause(day(first), day(last), draw(st.booleans()))
        for first, last in zip(marks[::2], marks[1::2], strict=False)
    ]


rules = st.builds(
    BureauRule,
    st.sampled_from(["due", "grace"]),
    st.integers(1, 40),
    st.sampled_from(["day", "month-end"]),
    st.sampled_from(["none", "deferrals", "all"]),
    st.sampled_from([{}, {"CNY": 120}, {"USD": 10**6}]),
)


def oldest(dues: Sequence[Due], on: date) -> PastDue | None:
    """A plain reading of what is past due on a day."""
    late = [d for d in dues if day(d.due) < on and (d.settled is None or day(d.settled) > on)]
    if not late:
        return None
    first = min(late, key=lambda d: d.due)
    left = sum(d.amount - sum(amount for when, amount in d.paid if day(when) <= on) for d in late)
    return PastDue(day(first.due), first.grace or 0, left, "CNY")


def write(conn: psycopg.Connection, dues: Sequence[Due], known: Sequence[Pause]) -> None:
    key = UUID(int=1)
    conn.execute(
        """INSERT INTO borrower (lane, borrower_id, borrower_key, language, region, zone, row_digest, effective_at,
               recorded_at) VALUES (%s, %s, 'B', 'en', 'CN', 'UTC', '', now(), now())""",
        (LANE, key),
    )
    conn.execute(
        """INSERT INTO loan (lane, loan_id, borrower_id, loan_ref, creditor, product, method, currency, row_digest,
               effective_at, recorded_at) VALUES (%s, %s, %s, 'L', 'bank', 'p', 'given', 'CNY', '', now(), now())""",
        (LANE, key, key),
    )
    for number, due in enumerate(dues, start=1):
        conn.execute(
            """INSERT INTO installment (lane, loan_id, number, borrower_id, due_on, due_minor, grace_days, settled_on,
                   effective_at, recorded_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, now(), now())""",
            (LANE, key, number, key, day(due.due), due.amount, due.grace,
             None if due.settled is None else day(due.settled)),
        )  # fmt: skip
        for place, (when, amount) in enumerate(due.paid):
            conn.execute(
                "INSERT INTO allocation VALUES (%s, %s, %s, %s, 'due', %s, 'infinity', %s)",
                (LANE, key, number, UUID(int=place), day(when), amount),
            )
    for pause in known:
        conn.execute(
            "INSERT INTO loan_pause VALUES (%s, %s, %s, %s, %s, 'e', 'me', now(), now())",
            (LANE, key, pause.from_on, pause.to_on, "deferral" if pause.deferral else "pause"),
        )


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(dues=loans(), known=pauses(), rule=rules, as_of=st.integers(0, 150))
def test_the_sql_counts_as_the_definition_does(
    database: psycopg.Connection, dues: list[Due], known: list[Pause], rule: BureauRule, as_of: int
) -> None:
    on = day(as_of)
    expected = counters(on, oldest(dues, on), known, rule=rule, stood=oldest(dues, rule.standing_day(on)))
    with database.transaction(force_rollback=True):
        write(database, dues, known)
        found = counters_of(database, on, lanes=[LANE], rules=CountingRules((rule,)))
    assert (found[0].days if found else Counters()) == expected
    late = oldest(dues, on)
    assert not found or found[0].past_due_minor == (late.amount_minor if late else 0)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(known=pauses(), due=st.integers(-5, 60), grace=st.integers(0, 20))
def test_the_sql_extends_grace_as_the_definition_does(
    database: psycopg.Connection, known: list[Pause], due: int, grace: int
) -> None:
    with database.transaction(force_rollback=True):
        write(database, [Due(due, 100, grace, None)], known)
        database.execute("UPDATE installment SET grace_granted = grace_days")
        pause_grace(database, [LANE])
        again = pause_grace(database, [LANE])
        found = database.execute("SELECT grace_days FROM installment").fetchone()
    assert found == (paused_grace(day(due), grace, known),)
    assert again == 0


def test_a_past_day_is_counted_with_what_was_paid_by_then(lender: Lender) -> None:
    lender.book("loan due_on settled_on\nL-1 2026-03-01 2026-03-20\nL-1 2026-03-10 2026-03-25")
    days = {on: contractual(lender, date(2026, 3, on)) for on in (1, 2, 19, 20, 24, 25)}
    assert days == {1: 0, 2: 1, 19: 18, 20: 10, 24: 14, 25: 0}


def test_a_reversed_payment_is_past_due_from_its_reversal_on_and_not_before(lender: Lender) -> None:
    lender.book("loan due_on\nL-1 2026-03-01")
    lender.conn.execute(
        """INSERT INTO installment_was (lane, loan_id, number, from_on, until_on, settled_on)
           SELECT lane, loan_id, number, '2026-03-05', '2026-04-02', '2026-03-05' FROM installment"""
    )
    days = {
        on: contractual(lender, date.fromisoformat(on)) for on in ("2026-03-04", "2026-03-20", "2026-04-02")
    }
    assert days == {"2026-03-04": 3, "2026-03-20": 0, "2026-04-02": 32}
    monthly = CountingRules((BureauRule(stand="month-end"),))
    found = counters_of(lender.conn, date(2026, 4, 10), rules=monthly)
    assert [one.days for one in found] == [Counters(40, 40, 0)]  # on 31 March it was paid


def test_a_carried_minimum_keeps_the_grace_of_the_statement_it_began_with(lender: Lender) -> None:
    lender.book("loan due_on statement_on\nL-1 2026-02-10 2026-01-20\nL-1 2026-03-10 2026-02-20")
    lender.conn.execute(
        "UPDATE installment SET grace_days = 5, superseded_on = '2026-02-20' WHERE number = 1"
    )
    lender.conn.execute("UPDATE installment SET past_due_since = '2026-02-10' WHERE number = 2")
    assert [one.days for one in counters_of(lender.conn, date(2026, 2, 19))] == [Counters(9, 4, 9)]
    assert [one.days for one in counters_of(lender.conn, date(2026, 2, 25))] == [Counters(15, 10, 15)]


def test_a_closed_loan_is_not_past_due(lender: Lender) -> None:
    lender.book("loan due_on\nL-1 2026-03-01")
    lender.conn.execute("UPDATE loan SET state = 'closed'")
    assert counters_of(lender.conn, date(2026, 3, 10)) == []


def test_each_loan_is_counted_by_its_own_rule(lender: Lender) -> None:
    lender.book("loan product due_on\nL-1 card 2026-03-01\nL-2 cash-loan 2026-03-01")
    chosen = CountingRules(
        (BureauRule(from_days=30), BureauRule()),
        ((3,), (7, 15)),
        sql.SQL("CASE WHEN l.product = 'card' THEN 1 ELSE 2 END"),
    )
    found = counters_of(lender.conn, date(2026, 3, 10), rules=chosen)
    assert sorted((one.days.bureau, one.bucket) for one in found) == [(0, "3+"), (9, "8-15")]


def test_loans_and_amounts_are_counted_in_buckets_by_each_counter(lender: Lender) -> None:
    lender.book("""
        loan  due_on      amount
        L-1   2026-03-20  10.00 CNY
        L-2   2026-03-11  20.00 CNY
        L-3   2026-03-01  30.00 CNY
        L-3   2026-03-12  5.00 CNY
        L-4   2025-12-01  40.00 CNY
        L-5   2026-03-01  7.00 USD
    """)
    lender.conn.execute("UPDATE installment SET grace_days = 9 WHERE due_on < '2026-03-15'")
    lines = count_buckets(lender.conn, date(2026, 3, 15), (7, 15, 30, 60, 90))
    found = {
        (one.currency, one.counter, one.bucket): (one.loans, one.past_due_minor) for one in lines if one.loans
    }
    assert found == {
        ("CNY", "contractual", "0"): (1, 0),
        ("CNY", "contractual", "1-7"): (1, 20_00),
        ("CNY", "contractual", "8-15"): (1, 35_00),
        ("CNY", "contractual", "90+"): (1, 40_00),
        ("CNY", "strategy", "0"): (2, 20_00),
        ("CNY", "strategy", "1-7"): (1, 35_00),
        ("CNY", "strategy", "90+"): (1, 40_00),
        ("CNY", "bureau", "0"): (1, 0),
        ("CNY", "bureau", "1-7"): (1, 20_00),
        ("CNY", "bureau", "8-15"): (1, 35_00),
        ("CNY", "bureau", "90+"): (1, 40_00),
        ("USD", "contractual", "8-15"): (1, 7_00),
        ("USD", "strategy", "1-7"): (1, 7_00),
        ("USD", "bureau", "8-15"): (1, 7_00),
    }
    assert len(lines) == 2 * 3 * 7


def contractual(lender: Lender, on: date) -> int:
    return max((one.days.contractual for one in counters_of(lender.conn, on)), default=0)


def days(lender: Lender, on: date) -> Counters:
    found = counters_of(lender.conn, on)
    return found[0].days if found else Counters()


def pause(lender: Lender, first: str, last: str, *, deferral: bool = False) -> int:
    loan = find_loan(lender.conn, "L-1")
    return pause_loan(
        lender.conn,
        loan,
        from_on=date.fromisoformat(first),
        to_on=date.fromisoformat(last),
        kind="deferral" if deferral else "pause",
        evidence="case 1",
        recorded_by="me",
        now=NOW,
    )


def end(lender: Lender, on: str) -> tuple[date, date] | None:
    loan = find_loan(lender.conn, "L-1")
    return end_pause(
        lender.conn, loan, end_on=date.fromisoformat(on), evidence="ended", recorded_by="me", now=NOW
    )


def test_a_back_dated_pause_counts_past_days_anew(lender: Lender) -> None:
    lender.book("loan due_on\nL-1 2026-03-01")
    lender.conn.execute("UPDATE installment SET grace_days = 3, grace_granted = 3")
    assert days(lender, date(2026, 3, 20)) == Counters(19, 16, 19)
    pause(lender, "2026-03-10", "2026-03-14")
    assert days(lender, date(2026, 3, 20)) == Counters(19, 11, 19)
    pause(lender, "2026-03-16", "2026-03-17", deferral=True)
    assert days(lender, date(2026, 3, 20)) == Counters(17, 9, 17)
    assert days(lender, date(2026, 3, 12)) == Counters(11, 5, 11)


def test_a_pause_ended_early_counts_the_days_it_gives_back(lender: Lender) -> None:
    lender.book("loan due_on\nL-1 2026-03-01")
    lender.conn.execute("UPDATE installment SET grace_days = 0, grace_granted = 0")
    pause(lender, "2026-03-10", "2026-03-31", deferral=True)
    assert end(lender, "2026-03-12") == (date(2026, 3, 10), date(2026, 3, 12))
    assert days(lender, date(2026, 3, 20)) == Counters(16, 16, 16)
    assert end(lender, "2026-03-05") is None  # it never began
    assert days(lender, date(2026, 3, 20)) == Counters(19, 19, 19)
    was = lender.conn.execute(
        "SELECT was ->> 'to_on' FROM book_history WHERE subject = 'loan_pause' ORDER BY recorded_at"
    )
    assert was.fetchall() == [("2026-03-31",), ("2026-03-12",)]


def test_a_pause_within_grace_or_right_after_it_extends_it(lender: Lender) -> None:
    lender.book("loan due_on\nL-1 2026-03-01\nL-1 2026-02-01")
    lender.conn.execute("UPDATE installment SET grace_days = 5, grace_granted = 5")
    assert pause(lender, "2026-03-03", "2026-03-12") == 1
    assert pause(lender, "2026-03-17", "2026-03-18") == 1  # grace now ends on the 16th
    grace = lender.conn.execute("SELECT due_on, grace_days FROM installment ORDER BY number").fetchall()
    assert grace == [(date(2026, 3, 1), 17), (date(2026, 2, 1), 5)]
    assert end(lender, "2026-03-16") is None
    grace = lender.conn.execute("SELECT grace_days FROM installment ORDER BY number").fetchall()
    assert grace == [(17,), (5,)]  # only ever extended


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        ("2026-03-12", "2026-03-11", "in order"),
        ("2026-03-01", "2032-03-01", "at most 1830 days"),
        ("2026-03-14", "2026-03-20", "paused from 2026-03-10 to 2026-03-14 already"),
    ],
)
def test_a_pause_that_cannot_be_is_refused(lender: Lender, first: str, last: str, said: str) -> None:
    lender.book("loan due_on\nL-1 2026-03-01")
    pause(lender, "2026-03-10", "2026-03-14")
    with pytest.raises(DuecourseError, match=said) as refused:
        pause(lender, first, last)
    assert refused.value.problems[0].code == "B046"


def test_a_reference_of_two_creditors_needs_the_creditors_name(lender: Lender) -> None:
    lender.book("loan due_on\nL-1 2026-03-01")
    lender.conn.execute(
        """INSERT INTO loan (lane, loan_id, borrower_id, loan_ref, creditor, product, method, currency, row_digest,
               effective_at, recorded_at)
           SELECT lane, gen_random_uuid(), borrower_id, loan_ref, 'other', product, method, currency, '', %s, %s
           FROM loan""",
        (LONG_AGO, LONG_AGO),
    )
    with pytest.raises(DuecourseError, match="add --creditor: bank, other"):
        find_loan(lender.conn, "L-1")
    assert find_loan(lender.conn, "L-1", "bank").lane == lane_of("B-L-1")
    with pytest.raises(DuecourseError, match="no loan"):
        find_loan(lender.conn, "L-2")
