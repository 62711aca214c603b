"""Past contacts are judged at their own instants by the rules that judge new ones; what is not known is said."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest

from duecourse.book.identity import address_index
from duecourse.domain.messaging import Channel
from duecourse.rules.compiling import shipped
from duecourse.rules.scenarios import Answer, Scenario, judge_scenarios
from lender import Lender, borrower_id_of, lane_of
from past import MAPPING, Audited, Past, row


def day(on: int, hour: int = 10, minute: int = 0) -> str:
    """A wall clock of March 2026."""
    return f"2026-03-{on:02d} {hour:02d}:{minute:02d}"


def test_a_call_at_night_is_a_breach_and_the_boundary_minutes_are_none(past: Past) -> None:
    audited = past.audit(
        row(1, day(2, 7, 59)) + row(2, day(3, 8)) + row(3, day(4, 21, 59)) + row(4, day(5, 22))
    )
    assert audited.lines() == [(2, "CN-HOURS"), (5, "CN-HOURS")]
    [early, late] = audited.breaches
    assert (early.level, early.kind, early.binding) == ("V2", "law", True)
    assert early.first_allowed == datetime.fromisoformat("2026-03-02T08:00+08:00")
    assert late.first_allowed == datetime.fromisoformat("2026-03-06T08:00+08:00")
    assert "2026-03-05 22:00" in late.reason_en and "2026-03-05 22:00" in late.reason_zh


def test_the_eighth_call_in_seven_days_is_a_breach_and_the_day_after_is_none(past: Past) -> None:
    agency = {"region": "US-NJ", "zone": "America/New_York", "actor": "agency"}
    calls = [row(n, day(2 + (n - 1) // 2, 10 + n % 2 * 4), **agency) for n in range(1, 8)]
    audited = past.audit("".join([*calls, row(8, day(8, 9), **agency), row(9, day(9, 9), **agency)]))
    # The two of the 2nd leave the seven days at midnight to the 9th.
    assert audited.lines() == [(9, "US-7IN7")]
    assert audited.breaches[0].first_allowed == datetime.fromisoformat("2026-03-09T08:00-04:00")


def test_a_call_within_seven_days_of_a_conversation_is_a_breach(past: Past) -> None:
    collector = {"region": "US-NJ", "zone": "America/New_York", "actor": "collector"}
    audited = past.audit(
        row(1, day(2), result="conversation", **collector)
        + row(2, day(8), **collector)
        + row(3, day(9), **collector)
    )
    assert audited.lines() == [(3, "US-COOL")]


def test_a_third_person_is_a_breach_of_law_and_of_our_convention(past: Past) -> None:
    audited = past.audit(row(1, day(2), party="third"), product="cash-loan")
    assert audited.lines() == [(2, "CN-3P"), (2, "DEFAULT-PARTY")]
    assert (audited.found.all.breaches, audited.found.all.law, audited.found.all.policy) == (1, 1, 0)
    assert {one.rule: one.kind for one in audited.found.rules} == {"CN-3P": "law", "DEFAULT-PARTY": "policy"}


def test_rules_of_every_product_look_at_a_contact_whose_product_nobody_knows(past: Past) -> None:
    third = row(1, day(2), party="third")
    unknown = past.audit(third)
    assert (unknown.found.no_product, (2, "CN-CARD") in unknown.lines()) == (1, True)
    known = past.audit(third, product="cash-loan")
    assert (known.found.no_product, (2, "CN-CARD") in known.lines()) == (0, False)


def test_a_convention_alone_is_told_apart_from_law(past: Past) -> None:
    sms = {"channel": "sms", "result": "delivered"}
    audited = past.audit("".join(row(n, day(2, 9 + n), **sms) for n in range(1, 4)))
    assert audited.lines() == [(4, "DEFAULT-CAP-DAY")]
    assert (audited.found.all.law, audited.found.all.policy) == (0, 1)


def test_a_clean_file_has_no_breach(past: Past) -> None:
    audited = past.audit("".join(row(n, day(n), cust=f"C{n % 3}") for n in range(1, 20)))
    found = audited.found
    assert (found.all.contacts, found.all.breaches, found.all.withheld, audited.breaches) == (19, 0, 0, [])


def test_contacts_after_one_do_not_count_against_it_and_of_one_instant_the_first_of_the_file_does(
    past: Past,
) -> None:
    ma = {"region": "US-MA", "zone": "America/New_York"}
    later = past.audit(row(1, day(9), **ma) + row(2, day(10), **ma) + row(3, day(8), **ma))
    assert later.lines() == [(3, "US-MA")]  # the file's order is not the past's
    same = past.audit("".join(row(n, day(9), **ma) for n in range(1, 4)))
    assert same.lines() == [(4, "US-MA")]


def test_a_withheld_contact_fills_no_cap_for_the_next(past: Past) -> None:
    ma = {"region": "US-MA", "zone": "America/New_York"}
    calls = [row(n, day(on), **ma) for n, on in enumerate((2, 4, 6, 9), start=1)]
    audited = past.audit("".join(calls))
    assert audited.lines() == [(4, "US-MA"), (5, "US-MA")]
    assert [one.withheld for one in audited.breaches] == [True, False]
    assert (audited.found.all.breaches, audited.found.all.withheld) == (2, 1)


def test_a_number_two_people_share_is_counted_once_for_both(past: Past) -> None:
    shared = {"number": "+8613900001111"}
    calls = [row(n, day(2, 8 + n), cust="AB"[n % 2], **shared) for n in range(1, 8)]
    assert past.audit("".join(calls)).lines() == [(8, "CN-CALL-TRY")]


def test_a_shared_number_is_counted_as_the_past_was_also_where_ones_own_calls_fill_its_cap(
    past: Past,
) -> None:
    shared = {"number": "+8613900001111"}
    calls = [
        row(n, day(2, 6 + n), cust="A", **shared) for n in range(1, 8)
    ]  # 07:00, which is too early, to 13:00
    audited = past.audit("".join(calls) + row(8, day(2, 8, 30), cust="B", **shared))
    assert audited.lines() == [(2, "CN-HOURS"), (7, "CN-CALL-TRY"), (8, "CN-CALL-TRY")]
    assert [one.withheld for one in audited.breaches] == [True, True, True]


def test_a_contact_of_a_bare_number_belongs_to_the_person_the_file_knows_it_of(past: Past) -> None:
    ma = {"region": "US-MA", "zone": "America/New_York", "number": "+16175550111"}
    calls = row(1, day(2), **ma) + row(2, day(3), **(ma | {"cust": ""})) + row(3, day(4), **ma)
    audited = past.audit(calls)
    assert (audited.found.people, audited.lines()) == (1, [(4, "US-MA")])


def test_a_text_is_held_to_the_rules_of_content(past: Past) -> None:
    sms = {"channel": "sms", "result": "delivered"}
    audited = past.audit(
        row(1, day(2), text="【示例银行】再不还款就去法院抓你", **sms)
        + row(2, day(3), text="【示例银行】您的账单已到期，详询4000000000", **sms)
    )
    assert [line for line, _ in audited.lines()] == [2, 2]
    assert {rule for _, rule in audited.lines()} == {"CN-WORDS", "DEFAULT-WORDS"}
    assert audited.found.texts == 2


def test_what_only_a_record_could_show_is_no_breach(past: Past) -> None:
    audited = past.audit(
        row(1, day(2), region="US-NJ", zone="America/New_York", actor="agency", channel="sms")
    )
    assert (audited.found.all.breaches, audited.lines(proven=False)) == (0, [(2, "US-NUMBER")])
    assert [one.rule for one in audited.found.unproven] == ["US-NUMBER"]


def test_with_the_book_a_hold_of_that_time_refuses_and_before_it_does_not(past: Past, lender: Lender) -> None:
    lender.book("loan borrower due_on zone\nL-1 B 2026-03-12 Asia/Shanghai")
    lender.name_in_directory("B")
    lender.conn.execute(
        """INSERT INTO hold (lane, borrower_id, hold_id, kind, effect, effective_at, recorded_at, evidence, source,
                             recorded_by)
           VALUES (%s, %s, gen_random_uuid(), 'dispute', 'stop', '2026-03-05', '2026-03-05', 'x', 'cli', 'x')""",
        (lane_of("B"), borrower_id_of("B")),
    )
    lender.conn.commit()
    rows = row(1, day(4), cust="B") + row(2, day(6), cust="B") + row(3, day(6), cust="X")
    audited = past.audit(rows, with_book=True)
    assert [(one.line, one.rule, one.kind) for one in audited.breaches] == [(3, "DEFAULT-HOLD", "policy")]
    assert (audited.found.people, audited.found.people_in_book) == (2, 1)
    assert past.audit(rows).breaches == []  # without it nobody knows
    # Region and zone come from the book too; the stranger's are not known.
    bare = {"region": "", "zone": ""}
    found = past.audit(
        row(1, day(6, 23), cust="B", **bare) + row(2, "2026-03-06T23:00+08:00", **bare), with_book=True
    )
    assert (found.lines(), found.found.no_region) == ([(2, "CN-HOURS"), (2, "DEFAULT-HOLD")], 1)


def test_with_the_book_somebody_without_a_stated_zone_is_judged_in_all_they_may_be_in(
    past: Past, lender: Lender
) -> None:
    lender.book("loan borrower due_on zone region\nL-1 B 2026-03-12 America/Los_Angeles US")
    lender.name_in_directory("B")
    lender.conn.execute("UPDATE borrower SET zones = '{America/Los_Angeles,America/New_York}'")
    lender.conn.commit()
    bare = {"cust": "B", "region": "", "zone": "", "actor": "agency"}
    rows = row(1, "2026-03-03T10:59-05:00", **bare) + row(2, "2026-03-04T11:00-05:00", **bare)
    rows += row(3, "2026-03-05T20:59-05:00", **bare) + row(4, "2026-03-06T21:00-05:00", **bare)
    rows += row(5, "2026-03-03T10:59-05:00", **{**bare, "zone": "America/New_York"})  # the file states it
    assert past.audit(rows, with_book=True).lines() == [(2, "US-HOURS"), (5, "US-HOURS")]


def test_with_the_book_a_suppressed_number_refuses_whoever_it_is_of(past: Past) -> None:
    index = address_index(past.keyring, Channel.SMS, "+8613900001111")
    past.conn.execute(
        """INSERT INTO suppression (kind, index_hash, reason, source, recorded_by, effective_at, recorded_at)
           VALUES ('phone', %s, 'recycled-number', 'cli', 'x', '2026-03-05', '2026-03-05')""",
        (index,),
    )
    past.conn.commit()
    rows = "".join(row(n, day(on), number="13900001111") for n, on in enumerate((4, 6), start=1))
    assert past.audit(rows, with_book=True).lines() == [(3, "SUPPRESSED")]


def test_a_region_of_one_zone_given_for_all_says_the_clock_of_a_bare_number(past: Past) -> None:
    mapping = MAPPING.replace('region = "{region}"', "").replace('zone = "{zone}"', "")
    calls = row(1, day(2, 23), cust="", number="+8613900001111")
    assert past.audit(calls, mapping, region="CN").lines() == [(2, "CN-HOURS")]
    assert past.audit(calls, mapping, region="US").report.codes == {"B107": 1}


def test_bad_rows_are_named_by_line_and_the_rest_is_judged(past: Past) -> None:
    audited = past.audit(
        row(1, "yesterday")
        + row(2, day(2), channel="carrier-pigeon")
        + row(3, day(2), number="12")
        + row(4, day(2, 23))
        + row(4, day(2, 23))
        + row(5, "2026-12-30 10:00")
        + row(6, day(2), region="US")
        + row(7, day(2), party="stranger")
    )
    where = [(p.where.rpartition(":")[2], p.code) for p in audited.report.problems]
    assert sorted(where) == [
        ("2", "B107"), ("3", "B018"), ("4", "B019"), ("6", "B030"), ("7", "B113"), ("8", "R080"), ("9", "B018"),
    ]  # fmt: skip
    assert (audited.found.rejected, audited.lines()) == (7, [(5, "CN-HOURS")])


def test_a_day_without_its_hour_is_refused_and_midnight_is_judged(past: Past) -> None:
    mapping = MAPPING.replace('["YYYY-MM-DD hh:mm"]', '["YYYY-MM-DD hh:mm", "DD.MM.YYYY", "YYYYMMDD"]')
    rows = row(1, "2026-03-02") + row(2, "2.3.2026") + row(3, "20260302") + row(4, "2026-03-02 00:00")
    audited = past.audit(rows, mapping)
    assert (audited.report.codes, audited.lines()) == ({"R084": 3}, [(5, "CN-HOURS")])


def test_a_contact_without_a_region_is_not_judged_and_counts_as_having_been(past: Past) -> None:
    zone = {"zone": "America/New_York"}
    rows = (
        row(1, day(2), region="", **zone)
        + row(2, day(3), region="US-MA", **zone)
        + row(3, day(4), region="US-MA", **zone)
    )
    audited = past.audit(rows)
    assert (audited.found.no_region, audited.found.all.contacts, audited.lines()) == (1, 2, [(4, "US-MA")])
    assert past.audit(rows, region="US-MA").found.no_region == 0


def test_counts_by_month_channel_agent_and_hour_add_up_to_the_whole(past: Past) -> None:
    found = past.audit(_random_past(Random(3), 120)).found
    whole = found.all
    for parts in (found.months, found.channels, found.agents, found.hours):
        for name in ("contacts", "breaches", "law", "policy", "unproven", "withheld"):
            assert sum(getattr(count, name) for count in parts.values()) == getattr(whole, name)
    assert whole.breaches == whole.law + whole.draft + whole.policy > 10


@pytest.mark.parametrize("seed", [1, 2])
def test_every_contact_is_judged_as_rules_judge_judges_it(
    past: Past, database: psycopg.Connection, seed: int
) -> None:
    """The same scenario with the same past; and the second walk, one contact after the other."""
    audited = past.audit(_random_past(Random(seed), 150))
    database.commit()
    rows = _told(past)
    refused: dict[int, set[str]] = {}
    for one in audited.breaches:
        refused.setdefault(one.line, set()).add(one.rule)
    scenarios = [_scenario(rows, n, rows[:n]) for n in range(len(rows))]
    answers = judge_scenarios(database, shipped(), scenarios)
    for told, answer in zip(rows, answers, strict=True):
        assert refused.get(told["line"], set()) == {one.rule for one in answer.deciding}, told
    opens = {one.line: one.first_allowed for one in audited.breaches}
    expected = {
        told["line"]: answer.not_before
        for told, answer in zip(rows, answers, strict=True)
        if not answer.allow
    }
    assert opens == expected and len(expected) > 20
    withheld = _walk(database, rows)
    assert {one.line for one in audited.breaches if one.withheld} == withheld
    assert audited.found.all.withheld == len(withheld)


def _walk(conn: psycopg.Connection, rows: list[dict[str, Any]]) -> set[int]:
    """Lines that are withheld when what is withheld does not happen."""
    kept: list[dict[str, Any]] = []
    withheld: set[int] = set()
    for n, told in enumerate(rows):
        [answer] = judge_scenarios(conn, shipped(), [_scenario(rows, n, kept)])
        if _proven(answer):
            withheld.add(told["line"])
        else:
            kept.append(told)
    return withheld


def _proven(answer: Answer) -> bool:
    return any(one.primitive not in ("P4", "P11") for one in answer.deciding)


def _random_past(random: Random, count: int) -> str:
    """Contacts of a few people in a few places, close enough together to fill caps."""
    people = {
        "A": ("CN", "Asia/Shanghai"), "B": ("US-MA", "America/New_York"), "C": ("US-NJ", "America/New_York"),
        "D": ("VN", "Asia/Ho_Chi_Minh"), "E": ("US-NYC", "America/New_York"), "F": ("DE", "Europe/Berlin"),
    }  # fmt: skip
    rows = []
    for n in range(1, count + 1):
        cust = random.choice(list(people))
        region, zone = people[cust]
        first = datetime.fromisoformat("2026-08-25T00:00")
        at = first + timedelta(days=random.randrange(16), hours=random.randrange(7, 23))
        rows.append(
            row(
                n, at.strftime("%Y-%m-%d %H:%M"), cust=cust, region=region, zone=zone, loan=f"L-{cust}",
                channel=random.choice(["voice", "voice", "sms", "email"]), actor=random.choice(["creditor", "agency"]),
                result=random.choice(["attempt", "connected", "conversation"]), agent=random.choice("xyz"),
                party=random.choice(["borrower"] * 9 + ["third"]), number="",
            )
        )  # fmt: skip
    return "".join(rows)


def _told(past: Past) -> list[dict[str, Any]]:
    """What was audited, in the order in which it was."""
    lines = (past.folder / "past.csv").read_text("utf-8").splitlines()
    head = lines[0].split(",")
    rows = [
        dict(zip(head, line.split(","), strict=True)) | {"line": n}
        for n, line in enumerate(lines[1:], start=2)
    ]
    for one in rows:
        one["instant"] = datetime.fromisoformat(one["at"]).replace(tzinfo=ZoneInfo(one["zone"]))
    return sorted(rows, key=lambda one: (one["instant"], one["line"]))


def _scenario(rows: list[dict[str, Any]], n: int, before: list[dict[str, Any]]) -> Scenario:
    told = rows[n]
    return Scenario.model_validate(
        {
            "region": told["region"], "timezone": told["zone"], "channel": told["channel"], "actor": told["actor"],
            "party": told["party"], "debt": told["loan"], "number": None, "template": None,
            "now": told["instant"].isoformat(),
            "history": [
                {"at": one["instant"].isoformat(), "channel": one["channel"], "outcome": one["result"]}
                for one in before
                if one["cust"] == told["cust"]
            ],
        }
    )  # fmt: skip


def test_the_same_file_audited_twice_says_the_same(past: Past) -> None:
    first = past.audit(_random_past(Random(5), 60))
    again = past.audit(_random_past(Random(5), 60))
    assert _figures(first) == _figures(again)


def _figures(audited: Audited) -> tuple[Any, ...]:
    return audited.found.all, audited.found.rules, Counter(audited.lines())
