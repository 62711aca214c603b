"""From one channel to the next: when a route moves on, what ends it before, what never overtakes what."""

from __future__ import annotations

import asyncio
import time
from collections import Counter as Counted
from datetime import datetime

import pytest

from counter import Counter
from duecourse.dispatch.claimed import HAND_OVER_SECONDS
from duecourse.dispatch.receipts import append_receipts
from duecourse.domain.messaging import (
    Accepted,
    AccountTrouble,
    Deferred,
    NotWritten,
    Outcome,
    Receipt,
    ReceiptStatus,
    Throttled,
    Unknown,
)
from lender import Lender
from post import Post

STEP = """
  - id: due-in-1
    when: due - 1d at {at}
    purpose: {purpose}
    route: {route}
    next_if: {{not: {unless}, {time}}}
    useful_until: +2d 20:00
    template: due-soon
"""
NINE = "2026-03-09T09:00+08:00"
DELIVERED, READ, FAILED = ReceiptStatus.DELIVERED, ReceiptStatus.READ, ReceiptStatus.FAILED


def step(
    unless: str = "delivered",
    time: str = "within: 2h",
    route: str = "[sms, email]",
    at: str = "09:00",
    purpose: str = "reminder",
) -> str:
    """A step whose route moves on."""
    return STEP.format(unless=unless, time=time, route=route, at=at, purpose=purpose)


def planned(lender: Lender, steps: str, rows: str = "loan due_on\nL-1 2026-03-10", **book: str) -> None:
    """A book, a policy, and the messages of the day before it is due."""
    lender.book(rows, **book)
    lender.policy(steps)
    lender.plan("2026-03-06T00:00+08:00")
    lender.plan("2026-03-09T00:00+08:00")


def tried(post: Post) -> list[tuple[str, str]]:
    """(channel, state) of every attempt, in order."""
    return [attempt[:2] for attempt in post.attempts()]


# When it moves on


@pytest.mark.parametrize(
    ("unless", "heard", "moves"),
    [
        ("sent", None, False),
        ("accepted", None, False),
        ("delivered", None, True),
        ("delivered", DELIVERED, False),
        ("read", DELIVERED, True),
        ("read", READ, False),
        ("answered", READ, True),
        ("paid", READ, True),
    ],
)
def test_the_route_moves_on_where_what_is_waited_for_did_not_come(
    lender: Lender, post: Post, unless: str, heard: ReceiptStatus | None, moves: bool
) -> None:
    planned(lender, step(unless))
    counter = Counter(post)
    counter.at(NINE)
    if heard:
        counter.hear("2026-03-09T09:30+08:00", "sms", heard)
    counter.at("2026-03-09T10:59+08:00")
    assert len(tried(post)) == 1
    counter.at("2026-03-09T11:00+08:00", "2026-03-09T11:00:01+08:00")
    assert [channel for channel, _ in tried(post)] == (["sms", "email"] if moves else ["sms"])


def test_the_time_counts_from_the_hand_over_and_delivery_does_not_begin_it_anew(
    lender: Lender, post: Post
) -> None:
    planned(lender, step("read"))
    counter = Counter(post)
    counter.at(NINE)
    counter.hear("2026-03-09T10:30+08:00", "sms", DELIVERED)
    counter.at("2026-03-09T11:00+08:00", "2026-03-09T11:00:01+08:00")
    assert tried(post) == [("sms", "delivered"), ("email", "sent")]


def test_a_call_or_a_task_that_was_answered_is_an_answer(lender: Lender, post: Post) -> None:
    lender.contact_point("B-L-1", "voice", "+8613900001111")
    planned(lender, step("answered", route="[voice, email]"))
    counter = Counter(post, voice=[])
    counter.at(NINE)
    counter.hear("2026-03-09T09:01+08:00", "voice", DELIVERED)
    assert post.outcomes() == [("L-1", "delivered", None)]


def test_what_is_paid_in_time_goes_no_further(lender: Lender, post: Post) -> None:
    planned(lender, step("paid"))
    counter = Counter(post)
    counter.at(NINE)
    counter.hear("2026-03-09T09:01+08:00", "sms", DELIVERED)
    lender.pay("L-1", "2026-03-09")
    counter.at("2026-03-09T11:00+08:00", "2026-03-09T11:00:01+08:00", "2026-03-11T20:00+08:00")
    assert tried(post) == [("sms", "delivered")]
    assert post.outcomes() == [("L-1", "delivered", "PAID")]


def test_a_provider_that_takes_nothing_in_time_is_left_for_the_next_channel(
    lender: Lender, post: Post
) -> None:
    planned(lender, step("accepted", "within: 10m"))
    counter = Counter(post, sms=[Throttled("busy", 240)] * 9)
    counter.at(NINE, "2026-03-09T09:05+08:00", "2026-03-09T09:09:59+08:00")
    assert {channel for channel, _ in tried(post)} == {"sms"}
    counter.at("2026-03-09T09:10:00+08:00", "2026-03-09T09:10:01+08:00")
    assert tried(post)[-1] == ("email", "sent")


def test_a_time_of_day_is_the_first_after_it_was_sent_in_the_borrowers_zone(
    lender: Lender, post: Post
) -> None:
    planned(lender, step("delivered", 'by: "18:00"'), "loan due_on zone\nL-1 2026-03-10 Asia/Tokyo")
    counter = Counter(post)
    counter.at("2026-03-09T08:00+08:00", "2026-03-09T16:59:59+08:00")
    assert len(tried(post)) == 1
    counter.at("2026-03-09T17:00+08:00", "2026-03-09T17:00:01+08:00")
    assert tried(post) == [("sms", "sent"), ("email", "sent")]


# Time in a closed window does not count


def test_hours_at_which_the_next_channel_may_not_be_used_do_not_count(lender: Lender, post: Post) -> None:
    planned(lender, step(at="20:50"))
    counter = Counter(post)
    counter.at("2026-03-09T20:50+08:00", "2026-03-09T22:50+08:00", "2026-03-10T08:00+08:00")
    counter.at("2026-03-10T09:49:59+08:00")
    assert len(tried(post)) == 1
    counter.at("2026-03-10T09:50+08:00", "2026-03-10T09:50:01+08:00")
    assert tried(post) == [("sms", "sent"), ("email", "sent")]


@pytest.mark.parametrize(
    ("due_on", "sent", "goes"),
    [
        # The clock goes forward in the night of 28 to 29 March 2026 and back in that of 24 to 25 October.
        ("2026-03-29", "2026-03-28T20:50+01:00", "2026-03-29T09:50+02:00"),
        ("2026-10-25", "2026-10-24T20:50+02:00", "2026-10-25T09:50+01:00"),
    ],
)
def test_a_night_in_which_the_clock_changes_counts_no_more_than_any_other(
    lender: Lender, post: Post, due_on: str, sent: str, goes: str
) -> None:
    lender.book("loan due_on zone region\n" + f"L-1 {due_on} Europe/Paris ZZ")
    lender.policy(step(at="20:50"))
    lender.plan(f"{sent[:10]}T08:00+02:00", lender_zone="Europe/Paris")
    counter = Counter(post)
    at = datetime.fromisoformat(goes)
    counter.at(sent, at.replace(hour=0, minute=30).isoformat(), at.replace(minute=49).isoformat())
    assert tried(post) == [("sms", "sent")]
    counter.at(goes, at.replace(second=1).isoformat())
    assert tried(post) == [("sms", "sent"), ("email", "sent")]


def test_what_has_no_use_left_when_the_hours_have_passed_ends_as_it_is(lender: Lender, post: Post) -> None:
    planned(lender, step(time="within: 10h").replace("+2d 20:00", "+1d 09:00"))
    counter = Counter(post)
    counter.at("2026-03-09T15:00+08:00", "2026-03-10T01:00+08:00", "2026-03-10T09:00+08:00")
    assert post.outcomes() == [("L-1", "sent", None)]


# What ends it before


def test_a_receipt_that_nobody_applied_yet_stops_the_next_channel(lender: Lender, post: Post) -> None:
    planned(lender, step())
    counter = Counter(post)
    counter.at(NINE)
    attempt = counter.ends["sms"].taken[0].attempt_id
    told = Receipt(DELIVERED, "ok", attempt_id=attempt)
    append_receipts(counter.conn, post.keyring, "sms", [told], now=datetime.fromisoformat(NINE))
    counter.at("2026-03-09T11:00+08:00")
    assert post.outcomes() == [("L-1", "delivered", None)]
    assert tried(post) == [("sms", "delivered")]


def test_a_receipt_between_claim_and_hand_over_stops_the_next_channel(lender: Lender, post: Post) -> None:
    planned(lender, step())
    counter = Counter(post, email=[])
    counter.at(NINE, "2026-03-09T11:00+08:00")  # moved on, and claimed at the next look

    def delivered_after_all() -> None:
        told = Receipt(DELIVERED, "ok", attempt_id=counter.ends["sms"].taken[0].attempt_id)
        with post.store.connect() as conn:
            append_receipts(conn, post.keyring, "sms", [told], now=datetime.fromisoformat(NINE))

    counter.after_claim(delivered_after_all)
    counter.at("2026-03-09T11:01+08:00")
    assert counter.ends["email"].taken == []
    counter.at("2026-03-09T11:02+08:00")
    assert tried(post) == [("sms", "delivered"), ("email", "released")]
    assert post.outcomes() == [("L-1", "delivered", None)]


# Unknown outcomes


def test_a_provider_that_drops_a_second_submission_is_given_the_same_again(
    lender: Lender, post: Post
) -> None:
    planned(lender, step())
    counter = Counter(post, sms=[Unknown("line died"), Unknown("line died")], deduplicating=["sms"])
    counter.at(NINE, "2026-03-09T09:00:04+08:00", "2026-03-09T09:00:05+08:00", "2026-03-09T09:00:14+08:00")
    assert tried(post) == [("sms", "unknown")]
    counter.at("2026-03-09T09:00:15+08:00")
    first, *more = counter.ends["sms"].taken
    assert [(one.attempt_id, one.text) for one in more] == [(first.attempt_id, first.text)] * 2
    assert tried(post) == [("sms", "sent")]
    assert counter.ends["email"].taken == []


@pytest.mark.parametrize(
    "second",
    [NotWritten("too late"), Throttled("slow", 1), Deferred("500", "trouble"), AccountTrouble("401", "key")],
    ids=lambda outcome: type(outcome).__name__,
)
def test_what_may_have_been_taken_stays_unknown_when_the_second_submission_is_not(
    lender: Lender, post: Post, second: Outcome
) -> None:
    planned(lender, step(time="within: 10h"))
    counter = Counter(post, sms=[Unknown("line died"), second], deduplicating=["sms"])
    counter.at(NINE, "2026-03-09T09:00:05+08:00")
    assert tried(post) == [("sms", "unknown")]
    if not isinstance(second, AccountTrouble):  # which stops the provider until a person acts
        counter.at("2026-03-09T09:01+08:00")
        assert tried(post) == [("sms", "sent")]
    assert len({one.attempt_id for one in counter.ends["sms"].taken}) == 1, "a new id would be taken anew"
    assert counter.ends["email"].taken == []


def test_a_second_submission_has_time_of_its_own_behind_what_took_long(lender: Lender, post: Post) -> None:
    planned(lender, step(time="within: 10h"), "loan due_on\nL-1 2026-03-10\nL-2 2026-03-10")
    lender.conn.execute(
        "UPDATE message SET not_before = %s WHERE borrower_id = (SELECT borrower_id FROM loan WHERE loan_ref = 'L-2')",
        ("2026-03-09T09:00:06+08:00",),
    )
    lender.conn.commit()
    counter = Counter(post, sms=[Unknown("line died")], deduplicating=["sms"])
    counter.at(NINE)
    end = counter.ends["sms"]

    def once_slow() -> None:
        end.meanwhile = lambda: None
        time.sleep(HAND_OVER_SECONDS)

    end.meanwhile = once_slow
    counter.at("2026-03-09T09:00:06+08:00")
    first, other, again = end.taken
    assert (again.attempt_id, other.attempt_id == first.attempt_id) == (first.attempt_id, False)
    assert end.late == []


def test_no_more_are_submitted_again_at_once_than_the_provider_has_room_for(
    lender: Lender, post: Post
) -> None:
    planned(lender, step(time="within: 10h"), "loan due_on\nL-1 2026-03-10\nL-2 2026-03-10\nL-3 2026-03-10")
    counter = Counter(post, sms=[Unknown("line died")] * 3, deduplicating=["sms"])
    counter.at(NINE)
    counter.ends["sms"].window = 1
    counter.at("2026-03-09T09:00:06+08:00")
    assert len(counter.ends["sms"].taken) == 4
    counter.at("2026-03-09T09:00:07+08:00", "2026-03-09T09:00:08+08:00", "2026-03-09T09:00:09+08:00")
    assert tried(post) == [("sms", "sent")] * 3


@pytest.mark.parametrize("purpose", ["reminder", "collection"])
def test_without_that_a_reminder_goes_on_and_anything_else_waits_and_stops(
    lender: Lender, post: Post, purpose: str
) -> None:
    steps = step(purpose=purpose)
    if purpose == "collection":
        steps = steps.replace("due - 1d", "due + 1d")
    planned(lender, steps, "loan due_on\nL-1 " + ("2026-03-10" if purpose == "reminder" else "2026-03-08"))
    counter = Counter(post, sms=[Unknown("line died")])
    counter.at(NINE, "2026-03-09T09:01+08:00", "2026-03-10T10:00+08:00", "2026-03-11T20:00+08:00")
    assert tried(post) == (
        [("sms", "unknown"), ("email", "sent")] if purpose == "reminder" else [("sms", "unknown")]
    )
    assert post.outcomes() == [("L-1", "sent" if purpose == "reminder" else "unknown", None)]


def test_nothing_is_submitted_again_once_the_person_said_stop_or_paid(lender: Lender, post: Post) -> None:
    planned(lender, step(), "loan due_on\nL-1 2026-03-10\nL-2 2026-03-10\nL-3 2026-03-10")
    counter = Counter(post, sms=[Unknown("line died")] * 3, deduplicating=["sms"])
    counter.at(NINE)
    lender.pay("L-1", "2026-03-09")
    lender.conn.execute(
        """INSERT INTO consent (lane, borrower_id, consent_id, kind, granted, evidence, source, recorded_by,
               effective_at, recorded_at)
           SELECT lane, borrower_id, gen_random_uuid(), 'contact', false, 'x', 'x', 'x', %s, %s
           FROM borrower WHERE borrower_key = 'B-L-2'""",
        ("2026-03-09T09:00:03+08:00",) * 2,
    )
    lender.conn.commit()
    counter.at("2026-03-09T09:01+08:00")
    again = counter.ends["sms"].taken[3:]
    rows = lender.conn.execute(
        "SELECT b.borrower_key FROM attempt a JOIN borrower b USING (lane, borrower_id) WHERE a.attempt_id = ANY(%s)",
        ([one.attempt_id for one in again],),
    ).fetchall()
    assert rows == [("B-L-3",)]


# Steps keep their order

TWO_STEPS = (
    step(route="[sms, email]", time="within: 20h")
    + """
  - id: due-today
    when: due at 10:00
    purpose: reminder
    route: [sms, email]
    template: due-soon
"""
)


def test_a_later_step_never_overtakes_an_earlier_one_that_has_a_way_to_go(lender: Lender, post: Post) -> None:
    planned(lender, TWO_STEPS)
    lender.plan("2026-03-10T00:00+08:00")
    counter = Counter(post)
    counter.at(NINE, "2026-03-10T10:00+08:00")
    assert lender.messages("step", "state", "rule", "reason") == [
        ("due-in-1", "in_flight", None, None),
        ("due-today", "planned", "EARLIER-WAITS", "due-in-1"),
    ]
    counter.hear("2026-03-10T10:05+08:00", "sms", DELIVERED)
    counter.at("2026-03-10T10:11+08:00")
    assert lender.messages("step", "coalesce(outcome, state)") == [
        ("due-in-1", "delivered"),
        ("due-today", "in_flight"),
    ]


def test_a_step_may_take_the_place_of_an_earlier_one(lender: Lender, post: Post) -> None:
    planned(lender, TWO_STEPS.replace("when: due at 10:00", "earlier: supersede\n    when: due at 10:00"))
    lender.plan("2026-03-10T00:00+08:00")
    counter = Counter(post)
    counter.at(NINE, "2026-03-10T10:00+08:00")
    assert lender.messages("step", "coalesce(outcome, state)", "rule", "reason") == [
        ("due-in-1", "sent", "STEP-SUPERSEDED", "due-today"),
        ("due-today", "in_flight", None, None),
    ]
    counter.at("2026-03-11T19:00+08:00")
    assert tried(post) == [("sms", "sent"), ("sms", "sent")]


def superseding(lender: Lender, post: Post) -> Counter:
    """Three borrowers with two steps on one day, of which the later one takes the earlier one's place."""
    steps = TWO_STEPS.replace("when: due at 10:00", "earlier: supersede\n    when: due at 10:00")
    planned(lender, steps, "loan due_on\nL-1 2026-03-10\nL-2 2026-03-10\nL-3 2026-03-10")
    lender.plan("2026-03-10T00:00+08:00")
    return Counter(post)


def test_of_two_steps_that_are_due_the_later_one_goes_also_where_a_claim_takes_only_one(
    lender: Lender, post: Post
) -> None:
    counter = superseding(lender, post)
    now = datetime.fromisoformat("2026-03-10T10:00+08:00")
    counter.switchboard.now = now
    for claims in range(1, 4):
        asyncio.run(counter.desk.take_turn(now, 1))
        found = Counted(lender.messages("step", "coalesce(outcome, state)"))
        assert found["due-in-1", "cancelled"] == 3
        assert found["due-today", "in_flight"] == claims


def test_an_earlier_step_that_moves_on_while_the_later_one_waits_for_its_turn_sends_nothing_more(
    lender: Lender, post: Post
) -> None:
    counter = superseding(lender, post)
    counter.at(NINE)
    now = datetime.fromisoformat("2026-03-10T10:00+08:00")
    counter.switchboard.now = now
    for _ in range(6):
        asyncio.run(counter.desk.take_turn(now, 1))
        asyncio.run(counter.desk.advance(now))
    assert [channel for channel, _ in tried(post)] == ["sms"] * 6
    found = Counted(lender.messages("step", "state", "rule"))
    assert found == {("due-in-1", "done", "STEP-SUPERSEDED"): 3, ("due-today", "in_flight", None): 3}


def test_what_a_person_must_free_holds_no_later_step_back(lender: Lender, post: Post) -> None:
    planned(
        lender,
        TWO_STEPS.replace("[sms, email]", "[email]", 1).replace(
            "    next_if: {not: delivered, within: 20h}\n", "", 1
        ),
        "loan due_on email\nL-1 2026-03-10 -",
    )
    lender.plan("2026-03-10T00:00+08:00")
    counter = Counter(post)
    counter.at(NINE, "2026-03-10T10:00+08:00")
    assert lender.messages("step", "state", "rule") == [
        ("due-in-1", "planned", "NO-CONTACT-POINT"),
        ("due-today", "in_flight", None),
    ]


def test_a_provider_that_took_nothing_keeps_the_order_too(lender: Lender, post: Post) -> None:
    planned(lender, TWO_STEPS)
    lender.plan("2026-03-10T00:00+08:00")
    counter = Counter(post, sms=[NotWritten("not bound")] * 3 + [Accepted("x")])
    counter.at(NINE, "2026-03-10T09:59:59+08:00", "2026-03-10T10:00+08:00")
    assert [row[:2] for row in lender.messages("step", "rule")] == [
        ("due-in-1", "NOT-HANDED-OVER"),
        ("due-today", "EARLIER-WAITS"),
    ]
