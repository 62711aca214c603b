"""What a desk counts: each event once, when it was committed, and nothing that was not."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from counter import Counter
from duecourse.dispatch.brake import stop_sending
from duecourse.dispatch.meters import Meters
from duecourse.dispatch.receipts import append_receipts
from duecourse.domain.messaging import Cause, Deferred, Receipt, ReceiptStatus, Refused, Throttled, Unknown
from duecourse.store.lease import acquire, release
from lender import Lender
from post import Post

NINE = datetime.fromisoformat("2026-03-10T09:00+08:00")
STEPS = """
  - id: due-today
    when: due at 09:00
    purpose: reminder
    route: [sms]
    template: due-today
"""


def planned(lender: Lender, loans: int = 1) -> None:
    """Messages that are due at nine."""
    rows = "".join(f"\nL-{n} 2026-03-10 Asia/Shanghai +861380000{n:04d} -" for n in range(100, 100 + loans))
    lender.book(f"loan due_on zone phone email{rows}")
    lender.reindex_contact_points()
    lender.policy(STEPS)
    lender.plan("2026-03-10T08:00+08:00")


def counts(meters: Meters) -> dict[str, float]:
    """The counters of messages and attempts that are not zero, by name and by the rule or cause that they give."""
    found: dict[str, float] = {}
    for family in meters.registry.collect():
        subject, _, name = family.name.removeprefix("duecourse_").partition("_")
        if subject in ("attempts", "messages"):
            for sample in family.samples:
                if sample.value and sample.name.endswith("_total"):
                    why = sample.labels.get("rule", sample.labels.get("cause", ""))
                    found[f"{name} {why}".strip()] = sample.value
    return found


def hear(counter: Counter, status: ReceiptStatus) -> None:
    """A receipt for the last attempt, as another process takes it; the desk finds it."""
    receipt = Receipt(status, status.value, attempt_id=counter.ends["sms"].taken[-1].attempt_id)
    append_receipts(counter.conn, counter.post.keyring, "sms", [receipt], now=NINE)
    counter.sweep(NINE.isoformat())


def test_each_answer_counts_as_what_it_was(lender: Lender, post: Post) -> None:
    planned(lender, 5)
    answers = [
        Unknown("no answer"),
        Refused("EC", "no such number", False, Cause.DEAD),
        Throttled("58", 3600.0),
        Deferred("8", "later", 3600.0),
    ]
    counter = Counter(post, sms=answers)
    counter.at(NINE.isoformat())
    assert counts(counter.meters) == {
        "claimed": 5,
        "sent": 1,
        "unknown": 1,
        "failed dead": 1,
        "released THROTTLED": 1,
        "released DEFERRED": 1,
    }
    assert counter.meters.answers.labels("sms", "throttled")._value.get() == 1


def test_a_message_counts_when_a_rule_comes_to_withhold_it_and_not_each_time_it_is_judged(
    lender: Lender, post: Post
) -> None:
    planned(lender)
    stop_sending(lender.conn, reason="test", by="test", now=NINE)
    counter = Counter(post)
    counter.at(*((NINE + timedelta(minutes=minutes)).isoformat() for minutes in (0, 20, 40)))
    ((name, number),) = counts(counter.meters).items()
    assert name.startswith("withheld ") and number == 1
    history = lender.conn.execute(
        "SELECT count(*) FROM history WHERE rule = %s", (name.split()[1],)
    ).fetchone()
    assert history == (1,)


def test_receipts_of_one_attempt_count_its_moves_and_not_themselves(lender: Lender, post: Post) -> None:
    planned(lender)
    counter = Counter(post)
    counter.at(NINE.isoformat())
    for status in ("buffered", "delivered", "delivered", "read"):
        hear(counter, ReceiptStatus(status))
    assert counts(counter.meters) == {"claimed": 1, "sent": 1, "delivered": 1, "read": 1}


def test_answers_that_come_after_the_lanes_were_lost_count_nowhere_and_the_next_owner_counts_the_unknown(
    lender: Lender, post: Post
) -> None:
    planned(lender)
    counter = Counter(post)
    second = Counter(post)

    def lose() -> None:
        with post.store.connect(autocommit=True) as leases:
            release(leases, "counter")
            second.desk.epochs = acquire(leases, "second", 60)

    counter.after_claim(lose)
    counter.at(NINE.isoformat())
    assert counts(counter.meters) == {"claimed": 1}
    asyncio.run(second.desk.recover(second.desk.epochs, NINE))
    assert counts(second.meters) == {"unknown": 1}


def test_what_lost_its_use_is_expired(lender: Lender, post: Post) -> None:
    planned(lender)
    counter = Counter(post)
    counter.at("2026-03-11T09:00+08:00")
    assert counts(counter.meters) == {"expired": 1}
