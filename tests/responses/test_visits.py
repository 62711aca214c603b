"""Nothing personal is shown before a second factor that the next holder of the telephone does not know."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from duecourse.book.contact_points import retire_contact_points
from duecourse.responses.links import Link, open_link
from duecourse.responses.peers import Limits
from duecourse.responses.visits import (
    Question,
    Refused,
    Visitor,
    VisitRefusal,
    begin_visit,
    end_visit,
    locked_until,
    questions_of,
    unlock,
    visitor_of,
)
from duecourse.store.connect import Store
from lender import Lender, borrower_id_of, lane_of
from sent_links import NINE, PHONE, send_link

LATER = NINE + timedelta(minutes=10)
ID_NUMBER = "11010519491231002X"


@pytest.fixture
def lent(lender: Lender) -> Lender:
    """One borrower with an ID number."""
    lender.book(f"loan due_on id_number\nHT-2026-0001 2026-03-10 {ID_NUMBER}", borrower="B-L-1")
    return lender


def link_to(lender: Lender, borrower: str = "B-L-1") -> Link:
    sent = send_link(lender, borrower)
    found = open_link(
        lender.conn, lender.keyring, sent.code, peer="192.0.2.1", user_agent=PHONE, method="GET", now=LATER
    )
    assert isinstance(found, Link)
    return found


def answered(lender: Lender, link: Link, answer: str, **more: Any) -> str | VisitRefusal:
    given: dict[str, Any] = {"question": "id-last-6", "peer": "203.0.113.9", "now": LATER, **more}
    question = given.pop("question")
    result = begin_visit(lender.conn, lender.keyring, link, question, answer, **given)
    lender.conn.commit()
    return result


def visitor(lender: Lender, token: str | VisitRefusal, **more: Any) -> Visitor | None:
    assert isinstance(token, str)
    found = visitor_of(lender.conn, lender.keyring, token, **{"now": LATER, **more})
    lender.conn.commit()
    return found


def test_who_knows_the_end_of_the_id_number_is_the_borrower(lent: Lender) -> None:
    link = link_to(lent)
    assert questions_of(lent.conn, lent.keyring, link) == (Question.ID_LAST_6,)
    found = visitor(lent, answered(lent, link, "31002x"))
    assert found is not None
    assert (found.lane, found.borrower_id) == (lane_of("B-L-1"), borrower_id_of("B-L-1"))
    assert (found.language, found.region, found.zone, found.large) == ("en", "CN", "Asia/Shanghai", False)
    assert found.message_id == link.message_id and found.link_code_hash == link.code_hash
    assert found.expires_at == LATER + timedelta(minutes=30) and len(found.csrf) == 64


def test_an_answer_may_be_typed_as_people_type(lent: Lender) -> None:
    link = link_to(lent)
    for answer in ("31002X", " 310 02x ", "３１００２Ｘ", "٣١٠٠٢X", "310-02X", ID_NUMBER, ID_NUMBER.lower()):
        assert isinstance(answered(lent, link, answer), str), answer


def test_another_answer_is_wrong(lent: Lender) -> None:
    link, many = link_to(lent), Limits(wrong_answers=100, wrong_answers_of_a_peer=100)
    wrong = ("", "31002", "1002X", "X", "110105", "131002X", "+8613900001111", "310021", "\0", "9" * 10_000)
    for left, answer in zip(range(99, 0, -1), wrong, strict=False):
        assert answered(lent, link, answer, limits=many) == VisitRefusal(Refused.WRONG, tries_left=left)


def test_a_contract_number_is_asked_whole_and_only_of_whom_no_id_number_is_known(lender: Lender) -> None:
    lender.book("loan borrower due_on\nHT-2026-0001 B 2026-03-10\nL-2 C 2026-03-10")
    link = link_to(lender, "B")
    assert questions_of(lender.conn, lender.keyring, link) == (Question.CONTRACT_NUMBER,)
    assert answered(lender, link, "0001", question="contract-number") == VisitRefusal(Refused.WRONG, 4)
    assert isinstance(answered(lender, link, "ht 2026 0001", question="contract-number"), str)
    # Messages show the last four of a contract: of a short number nothing would be left to know.
    assert questions_of(lender.conn, lender.keyring, link_to(lender, "C")) == ()
    assert answered(lender, link_to(lender, "C"), "L-2", question="contract-number") == VisitRefusal(
        Refused.WRONG, 4
    )


def test_a_question_that_was_not_asked_is_not_answered(lent: Lender) -> None:
    link = link_to(lent)
    for question in ("contract-number", "phone", ""):
        assert isinstance(answered(lent, link, "HT-2026-0001", question=question), VisitRefusal)


def test_five_wrong_answers_lock_the_person_for_a_day_across_links_and_addresses(lent: Lender) -> None:
    links = [link_to(lent), link_to(lent)]
    tries = [answered(lent, links[n % 2], f"00000{n}", peer=f"198.51.100.{n}") for n in range(5)]
    assert [one.tries_left for one in tries[:4] if isinstance(one, VisitRefusal)] == [4, 3, 2, 1]
    until = LATER + timedelta(hours=24)
    assert tries[4] == VisitRefusal(Refused.LOCKED, until=until)
    # The right answer does not help while it lasts, and does not say that it is right.
    assert answered(lent, links[0], "31002X", peer="203.0.113.77") == VisitRefusal(
        Refused.LOCKED, until=until
    )
    assert locked_until(lent.conn, lane_of("B-L-1"), borrower_id_of("B-L-1"), now=LATER) == until
    after = until + timedelta(seconds=1)
    assert answered(lent, links[1], "999999", now=after) == VisitRefusal(Refused.WRONG, tries_left=4)
    assert isinstance(answered(lent, links[1], "31002X", now=after), str)


def test_of_wrong_answers_at_once_each_counts(lent: Lender, store: Store) -> None:
    link = link_to(lent)
    start = threading.Barrier(12)

    def guess(n: int) -> VisitRefusal | str:
        with store.connect() as conn:
            start.wait()
            return begin_visit(
                conn, lent.keyring, link, "id-last-6", f"0000{n:02d}", peer=f"198.51.100.{n}", now=LATER
            )

    with ThreadPoolExecutor(12) as guessers:
        tries = list(guessers.map(guess, range(12)))
    refused = [(one.why.value, one.tries_left) for one in tries if isinstance(one, VisitRefusal)]
    assert sorted(refused) == [("locked", 0)] * 8 + [("wrong", left) for left in (1, 2, 3, 4)]


def test_a_right_answer_takes_no_wrong_one_back_and_a_day_does(lent: Lender) -> None:
    link = link_to(lent)
    for n in range(4):
        answered(lent, link, f"00000{n}")
    assert isinstance(answered(lent, link, "31002X"), str)
    assert isinstance(again := answered(lent, link, "000009"), VisitRefusal) and again.why is Refused.LOCKED
    unlock(lent.conn, lane_of("B-L-1"), borrower_id_of("B-L-1"))
    for n in range(4):
        answered(lent, link, f"00000{n}")
    later = answered(lent, link, "000009", now=LATER + timedelta(hours=24))
    assert later == VisitRefusal(Refused.WRONG, tries_left=4)


def test_two_records_of_one_person_are_locked_together(lent: Lender) -> None:
    lent.book(f"loan due_on id_number\nHT-2026-0002 2026-03-10 {ID_NUMBER}", borrower="B-L-2")
    lent.conn.execute(
        "UPDATE borrower SET person_id = %s WHERE borrower_key = 'B-L-2'", (borrower_id_of("B-L-1"),)
    )
    first, second = link_to(lent), link_to(lent, "B-L-2")
    tries = [answered(lent, (first, second)[n % 2], f"00000{n}") for n in range(5)]
    assert isinstance(tries[4], VisitRefusal) and tries[4].why is Refused.LOCKED


def test_an_address_that_tries_many_people_is_refused(lent: Lender) -> None:
    people = [f"B-{n}" for n in range(5)]
    lent.book(
        "loan borrower due_on\n"
        + "\n".join(f"HT-2026-1{n:03d} {who} 2026-03-10" for n, who in enumerate(people))
    )
    limits = Limits(wrong_answers_of_a_peer=4)
    for who in people[:4]:
        answered(lent, link_to(lent, who), "0", question="contract-number", limits=limits)
    refused = answered(
        lent, link_to(lent, people[4]), "HT-2026-1004", question="contract-number", limits=limits
    )
    assert refused == VisitRefusal(Refused.TOO_MANY, until=LATER + timedelta(hours=1))
    elsewhere = answered(
        lent,
        link_to(lent, people[4]),
        "HT-2026-1004",
        question="contract-number",
        limits=limits,
        peer="192.0.2.9",
    )
    assert isinstance(elsewhere, str)


def test_a_visit_ends_when_idle_at_its_end_and_when_the_visitor_leaves(lent: Lender) -> None:
    token = answered(lent, link_to(lent), "31002X")
    for minutes in range(29, 8 * 60, 29):
        assert visitor(lent, token, now=LATER + timedelta(minutes=minutes)) is not None
    assert visitor(lent, token, now=LATER + timedelta(hours=8)) is None
    other = answered(lent, link_to(lent), "31002X")
    assert visitor(lent, other, now=LATER + timedelta(minutes=30)) is None
    third = answered(lent, link_to(lent), "31002X")
    assert isinstance(third, str)
    end_visit(lent.conn, lent.keyring, third, now=LATER)
    assert visitor(lent, third) is None


def test_a_visit_dies_with_its_link(lent: Lender) -> None:
    link = link_to(lent)
    token = answered(lent, link, "31002X")
    (point,) = lent.conn.execute(
        "SELECT contact_point_id FROM contact_point WHERE channel = 'sms'"
    ).fetchall()
    retire_contact_points(lent.conn, [(lane_of("B-L-1"), point[0])], reason="wrong-person", now=LATER)
    assert visitor(lent, token) is None
    assert answered(lent, link, "31002X") == VisitRefusal(Refused.NO_LINK)


def test_tokens_are_kept_nowhere_and_a_made_up_one_is_nobody_s(lent: Lender) -> None:
    token = answered(lent, link_to(lent), "31002X")
    assert isinstance(token, str)
    (row,) = lent.conn.execute("SELECT v::text FROM visit v").fetchall()
    assert token not in row[0] and "31002" not in row[0]
    for made_up in ("", "x", token[:-1], token + "A", "\0"):
        assert visitor(lent, made_up) is None


def test_the_csrf_word_is_one_visit_s_own_and_does_not_change(lent: Lender) -> None:
    link = link_to(lent)
    first, second = answered(lent, link, "31002X"), answered(lent, link, "31002X")
    words = [found.csrf for one in (first, first, second) if (found := visitor(lent, one))]
    assert words[0] == words[1] != words[2]
