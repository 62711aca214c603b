"""Parties at the claim: who no longer answers for a debt is not told of it."""

from __future__ import annotations

import pytest

from counter import Counter
from duecourse.book.contact_points import retire_contact_points
from lender import LONG_AGO, Lender, borrower_id_of, lane_of
from post import Post

from .merging_desk import DAY, NINE, NOW, STEP, Desk


@pytest.fixture
def desk(lender: Lender) -> Desk:
    return Desk(lender)


def reachable(desk: Desk, name: str, loan: str) -> None:
    """A number for a party beside a loan."""
    desk.conn.execute(
        """INSERT INTO contact_point (lane, borrower_id, contact_point_id, channel, address_sealed, address_index,
               effective_at, recorded_at)
           SELECT l.lane, %s, c.contact_point_id, 'sms', c.address_sealed, c.address_index, %s, %s
           FROM loan l, contact_point c WHERE l.loan_ref = %s AND c.borrower_id = %s AND c.channel = 'sms'
           ON CONFLICT DO NOTHING""",
        (borrower_id_of(name), LONG_AGO, LONG_AGO, loan, borrower_id_of("number-giver")),
    )
    desk.conn.commit()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("SELECT 1", 2),
        ("UPDATE loan_party SET until = '2026-03-08'", 1),
        ("UPDATE loan_party SET until = '2026-03-09'", 2),
        ("DELETE FROM loan_party", 1),
        ("UPDATE loan_party SET role = 'co-borrower'", 1),
    ],
)
def test_a_guarantor_released_after_planning_is_not_told(
    desk: Desk, post: Post, change: str, told: int
) -> None:
    desk.book("loan borrower due_on\nL-1 B 2026-03-10\nL-9 number-giver 2026-06-10")
    desk.beside("L-1", "guarantor", "Gu")
    reachable(desk, "Gu", "L-1")
    desk.lender.policy(STEP.format(at="09:00", to="[borrower, guarantor]"))
    desk.lender.plan(DAY)
    desk.conn.execute(change)  # type: ignore[call-overload]
    desk.conn.commit()
    counter = Counter(post)
    counter.at(NINE)
    assert len(counter.ends["sms"].taken) == told
    rules = [rule for (rule,) in desk.lender.messages("rule", where="party = 'guarantor'")]
    assert rules == [None if told == 2 else "NOT-PARTY"]


def test_one_released_debt_drops_out_of_a_guarantor_s_message(desk: Desk, post: Post) -> None:
    desk.book(
        "loan borrower due_on amount\nL-1 B 2026-03-10 7 CNY\nL-2 B 2026-03-10 5 CNY\nL-9 number-giver 2026-06-10 1 CNY"
    )
    for loan in ("L-1", "L-2"):
        desk.beside(loan, "guarantor", "Gu")
    reachable(desk, "Gu", "L-1")
    desk.lender.policy(STEP.format(at="09:00", to="guarantor"))
    desk.lender.plan(DAY)
    desk.conn.execute(
        """UPDATE loan_party SET until = '2026-03-01'
           WHERE loan_id = (SELECT loan_id FROM loan WHERE loan_ref = 'L-1')"""
    )
    desk.conn.commit()
    counter = Counter(post)
    counter.at(NINE)
    assert [one.text for one in counter.ends["sms"].taken] == ["Test Bank: CN¥5.00 is due on 10 March."]


def test_a_contact_who_left_the_company_is_not_told(desk: Desk, post: Post) -> None:
    desk.book("loan borrower due_on\nL-1 ACME 2026-03-10\nL-9 number-giver 2026-06-10")
    desk.beside("L-1", "guarantor", "Pat")
    reachable(desk, "Pat", "L-1")
    desk.conn.execute("DELETE FROM loan_party")
    desk.conn.execute("UPDATE borrower SET kind = 'company' WHERE borrower_key = 'ACME'")
    desk.conn.execute(
        """INSERT INTO company_contact (lane, company_id, borrower_id, effective_at, recorded_at)
           VALUES (%s, %s, %s, now(), now())""",
        (lane_of("ACME"), borrower_id_of("ACME"), borrower_id_of("Pat")),
    )
    desk.lender.policy(STEP.format(at="09:00", to="borrower"))
    desk.lender.plan(DAY)
    assert desk.lender.messages("borrower_id") == [(borrower_id_of("Pat"),)]
    desk.conn.execute("UPDATE company_contact SET until = '2026-03-08'")
    desk.conn.commit()
    counter = Counter(post)
    counter.at(NINE)
    assert counter.ends["sms"].taken == []
    assert desk.lender.messages("rule") == [("NOT-PARTY",)]


def test_a_number_found_dead_in_one_lane_is_dead_in_all(desk: Desk) -> None:
    desk.book("loan borrower due_on\nL-1 B 2026-03-10\nL-2 far 2026-06-10")
    desk.beside("L-1", "guarantor", "far")
    desk.conn.execute(
        """INSERT INTO contact_point (lane, borrower_id, contact_point_id, channel, address_sealed, address_index,
               effective_at, recorded_at)
           SELECT %s, borrower_id, contact_point_id, channel, address_sealed, address_index, effective_at, recorded_at
           FROM contact_point WHERE borrower_id = %s AND channel = 'sms'""",
        (lane_of("B"), borrower_id_of("far")),
    )
    (point,) = desk.all(
        "SELECT lane, contact_point_id FROM contact_point WHERE borrower_id = %s AND lane = %s AND channel = 'sms'",
        borrower_id_of("far"), lane_of("B"),
    )  # fmt: skip
    retire_contact_points(desk.conn, [point], reason="no such number", now=NOW)
    found = desk.all(
        "SELECT lane, state FROM contact_point WHERE borrower_id = %s AND channel = 'sms'",
        borrower_id_of("far"),
    )
    assert sorted(found) == sorted([(lane_of("B"), "retired"), (lane_of("far"), "retired")])
