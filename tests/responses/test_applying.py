"""Replies that providers brought, followed once each."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import uuid4

import psycopg
import pytest

from answering import Answers
from duecourse.book.wishes import Person
from duecourse.dispatch.replies import take_reply
from duecourse.domain.messaging import Channel, Reply, ReplyKind
from duecourse.privacy.keyring import Keyring
from duecourse.responses import applying
from duecourse.responses.applying import Applied, apply_replies
from duecourse.responses.correcting import assign_response, find_response, undo_response
from duecourse.responses.intents import Intent, Understood
from duecourse.responses.recording import Room
from duecourse.store.connect import Store
from lender import borrower_id_of, lane_of

NUMBER = "+8613900001111"
AT = datetime.fromisoformat("2026-03-10T12:00+08:00")


@pytest.fixture(autouse=True)
def book(answers: Answers) -> None:
    """Two people of whom each has a number of their own."""
    answers.lender.book("""
        loan  borrower  due_on      phone
        L-1   B-1       2026-03-05  +8613900001111
        L-2   B-2       2026-03-05  +8613900002222
    """)
    answers.lender.reindex_contact_points()


def hear(answers: Answers, text: str, sender: str = NUMBER, at: datetime = AT, **more: object) -> None:
    take_reply(
        answers.conn,
        answers.lender.keyring,
        Reply("smsc", sender, "10690", text, **more),
        now=at,  # type: ignore[arg-type]
    )


def apply(answers: Answers) -> Applied:
    return apply_replies(answers.conn, answers.lender.keyring, now=AT, room=answers.room)


WHOSE = """
SELECT b.borrower_key, r.intents, a.acted FROM response a JOIN response_reading r USING (lane, response_id)
LEFT JOIN borrower b ON b.lane = a.lane AND b.borrower_id = a.borrower_id ORDER BY 1 NULLS LAST, 2
"""


def test_a_reply_is_of_whoever_has_the_number(answers: Answers) -> None:
    hear(answers, "hello?")
    assert apply(answers) == Applied(1)
    assert answers.rows(WHOSE) == [("B-1", ["unclear"], False)]


def test_a_word_to_stop_is_recorded_once_and_shown_as_an_answer(answers: Answers) -> None:
    hear(answers, "STOP")
    apply(answers)
    assert answers.rows(WHOSE) == [("B-1", ["stop"], True)]
    assert answers.rows("SELECT count(*) FROM consent") == [(1,)]
    assert answers.rows("SELECT effect, detail FROM response_effect") == [("stop", {"acted": True})]


def test_a_reply_that_its_provider_tells_again_later_is_the_same_and_ends_no_start_said_since(
    answers: Answers,
) -> None:
    hear(answers, "STOP", reference="SM1")
    apply(answers)
    answers.say("B-1", Intent.START, at="2026-03-10T12:30+08:00", channel=Channel.SMS)
    hear(answers, "STOP", reference="SM1", at=AT + timedelta(hours=1))
    hear(answers, "STOP", reference="SM2", sender="+8613900002222")
    apply(answers)
    assert answers.rows(WHOSE) == [
        ("B-1", ["start"], False),
        ("B-1", ["stop"], True),
        ("B-2", ["stop"], True),
    ]
    assert answers.rows("SELECT granted, count(*) FROM consent GROUP BY 1 ORDER BY 1") == [
        (False, 2),
        (True, 1),
    ]


def test_of_people_who_share_a_number_a_stop_is_of_all_and_the_rest_a_person_decides(
    answers: Answers,
) -> None:
    answers.lender.contact_point("B-2", "sms", NUMBER, rank=2)
    answers.lender.reindex_contact_points()
    hear(answers, "STOP")
    hear(answers, "I will pay on Friday")
    apply(answers)
    assert answers.rows(WHOSE) == [
        ("B-1", ["stop"], True), ("B-2", ["stop"], True), (None, ["will-pay"], False),
    ]  # fmt: skip
    assert answers.rows("SELECT reason FROM response_waiting") == [("shared-address",)]


def test_a_reply_from_a_number_that_nobody_has_waits_for_a_person(answers: Answers) -> None:
    hear(answers, "wrong number", sender="+8613900009999")
    apply(answers)
    assert answers.rows(WHOSE) == [(None, ["wrong-person"], False)]
    assert answers.rows("SELECT reason FROM response_waiting") == [("unknown-sender",)]


def test_a_stop_from_a_number_that_nobody_has_is_one_of_its_channel_for_whoever_it_is_of(
    answers: Answers,
) -> None:
    hear(answers, "STOP", sender="+8613900009999")
    apply(answers)
    [(response,)] = answers.rows("SELECT response_id FROM response")
    with answers.conn.transaction():
        assign_response(
            answers.conn, answers.lender.keyring, find_response(answers.conn, str(response)),
            Person(lane_of("B-1"), borrower_id_of("B-1")), by="li", now=AT, room=answers.room,
        )  # fmt: skip
    assert answers.rows("SELECT granted, channel, address_index FROM consent") == [(False, "sms", None)]


def test_undoing_a_word_to_stop_everything_lifts_all_of_it(answers: Answers) -> None:
    hear(answers, "STOP ALL")
    apply(answers)
    [(response,)] = answers.rows("SELECT response_id FROM response")
    with answers.conn.transaction():
        undo_response(answers.conn, find_response(answers.conn, str(response)), by="li", now=AT)
    assert answers.rows(
        "SELECT channel, array_agg(granted ORDER BY effective_at) FROM consent GROUP BY 1 ORDER BY 1"
    ) == [("sms", [False, True]), (None, [False, True])]


def test_a_key_that_says_the_notice_was_heard_is_no_answer(answers: Answers) -> None:
    hear(answers, "1", kind=ReplyKind.KEY, channel=Channel.VOICE, attempt_id=uuid4())
    assert apply(answers) == Applied(1)
    assert answers.rows("SELECT count(*) FROM response") == [(0,)]
    assert answers.rows("SELECT count(*) FROM reply_waiting") == [(0,)]


def test_a_process_that_dies_while_it_follows_leaves_the_reply_to_the_next(
    answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    hear(answers, "STOP")

    def die(*_: object, **__: object) -> None:
        raise psycopg.OperationalError("the server went away")

    with monkeypatch.context() as patch:
        patch.setattr(applying, "record_response", die)
        with pytest.raises(psycopg.OperationalError):
            apply(answers)
    assert answers.rows("SELECT count(*) FROM reply_waiting") == [(1,)]
    assert apply(answers) == Applied(1)
    assert apply(answers) == Applied(0)
    assert answers.rows(WHOSE) == [("B-1", ["stop"], True)]


def test_two_processes_follow_a_reply_once(answers: Answers, store: Store) -> None:
    hear(answers, "hello?")

    def meanwhile(text: str, **_: object) -> Understood:
        """Another process is in the middle of it: this one has read the same row."""
        return Understood((Intent.THANKS,), 1.0, "rule")

    with store.connect() as other:
        rows = answers.rows("SELECT lane, reply_id FROM reply_waiting")
        assert apply_replies(
            other, answers.lender.keyring, now=AT, room=Room(understand=meanwhile)
        ) == Applied(1)
    row = {"lane": rows[0][0], "reply_id": rows[0][1], "meaning": "text", "text_sealed": None}
    assert not applying._follow(answers.conn, answers.lender.keyring, row, AT, answers.room)
    assert answers.rows(WHOSE) == [("B-1", ["thanks"], False)]


def test_a_reply_that_does_not_open_is_kept_for_a_person_and_nothing_of_it_is_logged(
    answers: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    hear(answers, "hello?")
    assert apply_replies(answers.conn, Keyring.new(), now=AT) == Applied(0, 1)
    said = capsys.readouterr()
    assert "could not be followed" in said.out + said.err
    assert "hello" not in said.out + said.err and NUMBER not in said.out + said.err
    assert answers.rows("SELECT reason FROM response_waiting") == [("unreadable",)]
