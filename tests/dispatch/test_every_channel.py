"""Every channel finds its address, a person where one is wanted, and what people answer is followed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from counter import Counter
from duecourse.dispatch.lines import Registration
from duecourse.dispatch.replies import take_reply
from duecourse.domain.messaging import Channel, ReceiptStatus, Reply, ReplyKind
from duecourse.planning.confirming import Confirmer
from duecourse.rules.compiling import shipped
from lender import Lender, borrower_id_of, lane_of
from post import Post

STEP = """
  - id: due-in-1
    when: due - 1d at 09:00
    purpose: reminder
    route: [{route}]
    useful_until: +1d 20:00
    template: due-soon
"""
NINE = "2026-03-09T09:00+08:00"
LATER = "2026-03-09T09:01+08:00"
PHONE = "+8613900001111"


def planned(
    lender: Lender, route: str, rows: str = f"loan due_on phone\nL-1 2026-03-10 {PHONE}", head: str = ""
) -> None:
    """A book, a step over this route, and its messages."""
    lender.book(rows)
    if head:
        lender.policy(STEP.format(route=route), head)
    else:
        lender.policy(STEP.format(route=route))
    lender.reindex_contact_points()
    lender.plan("2026-03-09T00:00+08:00")


def taken(counter: Counter, channel: str) -> list[str]:
    """Addresses that a far end was handed."""
    return [one.address for one in counter.ends[channel].taken]


def hold(lender: Lender, effect: str = "person") -> None:
    """Something stands over the borrower."""
    lender.conn.execute(
        """INSERT INTO hold (lane, borrower_id, hold_id, kind, effect, evidence, source, recorded_by, effective_at,
               recorded_at)
           VALUES (%s, %s, gen_random_uuid(), 'serious-illness', %s, 'x', 'test', 'test', '2026-01-01',
                   '2026-01-01')""",
        (lane_of("B-L-1"), borrower_id_of("B-L-1"), effect),
    )
    lender.conn.commit()


def outcomes(lender: Lender) -> list[tuple[Any, ...]]:
    """The ledger: channel, what was reached."""
    rows = lender.conn.execute(
        "SELECT channel, outcome, weight::int FROM contact ORDER BY weight DESC, outcome"
    ).fetchall()
    lender.conn.commit()
    return rows


# Addresses


def test_a_call_goes_to_the_number_for_sms_where_none_is_given_for_calls(lender: Lender, post: Post) -> None:
    planned(lender, "voice")
    counter = Counter(post, voice=[])
    counter.at(NINE)
    assert taken(counter, "voice") == [PHONE]
    assert outcomes(lender) == [("voice", "attempt", 1)]


def test_a_number_for_calls_is_called_and_not_the_one_for_sms(lender: Lender, post: Post) -> None:
    lender.contact_point("B-L-1", "voice", "+8613900009999")
    planned(lender, "voice")
    counter = Counter(post, voice=[])
    counter.at(NINE)
    assert taken(counter, "voice") == ["+8613900009999"]


def test_an_inbox_needs_no_address(lender: Lender, post: Post) -> None:
    planned(lender, "inbox", "loan due_on phone email\nL-1 2026-03-10 - -")
    counter = Counter(post, inbox=[])
    counter.at(NINE)
    assert taken(counter, "inbox") == ["B-L-1"]
    assert outcomes(lender) == [("inbox", "attempt", 1)]


def test_a_channel_without_an_address_gives_way_to_the_next(lender: Lender, post: Post) -> None:
    planned(lender, "wechat, letter, sms")
    counter = Counter(post, wechat=[], letter=[])
    counter.at(NINE)
    assert [attempt[0] for attempt in post.attempts()] == ["sms"]


@pytest.mark.parametrize(
    ("serves", "reached"), [("fcm", ["token-of-fcm"]), ("apns", ["token-of-apns"]), ("hms", [])]
)
def test_a_device_is_reached_by_its_own_push_service_only(
    lender: Lender, post: Post, serves: str, reached: list[str]
) -> None:
    for rank, platform in enumerate(("apns", "fcm"), 1):
        point = lender.contact_point("B-L-1", "app", f"token-of-{platform}", rank)
        lender.conn.execute(
            "UPDATE contact_point SET platform = %s WHERE contact_point_id = %s", (platform, point)
        )
    planned(lender, "app")
    counter = Counter(post, app=[])
    counter.switchboard.registrations["app"] = Registration(serves=serves)
    counter.at(NINE)
    assert taken(counter, "app") == reached


# A person where one is wanted


def test_special_care_makes_a_task_of_it_whatever_the_route(lender: Lender, post: Post) -> None:
    planned(lender, "sms, email")
    hold(lender)
    counter = Counter(post, task=[])
    counter.at(NINE)
    assert [attempt[0] for attempt in post.attempts()] == ["task"]
    assert taken(counter, "task") == [PHONE]
    assert lender.messages("route") == [(["sms", "email", "task"],)]


def test_a_wish_for_a_person_does_the_same(lender: Lender, post: Post) -> None:
    planned(lender, "sms")
    lender.conn.execute(
        """INSERT INTO preference (lane, borrower_id, preference_id, kind, wish, evidence, source, recorded_by,
               effective_at, recorded_at)
           VALUES (%s, %s, gen_random_uuid(), 'person', '{"wanted": true}', 'x', 't', 't', %s, %s)""",
        (lane_of("B-L-1"), borrower_id_of("B-L-1"), "2026-01-01", "2026-01-01"),
    )
    lender.conn.commit()
    Counter(post, task=[]).at(NINE)
    assert [attempt[0] for attempt in post.attempts()] == ["task"]


def test_what_stops_every_contact_stops_a_task_too(lender: Lender, post: Post) -> None:
    planned(lender, "sms")
    hold(lender)
    lender.opt_out("B-L-1", "voice")
    Counter(post, task=[]).at(NINE)
    assert post.attempts() == []


def test_a_task_is_no_contact_yet(lender: Lender, post: Post) -> None:
    planned(lender, "task")
    Counter(post, task=[]).at(NINE)
    assert outcomes(lender) == []


def test_of_legs_that_go_at_once_one_becomes_a_task(lender: Lender, post: Post) -> None:
    lender.book(f"loan due_on phone\nL-1 2026-03-10 {PHONE}")
    lender.policy(STEP.format(route="sms, email") + "    send: all\n")
    lender.plan("2026-03-09T00:00+08:00")
    hold(lender)
    Counter(post, task=[]).at(NINE, LATER)
    assert [attempt[0] for attempt in post.attempts()] == ["task"]


# What becomes of a call is in the ledger


@pytest.mark.parametrize(
    ("channel", "status", "reached"),
    [
        ("voice", ReceiptStatus.DELIVERED, ["connected"]),
        ("voice", ReceiptStatus.READ, ["connected", "conversation"]),
        ("voice", ReceiptStatus.FAILED, []),
        ("inbox", ReceiptStatus.READ, ["delivered"]),
        ("sms", ReceiptStatus.DELIVERED, ["delivered"]),
    ],
)
def test_the_ledger_says_what_was_reached(
    lender: Lender, post: Post, channel: str, status: ReceiptStatus, reached: list[str]
) -> None:
    planned(lender, channel)
    counter = Counter(post, **{channel: []})
    counter.at(NINE)
    counter.hear(LATER, channel, status)
    counter.hear(LATER, channel, status)
    assert [outcome for _, outcome, weight in outcomes(lender) if weight == 0] == reached


# Answers

HEAD = """
policy: test
languages: [en]
pay_link: due-today
creditors:
  "*": {name: Test Bank, contact_phone: "400"}
"""


def press(lender: Lender, post: Post, counter: Counter, key: str) -> bool:
    """A key during the last call."""
    reply = Reply(
        "voice",
        "",
        "",
        key,
        channel=Channel.VOICE,
        kind=ReplyKind.KEY,
        attempt_id=counter.ends["voice"].taken[-1].attempt_id,
    )
    confirmer = Confirmer(shipped().packs, lender.plannables)
    with post.store.connect() as conn:
        return take_reply(conn, post.keyring, reply, now=datetime.fromisoformat(LATER), confirmer=confirmer)


def test_key_0_stops_calls_to_the_number_and_nothing_else(lender: Lender, post: Post) -> None:
    planned(lender, "voice")
    counter = Counter(post, voice=[])
    counter.at(NINE)
    assert press(lender, post, counter, "0")
    rows = lender.conn.execute(
        "SELECT kind, granted, channel, address_index IS NOT NULL FROM consent"
    ).fetchall()
    assert rows == [("contact", False, "voice", True)]


def test_key_1_says_that_the_notice_was_heard(lender: Lender, post: Post) -> None:
    planned(lender, "voice")
    counter = Counter(post, voice=[])
    counter.at(NINE)
    assert press(lender, post, counter, "1") is False
    counter.sweep(LATER)
    assert post.outcomes() == [("L-1", "read", None)]


@pytest.mark.parametrize(
    ("key", "channel", "template"), [("9", "task", "due-soon"), ("2", "sms", "due-today")]
)
def test_a_key_asks_for_a_person_or_a_link_once_and_at_once(
    lender: Lender, post: Post, key: str, channel: str, template: str
) -> None:
    planned(lender, "voice", head=HEAD)
    counter = Counter(post, voice=[], task=[])
    counter.at(NINE)
    press(lender, post, counter, key)
    press(lender, post, counter, key)
    counter.at(LATER)  # the daily cap of one does not bind what the person asked for
    assert [attempt[0] for attempt in post.attempts()] == ["voice", channel]
    assert lender.messages("template", where="by_debtor") == [(template,)]


def test_a_link_is_not_sent_where_the_policy_has_no_text_for_it(lender: Lender, post: Post) -> None:
    planned(lender, "voice")
    counter = Counter(post, voice=[])
    counter.at(NINE)
    press(lender, post, counter, "2")
    assert len(lender.messages()) == 1


def test_allowing_a_channel_again_ends_the_stop_that_refusing_it_was(lender: Lender, post: Post) -> None:
    planned(lender, "email")
    with post.store.connect() as conn:
        for kind, at in ((ReplyKind.UNSUBSCRIBED, "T08:00"), (ReplyKind.SUBSCRIBED, "T08:30")):
            reply = Reply("mail", "person@example.com", "", "", channel=Channel.EMAIL, kind=kind, count=3)
            take_reply(conn, post.keyring, reply, now=datetime.fromisoformat(f"2026-03-09{at}+08:00"))
    counter = Counter(post)
    counter.at(NINE)
    assert taken(counter, "email") == ["person@example.com"]
    rows = lender.conn.execute("SELECT kind, granted, messages FROM consent").fetchall()
    assert sorted(rows, key=str) == [("consent", True, 3), ("contact", False, None), ("contact", True, None)]


def test_an_answer_ends_a_route_that_waits_for_one(lender: Lender, post: Post) -> None:
    lender.book(f"loan due_on phone\nL-1 2026-03-10 {PHONE}")
    lender.reindex_contact_points()
    lender.policy(STEP.format(route="sms, email") + "    next_if: {not: answered, within: 2h}\n")
    lender.plan("2026-03-09T00:00+08:00")
    counter = Counter(post)
    counter.at(NINE)
    with post.store.connect() as conn:
        take_reply(conn, post.keyring, Reply("sms", PHONE, "", "ok"), now=datetime.fromisoformat(LATER))
    counter.at("2026-03-09T11:00+08:00", "2026-03-09T11:01+08:00")
    assert [attempt[0] for attempt in post.attempts()] == ["sms"]
    assert post.outcomes() == [("L-1", "sent", None)]
    text = lender.conn.execute("SELECT meaning, text_sealed FROM reply").fetchone()
    assert text is not None and text[0] == "text" and b"ok" not in bytes(text[1])
