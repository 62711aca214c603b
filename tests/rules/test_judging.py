"""The judgement agrees with an oracle that walks minute by minute, and tells what it saw."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import Any

import psycopg
import pytest

from duecourse.rules.compiling import shipped
from duecourse.rules.scenarios import Answer, Scenario, judge_scenarios
from rule_agreement import disagreements
from rule_worlds import scenario as made


def judged(conn: psycopg.Connection, **scenario: Any) -> Answer:
    """The answer to one scenario."""
    return judge_scenarios(conn, shipped(), [Scenario.model_validate(scenario)])[0]


@pytest.mark.parametrize("seed", [1, 2])
def test_the_judgement_agrees_with_a_walk_minute_by_minute(database: psycopg.Connection, seed: int) -> None:
    differ, tally = disagreements(database, seed, 100)
    assert differ == []
    assert (
        min(tally["allowed"], tally["later"], tally["never"]) > 10
    )  # else it looked at one kind of case only


def test_a_cap_that_frees_after_the_window_shut_means_the_next_opening(database: psycopg.Connection) -> None:
    answer = judged(
        database,
        region="US-MA",
        timezone="America/New_York",
        now="2026-11-22T20:30:00-05:00",
        history=[{"at": "2026-11-20T10:00:00-05:00"}, {"at": "2026-11-17T10:00:00-05:00"}],
    )
    # The older of two leaves the 7 days at midnight to the 24th; the window opens at eight.
    assert [one.rule for one in answer.deciding] == ["US-MA"]
    assert answer.not_before == datetime.fromisoformat("2026-11-24T08:00:00-05:00")


def test_a_rule_begins_on_its_day_on_the_recipients_own_calendar(database: psycopg.Connection) -> None:
    three = [{"at": f"2026-08-{day}T12:00:00-04:00", "channel": "letter"} for day in (28, 29, 30)]
    scenario: dict[str, Any] = {
        "region": "US-NYC", "timezone": "America/New_York", "channel": "email", "history": three,
        "consents": [{"granted": True, "at": "2026-01-01T00:00:00Z"}],
    }  # fmt: skip
    before = judged(database, now="2026-08-31T20:59:00-04:00", **scenario)
    after = judged(database, now="2026-09-01T08:00:00-04:00", **scenario)
    assert "US-NYC" not in before.considered
    assert "US-NYC" in after.considered and "US-NYC" in [one.rule for one in after.deciding]


def test_of_several_zones_all_must_be_open(database: psycopg.Connection) -> None:
    answer = judged(database, region="US-FL", timezone=None, now="2026-06-10T08:30:00-04:00")
    assert answer.not_before == datetime.fromisoformat("2026-06-10T09:00:00-04:00")  # eight in Pensacola


def test_a_day_that_skips_an_hour_opens_when_the_clock_shows_the_hour(database: psycopg.Connection) -> None:
    hours = {"hours": {"from": "02:30", "to": "04:00"}}
    answer = judged(
        database, region="DE", timezone="Europe/Berlin", now="2026-03-29T00:00:00+01:00", preferences=hours,
        consents=[{"kind": "hours", "granted": True}],
    )  # fmt: skip
    # 02:30 does not exist that day: at 03:00 the clock is past it.
    assert answer.not_before == datetime.fromisoformat("2026-03-29T03:00:00+02:00")


def test_what_the_debtor_asked_for_is_bound_by_no_hours_and_no_caps(database: psycopg.Connection) -> None:
    often = [{"at": "2026-11-22T12:00:00-05:00", "outcome": "conversation"}] * 9
    scenario: dict[str, Any] = {
        "region": "US-MA", "timezone": "America/New_York", "channel": "voice", "history": often,
        "now": "2026-11-22T22:30:00-05:00",
    }  # fmt: skip
    assert not judged(database, **scenario).allow
    assert judged(database, **scenario, initiated_by="debtor").allow


def test_a_hold_ends_at_its_instant_and_a_legal_notice_passes(database: psycopg.Connection) -> None:
    scenario: dict[str, Any] = {
        "region": "CN", "timezone": "Asia/Shanghai", "now": "2026-11-22T12:00:00+08:00",
        "holds": [{"kind": "dispute", "since": "2026-11-01", "until": "2026-11-22T15:30:00+08:00"}],
    }  # fmt: skip
    assert judged(database, **scenario).not_before == datetime.fromisoformat("2026-11-22T15:30:00+08:00")
    assert judged(database, **scenario, purpose="legal").allow


def test_no_waiting_helps_where_nothing_is_to_change(database: psycopg.Connection) -> None:
    answer = judged(
        database, region="CN", timezone="Asia/Shanghai", now="2026-11-22T12:00:00+08:00", suppressed=True
    )
    assert (answer.allow, answer.not_before) == (False, None)
    assert [one.rule for one in answer.deciding] == ["SUPPRESSED"]


def test_reasons_stand_in_both_languages(database: psycopg.Connection) -> None:
    answer = judged(database, region="CN", timezone="Asia/Shanghai", now="2026-11-22T22:00:00+08:00")
    one = answer.deciding[0]
    assert (one.rule, one.primitive) == ("CN-HOURS", "P1")
    assert "2026-11-22 22:00 in Asia/Shanghai" in one.en
    assert "当地时间 2026-11-22 22:00" in one.zh


def test_the_first_allowed_instant_is_allowed_and_the_minute_before_is_not(
    database: psycopg.Connection,
) -> None:
    random = Random(7)
    told = [made(random) for _ in range(300)]
    later = [
        (one, answer.not_before)
        for one, answer in zip(
            told,
            judge_scenarios(database, shipped(), [Scenario.model_validate(t) for t in told]),
            strict=True,
        )
        if answer.not_before and not answer.allow
    ]
    assert len(later) > 50
    # What lies between now and then is not history: ask the same of the same past, later.
    ahead = [Scenario.model_validate(_asked_at(one, at)) for one, at in later]
    before = [Scenario.model_validate(_asked_at(one, at - timedelta(minutes=1))) for one, at in later]
    assert all(answer.allow for answer in judge_scenarios(database, shipped(), ahead))
    assert not any(answer.allow for answer in judge_scenarios(database, shipped(), before))


def _asked_at(one: dict[str, Any], at: datetime) -> dict[str, Any]:
    return {**one, "now": at.isoformat()}
