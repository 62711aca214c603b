"""One message's fault is that message's: it is withheld with a reason, and the rest goes on."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest

from counter import Counter
from duecourse.book.identity import address_index
from duecourse.dispatch.replies import take_reply
from duecourse.domain.messaging import (
    Channel,
    NotWritten,
    Outcome,
    ReceiptStatus,
    Refused,
    Reply,
    Unknown,
)
from lender import Lender
from post import TEXTS, Post

NINE = "2026-03-09T09:00+08:00"
ROUTE = """
  - id: due-in-1
    when: due - 1d at 09:00
    purpose: reminder
    route: [sms, email]
    next_if: {not: delivered, within: 2h}
    template: due-soon
"""
SMS = ROUTE.replace("[sms, email]", "[sms]").replace("    next_if: {not: delivered, within: 2h}\n", "")


def planned(lender: Lender, rows: str, steps: str = ROUTE, now: str = "2026-03-09T00:00+08:00") -> None:
    """A book, a policy, and its messages."""
    lender.book(rows)
    lender.policy(steps)
    lender.plan(now)


@pytest.mark.parametrize(
    ("table", "column"), [("borrower", "name_sealed"), ("contact_point", "address_sealed")]
)
def test_a_sealed_value_that_does_not_open_holds_back_its_own_message_only(
    lender: Lender, post: Post, table: str, column: str
) -> None:
    planned(lender, "loan due_on email\nL-1 2026-03-10 -\nL-2 2026-03-10 -", SMS)
    lender.conn.execute(
        f"UPDATE {table} SET {column} = {column} || '\\x00' WHERE borrower_id = "
        "(SELECT borrower_id FROM loan WHERE loan_ref = 'L-1')"
    )
    lender.conn.commit()
    counter = Counter(post)
    counter.at(NINE)
    assert post.outcomes() == [("L-1", "planned", "UNREADABLE"), ("L-2", "in_flight", None)]
    (reason,) = lender.messages("reason", where="loans = 'L-1'")
    assert "K005" in reason[0]
    assert len(counter.ends["sms"].taken) == 1


def test_a_currency_nobody_knows_holds_back_its_own_message_only(lender: Lender, post: Post) -> None:
    planned(lender, "loan due_on\nL-1 2026-03-10\nL-2 2026-03-10", SMS)
    lender.conn.execute("UPDATE message SET currency = 'QQQ' WHERE borrower_id = (SELECT borrower_id FROM loan "
                        "WHERE loan_ref = 'L-1')")  # fmt: skip
    lender.conn.commit()
    Counter(post).at(NINE)
    assert post.outcomes() == [("L-1", "planned", "CONTENT"), ("L-2", "in_flight", None)]


def test_an_adapter_that_fails_leaves_its_batch_unknown_and_the_other_channel_goes_on(
    lender: Lender, post: Post
) -> None:
    planned(
        lender, "loan due_on phone email\nL-1 2026-03-10 +8613900001111 -\nL-2 2026-03-10 - a@mail.example"
    )
    Counter(post, sms=[RuntimeError("+8613900001111")]).at(NINE)
    assert sorted(post.attempts()) == [("email", "sent", ""), ("sms", "unknown", "")]
    row = lender.conn.execute("SELECT count(*) FROM history WHERE reason LIKE '%%13900001111%%'").fetchone()
    assert row == (0,)


def test_what_the_text_held_back_is_planned_anew_by_the_policy_that_mends_it(
    lender: Lender, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned(lender, "loan due_on\nL-1 2026-03-10", SMS)
    monkeypatch.setitem(TEXTS, "due-soon", "Test Bank: {{ nobody_knows }}")
    Counter(post).at(NINE)
    assert post.outcomes() == [("L-1", "planned", "CONTENT")]
    lender.policy(SMS.replace("09:00", "10:00"))
    assert lender.plan("2026-03-09T09:30+08:00").withdrawn == 1
    assert lender.messages("state", "policy_version") == [("planned", 2)]


def test_a_line_that_is_down_for_long_is_tried_less_and_less_often(lender: Lender, post: Post) -> None:
    planned(lender, "loan due_on email\nL-1 2026-03-10 -", SMS)
    counter = Counter(post, sms=[NotWritten("not bound")] * 400)
    now = datetime.fromisoformat(NINE)
    end = now + timedelta(hours=6)
    while now < end:
        counter.at(now.isoformat())
        ((later,),) = lender.messages("not_before")
        assert later - now <= timedelta(minutes=5)
        now = later
    assert len(post.attempts()) < 400
    counted = lender.conn.execute("SELECT sum(weight) FROM contact").fetchone()
    assert counted == (0,)


def test_nothing_is_written_after_the_contact_window_or_its_validity_ends(lender: Lender, post: Post) -> None:
    planned(lender, "loan due_on email\nL-1 2026-03-10 -", SMS)
    counter = Counter(post)
    now = datetime.fromisoformat("2026-03-09T21:59:59.500+08:00")
    counter.switchboard.now = now

    async def turn() -> float:
        read_at = asyncio.get_running_loop().time()
        await counter.desk.take_turn(now, 10, read_at=read_at)
        return read_at

    read_at = asyncio.run(turn())
    (outgoing,) = counter.ends["sms"].taken
    assert outgoing.write_before == pytest.approx(read_at + 0.5)
    assert outgoing.valid_for_seconds == 0


@pytest.mark.parametrize(
    "second", [NotWritten("not bound"), Refused("busy", "busy", permanent=False), Unknown("no answer")]
)
def test_a_receipt_of_the_first_channel_ends_it_when_the_second_did_not_get_it(
    lender: Lender, post: Post, second: Outcome
) -> None:
    planned(lender, "loan due_on\nL-1 2026-03-10")
    counter = Counter(post, email=[second])
    counter.at(NINE, "2026-03-09T11:00+08:00")
    counter.ends["email"].meanwhile = lambda: counter.hear(
        "2026-03-09T11:00:01+08:00", "sms", ReceiptStatus.DELIVERED
    )
    counter.at("2026-03-09T11:00:01+08:00", "2026-03-09T12:00+08:00")
    assert [attempt[0] for attempt in post.attempts()] == ["sms", "email"]
    assert post.outcomes()[0][1] == "delivered"


@pytest.mark.parametrize("heard", ["before", "after"])
def test_a_late_receipt_of_an_earlier_attempt_corrects_the_outcome(
    lender: Lender, post: Post, heard: str
) -> None:
    planned(lender, "loan due_on\nL-1 2026-03-10")
    counter = Counter(post, email=[Refused("busy", "busy", permanent=False)])
    if heard == "after":
        counter.at(NINE, "2026-03-09T11:00+08:00", "2026-03-09T11:00:01+08:00")
        assert post.outcomes()[0][1] == "failed"
        counter.hear("2026-03-09T15:00+08:00", "sms", ReceiptStatus.DELIVERED)
    else:
        counter.at(NINE)
        counter.hear("2026-03-09T10:00+08:00", "sms", ReceiptStatus.DELIVERED)
        counter.hear("2026-03-09T10:00:01+08:00", "sms", ReceiptStatus.FAILED)
        counter.at("2026-03-09T11:00+08:00")
    assert post.outcomes()[0][1] == "delivered"


@pytest.mark.parametrize("sender", ["BANK", "10086", "+", ""])
def test_a_word_to_stop_from_what_is_no_number_is_taken_and_changes_nothing(
    lender: Lender, post: Post, sender: str
) -> None:
    planned(lender, "loan due_on\nL-1 2026-03-10")
    reply = Reply("sms", sender, "106900", "STOP")
    with post.store.connect() as conn:
        assert take_reply(conn, post.keyring, reply, now=datetime.fromisoformat(NINE)) is False
    assert lender.conn.execute("SELECT count(*) FROM consent").fetchone() == (0,)


@pytest.mark.parametrize(
    ("word", "channels"), [("STOP", {"sms"}), ("退订", {"sms"}), ("Stop all", {"sms", None})]
)
def test_a_word_to_stop_reaches_the_number_and_stop_all_every_channel(
    lender: Lender, post: Post, word: str, channels: set[str | None]
) -> None:
    planned(lender, "loan due_on\nL-1 2026-03-10")
    index = address_index(post.keyring, Channel.SMS, "+8613800138000")
    lender.conn.execute("UPDATE contact_point SET address_index = %s WHERE channel = 'sms'", (index,))
    lender.conn.commit()
    reply = Reply("sms", "+8613800138000", "106900", word)
    with post.store.connect() as conn:
        assert take_reply(conn, post.keyring, reply, now=datetime.fromisoformat(NINE)) is True
    stopped = lender.conn.execute("SELECT channel FROM consent").fetchall()
    assert {channel for (channel,) in stopped} == channels
