"""How long records are kept: the longest keeping of a place wins, and nothing is dropped a day too soon."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from duecourse.rules.compiling import shipped
from duecourse.rules.model import Actor, Retention
from duecourse.rules.packs import Packs
from duecourse.rules.retention import keeping

TODAY = date(2026, 11, 23)


@pytest.mark.parametrize(
    ("region", "record", "given", "until", "says"),
    [
        (
            "CN",
            "recordings",
            {"product": "card", "lender_kinds": ["bank"]},
            date(2028, 11, 1),
            "CN-CARD-KEEP",
        ),
        ("CN", "messages", {"lender_kinds": ["consumer-finance"]}, date(2031, 11, 1), "CN-CFC-5Y"),
        ("CN", "messages", {"product": "cash", "lender_kinds": ["bank"]}, None, "CN-DATA"),
        ("CN", "assessments", {}, date(2029, 11, 1), "CN-DATA-ASSESSMENT"),
        ("US-CA", "contacts", {"actor": Actor.COLLECTOR}, date(2029, 11, 1), "US-KEEP"),
        ("US-CA", "contacts", {"actor": Actor.CREDITOR}, None, None),
        ("US-NYC", "contacts", {"actor": Actor.CREDITOR}, date(2029, 11, 1), "US-NYC-KEEP"),
        ("SG", "messages", {}, None, None),
    ],
)
def test_the_longest_keeping_of_the_place_wins(
    region: str, record: Any, given: dict[str, Any], until: date | None, says: str | None
) -> None:
    found = keeping(shipped().packs, region, record, date(2026, 11, 1), as_of=TODAY, **given)
    assert found.keep_until == until
    assert (says in found.rules) if says else not found.rules


def test_a_kind_of_lender_not_said_keeps_as_long_as_any() -> None:
    assert keeping(shipped().packs, "CN", "messages", TODAY, as_of=TODAY).keep_until == date(2031, 11, 23)


def test_a_rule_not_in_force_yet_keeps_nothing() -> None:
    assert keeping(shipped().packs, "US-NYC", "contacts", TODAY, as_of=date(2026, 8, 31)).rules == ()


def test_a_leap_day_ends_on_the_first_of_march() -> None:
    found = keeping(shipped().packs, "US-NYC", "contacts", date(2028, 2, 29), as_of=date(2028, 3, 1))
    assert found.keep_until == date(2031, 3, 1)


def test_where_law_asks_for_keeping_the_record_is_only_stored() -> None:
    assert keeping(shipped().packs, "DE", "messages", TODAY, as_of=TODAY).storage_only
    assert not keeping(shipped().packs, "US-NYC", "messages", TODAY, as_of=TODAY).storage_only


def test_a_limit_never_cuts_a_keeping_short() -> None:
    packs = shipped().packs
    [cn] = [pack for pack in packs.packs if pack.pack == "cn"]
    limit = Retention.model_validate({"primitive": "P13", "records": ["messages"], "most_years": 1})
    rule = packs.rules["CN-DATA"].model_copy(update={"id": "CN-LIMIT", "does": limit})
    limited = Packs((cn.model_copy(update={"rules": (*cn.rules, rule)}),))
    kept = keeping(limited, "CN", "messages", TODAY, as_of=TODAY, product="card", lender_kinds=["bank"])
    assert (kept.keep_until, kept.delete_after) == (date(2028, 11, 23), date(2028, 11, 23))
    loose = keeping(limited, "CN", "messages", TODAY, as_of=TODAY, product="cash", lender_kinds=["bank"])
    assert (loose.keep_until, loose.delete_after) == (None, date(2027, 11, 23))
