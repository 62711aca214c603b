"""The brakes: a batch that is not as usual, or whose first come back badly, waits for a second person."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from counter import Counter
from duecourse.channels.sandbox.process import SandboxProcess
from duecourse.channels.sandbox.rules import Behaviour, SandboxRules
from duecourse.dispatch.batches import (
    Measure,
    Weighed,
    find_batch,
    hold_batch,
    list_batches,
    outside_band,
    recheck_batches,
    resume_batches,
    weigh,
)
from duecourse.domain.messaging import Accepted, NotWritten, Refused
from duecourse.domain.problems import DuecourseError
from duecourse.policy.model import Brakes, Canary
from lender import POLICY_HEAD, Lender
from post import Post
from workers import fill, noon_zone, start_worker, submits, wait_for, write_providers

from .braked import NINE, STEP, T, head, planned, publish, rules, sent, states

# -- the band, on paper ---------------------------------------------------------------------------------------

MEASURE = Measure("p", 1, "s", date(2026, 3, 9), 100, True, {"CNY": (5_000_00, 90_000_00)})


@pytest.mark.parametrize(
    ("brakes", "usual", "inside"),
    [
        (Brakes(most_messages=100), None, True),
        (Brakes(most_messages=99), None, False),
        (Brakes(least_messages=100), None, True),
        (Brakes(least_messages=101), None, False),
        (Brakes(times_usual=Decimal(2)), Decimal(50), True),
        (Brakes(times_usual=Decimal(2)), Decimal(49), False),
        (Brakes(times_usual=Decimal(2)), Decimal(200), True),
        (Brakes(times_usual=Decimal(2)), Decimal(201), False),
        (Brakes(times_usual=Decimal(2)), None, True),  # too few batches to know what is usual
        (Brakes(currency="CNY", most_amount_minor=5_000_00), None, True),
        (Brakes(currency="CNY", most_amount_minor=4_999_99), None, False),
        (Brakes(currency="CNY", most_total_minor=90_000_00), None, True),
        (Brakes(currency="CNY", most_total_minor=89_999_99), None, False),
        (Brakes(currency="TWD", most_amount_minor=1), None, True),  # of another currency nothing is known
    ],
)
def test_the_band_holds_its_own_bounds(brakes: Brakes, usual: Decimal | None, inside: bool) -> None:
    assert (outside_band(MEASURE, brakes, usual) is None) is inside


def test_too_few_are_too_few_only_once_every_lane_is_planned() -> None:
    partly = replace(MEASURE, complete=False)
    assert outside_band(partly, Brakes(least_messages=101), None) is None
    assert outside_band(partly, Brakes(times_usual=Decimal(2)), Decimal(500)) is None
    assert outside_band(partly, Brakes(most_messages=99), None)


CANARY = Canary(size=100, most_bad_percent=Decimal(5), wait_seconds=900)


@pytest.mark.parametrize(
    ("weighed", "after", "becomes"),
    [
        (Weighed(100, 6, 0, 94, T, 0, True), 1, "held"),  # enough is known at once
        (Weighed(100, 3, 3, 94, T, 0, True), 1, "held"),  # stops count as well
        (Weighed(100, 5, 0, 95, T, 0, True), 1, None),
        (Weighed(100, 5, 0, 0, T, 0, True), 1, "going"),
        (Weighed(100, 0, 0, 100, T, 0, True), 900, "going"),  # silence is no fault
        (Weighed(40, 2, 0, 0, T, 60, True), 1, None),  # sixty are still to come
        (Weighed(40, 3, 0, 0, T, 0, False), 1, "held"),  # of the few there were too many
        (Weighed(40, 0, 0, 0, T, 0, True), 1, "more"),  # sixty were withheld: others take their place
        (Weighed(0, 0, 0, 0, None, 0, True), 1, "more"),
        (Weighed(0, 0, 0, 0, None, 100, True), 1, None),
        (Weighed(0, 0, 0, 0, None, 0, False), 1, "going"),
    ],
)
def test_what_becomes_of_canaries(weighed: Weighed, after: int, becomes: str | None) -> None:
    assert weigh(weighed, CANARY, T + timedelta(seconds=after)) == becomes


# -- at the counter -------------------------------------------------------------------------------------------


def test_a_batch_within_its_band_goes_out(lender: Lender, post: Post) -> None:
    planned(lender, "{messages: {min: 10, max: 30}}")
    counter = Counter(post)
    counter.at(NINE, "2026-03-09T09:00:01+08:00")
    assert (sent(counter), states(lender)) == (30, [("going", 30, 30, 0)])


def test_a_batch_below_its_band_is_held(lender: Lender, post: Post) -> None:
    planned(lender, "{messages: {min: 31}}")
    counter = Counter(post)
    counter.at(NINE, "2026-03-09T09:00:01+08:00")
    assert (sent(counter), [row[0] for row in states(lender)]) == (0, ["held"])


def test_a_batch_above_its_band_waits_for_another_person_than_the_publisher(
    lender: Lender, post: Post
) -> None:
    planned(lender, "{messages: {max: 29}}")
    counter = Counter(post)
    counter.at(NINE, "2026-03-09T09:00:01+08:00", "2026-03-09T09:10+08:00")
    assert (sent(counter), states(lender)) == (0, [("held", 30, 0, 30)])
    assert rules(lender) == {"BATCH-HELD": 30}

    with pytest.raises(DuecourseError) as refused:
        resume_batches(lender.conn, by="alice", now=datetime.fromisoformat(NINE))
    assert refused.value.problems[0].code == "D090"
    counter.at("2026-03-09T09:20+08:00")
    assert sent(counter) == 0

    at = "2026-03-09T09:30+08:00"
    assert len(resume_batches(lender.conn, by="bob", now=datetime.fromisoformat(at))) == 1
    counter.at(at, "2026-03-09T09:30:01+08:00")
    assert (sent(counter), states(lender)) == (30, [("going", 30, 30, 0)])


def test_an_amount_that_the_book_changed_after_planning_holds_the_batch(lender: Lender, post: Post) -> None:
    planned(lender, "{amount: {max: 100, currency: CNY}}")
    lender.conn.execute("UPDATE installment SET due_minor = due_minor * 100 WHERE lane = 7")
    lender.conn.commit()
    counter = Counter(post)
    counter.at(NINE, "2026-03-09T09:00:01+08:00")
    assert (sent(counter), [row[0] for row in states(lender)]) == (0, ["held"])


def test_an_amount_that_turns_wrong_while_the_batch_runs_is_not_said_and_holds_the_rest(
    lender: Lender, post: Post
) -> None:
    planned(lender, "{amount: {max: 100, currency: CNY}}")
    counter = Counter(post)
    counter.at(NINE)  # opens the batch
    lender.conn.execute("UPDATE installment SET due_minor = due_minor * 100")
    lender.conn.commit()
    counter.at("2026-03-09T09:00:01+08:00", "2026-03-09T09:00:02+08:00")
    assert (sent(counter), [row[0] for row in states(lender)]) == (0, ["held"])
    assert rules(lender) == {"BATCH-HELD": 30}


def test_one_amount_out_of_the_band_holds_also_those_that_were_claimed_beside_it(
    lender: Lender, post: Post
) -> None:
    planned(lender, "{amount: {max: 100, currency: CNY}}")
    counter = Counter(post)
    counter.at(NINE)  # opens the batch
    lender.conn.execute("UPDATE installment SET due_minor = due_minor * 100 WHERE lane = 7")
    lender.conn.commit()
    counter.at("2026-03-09T09:00:01+08:00", "2026-03-09T09:00:02+08:00")
    assert (sent(counter), [row[0] for row in states(lender)]) == (0, ["held"])


def test_a_running_batch_that_outgrows_its_band_is_held(lender: Lender, post: Post) -> None:
    planned(lender, "{messages: {max: 30}}")
    counter = Counter(post)
    counter.at(NINE)
    lender.book("loan due_on email\nL-1000 2026-03-10 -")
    lender.plan(NINE)
    held = recheck_batches(lender.conn, as_of=date(2026, 3, 9), now=datetime.fromisoformat(NINE))
    assert (held, [row[0] for row in states(lender)]) == (1, ["held"])


def test_what_is_usual_comes_from_the_batches_of_four_weeks(lender: Lender, post: Post) -> None:
    planned(lender, "{times_usual: 2}")
    for day in range(1, 6):
        lender.conn.execute(
            """INSERT INTO batch (batch_id, policy, policy_version, step, local_on, state, messages, amounts,
                   published_by, opened_at) VALUES (gen_random_uuid(), 'test', 1, 'due-in-1', %s, 'going', 14, '{}',
                   'alice', now())""",
            (date(2026, 3, day),),
        )
    lender.conn.commit()
    counter = Counter(post)
    counter.at(NINE, "2026-03-09T09:00:01+08:00")
    assert sent(counter) == 0
    assert "usual are 14" in list_batches(lender.conn, held_only=True)[0]["reason"]


def test_canaries_go_first_and_the_rest_once_they_came_back(lender: Lender, post: Post) -> None:
    planned(lender, "{canary: {size: 10, most_bad: 20%, wait: 15m}}")
    counter = Counter(post)
    counter.at(NINE, "2026-03-09T09:00:01+08:00", "2026-03-09T09:00:02+08:00", "2026-03-09T09:06+08:00")
    assert (sent(counter), states(lender)) == (10, [("canary", 30, 10, 20)])
    counter.at("2026-03-09T09:16+08:00", "2026-03-09T09:16:01+08:00")
    assert (sent(counter), states(lender)) == (30, [("going", 30, 30, 0)])


def test_canaries_that_come_back_badly_hold_the_rest(lender: Lender, post: Post) -> None:
    planned(lender, "{canary: {size: 10, most_bad: 20%, wait: 15m}}")
    bad = Refused("x", "nobody has this number", permanent=True)
    counter = Counter(post, sms=[bad, bad, bad, *[Accepted(f"id-{n}") for n in range(7)]])
    counter.at(NINE, *(f"2026-03-09T09:{minute:02}+08:00" for minute in range(1, 40)))
    assert (sent(counter), states(lender)) == (10, [("held", 30, 10, 20)])


def test_withheld_canaries_make_room_and_no_more_than_the_canary_go(lender: Lender, post: Post) -> None:
    planned(lender, "{canary: {size: 10, most_bad: 20%, wait: 15m}}")
    counter = Counter(post)
    counter.at(NINE)  # the batch is opened
    lender.conn.execute(
        """UPDATE installment i SET settled_on = '2026-03-08' FROM batch_canary c
           JOIN message m USING (lane, message_id)
           JOIN message_item x ON x.lane = m.lane AND x.group_id = m.group_id
           WHERE i.lane = x.lane AND i.loan_id = x.loan_id AND m.lane % 2 = 0"""
    )
    lender.conn.commit()
    counter.at(*(f"2026-03-09T09:00:{second:02}+08:00" for second in range(1, 12)))
    assert (sent(counter), states(lender)[0][0]) == (10, "canary")


def test_a_canary_that_was_not_handed_over_and_is_paid_then_makes_room_for_another(
    lender: Lender, post: Post
) -> None:
    planned(lender, "{canary: {size: 1, most_bad: 20%, wait: 15m}}", count=5)
    counter = Counter(post, sms=[NotWritten("the line is down")])
    counter.at(NINE, "2026-03-09T09:00:01+08:00")
    lender.conn.execute(
        """UPDATE installment i SET settled_on = '2026-03-08' FROM batch_canary c
           JOIN message m USING (lane, message_id)
           JOIN message_item x ON x.lane = m.lane AND x.group_id = m.group_id
           WHERE i.lane = x.lane AND i.loan_id = x.loan_id"""
    )
    lender.conn.commit()
    counter.at(*(f"2026-03-09T09:00:{second:02}+08:00" for second in range(5, 12)))
    assert (sent(counter), states(lender)) == (2, [("canary", 5, 2, 3)])


def test_a_batch_held_by_hand_stays_held(lender: Lender, post: Post) -> None:
    planned(lender, "{canary: {size: 10}}")
    counter = Counter(post)
    counter.at(NINE, "2026-03-09T09:00:01+08:00")
    found = find_batch(lender.conn, str(list_batches(lender.conn)[0]["batch_id"])[:8])
    assert hold_batch(lender.conn, found["batch_id"], reason="wrong name", now=T)
    counter.at("2026-03-09T09:30+08:00", "2026-03-09T10:30+08:00")
    assert (sent(counter), states(lender)[0][0]) == (10, "held")


@pytest.mark.parametrize("brakes", ["brakes: {messages: {max: 1000}}\n", ""], ids=["kinder", "none"])
def test_a_held_batch_stays_held_under_a_new_version_until_a_second_person_decides(
    lender: Lender, post: Post, brakes: str
) -> None:
    planned(lender, "{messages: {max: 20}}")
    counter = Counter(post)
    counter.at(NINE, "2026-03-09T09:00:01+08:00")
    assert states(lender) == [("held", 30, 0, 30)]
    lender.policy(STEP.replace("at 09:00", "at 09:30"), POLICY_HEAD + brakes)
    publish(lender)
    lender.plan("2026-03-09T09:10+08:00")
    counter.at("2026-03-09T09:45+08:00", "2026-03-09T11:00+08:00")
    assert (sent(counter), states(lender)) == (0, [("held", 30, 0, 30)])
    assert lender.messages("policy_version") == [(1,)] * 30
    resume_batches(lender.conn, by="bob", now=datetime.fromisoformat("2026-03-09T11:10+08:00"))
    lender.plan("2026-03-09T11:10+08:00")  # the decision stands, whatever is in force since
    counter.at("2026-03-09T11:20+08:00")
    assert sent(counter) == 30


def test_what_waits_for_its_canaries_is_not_freed_by_a_new_version(lender: Lender, post: Post) -> None:
    planned(lender, "{canary: {size: 10}}")
    counter = Counter(post)
    counter.at(NINE, "2026-03-09T09:00:01+08:00", "2026-03-09T09:00:02+08:00")
    assert sent(counter) == 10
    lender.policy(STEP, POLICY_HEAD)
    publish(lender)
    lender.plan("2026-03-09T09:01+08:00")
    counter.at("2026-03-09T09:01:30+08:00", "2026-03-09T09:10+08:00")
    assert (sent(counter), states(lender)[0][0]) == (10, "canary")


# -- five thousand, real workers, a real SMSC -----------------------------------------------------------------


@pytest.fixture
def dead_numbers(tmp_path: Path) -> Iterator[SandboxProcess]:
    """An SMSC that takes everything and reports two numbers of five as nobody's."""
    nobody = {f"{ending:04d}": Behaviour.UNDELIVERABLE for ending in range(2_000)}
    with SandboxProcess(tmp_path, rules=SandboxRules(numbers=nobody)) as sandbox:
        yield sandbox


@pytest.mark.slow
def test_a_wrong_batch_of_five_thousand_is_caught_by_its_canary_before_the_501st(
    lender: Lender,
    home: Path,
    dead_numbers: SandboxProcess,
    database_url: str,
    store: object,
    keyring: object,
) -> None:
    fill(lender, 5000, noon_zone(), head=head("{canary: {size: 500, most_bad: 5%, wait: 15m}}"))
    write_providers(home, dead_numbers)
    post = Post(store, keyring, lender, dead_numbers)  # type: ignore[arg-type]
    workers = [start_worker(home, database_url) for _ in range(2)]

    def held() -> bool:
        return [row[0] for row in states(lender)] == ["held"]

    wait_for(held, 180, workers[0], home)
    handed_over = sum(submits(post).values())
    assert 25 < handed_over <= 500
    wait_for(lambda: rules(lender).get("BATCH-HELD", 0) > 0, 60, workers[0], home)
    for worker in workers:
        worker.send_signal(signal.SIGTERM)
    assert [worker.wait(30) for worker in workers] == [0, 0]
    assert sum(submits(post).values()) <= 500
