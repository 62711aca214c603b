"""A provider's part follows what it answers: left at once, tried again, back by steps, each change with a reason."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import psycopg
from hypothesis import given, settings
from hypothesis import strategies as st

from duecourse.dispatch.health import (
    LEAST_SHARE,
    REST_MOST_SECONDS,
    Counts,
    Seen,
    Standing,
    State,
    least_rate,
    reweigh,
)
from duecourse.dispatch.limits import reserve
from duecourse.dispatch.lines import Line
from duecourse.dispatch.providers import (
    Answers,
    forget_answers,
    provider_changes,
    see_answers,
    standings,
    weigh,
)
from duecourse.domain.messaging import (
    Accepted,
    AccountTrouble,
    Channel,
    Deferred,
    NotWritten,
    Refused,
    Throttled,
    Unknown,
)

NOON = datetime.fromisoformat("2026-03-09T12:00+08:00")
PAIR = {"one": "sms", "two": "sms"}


def seen(good: int = 0, bad: int = 0, **more: int) -> Seen:
    """The same answers of the last seconds and the last minute."""
    counts = Counts(good, bad, **more)
    return Seen(counts, counts)


def after(now: float, standing: Standing, what: Seen, alone: bool = False) -> Standing:
    """What becomes of it."""
    return reweigh(now, standing, what, alone=alone) or standing


def test_a_provider_that_takes_nothing_is_left_at_once_also_when_it_is_alone() -> None:
    for alone in (True, False):
        assert after(1.0, Standing(), seen(bad=3), alone).state is State.RESTING
    assert after(1.0, Standing(), seen(bad=2)).state is State.WORKING


def test_failures_that_chance_explains_change_nothing() -> None:
    assert reweigh(1.0, Standing(), seen(good=98, bad=3), alone=False) is None
    assert least_rate(0, 0) == 0.0


def test_one_that_fails_in_part_loses_half_of_its_part_for_every_proof() -> None:
    poor = seen(good=14, bad=6)
    one = after(1.0, Standing(), poor)
    assert (one.share, one.reason) == (0.5, "6 of 20 failed, were late or throttled")
    two = after(2.0, one, poor)
    assert two.share == 0.25


def test_late_and_throttled_answers_count_against_it() -> None:
    assert after(1.0, Standing(), seen(good=20, slow=8)).share == 0.5
    assert after(1.0, Standing(), seen(good=12, throttled=8)).share == 0.5


def test_one_that_is_alone_keeps_its_part_while_it_takes_something() -> None:
    assert reweigh(1.0, Standing(), seen(good=10, bad=10), alone=True) is None


def test_each_rest_is_longer_than_the_one_before_up_to_a_minute() -> None:
    one, rests = Standing(), []
    now = 0.0
    for _ in range(8):
        one = after(now, replace(one, state=State.WORKING), seen(bad=3))
        rests.append(one.retry_at - now)
        now = one.retry_at
        one = after(now, one, seen())
        assert (one.state, one.probes) == (State.PROBING, 3)
    assert rests == [2, 4, 8, 16, 32, 60, 60, 60] and rests[-1] == REST_MOST_SECONDS


def test_one_that_took_what_it_was_tried_with_comes_back_step_by_step() -> None:
    one = after(0.0, Standing(State.PROBING, LEAST_SHARE, probes=0), seen(good=3))
    shares = [one.share]
    now = 0.0
    while one.share < 1.0:
        now += 5.0
        one = after(now, one, seen(good=50))
        shares.append(one.share)
    assert shares == [1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0]
    assert after(0.0, Standing(State.PROBING, LEAST_SHARE), seen(good=2, bad=1)).state is State.RESTING


def test_a_person_s_pause_and_account_trouble_end_by_a_person_only() -> None:
    for state in (State.PAUSED, State.TROUBLE):
        assert reweigh(1e6, Standing(state), seen(good=1000), alone=True) is None


@settings(max_examples=200)
@given(
    st.lists(
        st.tuples(st.floats(0.2, 30), st.integers(0, 50), st.integers(0, 50), st.integers(0, 9)), max_size=40
    ),
    st.booleans(),
)
def test_whatever_is_answered_its_part_stays_within_bounds_and_it_never_rests_for_ever(
    steps: list[tuple[float, int, int, int]], alone: bool
) -> None:
    one, now = Standing(), 0.0
    for seconds, good, bad, throttled in steps:
        now += seconds
        one = after(now, one, seen(good, bad, throttled=throttled), alone)
        assert LEAST_SHARE <= one.share <= 1.0
        assert one.retry_at - now <= REST_MOST_SECONDS + 1e-6
    for _ in range(40):  # well again: it comes back whatever went before
        now += 61.0
        one = after(now, one, seen(good=30), alone)
    assert (one.state, one.share) == (State.WORKING, 1.0)


def test_answers_are_told_apart() -> None:
    mixed = [
        Accepted("1"),
        Refused("9", "dead", True),
        Deferred("8", "x"),
        Throttled("58", 1),
        NotWritten("late"),
    ]
    assert Answers.of(mixed, late=False) == Answers(good=2, bad=1, throttled=1)
    assert Answers.of([NotWritten("not bound"), Unknown("lost")], late=False).bad == 2
    assert Answers.of([Accepted("1")], late=True).slow == 1
    assert Answers.of([AccountTrouble("402", "no balance")], late=False).trouble == "402: no balance"


def test_what_workers_see_moves_the_provider_for_all_and_is_kept_with_its_reason(
    database: psycopg.Connection,
) -> None:
    see_answers(database, {"one": Answers(bad=5), "two": Answers(good=5)}, now=NOON)
    assert weigh(database, PAIR, now=NOON + timedelta(seconds=0.3)) == ["one"]
    assert weigh(database, PAIR, now=NOON + timedelta(seconds=0.4)) == []
    one, two = standings(database, PAIR, now=NOON)
    assert (one.standing.state, two.standing.state) == (State.RESTING, State.WORKING)
    later = NOON + timedelta(seconds=3)
    assert weigh(database, PAIR, now=later) == ["one"]
    lines = [Line(Channel.SMS, "one", True, 100), Line(Channel.SMS, "two", True, 100)]
    tried = [reserve(database, lines, take=10, now=later)[0] for _ in range(4)]
    assert [(each.probe, each.room) for each in tried] == [(True, 1)] * 3 + [(False, 100)]
    see_answers(database, {"one": Answers(good=3)}, now=later + timedelta(seconds=0.5))
    weigh(database, PAIR, now=later + timedelta(seconds=1))
    changes = provider_changes(database, "one", 9)
    assert [(each["state"], each["share"], each["reason"]) for each in changes] == [
        ("working", LEAST_SHARE, "it took what it was tried with"),
        ("probing", LEAST_SHARE, "its rest is over"),
        ("resting", LEAST_SHARE, "it took nothing of 5"),
    ]
    forget_answers(database, now=NOON + timedelta(minutes=11))
    row = database.execute("SELECT count(*) FROM provider_seen").fetchone()
    assert row == (0,)
