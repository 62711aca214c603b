"""Days in words are those of the borrower's calendar, and none where they could be two."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from duecourse.responses.understanding.days import day_named
from duecourse.responses.understanding.plain import plain

TODAY = date(2026, 3, 11)  # a Wednesday


def day(text: str, today: date = TODAY, region: str = "US") -> str:
    found = day_named(plain(text), today, region)
    return found.isoformat() if found else ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I'll pay by Friday", "2026-03-13"),
        ("tomorrow", "2026-03-12"),
        ("day after tomorrow", "2026-03-13"),
        ("tonight", "2026-03-11"),
        ("in 3 days", "2026-03-14"),
        ("in two weeks", "2026-03-25"),
        ("within 48 hours", "2026-03-13"),
        ("on the 15th", "2026-03-15"),
        ("by the 5th", "2026-04-05"),
        ("end of the month", "2026-03-31"),
        ("the first of next month", "2026-04-01"),
        ("April 2nd", "2026-04-02"),
        ("2 April", "2026-04-02"),
        ("2026-03-20", "2026-03-20"),
        ("next Monday", "2026-03-16"),
        ("friday next week", "2026-03-20"),
        ("ill do it thursdy", "2026-03-12"),
        ("I don't have it today, will pay Friday", "2026-03-13"),
        ("下周五", "2026-03-20"),
        ("周五还", "2026-03-13"),
        ("星期一還", "2026-03-16"),
        ("明天发工资就还", "2026-03-12"),
        ("聽日還", "2026-03-12"),
        ("后天", "2026-03-13"),
        ("大后天", "2026-03-14"),
        ("15号", "2026-03-15"),
        ("５号", "2026-04-05"),
        ("二十五號還", "2026-03-25"),
        ("月底", "2026-03-31"),
        ("下个月底", "2026-04-30"),
        ("三天后", "2026-03-14"),
        ("一周内", "2026-03-18"),
        ("4月1号", "2026-04-01"),
        ("三月二十号", "2026-03-20"),
        ("今天还不上，周五还", "2026-03-13"),
        ("friday还", "2026-03-13"),
    ],
)
def test_words_name_a_day(text: str, expected: str) -> None:
    assert day(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "next Friday",
        "this weekend",
        "Monday or Tuesday",
        "between the 15th and the 20th",
        "around the 20th",
        "after Friday",
        "on Wednesday",
        "when I get paid",
        "soon",
        "yesterday",
        "last Friday",
        "3 days ago",
        "on March 3rd",
        "every 15th, each month",
        "发工资那天",
        "过几天",
        "过两天",
        "这周末",
        "周五或者周六",
        "20到25号之间",
        "15号以后",
        "20号左右",
        "昨天",
        "上周五",
        "三天前",
        "每月15号",
        "明后天",
    ],
)
def test_what_could_be_two_days_or_is_past_is_none(text: str) -> None:
    assert day(text) == ""


@pytest.mark.parametrize(
    ("text", "region", "expected"),
    [
        ("4/5", "US", "2026-04-05"),
        ("4/5", "GB", "2026-05-04"),
        ("4/5", "CN", "2026-04-05"),
        ("4/5", "CA", ""),
        ("4/5", "", ""),
        ("3/20", "", "2026-03-20"),
        ("20/3", "US", "2026-03-20"),
        ("4/4", "", "2026-04-04"),
    ],
)
def test_figures_are_read_in_the_order_of_the_region(text: str, region: str, expected: str) -> None:
    assert day(text, region=region) == expected


def test_a_day_in_january_said_in_december_is_next_years() -> None:
    assert day("Jan 5", today=date(2026, 12, 20)) == "2027-01-05"
    assert day("5号", today=date(2026, 12, 20)) == "2027-01-05"


def test_a_day_that_a_month_does_not_have_is_none() -> None:
    assert day("Feb 30") == ""
    assert day("on the 31st", today=date(2026, 4, 2)) == ""


@settings(max_examples=100, deadline=None)
@given(st.dates(date(2024, 1, 1), date(2032, 12, 31)), st.sampled_from(["tomorrow", "明天", "聽日"]))
def test_tomorrow_is_a_day_on_from_any_day(today: date, text: str) -> None:
    assert day_named(plain(text), today) == today + timedelta(days=1)


@settings(max_examples=200, deadline=None)
@given(st.dates(date(2024, 1, 1), date(2032, 12, 31)), st.text(max_size=60))
def test_no_text_names_a_day_that_is_past(today: date, text: str) -> None:
    found = day_named(plain(text), today, "US")
    assert found is None or found >= today
