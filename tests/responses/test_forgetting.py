"""The words of borrowers go when their time is over and nothing open wants them; what was understood and done stays."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from answering import Answers
from duecourse.book.holds import HoldKind, add_hold
from duecourse.book.wishes import Person, Said
from duecourse.dispatch.keeping import erase
from duecourse.dispatch.replies import take_reply
from duecourse.domain.messaging import Channel, Reply
from duecourse.privacy.sealing import seal_value
from duecourse.responses.applying import apply_replies
from duecourse.responses.forgetting import ANSWERS
from duecourse.responses.recording import Room
from duecourse.rules.packs import Packs, load_packs

OWN = """pack: own
version: 1
regions: ["*"]
rules:
  - id: OWN-KEEP
    says: {en: kept no longer than it is needed, zh: 保存期限}
    does: {primitive: P13, records: [messages], most_years: 3}
    source: {instrument: Our own rules, read_on: 2026-11-22}
    level: policy
"""
AT = datetime.fromisoformat("2026-03-09T10:00+08:00")
LATE = "2029-03-10"
WORDS = """SELECT (SELECT count(text_sealed) FROM reply), (SELECT count(text_sealed) FROM response),
    (SELECT count(note_sealed) FROM response_event), (SELECT count(stated_sealed) FROM hardship)"""


@pytest.fixture
def rules(tmp_path: Path) -> Packs:
    """Everything goes after three years where no rule asks for more."""
    (tmp_path / "own.yaml").write_text(OWN, "utf-8")
    return load_packs([tmp_path / "own.yaml"])


@pytest.fixture
def answered(answers: Answers) -> Answers:
    """A borrower whose reply was followed, noted on and closed, with what they stated of their household."""
    lender = answers.lender
    lender.book("loan borrower region due_on amount\nL-1 B-1 AR 2026-03-10 500.00")
    lender.reindex_contact_points()
    heard = Reply("smsc", "+8613900001111", "10690", "who is this", Channel.SMS)
    take_reply(answers.conn, lender.keyring, heard, now=AT)
    apply_replies(answers.conn, lender.keyring, now=AT, room=Room())
    ((lane, response_id, borrower_id),) = answers.rows("SELECT lane, response_id, borrower_id FROM response")
    note = seal_value(lender.keyring, "called them", "response_event", "note", response_id)
    with answers.conn.transaction():
        answers.conn.execute("DELETE FROM response_waiting")
        answers.conn.execute(
            """INSERT INTO response_event (lane, response_id, seq, borrower_id, event, note_sealed, recorded_by, at)
               VALUES (%s, %s, 9, %s, 'closed', %s, 'anna', %s)""",
            (lane, response_id, borrower_id, note, AT),
        )
        answers.conn.execute(
            """INSERT INTO hardship (lane, hardship_id, borrower_id, loan_id, response_id, trouble, stated_sealed,
                   said_at)
               SELECT lane, %s, borrower_id, loan_id, %s, 'other', 'x', %s FROM loan""",
            (uuid4(), response_id, AT),
        )
    return answers


def forget(answers: Answers, rules: Packs, on: str, *, dry_run: bool = False) -> list[tuple[int, int, int]]:
    """What is past its longest keeping, still wanted, erased."""
    found = erase(
        answers.conn,
        rules,
        by="anna",
        as_of=date.fromisoformat(on),
        now=datetime.fromisoformat(f"{on}T12:00+08:00"),
        dry_run=dry_run,
        subjects=(ANSWERS,),
    )
    return [(one.over, one.wanted, one.erased) for one in found]


def test_words_go_everywhere_a_day_after_their_time_and_how_they_were_read_stays(
    answered: Answers, rules: Packs
) -> None:
    read = answered.rows("SELECT intents, read_by FROM response_reading")
    assert forget(answered, rules, "2029-03-09") == [(0, 0, 0)]
    assert forget(answered, rules, LATE, dry_run=True) == [(1, 0, 1)]
    assert answered.rows(WORDS) == [(1, 1, 1, 1)]
    assert forget(answered, rules, LATE) == [(1, 0, 1)]
    assert answered.rows(WORDS) == [(0, 0, 0, 0)]
    assert answered.rows("SELECT intents, read_by FROM response_reading") == read
    assert answered.rows("SELECT seq, reason, recorded_by FROM response_event WHERE event = 'erased'") == [
        (10, "OWN-KEEP", "anna")
    ]
    assert forget(answered, rules, LATE) == []


def test_words_that_wait_for_a_person_or_belong_to_a_dispute_are_wanted(
    answered: Answers, rules: Packs
) -> None:
    ((lane, borrower_id),) = answered.rows("SELECT lane, borrower_id FROM borrower")
    said = Said("said so", "cli", "anna", AT, AT)
    add_hold(answered.conn, Person(lane, borrower_id), HoldKind.DISPUTE, said=said)
    answered.conn.commit()
    assert forget(answered, rules, LATE) == [(1, 1, 0)]
    answered.rows("UPDATE hold SET until = effective_at + interval '1 day' RETURNING 1")
    answered.rows(
        """INSERT INTO response_waiting (lane, response_id, borrower_id, reason, since)
           SELECT lane, response_id, borrower_id, 'unclear', said_at FROM response RETURNING 1"""
    )
    assert forget(answered, rules, LATE) == [(1, 1, 0)]
    assert answered.rows(WORDS) == [(1, 1, 1, 1)]


def test_an_answer_of_nobody_known_goes_by_the_rules_for_everywhere(answers: Answers, rules: Packs) -> None:
    heard = Reply("smsc", "+8613900007777", "10690", "who is this", Channel.SMS)
    take_reply(answers.conn, answers.lender.keyring, heard, now=AT)
    apply_replies(answers.conn, answers.lender.keyring, now=AT, room=Room())
    answers.rows("DELETE FROM response_waiting RETURNING 1")
    assert forget(answers, rules, LATE) == [(1, 0, 1)]
    assert answers.rows(WORDS) == [(0, 0, 0, 0)]
