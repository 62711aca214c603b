from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duecourse.domain.buckets import DEFAULT_BUCKETS, bucket_days, bucket_labels, bucket_of


def test_the_buckets_of_the_trade_are_the_default() -> None:
    assert bucket_labels(DEFAULT_BUCKETS) == ("0", "1-7", "8-15", "16-30", "31-60", "61-90", "90+")


@pytest.mark.parametrize(
    ("days", "bucket"),
    [(-3, "0"), (0, "0"), (1, "1-7"), (7, "1-7"), (8, "8-15"), (90, "61-90"), (91, "90+"), (9999, "90+")],
)
def test_a_day_falls_in_one_bucket(days: int, bucket: str) -> None:
    assert bucket_of(days, DEFAULT_BUCKETS) == bucket


@pytest.mark.parametrize("bounds", [(), (0, 7), (7, 7), (15, 7), (3661,)])
def test_bounds_that_do_not_rise_are_refused(bounds: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="rise"):
        bucket_labels(bounds)


@pytest.mark.parametrize("label", ["", "7", "x", "1-", "0-7", "90++"])
def test_only_a_label_names_a_bucket(label: str) -> None:
    if label == "7":
        assert bucket_days(label) == (7, 7)
        return
    with pytest.raises(ValueError, match="no bucket"):
        bucket_days(label)


@given(st.lists(st.integers(1, 200), min_size=1, max_size=6, unique=True).map(sorted), st.integers(0, 400))
def test_a_label_says_the_days_that_fall_in_it(bounds: list[int], days: int) -> None:
    found = [label for label in bucket_labels(bounds) if within(label, days)]
    assert found == [bucket_of(days, bounds)]


def within(label: str, days: int) -> bool:
    low, high = bucket_days(label)
    return low <= days and (high is None or days <= high)
