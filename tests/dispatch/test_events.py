"""What happens is told once, and only while it is so: payments in any order, taken back, gathered, by file or hand."""

from __future__ import annotations

from datetime import timedelta

import pytest

from counter import Counter
from duecourse.book.importing import import_rows
from duecourse.book.mapping import parse_mapping
from duecourse.domain.messaging import Throttled
from duecourse.planning.events import ToldReport, lanes_with_events, next_event
from events_book import BACK, SETTLED, TEN, THANKS, at, load, pay, reverse, said, tell
from lender import REMINDER, Lender
from post import TEXTS, Post


@pytest.fixture(autouse=True)
def texts(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in {
        "thanks": "Test Bank: thank you, {{ amount | money }} came for {{ loan_ref }}; {{ remaining | money }} remain.",
        "came-back": "Test Bank: your payment of {{ amount | money }} was taken back.",
    }.items():
        monkeypatch.setitem(TEXTS, name, text)


def told(lender: Lender) -> list[tuple[object, ...]]:
    return lender.messages("step", "coalesce(outcome, state)", "rule", where="event_id IS NOT NULL")


def test_a_payment_is_thanked_for_with_what_came_and_what_remains(lender: Lender, post: Post) -> None:
    load(lender)
    lender.policy(THANKS)
    pay(lender)
    assert tell(lender) == ToldReport(looked_at=1, messages=1, items=1)
    counter = Counter(post)
    counter.at(TEN)
    assert said(counter) == ["Test Bank: thank you, CN¥100.00 came for L-1; CN¥100.00 remain."]


def test_the_same_payment_by_every_way_is_thanked_for_once(lender: Lender, post: Post) -> None:
    load(lender)
    lender.policy(THANKS)
    pay(lender)
    tell(lender)
    counter = Counter(post)
    counter.at(TEN)
    pay(lender, now="2026-03-08T11:00+08:00")
    rows = [{"loan": "L-1", "source": "desk", "ref": "R", "day": "2026-03-08", "amount": "100.00"}]
    mapping = parse_mapping(
        """
mapping = "p"
[money]
currency = "CNY"
[[payment]]
loan = {column = "loan"}
creditor = "bank"
source = {column = "source"}
reference = {column = "ref"}
paid_on = {column = "day"}
amount = {column = "amount"}
""",
        "p",
    )
    import_rows(
        lender.conn, lender.keyring, rows, mapping, columns=tuple(rows[0]), now=at("2026-03-08T12:00+08:00")
    )
    lender.conn.commit()
    lender.policy(THANKS + SETTLED)  # a new version of the policy
    lender.plan("2026-03-08T12:10+08:00")
    assert tell(lender, "2026-03-08T12:20+08:00") == ToldReport()
    counter.at("2026-03-08T12:20+08:00")
    assert len(said(counter)) == 1


def test_a_new_version_of_the_policy_tells_what_is_unclaimed_in_its_own_words(
    lender: Lender, post: Post
) -> None:
    load(lender)
    lender.policy(THANKS)
    pay(lender)
    tell(lender)
    TEXTS["thanks-2"] = "Test Bank: thanks."
    lender.policy(THANKS.replace("template: thanks", "template: thanks-2"))
    lender.plan(TEN)
    counter = Counter(post)
    counter.at(TEN)
    assert said(counter) == ["Test Bank: thanks."]


def test_a_first_import_of_the_past_thanks_nobody(lender: Lender, post: Post) -> None:
    load(lender)
    lender.policy(THANKS)
    for month in range(1, 13):
        pay(lender, f"R-{month}", amount="1.00", on=f"2025-{month:02d}-10")
    pay(lender, "R-5", amount="1.00", on="2026-03-05")
    assert lender.conn.execute("SELECT count(*) FROM event").fetchone() == (1,)
    assert tell(lender) == ToldReport(looked_at=1)
    assert told(lender) == []


def test_what_a_file_brings_the_morning_after_is_thanked_for_and_older_things_are_not(
    lender: Lender, post: Post
) -> None:
    load(lender)
    lender.policy(THANKS)
    pay(lender, "yesterday", on="2026-03-07")
    pay(lender, "before", on="2026-03-06", amount="1.00")
    assert tell(lender) == ToldReport(looked_at=2, messages=1, items=1)


def test_a_payment_dated_tomorrow_is_told_of_tomorrow(lender: Lender, post: Post) -> None:
    load(lender)
    lender.policy(THANKS)
    pay(lender, on="2026-03-09")
    assert tell(lender) == ToldReport()
    assert next_event(lender.conn, range(256)) == at("2026-03-09T00:00+08:00")
    assert len(lanes_with_events(lender.conn, range(256), now=at("2026-03-09T00:00+08:00"))) == 1
    assert tell(lender, "2026-03-09T00:00+08:00").messages == 1


def test_what_happens_at_night_is_told_in_the_morning_all_at_once(lender: Lender, post: Post) -> None:
    load(lender)
    lender.policy(THANKS)
    for minute in ("22:00", "22:30"):
        pay(lender, minute, amount="50.00", now=f"2026-03-08T{minute}+08:00")
        tell(lender, f"2026-03-08T{minute}+08:00")
    counter = Counter(post)
    counter.at("2026-03-08T22:31+08:00")
    assert said(counter) == []
    counter.at("2026-03-09T08:00+08:00")
    assert said(counter) == ["Test Bank: thank you, CN¥100.00 came for L-1; CN¥100.00 remain."]


def test_payments_of_ten_minutes_are_gathered_where_the_step_says_so(lender: Lender, post: Post) -> None:
    load(lender)
    lender.policy(THANKS.replace("purpose:", "gather: 10m\n    purpose:"))
    for number, minute in enumerate(("10:00", "10:04", "10:09", "10:11")):
        pay(lender, f"{number}", amount="10.00", now=f"2026-03-08T{minute}+08:00")
        tell(lender, f"2026-03-08T{minute}+08:00")
    counter = Counter(post)
    counter.at("2026-03-08T10:09+08:00")
    assert said(counter) == []
    counter.at("2026-03-08T10:10+08:00", "2026-03-08T10:21+08:00")
    assert [text.split(" came")[0] for text in said(counter)] == [
        "Test Bank: thank you, CN¥30.00",
        "Test Bank: thank you, CN¥10.00",
    ]


def test_hours_of_a_step_are_kept(lender: Lender, post: Post) -> None:
    load(lender)
    lender.policy(THANKS.replace("payment.received", "payment.received between 12:00 and 14:00"))
    pay(lender)
    pay(lender, "late", now="2026-03-08T14:00+08:00", amount="1.00")
    tell(lender, "2026-03-08T14:00+08:00")
    counter = Counter(post)
    counter.at("2026-03-08T14:00+08:00")
    assert [text.split(" came")[0] for text in said(counter)] == ["Test Bank: thank you, CN¥100.00"]
    counter.at("2026-03-09T11:59+08:00")
    assert len(said(counter)) == 1
    counter.at("2026-03-09T12:00+08:00")
    assert len(said(counter)) == 2


def test_money_that_was_taken_back_is_not_thanked_for(lender: Lender, post: Post) -> None:
    load(lender)
    lender.policy(THANKS + BACK)
    pay(lender)
    tell(lender)
    reverse(lender, now="2026-03-08T10:01+08:00")
    tell(lender, "2026-03-08T10:01+08:00")
    counter = Counter(post)
    counter.at("2026-03-08T10:01+08:00", "2026-03-08T10:20+08:00")
    assert said(counter) == []
    assert told(lender) == [("thanks", "planned", "REVERSED")]


def test_who_was_thanked_is_told_that_the_payment_came_back(lender: Lender, post: Post) -> None:
    load(lender)
    lender.policy(THANKS + BACK)
    pay(lender)
    tell(lender)
    counter = Counter(post)
    counter.at(TEN)
    reverse(lender, now="2026-03-08T12:00+08:00")
    tell(lender, "2026-03-08T12:00+08:00")
    counter.at("2026-03-08T12:00+08:00")
    assert said(counter)[1:] == ["Test Bank: your payment of CN¥100.00 was taken back."]


def test_a_payment_cancels_the_reminder_that_waits_for_its_fallback(lender: Lender, post: Post) -> None:
    load(lender)
    lender.policy(
        REMINDER.replace(
            "route: [sms, email]", "route: [sms, email]\n    next_if: {not: delivered, within: 1h}"
        )
    )
    lender.plan("2026-03-09T00:00+08:00")
    counter = Counter(post)
    counter.at("2026-03-09T09:00+08:00")
    assert len(said(counter)) == 1
    pay(lender, now="2026-03-09T09:30+08:00", on="2026-03-09")
    counter.at("2026-03-09T10:00+08:00", "2026-03-09T10:01+08:00", "2026-03-09T11:00+08:00")
    assert said(counter, "email") == []


def test_a_payment_between_claim_and_hand_over_cancels_the_reminder_before_it_is_written(
    lender: Lender, post: Post
) -> None:
    load(lender)
    lender.policy(REMINDER)
    lender.plan("2026-03-09T00:00+08:00")
    counter = Counter(post)
    counter.after_claim(lambda: pay(lender, now="2026-03-09T09:00+08:00", on="2026-03-09"))
    counter.at("2026-03-09T09:00+08:00", "2026-03-09T09:05+08:00", "2026-03-09T09:30+08:00")
    assert said(counter) == []
    assert lender.messages("state", "rule") == [("planned", "PAID")]
    assert post.attempts() == [("sms", "released", "")]


def test_a_payment_after_the_first_try_cancels_the_next_one(lender: Lender, post: Post) -> None:
    load(lender)
    lender.policy(REMINDER)
    lender.plan("2026-03-09T00:00+08:00")
    counter = Counter(post, sms=[Throttled("slow", 1)])
    counter.at("2026-03-09T09:00+08:00")
    pay(lender, now="2026-03-09T09:01+08:00", on="2026-03-09")
    taken = len(said(counter))
    counter.at("2026-03-09T09:05+08:00", "2026-03-09T09:30+08:00")
    assert len(said(counter)) == taken
    assert lender.messages("state", "rule") == [("planned", "PAID")]


def test_of_two_policies_that_speak_of_a_payment_the_one_of_higher_priority_does(
    lender: Lender, post: Post
) -> None:
    load(lender)
    lender.policy(THANKS)
    lender.policy(
        THANKS.replace("id: thanks", "id: other"), head="policy: vip\npriority: 5\nlanguages: [en]\n"
    )
    pay(lender)
    tell(lender)
    assert told(lender) == [("other", "planned", None)]


def test_a_holiday_from_reminders_lets_a_confirmation_pass_and_a_stop_does_not(
    lender: Lender, post: Post
) -> None:
    load(lender)
    lender.policy(THANKS)
    pay(lender)
    tell(lender)
    lender.conn.execute(
        """INSERT INTO consent (lane, borrower_id, consent_id, kind, granted, evidence, source, recorded_by,
               effective_at, recorded_at)
           SELECT lane, borrower_id, gen_random_uuid(), 'contact', false, 'said so', 'cli', 'test', %s, %s FROM loan""",
        (at(TEN) - timedelta(hours=1), at(TEN)),
    )
    lender.conn.commit()
    counter = Counter(post)
    counter.at(TEN)
    assert told(lender) == [("thanks", "planned", "DEFAULT-OPT-OUT")]
