"""Parties at the claim: who no longer answers for a debt is not told of it."""

from __future__ import annotations

from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

import pytest

from counter import Counter
from duecourse.book.contact_points import retire_contact_points
from duecourse.book.holds import HoldKind, add_hold, holds_of
from duecourse.book.reading import find_borrower
from duecourse.book.wishes import Person, Said
from duecourse.dispatch.permits import Permit, Question, Refusal, ask_permit, report_permit
from duecourse.domain.messaging import Channel, Purpose
from duecourse.domain.problems import DuecourseError
from duecourse.rules.compiling import shipped
from duecourse.rules.model import Actor, Party
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


SAID = Said("letter 3", "cli", "anna", NOW, NOW)


def loan_id_of(loan: str) -> UUID:
    return uuid5(NAMESPACE_OID, f"loan/{loan}")


def dispute(desk: Desk, name: str, loan: str) -> None:
    """A dispute of one debt, by somebody who answers for it."""
    person = Person(lane_of(name), borrower_id_of(name))
    add_hold(desk.conn, person, HoldKind.DISPUTE, said=SAID, loan_id=loan_id_of(loan))
    desk.conn.commit()


@pytest.mark.parametrize(("disputed", "told"), [("L-1", 0), ("L-2", 1)])
def test_a_debt_that_its_borrower_disputes_is_not_said_to_its_guarantor(
    desk: Desk, post: Post, disputed: str, told: int
) -> None:
    desk.book("loan borrower due_on\nL-1 B 2026-03-10\nL-2 B 2026-06-10\nL-9 number-giver 2026-06-10")
    desk.beside("L-1", "guarantor", "Gu")
    reachable(desk, "Gu", "L-1")
    desk.lender.policy(STEP.format(at="09:00", to="guarantor"))
    desk.lender.plan(DAY)
    person = Person(lane_of("B"), borrower_id_of("B"))
    at = Said("letter 3", "cli", "anna", LONG_AGO, LONG_AGO)
    add_hold(desk.conn, person, HoldKind.DISPUTE, said=at, loan_id=loan_id_of(disputed))
    desk.conn.commit()
    counter = Counter(post)
    counter.at(NINE)
    assert len(counter.ends["sms"].taken) == told
    verdicts = desk.lender.messages("verdict", where="party = 'guarantor'")
    refused = [one["primitive"] for one in verdicts[0][0]["rules"]]
    assert refused == ([] if told else ["P6"])


@pytest.fixture
def guaranteed(desk: Desk) -> Desk:
    """B owes L-1, for which Far answers, who lives in another lane and owes L-2."""
    desk.book(
        "loan borrower due_on phone\nL-1 B 2026-02-01 +8613900001111\nL-2 Far 2026-02-01 +8613900002222",
        "B", "Far",
    )  # fmt: skip
    assert lane_of("B") != lane_of("Far")
    desk.conn.execute("UPDATE installment SET grace_days = 0")
    desk.beside("L-1", "guarantor", "Far")
    return desk


def ask(desk: Desk, name: str, loan: str | None = None, **options: Any) -> Permit | Refusal:
    borrower = find_borrower(desk.conn, desk.lender.keyring, name)
    assert borrower is not None
    question = Question(
<<<<<<< HEAD
        Purpose.COLLECTION,
        Channel.VOICE,
        Actor.CREDITOR,
        loan_id=loan_id_of(loan) if loan else None,
        **options,
=======
        Purpose.COLLECTION, Channel.VOICE, Actor.CREDITOR, loan_id=loan_id_of(loan) if loan else None, **options
>>>>>>> a34b116dec31ad44bcead0a7db4b47ba5fc980e4
    )
    answer = ask_permit(desk.conn, shipped(), borrower, question, by="agency", now=NOW, as_of=NOW.date())
    desk.conn.commit()
    return answer


def test_a_permit_for_a_guarantor_counts_in_the_lane_of_the_loan(guaranteed: Desk) -> None:
    answer = ask(guaranteed, "Far", "L-1")
    assert isinstance(answer, Permit)
    here = [(lane_of("B"), borrower_id_of("Far"))]
    for table in ("permit", "contact"):
        assert guaranteed.all(f"SELECT lane, borrower_id FROM {table}") == here, table
    report_permit(guaranteed.conn, answer.permit_id, "conversation", by="agency", now=NOW)
    assert guaranteed.all("SELECT DISTINCT lane, borrower_id FROM contact") == here


def test_a_guarantor_s_own_debt_is_spoken_of_when_none_is_named(guaranteed: Desk) -> None:
    assert isinstance(ask(guaranteed, "Far"), Permit)
    assert guaranteed.all("SELECT lane, loan_id FROM contact") == [(lane_of("Far"), loan_id_of("L-2"))]
    assert isinstance(ask(guaranteed, "Far", party=Party.GUARANTOR), Permit)
    assert sorted(guaranteed.all("SELECT lane FROM contact")) == sorted([(lane_of("Far"),), (lane_of("B"),)])


def test_a_permit_for_a_guarantor_ends_with_the_guarantee_and_with_a_dispute_of_the_debt(
    guaranteed: Desk,
) -> None:
    dispute(guaranteed, "B", "L-1")
    answer = ask(guaranteed, "Far", "L-1")
    assert isinstance(answer, Refusal) and [one.primitive for one in answer.reasons] == ["P6"]
    guaranteed.conn.execute("UPDATE loan_party SET until = '2026-03-08'")
    for name, loan in (("Far", "L-1"), ("B", "L-2")):
        with pytest.raises(DuecourseError, match="B120"):
            ask(guaranteed, name, loan)


def test_a_hold_of_a_guarantor_names_the_loan_in_the_other_lane(guaranteed: Desk) -> None:
    dispute(guaranteed, "Far", "L-1")
    far = Person(lane_of("Far"), borrower_id_of("Far"))
    assert [(one.loan, one.kind) for one in holds_of(guaranteed.conn, far, at=NOW)] == [("L-1", "dispute")]
    assert isinstance(ask(guaranteed, "Far", "L-1"), Refusal)
    assert isinstance(ask(guaranteed, "Far", "L-2"), Permit)
