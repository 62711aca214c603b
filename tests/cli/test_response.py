"""`duecourse response` as the people use it who look after answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import NAMESPACE_OID, uuid5

import psycopg
import pytest

from duecourse.book.wishes import Person
from duecourse.cli.context import close_context, context
from duecourse.cli.following import Follower
from duecourse.dispatch.replies import take_reply
from duecourse.domain.messaging import Channel, Reply
from duecourse.domain.problems import DuecourseError
from duecourse.responses.intents import Intent
from duecourse.responses.recording import Heard, record_response
from lender import Lender, borrower_id_of, lane_of
from prompt import Run, at_prompt, home_of


@pytest.fixture
def run(lender: Lender, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Run `duecourse ...` on a book of one borrower, and give what it printed."""
    lender.book("loan borrower due_on amount\nL-1 B 2126-03-10 500.00")
    lender.name_in_directory("B")
    lender.reindex_contact_points()
    with at_prompt(
        monkeypatch, home_of(lender, tmp_path / "home"), database_url=database_url, user="li"
    ) as run:
        yield run


def hear(lender: Lender, text: str, *intents: Intent, person: bool = True, hours_ago: int = 1) -> str:
    """An answer of B, or of nobody known; its id."""
    now = lender.conn.execute("SELECT clock_timestamp()").fetchone()
    assert now
    heard = Heard(
        Person(lane_of("B"), borrower_id_of("B")) if person else None,
        "reply",
        uuid5(NAMESPACE_OID, text),
        channel=Channel.SMS,
        intents=intents,
        text=text,
        said_at=now[0] - timedelta(hours=hours_ago),
    )
    with lender.conn.transaction():
        response = record_response(lender.conn, lender.keyring, heard, now=now[0])
    lender.conn.commit()
    return str(response)


def test_in_a_replayed_book_an_answer_is_as_old_as_the_days_that_were_replayed_make_it(
    run: Run, lender: Lender
) -> None:
    hear(lender, "not my debt", Intent.DISPUTE)
    lender.conn.execute("UPDATE response SET said_at = '2026-03-09T21:00+08:00'")
    lender.conn.execute("UPDATE setting SET value = 'true' WHERE key = 'simulated'")
    lender.conn.execute("INSERT INTO setting VALUES ('replayed_through', '\"2026-03-10\"')")
    lender.conn.commit()
    (one,) = json.loads(run("response", "list", "--open", "--json"))
    assert one["age_hours"] == json.loads(run("response", "show", one["id"], "--json"))["age_hours"] == 27.0
    assert "26 h" in run("response", "list", "--open")


def test_the_queue_shows_the_gravest_first_then_who_waits_longest(run: Run, lender: Lender) -> None:
    hear(lender, "???", Intent.UNCLEAR, hours_ago=9)
    hear(lender, "not my debt", Intent.DISPUTE, hours_ago=1)
    hear(lender, "i cannot go on", Intent.DISTRESS, hours_ago=1)
    hear(lender, "you again", Intent.ABUSE, hours_ago=5)
    hear(lender, "thank you", Intent.THANKS)
    found = json.loads(run("response", "list", "--open", "--json"))
    assert [(one["intents"], one["age_hours"]) for one in found] == [
        (["distress"], 1.0), (["dispute"], 1.0), (["unclear"], 9.0), (["abuse"], 5.0),
    ]  # fmt: skip
    assert len(json.loads(run("response", "list", "--json"))) == 5
    [only] = json.loads(run("response", "list", "--open", "--intent", "dispute", "--json"))
    assert only["waits"] == "dispute"
    printed = run("response", "list", "--open")
    assert "distress" in printed and "cannot go on" not in printed


def test_the_status_says_how_many_answers_wait_and_how_many_of_them_are_grave(
    run: Run, lender: Lender
) -> None:
    assert "WAITING" not in run("status")
    hear(lender, "???", Intent.UNCLEAR, hours_ago=9)
    hear(lender, "i cannot go on", Intent.DISTRESS, person=False)
    hear(lender, "thank you", Intent.THANKS)
    assert "WAITING: answers for a person: 2, grave ones: 1" in run("status")
    found = json.loads(run("status", "--json"))["answers"]
    assert (found["waiting"], found["grave"]) == (2, 1)


def test_showing_an_answer_opens_its_words_and_notes_who_looked(run: Run, lender: Lender) -> None:
    response = hear(lender, "that is not my debt", Intent.DISPUTE)
    assert "that is not my debt" in run("response", "show", response[:8])
    found = json.loads(run("response", "show", response, "--json"))
    assert [(one["event"], one["recorded_by"]) for one in found["events"]] == [
        ("waits", "duecourse"),
        ("looked", "li"),
    ]
    assert [(one["effect"], one["hold_kind"]) for one in found["effects"]] == [("hold", "dispute")]


def test_handling_an_answer_replaces_what_followed(
    run: Run, lender: Lender, database: psycopg.Connection
) -> None:
    response = hear(lender, "friday then", Intent.UNCLEAR)
    day = database.execute("SELECT to_char(now() + interval '3 days', 'YYYY-MM-DD')").fetchone()
    database.rollback()
    assert day
    printed = run("response", "handle", response, "--as", "will-pay", "--promise", day[0], "--amount", "500")
    assert "Read as will-pay. What follows now: hold: promise." in printed
    [promise] = json.loads(run("response", "promises", "--json"))
    assert (promise["promised_on"], promise["amount"], promise["currency"]) == (day[0], "500.00", "CNY")
    assert promise["state"] == "open"
    assert json.loads(run("response", "promises", "--to", "2020-01-01", "--json")) == []
    assert json.loads(run("response", "list", "--open", "--json")) == []
    run("response", "undo", response)
    assert json.loads(run("response", "promises", "--json")) == []
    [hold] = json.loads(run("hold", "show", "B", "--json"))["history"]
    assert (hold["kind"], hold["in_force"], hold["ended_by"], hold["end_reason"]) == (
        "promise",
        False,
        "li",
        "undone",
    )
    with pytest.raises(DuecourseError) as twice:
        run("response", "undo", response)
    assert twice.value.problems[0].code == "D193"


def test_an_answer_of_nobody_known_is_given_to_a_borrower(run: Run, lender: Lender) -> None:
    response = hear(lender, "please stop the calls", person=False)
    with pytest.raises(DuecourseError) as unknown:
        run("response", "handle", response, "--as", "dispute")
    assert unknown.value.problems[0].code == "D192"
    run("response", "handle", response, "--borrower", "B", "--as", "dispute")
    [hold] = json.loads(run("hold", "show", "B", "--json"))["history"]
    assert (hold["kind"], hold["in_force"]) == ("dispute", True)


def test_a_closed_answer_keeps_its_note_and_its_hold(run: Run, lender: Lender) -> None:
    response = hear(lender, "i dispute this", Intent.DISPUTE)
    assert "closed" in run("response", "close", response, "--note", "letter sent")
    assert "not in the queue" in run("response", "close", response, "--note", "again")
    found = json.loads(run("response", "show", response, "--json"))
    assert [one["note"] for one in found["events"] if one["event"] == "closed"] == ["letter sent"]
    [hold] = json.loads(run("hold", "show", "B", "--json"))["history"]
    assert hold["in_force"]


def test_the_timeline_of_a_borrower_shows_answers_and_what_followed_in_order(
    run: Run, lender: Lender
) -> None:
    response = hear(lender, "i dispute this", Intent.DISPUTE)
    run("response", "undo", response)
    found = json.loads(run("borrower", "show", "B", "--json"))
    assert [(one["subject"], one["what"], one["state"]) for one in found["timeline"]] == [
        ("answer", "sms", "dispute"), ("effect", "dispute", "follows"), ("effect", "dispute", "taken back"),
    ]  # fmt: skip
    assert [one["intents"] for one in found["responses"]] == [["dispute"]]
    assert "hold: dispute" in run("borrower", "show", "B")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("show", "zz"), "D190"),
        (("show", "000000"), "D190"),
        (("handle", "{id}"), "D195"),
        (("handle", "{id}", "--borrower", "B"), "D194"),
        (("handle", "{id}", "--as", "will-pay", "--amount", "much"), "D196"),
    ],
)
def test_what_cannot_be_done_is_said(run: Run, lender: Lender, arguments: tuple[str, ...], code: str) -> None:
    response = hear(lender, "hm", Intent.UNCLEAR)
    with pytest.raises(DuecourseError) as refused:
        run("response", *(one.format(id=response) for one in arguments))
    assert refused.value.problems[0].code == code


def test_a_worker_s_turn_follows_every_reply_that_waits(run: Run, lender: Lender) -> None:
    now = lender.conn.execute("SELECT clock_timestamp()").fetchone()
    assert now
    for text in ("this is not my debt", "I will pay 500 tomorrow", "STOP"):
        take_reply(lender.conn, lender.keyring, Reply("smsc", "+8613900001111", "10690", text), now=now[0])
    lender.conn.commit()
    close_context()
    follower = Follower(context())
    assert (follower.turn(), follower.turn()) == (3, 0)
    found = json.loads(run("response", "list", "--json"))
    assert sorted(one["intents"][0] for one in found) == ["dispute", "stop", "will-pay"]
