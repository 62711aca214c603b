"""Buckets of days past due: 1-7, 8-15, 16-30, 31-60, 61-90 and 90+, or as a lender cuts them."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence

DEFAULT_BUCKETS = (7, 15, 30, 60, 90)
"""The last day of each bucket but the one above them all."""
MAX_DAYS = 3660
NOT_PAST_DUE = "0"

_LABEL = re.compile(r"(?P<low>[1-9]\d{0,3})(?:-(?P<high>[1-9]\d{0,3})|(?P<open>\+))?\Z")


def check_bounds(bounds: Sequence[int]) -> None:
    """Raises ValueError unless the last days rise, from 1 to MAX_DAYS."""
    if not bounds or list(bounds) != sorted(set(bounds)) or bounds[0] < 1 or bounds[-1] > MAX_DAYS:
        raise ValueError(f"buckets end on whole days that rise, each from 1 to {MAX_DAYS}")


def bucket_labels(bounds: Sequence[int]) -> tuple[str, ...]:
    """Every bucket, the one of what is not past due first: '0', '1-7', …, '61-90', '90+' (more than 90 days)."""
    check_bounds(bounds)
    starts = [1, *(bound + 1 for bound in bounds[:-1])]
    closed = (f"{low}-{high}" if low < high else f"{low}" for low, high in zip(starts, bounds, strict=True))
    return (NOT_PAST_DUE, *closed, f"{bounds[-1]}+")


def bucket_of(days: int, bounds: Sequence[int]) -> str:
    """The bucket that so many days past due fall in."""
    return bucket_labels(bounds)[bisect_left(bounds, days) + 1 if days > 0 else 0]


def bucket_days(label: str) -> tuple[int, int | None]:
    """First and last day of a bucket by its label; None: without end. Raises ValueError for what is no label."""
    if label == NOT_PAST_DUE:
        return 0, 0
    match = _LABEL.match(label)
    if match is None:
        raise ValueError(f"'{label}' is no bucket")
    low = int(match["low"])
    if match["open"]:
        return low + 1, None
    return low, int(match["high"] or low)
