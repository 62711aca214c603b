"""What packs said when they judged is kept, once, under one digest."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from duecourse.rules.model import Pack
from duecourse.rules.packs import Packs, load_packs, pack_digest, shipped_packs
from duecourse.rules.versions import packs_of, record_packs, recorded_pack

SHIPPED = json.loads((Path(__file__).parent / "shipped.json").read_text("utf-8"))
"""Pack to version to the digest of what it says, in hexadecimal; one line for every version ever shipped."""
NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)


def tightened(packs: Packs) -> Packs:
    """As if a lender had made the cool-off of the United States a day longer."""
    us = next(pack for pack in packs.packs if pack.pack == "us")
    rules = tuple(
        rule.model_copy(update={"does": rule.does.model_copy(update={"days": 8})})
        if rule.id == "US-COOL"
        else rule
        for rule in us.rules
    )
    changed = us.model_copy(update={"rules": rules})
    return Packs(tuple(changed if pack is us else pack for pack in packs.packs), packs.turned_on)


def test_packs_come_back_as_they_were(database: psycopg.Connection) -> None:
    packs = Packs(load_packs().packs, frozenset({"IN-2026"}))
    rule_set = record_packs(database, packs, now=NOW)
    assert len(rule_set) == 32
    kept = packs_of(database, rule_set)
    assert kept is not None
    assert {pack.pack: pack for pack in kept.packs} == {pack.pack: pack for pack in packs.packs}
    assert kept.turned_on == {"IN-2026"}
    assert kept.digest == rule_set
    assert packs_of(database, rule_set[:6]) is not None
    assert packs_of(database, b"\0" * 32) is None


def test_recording_twice_keeps_one_and_a_changed_pack_is_another(database: psycopg.Connection) -> None:
    packs = load_packs()
    first = record_packs(database, packs, now=NOW)
    assert record_packs(database, packs, now=NOW) == first
    second = record_packs(database, tightened(packs), now=NOW.replace(hour=10))
    assert second != first
    kept = database.execute("SELECT pack, count(*) FROM rule_pack_version GROUP BY pack").fetchall()
    assert {pack: count for pack, count in kept if count > 1} == {"us": 2}
    before, after = packs_of(database, first), packs_of(database, second)
    assert before is not None and after is not None
    assert before.rules["US-COOL"].does.days == 7  # type: ignore[union-attr]
    assert after.rules["US-COOL"].does.days == 8  # type: ignore[union-attr]
    newest = recorded_pack(database, "us", 1)
    assert newest == next(pack for pack in after.packs if pack.pack == "us")
    assert recorded_pack(database, "us", 2) is None


@pytest.mark.parametrize("pack", shipped_packs(), ids=lambda pack: pack.pack)
def test_a_pack_says_what_its_version_said(pack: Pack) -> None:
    """Whoever changes a rule of a released pack raises its version and adds a line to shipped.json."""
    assert SHIPPED[pack.pack][str(pack.version)] == pack_digest(pack).hex()
    assert pack.version == max(map(int, SHIPPED[pack.pack]))
