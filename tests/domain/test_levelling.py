from __future__ import annotations

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from duecourse.domain.levelling import DAYS, Load, ToAllot, allot


def loan(name: str, amount: int = 100, currency: str = "CNY") -> ToAllot[str]:
    return ToAllot(name, name, currency, amount)


def test_equal_loans_fall_evenly_on_an_empty_month() -> None:
    days = allot([loan(f"L-{n:03}") for n in range(28 * 5)], Load())
    assert Counter(days.values()) == dict.fromkeys(DAYS, 5)


def test_days_that_bear_much_already_are_spared() -> None:
    load = Load()
    for day in DAYS:
        if day not in (12, 19):
            load.add(day, "CNY", 10_000, messages=50)
    days = allot([loan(f"L-{n}") for n in range(20)], load)
    assert set(days.values()) == {12, 19}


def test_messages_weigh_where_money_is_unknown() -> None:
    load = Load(messages={day: 5 for day in DAYS if day != 9})
    assert allot([loan("L-1", 0)], load) == {"L-1": 9}


def test_the_days_after_the_28th_count_as_the_28th() -> None:
    load = Load()
    load.add(31, "CNY", 500)
    assert load.cash_minor == {"CNY": {28: 500}}
    assert load.messages == {28: 1}


def test_currencies_are_levelled_each_for_itself() -> None:
    load = Load()
    for day in DAYS:
        load.add(day, "USD", 1_000 if day != 3 else 1, messages=0)
    days = allot([loan("L-1", 50, "USD"), loan("L-2", 50, "CNY")], load)
    assert days == {"L-1": 3, "L-2": 1}


amounts = st.lists(st.integers(0, 10_000), min_size=1, max_size=60)
loads = st.dictionaries(st.integers(1, 31), st.integers(0, 50_000), max_size=28)


@given(amounts, loads, st.randoms(use_true_random=False))
def test_the_order_in_which_loans_are_given_does_not_matter(
    amounts: list[int], existing: dict[int, int], shuffle: random.Random
) -> None:
    loans = [loan(f"L-{n:03}", amount) for n, amount in enumerate(amounts)]
    first = allot(loans, filled(existing))
    shuffle.shuffle(loans)
    assert allot(loans, filled(existing)) == first
    assert set(first.values()) <= set(DAYS)


@given(st.integers(1, 300), loads)
def test_loans_alike_leave_no_day_that_could_have_borne_one_more(
    count: int, existing: dict[int, int]
) -> None:
    """Each is put on the day that bears least, so the heaviest day that got one was the lightest before its last."""
    load = filled(existing)
    before = dict(load.cash_minor.get("CNY", {}))
    chosen = Counter(allot([loan(f"L-{n:03}") for n in range(count)], load).values())
    all_cash = sum(before.values()) + 100 * count or 1
    all_messages = sum(filled(existing).messages.values()) + count

    def weight(day: int, loans: int) -> int:
        cash = before.get(day, 0) + 100 * loans
        messages = filled(existing).messages.get(day, 0) + loans
        return cash * all_messages + messages * all_cash

    lightest = min(weight(day, chosen[day]) for day in DAYS)
    assert all(weight(day, loans - 1) <= lightest for day, loans in chosen.items())


def filled(existing: dict[int, int]) -> Load:
    load = Load()
    for day, amount in existing.items():
        load.add(day, "CNY", amount)
    return load
