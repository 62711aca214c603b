"""Permits: judged as our own contacts are, entered in the ledger at once, never more than a cap allows."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from threading import Barrier
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

import psycopg
import pytest

from duecourse.book.consents import ConsentKind, record_consent
from duecourse.book.holds import HoldKind, add_hold
from duecourse.book.reading import find_borrower
from duecourse.book.suppressions import SuppressionKind, suppress, suppression_index
from duecourse.book.wishes import Person, Said
from duecourse.dispatch.brake import stop_sending
from duecourse.dispatch.permits import Permit, Question, Refusal, ask_permit, report_permit
from duecourse.domain.messaging import Channel, Purpose
from duecourse.domain.problems import DuecourseError
from duecourse.rules.compiling import shipped
from duecourse.rules.model import Actor
from duecourse.store.connect import Store
from lender import Lender, borrower_id_of, lane_of

NOON = datetime.fromisoformat("2026-10-12T12:00-04:00")
CALL = Question(Purpose.COLLECTION, Channel.VOICE, Actor.AGENCY)
NYC = "loan borrower due_on region zone\nL-1 B 2026-09-01 US-NYC America/New_York"


class Dialler:
    """Somebody who asks before they call."""

    def __init__(self, lender: Lender, conn: psycopg.Connection) -> None:
        self.lender, self.conn = lender, conn

    def ask(
        self, name: str = "B", at: datetime = NOON, question: Question = CALL, **options: Any
    ) -> Permit | Refusal:
        borrower = find_borrower(self.conn, self.lender.keyring, name)
        assert borrower is not None
        return ask_permit(
            self.conn, shipped(), borrower, question, by="agency-1", now=at, as_of=at.date(), **options
        )

    def permit(self, *arguments: Any, **options: Any) -> UUID:
        answer = self.ask(*arguments, **options)
        assert isinstance(answer, Permit), answer
        return answer.permit_id

    def refused(self, *arguments: Any, **options: Any) -> tuple[list[str], datetime | None]:
        answer = self.ask(*arguments, **options)
        assert isinstance(answer, Refusal), answer
        return [one.rule for one in answer.reasons], answer.not_before


def a_book(lender: Lender, rows: str) -> None:
    lender.book(rows)
    lender.reindex_contact_points()
    for (name,) in lender.conn.execute("SELECT borrower_key FROM borrower").fetchall():
        lender.name_in_directory(name)


@pytest.fixture
def dialler(lender: Lender) -> Dialler:
    """A borrower in New York City, six weeks past due."""
    a_book(lender, NYC)
    return Dialler(lender, lender.conn)


def ledger(lender: Lender) -> list[tuple[Any, ...]]:
    rows = lender.conn.execute(
        "SELECT weight, outcome, source, actor FROM contact ORDER BY at, attempt_id, weight DESC, outcome"
    ).fetchall()
    lender.conn.commit()
    return rows


def test_a_permit_counts_from_the_moment_it_is_given_and_the_cap_says_when_it_frees(dialler: Dialler) -> None:
    given = [dialler.permit(at=NOON + timedelta(hours=hour)) for hour in range(3)]
    assert len(set(given)) == 3
    assert ledger(dialler.lender) == [(1, "attempt", "permit", "agency")] * 3
    rules, not_before = dialler.refused(at=NOON + timedelta(hours=4))
    assert rules == ["US-NYC"]
    assert (
        not_before is not None
        and not_before.astimezone(NOON.tzinfo).isoformat() == "2026-10-19T08:00:00-04:00"
    )
    assert isinstance(dialler.ask(at=not_before), Permit)


def test_a_permit_that_was_not_used_is_given_back_and_one_that_only_expired_counts(dialler: Dialler) -> None:
    given = [dialler.permit(at=NOON) for _ in range(3)]
    later = NOON + timedelta(hours=1)
    assert dialler.refused(at=later)[0] == ["US-NYC"]
    report_permit(dialler.conn, given[0], "not-used", by="agency-1", now=later)
    report_permit(dialler.conn, given[0], "not-used", by="agency-1", now=later)
    dialler.permit(at=later)
    assert dialler.refused(at=later)[0] == ["US-NYC"]


def test_what_was_reached_is_appended_and_begins_a_cool_off(lender: Lender) -> None:
    a_book(lender, NYC.replace("US-NYC", "US-MA"))
    dialler = Dialler(lender, lender.conn)
    permit = dialler.permit()
    report_permit(lender.conn, permit, "connected", by="a", now=NOON)
    report_permit(lender.conn, permit, "conversation", by="a", now=NOON)
    assert [row[:2] for row in ledger(lender)] == [(1, "attempt"), (0, "connected"), (0, "conversation")]
    later = NOON + timedelta(days=2)
    rules, not_before = dialler.refused(at=later)
    assert any(rule.startswith("US-") for rule in rules)
    assert not_before is not None and not_before > NOON + timedelta(days=6)


def test_a_report_is_refused_when_it_contradicts_the_first_or_names_no_permit(dialler: Dialler) -> None:
    permit = dialler.permit()
    report_permit(dialler.conn, permit, "no-answer", by="a", now=NOON)
    with pytest.raises(DuecourseError, match="B122"):
        report_permit(dialler.conn, permit, "not-used", by="a", now=NOON)
    with pytest.raises(DuecourseError, match="B121"):
        report_permit(dialler.conn, uuid5(NAMESPACE_OID, "none"), "not-used", by="a", now=NOON)
    assert [row[0] for row in ledger(dialler.lender)] == [1]


def test_the_same_question_again_gets_the_same_permit(dialler: Dialler) -> None:
    question = Question(Purpose.COLLECTION, Channel.VOICE, Actor.AGENCY, reference="call 77")
    assert len({dialler.permit(question=question) for _ in range(4)}) == 1
    assert len(ledger(dialler.lender)) == 1


def test_a_reference_is_leave_for_one_question_and_none_once_it_was_given_back(dialler: Dialler) -> None:
    call = replace(CALL, reference="call 77")
    permit = dialler.permit(question=call)
    assert dialler.refused(question=replace(call, channel=Channel.EMAIL))[0] == ["US-NYC-CONSENT"]
    report_permit(dialler.conn, permit, "not-used", by="agency-1", now=NOON)
    with pytest.raises(DuecourseError, match="B122"):
        dialler.ask(question=call)
    assert [row[0] for row in ledger(dialler.lender)] == [1, -1]


def test_a_permit_ends_when_the_window_shuts_and_outside_it_the_opening_is_named(dialler: Dialler) -> None:
    late = datetime.fromisoformat("2026-10-12T20:55-04:00")
    answer = dialler.ask(at=late)
    assert isinstance(answer, Permit) and answer.expires_at == late + timedelta(minutes=5)
    early = dialler.ask(at=NOON)
    assert isinstance(early, Permit) and early.expires_at == NOON + timedelta(minutes=10)
    rules, not_before = dialler.refused(at=late + timedelta(minutes=5))
    assert not_before == datetime.fromisoformat("2026-10-13T08:00-04:00") and rules


def said(at: datetime = NOON - timedelta(days=1)) -> Said:
    return Said("call", "cli", "anna", at, at)


def a_dispute(lender: Lender, person: Person) -> None:
    add_hold(lender.conn, person, HoldKind.DISPUTE, said=said())


def a_stop_word(lender: Lender, person: Person) -> None:
    record_consent(lender.conn, ConsentKind.CONTACT, granted=False, said=said(), person=person)


def a_bereavement(lender: Lender, person: Person) -> None:
    add_hold(lender.conn, person, HoldKind.BEREAVEMENT, said=said())


def a_suppression(lender: Lender, person: Person) -> None:
    index = suppression_index(lender.keyring, SuppressionKind.PHONE, "+8613900001111", "CN")
    suppress(lender.conn, SuppressionKind.PHONE, [index], said=said())


def a_brake(lender: Lender, person: Person) -> None:
    stop_sending(lender.conn, channel="voice", reason="test", by="test", now=NOON - timedelta(hours=1))


def a_payment(lender: Lender, person: Person) -> None:
    lender.pay("L-1", "2026-10-01")


def a_closed_loan(lender: Lender, person: Person) -> None:
    lender.conn.execute("UPDATE loan SET state = 'closed'")


def a_grace(lender: Lender, person: Person) -> None:
    lender.conn.execute("UPDATE installment SET grace_days = 60")


@pytest.mark.parametrize(
    ("against", "rule"),
    [
        (a_dispute, None),
        (a_stop_word, None),
        (a_bereavement, "SPECIAL-CARE"),
        (a_suppression, "SUPPRESSED"),
        (a_brake, "STOPPED"),
        (a_payment, "PAID"),
        (a_grace, "IN-GRACE"),
    ],
)
def test_what_withholds_our_messages_withholds_a_permit(
    dialler: Dialler, against: Callable[[Lender, Person], None], rule: str | None
) -> None:
    against(dialler.lender, Person(lane_of("B"), borrower_id_of("B")))
    rules, not_before = dialler.refused()
    assert (rule in rules if rule else rules) and not_before is None
    assert ledger(dialler.lender) == []


def test_special_care_is_for_a_person_who_may_call(dialler: Dialler) -> None:
    a_bereavement(dialler.lender, Person(lane_of("B"), borrower_id_of("B")))
    assert isinstance(dialler.ask(question=replace(CALL, human=True)), Permit)


def test_no_open_debt_is_nothing_to_speak_of(dialler: Dialler) -> None:
    a_closed_loan(dialler.lender, Person(lane_of("B"), borrower_id_of("B")))
    with pytest.raises(DuecourseError, match="B120"):
        dialler.ask()


def at_once(
    store: Store, lender: Lender, names: list[str], at: datetime = NOON, question: Question = CALL
) -> list[Permit | Refusal]:
    """Each asks on a connection of its own, all at the same instant."""
    shipped().compiled()  # once, and not by each within a transaction, which may idle for ten seconds
    start = Barrier(len(names))

    def one(name: str) -> Permit | Refusal:
        with store.connect() as conn:
            dialler = Dialler(lender, conn)
            start.wait()
            return dialler.ask(name, at=at, question=question)

    with ThreadPoolExecutor(len(names)) as pool:
        return list(pool.map(one, names))


def test_diallers_that_ask_at_the_same_instant_never_exceed_a_cap(store: Store, dialler: Dialler) -> None:
    answers = at_once(store, dialler.lender, ["B"] * 8)
    assert sum(isinstance(answer, Permit) for answer in answers) == 3
    assert [row[0] for row in ledger(dialler.lender)] == [1, 1, 1]


def test_two_people_in_two_lanes_who_share_a_number_share_its_cap(store: Store, lender: Lender) -> None:
    a_book(lender, "loan borrower due_on\nL-1 B 2026-09-01\nL-2 C 2026-09-01")
    assert lane_of("B") != lane_of("C")
    ours = replace(CALL, actor=Actor.CREDITOR)
    answers = at_once(store, lender, ["B", "C"] * 5, datetime.fromisoformat("2026-10-12T12:00+08:00"), ours)
    assert sum(isinstance(answer, Permit) for answer in answers) == 6
    refused = {one.rule for answer in answers if isinstance(answer, Refusal) for one in answer.reasons}
    assert refused == {"CN-CALL-TRY"}


@pytest.mark.parametrize("seed", range(3))
def test_no_order_of_asking_and_reporting_exceeds_the_cap(dialler: Dialler, seed: int) -> None:
    """After every step, no seven days of the borrower's hold more than three contacts that were not given back."""
    chance = Random(seed)
    now, open_permits, counted = NOON, [], {}
    for _ in range(25):
        now += timedelta(hours=chance.choice([0, 1, 5, 30]))
        if open_permits and chance.random() < 0.4:
            permit = open_permits.pop(chance.randrange(len(open_permits)))
            outcome = chance.choice(["not-used", "not-used", "no-answer", "connected"])
            report_permit(dialler.conn, permit, outcome, by="a", now=now)
            if outcome == "not-used":
                del counted[permit]
        else:
            answer = dialler.ask(at=now)
            if isinstance(answer, Permit):
                open_permits.append(answer.permit_id)
                counted[answer.permit_id] = now.astimezone(NOON.tzinfo).date()
            else:
                assert answer.not_before is None or answer.not_before > now
        days = sorted(counted.values())
        assert all(sum(0 <= (day - first).days < 7 for day in days) <= 3 for first in days)
    assert counted
