"""What follows from an answer, from the same one twice, and from one that is read otherwise."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from uuid import NAMESPACE_OID, UUID, uuid5

import psycopg
import pytest

from answering import Answers
from duecourse.book.holds import HoldKind, end_holds
from duecourse.book.wishes import Person
from duecourse.dispatch.merging import merge_borrowers
from duecourse.domain.messaging import Channel
from duecourse.responses.correcting import (
    Place,
    assign_response,
    close_response,
    find_response,
    read_again,
    undo_response,
)
from duecourse.responses.intents import Intent, Understood
from duecourse.responses.queue import show_response
from duecourse.responses.recording import Heard, Room, record_response
from duecourse.store.connect import Store
from lender import borrower_id_of, lane_of

LOAN = """
    loan  borrower  due_on      amount
    L-1   B-1       2026-03-05  500.00
    L-2   B-1       2026-03-20  300.00
"""

IN_A_QUEUE = "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'"


@pytest.fixture(autouse=True)
def book(answers: Answers) -> None:
    """One person with two debts, in Shanghai."""
    answers.lender.book(LOAN)


def test_a_promise_pauses_until_the_end_of_the_day_after_it(answers: Answers) -> None:
    answers.say("B-1", Intent.WILL_PAY, at="2026-03-10T21:00+08:00", day="2026-03-13", amount=50000)
    assert answers.holds("B-1") == [("promise", None, "03-10 21:00", "03-15 00:00")]
    assert answers.rows("SELECT promised_on::text, keep_by::text, amount_minor, state FROM promise") == [
        ("2026-03-13", "2026-03-14", 50000, "open")
    ]


def test_the_same_request_twice_is_one_answer(answers: Answers) -> None:
    for _ in range(2):
        answers.say("B-1", Intent.WILL_PAY, at="2026-03-10T21:00+08:00", day="2026-03-13", request="r")
    assert answers.rows("SELECT count(*) FROM response") == [(1,)]
    assert answers.rows("SELECT count(*) FROM hold") == [(1,)]


def test_a_later_promise_takes_the_place_of_an_earlier(answers: Answers) -> None:
    answers.say("B-1", Intent.WILL_PAY, at="2026-03-10T12:00+08:00", day="2026-03-20", loan="L-1")
    answers.say("B-1", Intent.WILL_PAY, at="2026-03-11T12:00+08:00", day="2026-03-12", loan="L-1")
    answers.say("B-1", Intent.WILL_PAY, at="2026-03-11T13:00+08:00", day="2026-03-22", loan="L-2")
    assert answers.holds("B-1") == [
        ("promise", "L-1", "03-10 12:00", "03-11 12:00"),
        ("promise", "L-1", "03-11 12:00", "03-14 00:00"),
    ]
    assert answers.rows("SELECT reason FROM response_event") == [("too-many",)]


def test_promises_too_far_or_past_or_without_a_day_wait_for_a_person(answers: Answers) -> None:
    answers.say("B-1", Intent.WILL_PAY, at="2026-03-10T12:00+08:00", day="2026-03-25")
    answers.say("B-1", Intent.WILL_PAY, at="2026-03-10T13:00+08:00", day="2026-03-09")
    answers.say("B-1", Intent.WILL_PAY, at="2026-03-10T14:00+08:00")
    assert answers.holds("B-1") == []
    assert answers.rows("SELECT event, reason FROM response_event ORDER BY at, reason") == [
        ("waits", "too-far"), ("waits", "day-past"), ("waits", "no-day"),
    ]  # fmt: skip


def test_a_day_at_the_end_of_the_calendar_is_no_day_and_what_is_said_next_is_followed(
    answers: Answers,
) -> None:
    answers.say("B-1", Intent.WILL_PAY, at="2026-03-10T12:00+08:00", day="9999-12-31")
    answers.say("B-1", Intent.STOP, at="2026-03-10T13:00+08:00", channel=Channel.SMS)
    assert answers.rows("SELECT reason FROM response_waiting") == [("no-day",)]
    assert answers.rows("SELECT granted FROM consent") == [(False,)]


def test_said_to_be_paid_waits_for_the_feed_and_then_goes_on(answers: Answers) -> None:
    answers.say("B-1", Intent.PAID, at="2026-03-10T12:00+08:00", loan="L-1")
    assert answers.holds("B-1") == [("says-paid", "L-1", "03-10 12:00", "03-14 00:00")]
    assert answers.rows("SELECT count(*) FROM response_event") == [(0,)]


def test_cannot_pay_pauses_once_in_a_month_and_reaches_a_person_each_time(answers: Answers) -> None:
    answers.say("B-1", Intent.CANNOT_PAY, at="2026-03-10T12:00+08:00")
    answers.say("B-1", Intent.WANTS_PLAN, at="2026-03-19T12:00+08:00")
    assert answers.holds("B-1") == [("hardship", None, "03-10 12:00", "03-18 00:00")]
    assert answers.rows("SELECT reason FROM response_event ORDER BY at") == [("cannot-pay",), ("wants-plan",)]


@pytest.mark.parametrize(
    ("intent", "loan", "effect"),
    [
        (Intent.DISPUTE, "L-1", "stop"),
        (Intent.IDENTITY_THEFT, "L-1", "stop"),
        (Intent.BANKRUPTCY, None, "stop"),
        (Intent.DECEASED, None, "stop"),
        (Intent.LAWYER, None, "stop"),
        (Intent.COMPLAINT, None, "stop"),
        (Intent.DISTRESS, None, "person"),
    ],
)
def test_a_grave_answer_holds_and_reaches_a_person(
    answers: Answers, intent: Intent, loan: str | None, effect: str
) -> None:
    response = answers.say("B-1", intent, at="2026-03-10T12:00+08:00", loan="L-1")
    assert answers.holds("B-1") == [(intent.value, loan, "03-10 12:00", None)]
    assert answers.rows("SELECT effect, evidence, source FROM hold") == [
        (effect, f"response {response}", "page")
    ]
    assert answers.rows("SELECT event, reason FROM response_event") == [("waits", intent.value)]


def test_several_meanings_of_one_answer_all_take_effect(answers: Answers) -> None:
    answers.say("B-1", Intent.PAID, Intent.STOP, at="2026-03-10T12:00+08:00", channel=Channel.SMS)
    assert [kind for kind, *_ in answers.holds("B-1")] == ["says-paid"]
    assert answers.rows("SELECT granted, channel, purpose FROM consent") == [(False, "sms", None)]


def test_thanks_does_nothing_and_what_is_unclear_waits(answers: Answers) -> None:
    answers.say("B-1", Intent.THANKS, at="2026-03-10T12:00+08:00")
    answers.say("B-1", at="2026-03-10T13:00+08:00", text="um what")
    assert answers.rows("SELECT reason FROM response_event") == [("unclear",)]
    assert answers.rows("SELECT count(*) FROM response_effect") == [(0,)]


@pytest.mark.parametrize(
    ("confidence", "by", "waits"),
    [
        (0.06, "model", [("unsure-stop",)]),
        (0.30, "model", []),
        (0.06, "rule", []),
        (0.0, "endpoint", []),
    ],
)
def test_a_stop_that_the_model_alone_took_and_doubts_is_in_force_and_a_person_looks(
    answers: Answers, confidence: float, by: str, waits: list[tuple[str]]
) -> None:
    answers.room = Room(understand=lambda *_, **__: Understood((Intent.STOP,), confidence, by))
    response = answers.say("B-1", at="2026-03-10T12:00+08:00", text="enough of that", channel=Channel.SMS)
    assert answers.rows("SELECT granted, channel FROM consent") == [(False, "sms")]
    assert answers.rows("SELECT reason FROM response_waiting") == waits
    with answers.conn.transaction():
        now = datetime.fromisoformat("2026-03-10T13:00+08:00")
        read_again(answers.conn, place_of(answers, response), (Intent.STOP,), by="li", now=now)
    assert answers.rows("SELECT granted, channel FROM consent") == [(False, "sms")]
    assert answers.rows("SELECT reason FROM response_waiting") == []


def test_words_are_sealed_and_cut_at_ten_thousand_characters(answers: Answers) -> None:
    answers.say("B-1", at="2026-03-10T13:00+08:00", text="secret words " * 2000)
    [(sealed,)] = answers.rows("SELECT text_sealed FROM response")
    assert b"secret" not in bytes(sealed)
    assert len(bytes(sealed)) < 10_100


def test_an_answer_for_nobody_in_the_book_is_an_error_of_the_caller(answers: Answers) -> None:
    with pytest.raises(ValueError, match="no such person"):
        answers.say("B-9", Intent.THANKS, at="2026-03-10T12:00+08:00")


def place_of(answers: Answers, response_id: UUID) -> Place:
    with answers.conn.transaction():
        return find_response(answers.conn, str(response_id))


def test_a_wrong_reading_is_taken_back_and_the_right_one_done(answers: Answers) -> None:
    response = answers.say("B-1", Intent.DISPUTE, at="2026-03-10T12:00+08:00", loan="L-1")
    now = datetime.fromisoformat("2026-03-10T15:00+08:00")
    with answers.conn.transaction():
        read_again(
            answers.conn, place_of(answers, response), (Intent.WILL_PAY,), by="li", now=now,
            promised_on=date(2026, 3, 13),
        )  # fmt: skip
    assert answers.holds("B-1") == [
        ("dispute", "L-1", "03-10 12:00", "03-10 15:00"),
        ("promise", "L-1", "03-10 12:00", "03-15 00:00"),
    ]
    assert answers.rows("SELECT ended_by, end_reason FROM hold WHERE kind = 'dispute'") == [
        ("li", "read otherwise")
    ]
    assert answers.rows("SELECT count(*) FROM response_waiting") == [(0,)]


def test_undoing_lifts_the_stop_that_was_said_and_no_later_one(answers: Answers) -> None:
    first = answers.say("B-1", Intent.STOP, at="2026-03-10T12:00+08:00", channel=Channel.SMS)
    answers.say("B-1", Intent.STOP, at="2026-03-11T12:00+08:00", channel=Channel.EMAIL)
    with answers.conn.transaction():
        undo_response(
            answers.conn,
            place_of(answers, first),
            by="li",
            now=datetime.fromisoformat("2026-03-12T09:00+08:00"),
        )
    assert answers.rows("SELECT channel, granted FROM consent ORDER BY effective_at") == [
        ("sms", False), ("sms", True), ("email", False),
    ]  # fmt: skip


def test_a_pause_that_a_person_ended_does_not_come_back_when_what_replaced_it_is_undone(
    answers: Answers,
) -> None:
    at = [datetime.fromisoformat(f"2026-03-{day}T12:00+08:00") for day in (10, 11, 12)]
    answers.say("B-1", Intent.WILL_PAY, at=str(at[0]), day="2026-03-20")
    with answers.conn.transaction():
        b1 = Person(lane_of("B-1"), borrower_id_of("B-1"))
        end_holds(answers.conn, b1, HoldKind.PROMISE, reason="agreed by phone", by="wu", at=at[1], now=at[1])
    later = answers.say("B-1", Intent.WILL_PAY, at=str(at[2]), day="2026-03-22")
    with answers.conn.transaction():
        undo_response(answers.conn, place_of(answers, later), by="li", now=at[2] + timedelta(hours=1))
    assert answers.holds("B-1") == [
        ("promise", None, "03-10 12:00", "03-11 12:00"),
        ("promise", None, "03-12 12:00", "03-12 13:00"),
    ]


def test_undoing_a_wrong_person_gives_the_address_back_and_asks_for_the_end_of_its_suppression(
    answers: Answers,
) -> None:
    [(index,)] = answers.rows("SELECT address_index FROM contact_point WHERE channel = 'sms'")
    response = answers.say(
        "B-1",
        Intent.WRONG_PERSON,
        at="2026-03-10T12:00+08:00",
        channel=Channel.SMS,
        address_index=bytes(index),
    )
    state = "SELECT state, retired_reason FROM contact_point WHERE channel = 'sms'"
    assert answers.rows(state) == [("retired", "wrong-person")]
    assert answers.rows("SELECT kind, reason, end_asked_by FROM suppression") == [
        ("phone", "wrong-person", None)
    ]
    with answers.conn.transaction():
        undo_response(
            answers.conn,
            place_of(answers, response),
            by="li",
            now=datetime.fromisoformat("2026-03-12T09:00+08:00"),
        )
    assert answers.rows(state) == [("active", None)]
    assert answers.rows("SELECT end_asked_by, ended_by FROM suppression") == [("li", None)]


def test_a_wrong_person_whose_number_another_borrower_has_is_retired_and_not_suppressed(
    answers: Answers,
) -> None:
    answers.lender.book("""
        loan  borrower  due_on
        L-3   B-2       2026-03-05
    """)
    [(index, *_)] = answers.rows("SELECT DISTINCT address_index FROM contact_point WHERE channel = 'sms'")
    answers.say(
        "B-1",
        Intent.WRONG_PERSON,
        at="2026-03-10T12:00+08:00",
        channel=Channel.SMS,
        address_index=bytes(index),
    )
    assert answers.rows(
        "SELECT borrower_key, c.state FROM contact_point c JOIN borrower USING (lane, borrower_id)"
        " WHERE channel = 'sms' ORDER BY 1"
    ) == [("B-1", "retired"), ("B-2", "active")]
    assert answers.rows("SELECT count(*) FROM suppression") == [(0,)]


def test_what_a_person_closed_stays_closed_until_there_is_another_reason(answers: Answers) -> None:
    response = answers.say("B-1", Intent.UNCLEAR, at="2026-03-10T12:00+08:00")
    now = datetime.fromisoformat("2026-03-10T13:00+08:00")
    with answers.conn.transaction():
        assert close_response(
            answers.conn,
            answers.lender.keyring,
            place_of(answers, response),
            note="asked back",
            by="li",
            now=now,
        )
    answers.say("B-1", Intent.THANKS, at="2026-03-10T14:00+08:00")
    assert answers.rows("SELECT count(*) FROM response_waiting") == [(0,)]
    assert answers.rows("SELECT event, recorded_by FROM response_event ORDER BY seq") == [
        ("waits", "duecourse"), ("closed", "li"),
    ]  # fmt: skip


def test_an_answer_of_nobody_known_is_kept_and_given_to_whoever_it_is_of(answers: Answers) -> None:
    heard = Heard(None, "reply", uuid5(NAMESPACE_OID, "r"), channel=Channel.SMS, text="what is this?")
    now = datetime.fromisoformat("2026-03-10T13:00+08:00")
    with answers.conn.transaction():
        response = record_response(answers.conn, answers.lender.keyring, heard, now=now)
    assert answers.rows("SELECT reason FROM response_waiting") == [("unknown-sender",)]
    with answers.conn.transaction():
        place = assign_response(
            answers.conn, answers.lender.keyring, place_of(answers, response),
            Person(lane_of("B-1"), borrower_id_of("B-1")), by="li", now=now,
        )  # fmt: skip
    assert place.borrower_id == borrower_id_of("B-1")
    assert answers.rows("SELECT response_id, reason FROM response_waiting") == [
        (place.response_id, "unclear")
    ]


def test_an_answer_that_is_given_to_two_people_is_found_and_undone_for_each(answers: Answers) -> None:
    answers.lender.book("""
        loan  borrower  due_on
        L-3   B-2       2026-03-05
    """)
    heard = Heard(
        None, "reply", uuid5(NAMESPACE_OID, "r"), channel=Channel.SMS, intents=(Intent.DISPUTE,), text="no"
    )
    now = datetime.fromisoformat("2026-03-10T13:00+08:00")
    with answers.conn.transaction():
        response = record_response(answers.conn, answers.lender.keyring, heard, now=now)
        nobody = find_response(answers.conn, str(response))
        wrong, right = (
            assign_response(
                answers.conn, answers.lender.keyring, nobody, Person(lane_of(key), borrower_id_of(key)),
                by="li", now=now, room=answers.room,
            )
            for key in ("B-1", "B-2")
        )  # fmt: skip
    with answers.conn.transaction():
        read_again(answers.conn, place_of(answers, right.response_id), (Intent.DISPUTE,), by="li", now=now)
        undo_response(answers.conn, place_of(answers, wrong.response_id), by="li", now=now)
    assert answers.holds("B-1") == []
    assert answers.holds("B-2") == [("dispute", None, "03-10 13:00", None)]


def test_answers_of_two_records_that_become_one_are_followed_together(answers: Answers) -> None:
    """Two promises under one record and a third under the other are three in a row."""
    answers.lender.book("""
        loan  borrower  due_on
        L-3   B-2       2026-03-05
    """)
    for key in ("B-1", "B-2"):
        answers.lender.name_in_directory(key)
    answers.say("B-2", Intent.WILL_PAY, at="2026-03-08T12:00+08:00", day="2026-03-09")
    answers.say("B-2", Intent.WILL_PAY, at="2026-03-11T12:00+08:00", day="2026-03-12")
    answers.conn.commit()
    merge_borrowers(
        answers.conn, answers.lender.keyring, "B-1", "B-2", evidence="same passport", by="Mei",
        now=datetime.fromisoformat("2026-03-12T12:00+08:00"),
    )  # fmt: skip
    answers.say("B-2", Intent.WILL_PAY, at="2026-03-13T12:00+08:00", day="2026-03-15")
    assert answers.rows("SELECT DISTINCT lane, borrower_id FROM response") == [
        (lane_of("B-1"), borrower_id_of("B-1"))
    ]
    assert answers.rows("SELECT reason FROM response_waiting") == [("too-many",)]


def test_two_people_who_look_at_an_answer_at_once_are_both_noted(answers: Answers, store: Store) -> None:
    place = place_of(answers, answers.say("B-1", Intent.DISPUTE, at="2026-03-10T12:00+08:00"))
    now = datetime.fromisoformat("2026-03-10T13:00+08:00")

    def look(conn: psycopg.Connection, by: str) -> None:
        show_response(conn, answers.lender.keyring, place, by=by, now=now)

    with store.connect() as other, store.connect() as watching, ThreadPoolExecutor() as pool:
        with answers.conn.transaction():
            look(answers.conn, "li")
            second = pool.submit(look, other, "wu")
            while not watching.execute(IN_A_QUEUE, (other.info.backend_pid,)).fetchone():
                assert not second.done(), second.result()
                watching.rollback()
        second.result()
        other.commit()
    assert answers.rows("SELECT recorded_by FROM response_event ORDER BY seq") == [
        ("duecourse",), ("li",), ("wu",),
    ]  # fmt: skip


def test_an_answer_that_a_merge_moved_meanwhile_is_closed_where_it_is(answers: Answers) -> None:
    answers.lender.book("""
        loan  borrower  due_on
        L-3   B-2       2026-03-05
    """)
    for key in ("B-1", "B-2"):
        answers.lender.name_in_directory(key)
    answers.conn.commit()
    place = place_of(answers, answers.say("B-2", Intent.UNCLEAR, at="2026-03-10T12:00+08:00"))
    now = datetime.fromisoformat("2026-03-10T13:00+08:00")
    merge_borrowers(
        answers.conn, answers.lender.keyring, "B-1", "B-2", evidence="same passport", by="Mei", now=now
    )
    with answers.conn.transaction():
        assert close_response(answers.conn, answers.lender.keyring, place, note="asked", by="li", now=now)
    assert answers.rows("SELECT count(*) FROM response_waiting") == [(0,)]
    assert answers.rows("SELECT DISTINCT lane FROM response_event") == [(lane_of("B-1"),)]


def test_an_address_that_two_answers_call_wrong_serves_again_when_both_are_undone(answers: Answers) -> None:
    [(index,)] = answers.rows("SELECT address_index FROM contact_point WHERE channel = 'sms'")
    given = {"channel": Channel.SMS, "address_index": bytes(index)}
    said = [
        answers.say("B-1", Intent.WRONG_PERSON, at=f"2026-03-1{day}T12:00+08:00", **given) for day in (0, 1)
    ]
    assert answers.rows("SELECT count(*) FROM response_waiting") == [(0,)]
    states = []
    for response in said:
        with answers.conn.transaction():
            now = datetime.fromisoformat("2026-03-12T09:00+08:00")
            undo_response(answers.conn, place_of(answers, response), by="li", now=now)
        states += answers.rows("SELECT state FROM contact_point WHERE channel = 'sms'")
    assert states == [("retired",), ("active",)]
