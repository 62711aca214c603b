"""Who is told of a debt: the borrower, and those beside them whom a step names."""

from __future__ import annotations

import pytest

from duecourse.domain.problems import DuecourseError
from lender import LONG_AGO, Lender, borrower_id_of, lane_of

STEP = """
  - id: due-in-1
    when: due - 1d at 09:00
    purpose: reminder
    to: {to}
    route: [sms]
    template: due-soon
    variants:
      - if: {{language: zh}}
        template: due-soon-zh
"""
TOLD = ("who", "party", "template", "local_time", "loans")


class Parties:
    """Puts parties beside the loans of a lender's book."""

    def __init__(self, lender: Lender) -> None:
        self.lender = lender
        self.conn = lender.conn

    def beside(
        self, loan: str, role: str, name: str, zone: str = "Asia/Shanghai", language: str = "en"
    ) -> None:
        """A co-borrower or guarantor who lives in the loan's lane."""
        self.conn.execute(
            """INSERT INTO borrower (lane, borrower_id, borrower_key, language, region, zone, row_digest, effective_at,
                   recorded_at)
               SELECT lane, %s, %s, %s, 'CN', %s, '', %s, %s FROM loan WHERE loan_ref = %s ON CONFLICT DO NOTHING""",
            (borrower_id_of(name), name, language, zone, LONG_AGO, LONG_AGO, loan),
        )
        if role:
            self.conn.execute(
                """INSERT INTO loan_party (lane, loan_id, borrower_id, role, effective_at, recorded_at)
                   SELECT lane, loan_id, %s, %s, %s, %s FROM loan WHERE loan_ref = %s""",
                (borrower_id_of(name), role, LONG_AGO, LONG_AGO, loan),
            )
        self.conn.commit()

    def contact_of(self, company: str, loan: str, name: str, zone: str = "Asia/Shanghai") -> None:
        """A company's contact, in the lane of the company's loan."""
        self.beside(loan, "", name, zone)
        self.conn.execute(
            "UPDATE borrower SET kind = 'company' WHERE borrower_id = %s", (borrower_id_of(company),)
        )
        self.conn.execute(
            """INSERT INTO company_contact (lane, company_id, borrower_id, effective_at, recorded_at)
               SELECT lane, %s, %s, %s, %s FROM loan WHERE loan_ref = %s""",
            (borrower_id_of(company), borrower_id_of(name), LONG_AGO, LONG_AGO, loan),
        )
        self.conn.commit()

    def told(self) -> list[tuple[object, ...]]:
        """Every message: to whom, as what, in which words, when, about which loans."""
        who = "(SELECT borrower_key FROM borrower b WHERE b.lane = m.lane AND b.borrower_id = m.borrower_id)"
        return sorted(self.lender.messages(who, "party", "template", "local_time", "loans"))


@pytest.fixture
def parties(lender: Lender) -> Parties:
    return Parties(lender)


def test_without_to_the_borrower_alone_is_told(lender: Lender, parties: Parties) -> None:
    lender.book("loan due_on\nL-1 2026-03-10")
    parties.beside("L-1", "guarantor", "Gu")
    lender.plan("2026-03-09T00:00+08:00")
    assert parties.told() == [("B-L-1", "borrower", "due-soon", "2026-03-09 09:00", "L-1")]


def test_each_party_has_a_message_of_their_own_in_their_language_and_zone(
    lender: Lender, parties: Parties
) -> None:
    lender.book("loan due_on\nL-1 2026-03-10\nL-2 2026-03-10")
    parties.beside("L-1", "guarantor", "Gu", zone="Asia/Tokyo", language="zh-CN")
    parties.beside("L-1", "co-borrower", "Co", zone="Europe/Berlin")
    lender.policy(STEP.format(to="[borrower, co-borrower, guarantor]"))
    for messages in (4, 0):
        assert lender.plan("2026-03-09T00:00+08:00").messages == messages
    assert parties.told() == [
        ("B-L-1", "borrower", "due-soon", "2026-03-09 09:00", "L-1"),
        ("B-L-2", "borrower", "due-soon", "2026-03-09 09:00", "L-2"),
        ("Co", "co-borrower", "due-soon", "2026-03-09 09:00", "L-1"),
        ("Gu", "guarantor", "due-soon-zh", "2026-03-09 09:00", "L-1"),
    ]
    assert set(lender.messages("zone")) == {("Asia/Shanghai",), ("Asia/Tokyo",), ("Europe/Berlin",)}


def test_a_step_may_tell_the_guarantor_alone(lender: Lender, parties: Parties) -> None:
    lender.book("loan due_on\nL-1 2026-03-10")
    parties.beside("L-1", "guarantor", "Gu")
    lender.policy(STEP.format(to="guarantor"))
    lender.plan("2026-03-09T00:00+08:00")
    assert [row[:2] for row in parties.told()] == [("Gu", "guarantor")]


def test_what_a_party_guarantees_stands_in_one_message_for_each_borrower(
    lender: Lender, parties: Parties
) -> None:
    lender.book("loan borrower due_on\nL-1 B-1 2026-03-10\nL-2 B-1 2026-03-10")
    parties.beside("L-1", "guarantor", "Gu")
    parties.beside("L-2", "guarantor", "Gu")
    lender.policy(STEP.format(to="guarantor"))
    lender.plan("2026-03-09T00:00+08:00")
    assert [(row[0], row[4]) for row in parties.told()] == [("Gu", "L-1,L-2")]
    assert lender.messages("bundle") == [(f"guarantor/{borrower_id_of('B-1')}",)]


def test_who_is_several_parties_of_a_loan_is_told_once_as_the_first(lender: Lender, parties: Parties) -> None:
    lender.book("loan due_on\nL-1 2026-03-10")
    parties.beside("L-1", "guarantor", "Gu")
    parties.beside("L-1", "co-borrower", "Gu")
    parties.beside("L-1", "guarantor", "B-L-1")
    lender.policy(STEP.format(to="[borrower, guarantor, co-borrower]"))
    assert lender.plan("2026-03-09T00:00+08:00").messages == 2
    assert [row[:2] for row in parties.told()] == [("B-L-1", "borrower"), ("Gu", "guarantor")]


def test_a_guarantee_over_or_yet_to_come_tells_nobody(lender: Lender, parties: Parties) -> None:
    lender.book("loan due_on\nL-1 2026-03-10\nL-2 2026-03-10\nL-3 2026-03-10")
    for loan, since, until in (
        ("L-1", None, "2026-03-08"),
        ("L-2", "2026-03-10", None),
        ("L-3", None, "2026-03-09"),
    ):
        parties.beside(loan, "guarantor", f"G{loan}")
        lender.conn.execute(
            "UPDATE loan_party SET since = %s, until = %s WHERE borrower_id = %s",
            (since, until, borrower_id_of(f"G{loan}")),
        )
    lender.policy(STEP.format(to="guarantor"))
    lender.plan("2026-03-09T00:00+08:00")
    assert [row[0] for row in parties.told()] == ["GL-3"]


def test_a_company_is_reached_through_its_contacts(lender: Lender, parties: Parties) -> None:
    lender.book("loan borrower due_on\nL-1 ACME 2026-03-10\nL-2 ACME 2026-03-10\nL-3 Inc 2026-03-10")
    parties.contact_of("ACME", "L-1", "Pat", zone="Asia/Tokyo")
    lender.conn.execute("UPDATE borrower SET kind = 'company' WHERE borrower_key = 'Inc'")
    parties.beside("L-1", "guarantor", "Pat")  # the owner answers for the company, too
    lender.policy(STEP.format(to="[borrower, guarantor]"))
    lender.plan("2026-03-09T00:00+08:00")
    assert [(row[0], row[1], row[4]) for row in parties.told()] == [
        ("Inc", "borrower", "L-3"),  # has no contact: its own number and address
        ("Pat", "borrower", "L-1,L-2"),
    ]


def test_a_contact_s_own_loan_and_the_company_s_never_share_a_message(
    lender: Lender, parties: Parties
) -> None:
    lender.book("loan borrower due_on\nL-1 ACME 2026-03-10")
    parties.contact_of("ACME", "L-1", "Pat")
    lender.conn.execute(
        """INSERT INTO loan (lane, loan_id, borrower_id, loan_ref, creditor, product, method, currency, row_digest,
               effective_at, recorded_at)
           SELECT lane, gen_random_uuid(), %s, 'L-P', creditor, product, method, currency, '', effective_at,
                  recorded_at FROM loan""",
        (borrower_id_of("Pat"),),
    )
    lender.conn.execute(
        """INSERT INTO installment (lane, loan_id, number, borrower_id, due_on, due_minor, effective_at, recorded_at)
           SELECT lane, loan_id, 1, borrower_id, '2026-03-10', 500, effective_at, recorded_at
           FROM loan WHERE loan_ref = 'L-P'"""
    )
    lender.plan("2026-03-09T00:00+08:00")
    assert [(row[0], row[4]) for row in parties.told()] == [("Pat", "L-1"), ("Pat", "L-P")]
    assert lane_of("ACME") == lender.messages("lane")[0][0]


@pytest.mark.parametrize("to", ["neighbour", "[]", "[borrower, borrower]"])
def test_a_party_nobody_knows_is_a_fault_of_the_policy(lender: Lender, to: str) -> None:
    with pytest.raises(DuecourseError) as caught:
        lender.policy(STEP.format(to=to))
    assert [problem.code for problem in caught.value.problems] == ["P103"]
