"""What a policy file says, and what is wrong with it: every fault, at its line."""

# ruff: noqa: E501
# The tables of cases are read across.

from __future__ import annotations

from collections.abc import Callable
from datetime import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duecourse.domain.days_past_due import BureauRule
from duecourse.domain.messaging import Channel, Purpose
from duecourse.domain.problems import DuecourseError
from duecourse.policy.load import load_policy, read_policy
from duecourse.policy.model import Anchor, Brakes, Canary, NextIf, Policy, UsefulUntil, Window
from duecourse.policy.reading import Faults
from duecourse.policy.routes import parse_duration

Faulty = Callable[..., list[str]]

WHEN = "when: due - 3d between 09:30 and 11:30"
NEXT = "next_if: {not: delivered, within: 2h}"

FAULTS = [
    ("policy: small", "policy: [small", "2 P101 not YAML"),
    ("grace_days:", "policy: twice\ngrace_days:", "2 P101 not YAML: found duplicate key"),
    ("policy: small", "policy: small\nbundel: loan", "2 P102 key 'bundel' is unknown; did you mean 'bundle'?"),
    ("    purpose: reminder\n", "", "7 step soon P103 'purpose' is missing"),
    ("policy: small", "policy: Small One", "1 P103 policy: 'Small One' must be lower-case letters"),
    ("policy: small", "policy: small\nmax_book_age: long", "2 P103 max_book_age: 'long' is not a time of 1m to 30d"),
    ("policy: small", "policy: small\nmax_book_age: 31d", "2 P103 max_book_age: '31d' is not a time of 1m to 30d"),
    ("policy: small", "policy: small\ndaily_cap: 0", "2 P103 daily_cap: expected a whole number from 1 to 20"),
    ("policy: small", "policy: small\nbrakes: {messages: {min: 9, max: 8}}", "2 brakes messages P150 messages: no number is at"),
    ("policy: small", "policy: small\nbrakes: {times_usual: 1}", "2 brakes P150 times_usual: expected a number above 1"),
    ("policy: small", "policy: small\nbrakes: {canary: {most_bad: 5}}", "2 brakes canary P150 most_bad: expected a share"),
    ("policy: small", "policy: small\nbrakes: {canary: {wait: soon}}", "2 brakes canary P150 wait: 'soon' is not a time"),
    ("policy: small", "policy: small\nbrakes: {amount: {max: 0.001, currency: CNY}}", "2 brakes amount P151 max: '0.001' has more"),
    ("policy: small", "policy: small\nbrakes: {amount: {max: 0, currency: CNY}}", "2 brakes amount P151 max: '0' is not an"),
    ("policy: small", "policy: small\nbrakes: {amount: {max: 5}}", "2 brakes amount P103 'currency' is missing"),
    ("policy: small", "policy: small\nbrakes: {canary: yes please}", "2 brakes P103 canary: expected true or a mapping"),
    ("A: 7", "A: 400", "2 grace_days P103 grace of A: expected days from 0 to 366, found '400'"),
    ("route: [sms, email]", "route: [smss, email]", "11 step soon P104 channel 'smss' is unknown; did you mean 'sms'?"),
    ("- id: late", "- id: soon", "15 step soon P105 step id 'soon' is taken already at"),
    (WHEN, "when: due - 3d", "8 step soon P106 when: 'due - 3d' is not understood; write e.g."),
    (WHEN, "when: dew - 3d at 09:00", "8 step soon P106 when: anchor 'dew' is unknown; did you mean 'due'?"),
    (WHEN, "when: due - 3d at 9:00", "8 step soon P106 when: '9:00' is not a time of day"),
    (WHEN, "when: due - 4000d at 09:00", "8 step soon P106 when: 4000 days is more than 3660"),
    (WHEN, "when: due between 10:00 and 10:00", "8 step soon P107 when: the window 10:00 to 10:00 is empty"),
    (WHEN, "when: due between 20:00 and 09:00", "8 step soon P107 when: the window 20:00 to 09:00 crosses midnight"),
    (WHEN, "when: due between 07:59 and 09:00", "8 step soon P108 when: 07:59 to 09:00 is outside 08:00-21:00"),
    (WHEN, "when: due at 21:00", "8 step soon P108 when: 21:00 is outside 08:00-21:00 borrower-local (rule DEFAULT"),
    ("route: [sms, email]", "route: []", "11 step soon P109 route: at least one channel is needed; known: sms"),
    ("route: [sms, email]", "route: [sms, sms]", "11 step soon P109 route: channel 'sms' stands twice"),
    ("route: [sms, email]", "route: [sms]", "12 step soon P110 next_if: the route has no channel after 'sms'"),
    (NEXT, f"send: all\n    {NEXT}", "13 step soon P110 next_if: with 'send: all' every channel goes at once"),
    ("within: 2h", "by: 11:30", "12 step soon next_if P130 by: 11:30 is not after the window's end, 11:30"),
    ("within: 2h", "by: noon", "12 step soon next_if P130 by: 'noon' is not a time of day"),
    (", within: 2h", "", "12 step soon next_if P131 give either 'within: 2h' or 'by: \"18:00\"', and not both"),
    ("within: 2h", "within: 2h, by: 18:00", "12 step soon next_if P131 give either"),
    ("not: delivered", "not: seen", "12 step soon next_if P103 not: 'seen' is unknown"),
    ("within: 2h", "within: soon", "12 step soon next_if P111 within: 'soon' is not a time of 1m to 30d"),
    ("autopay: false", "grade: C", "9 step soon if P112 grade 'C' is unknown; known: A, B"),
    ("purpose: reminder", "purpose: collection", "10 step soon P113 purpose: 'due - 3d' is not past the due date"),
    ("purpose: collection", "purpose: reminder", "17 step late P113 purpose: 'overdue + 1d' is past grace"),
    ("when: overdue + 1d", "when: due + 1d", "17 step late P113 purpose: 'due + 1d' may fall within grace"),
    ("autopay: false", "autopaid: false", "9 step soon if P114 condition field 'autopaid' is unknown; did you mean 'auto"),
    ("autopay: false", "autopay: maybe", "9 step soon if P115 autopay: 'maybe' is unknown; known: true, false"),
    ("autopay: false", "rate_type: fix", "9 step soon if P115 rate_type: 'fix' is unknown"),
    ("autopay: false", "region: cn", "9 step soon if P115 region: 'cn' is not written as the book writes it"),
    ("autopay: false", "amount: {min: 5}", "9 step soon if P115 amount: '' is not an ISO 4217 currency"),
    ("autopay: false", "amount: {min: 0.5, currency: JPY}", "9 step soon if P115 amount: has more than 0 decimal"),
    ("autopay: false", "amount: {min: 5, max: 4, currency: CNY}", "9 step soon if P115 amount: min 5 is above max 4"),
    ("autopay: false", "amount: 5", "9 step soon if P115 amount: give min, max or both"),
    ("autopay: false", "product: {min: 5}", "9 step soon if P115 product: min and max fit amount"),
    ("autopay: false", "product: {nor: car}", "9 step soon if P115 product: 'nor' is unknown; did you mean 'not'?"),
    ("autopay: false", "product: {not: car, min: 1}", "9 step soon if P115 product: 'not' stands alone"),
    ("autopay: false", "product: []", "9 step soon if P115 product: expected a value or a list"),
    ("autopay: false", "days_past_due: {min: 1.5}", "9 step soon if P115 days_past_due: min and max are whole"),
    ("useful_until: same day 20:00", "useful_until: 11:00", "13 step soon P116 useful_until: '11:00' is not under"),
    ("same day 20:00", "same day 11:30", "13 step soon P116 useful_until: 11:30 is not after the window's end"),
    ("policy: small", "policy: small\nbuckets: [7, 7, 30]", "2 P120 buckets end on whole days that rise"),
    ("policy: small", "policy: small\nbuckets: [7, 15.5]", "2 P120 buckets: expected whole days, e.g. [7, 15"),
    ("policy: small", "policy: small\nbuckets: monthly", "2 P120 buckets end on whole days that rise"),
    ("policy: small", "policy: small\nbureau: {from_days: 0}", "2 bureau P103 from_days: expected a whole number from 1"),
    ("policy: small", "policy: small\nbureau: {stand: week}", "2 bureau P103 stand: 'week' is unknown"),
    ("policy: small", "policy: small\nbureau: {count: due}", "2 bureau P102 key 'count' is unknown; did you mean 'count_fr"),
    ("policy: small", "policy: small\nbureau: {minimum: {CNY: 1.234}}", "2 bureau P121 minimum of 'CNY': '1.234' has more"),
    ("policy: small", "policy: small\nbureau: {minimum: {CNY: -1}}", "2 bureau P121 minimum of 'CNY': '-1' is below zero"),
    ("policy: small", "policy: small\nbureau: {minimum: {CNY: much}}", "2 bureau P121 minimum of 'CNY': 'much' is not a fin"),
    ("policy: small", "policy: small\nbureau: {minimum: {XXY: 1}}", "2 bureau P121 minimum of 'XXY': '1' 'XXY' is not an"),
    ("autopay: false", "bucket: 8-14", "9 step soon if P122 bucket '8-14' is none of this policy's; did you mean '8-15'?"),
    ("autopay: false", "bucket: {min: 8}", "9 step soon if P115 bucket: min and max fit amounts, days and attributes only"),
    ("known: [zh-CN, en]", "known: [zh-CN, en, xx]", "3 languages P117 language 'xx' is unknown"),
    ("zh-CN: 海港, en: Harbour", "zh-CN: 海港", "5 creditor * P117 name: a text in en is missing"),
    ("default: en}", "default: en, fallback: {zh-TW: zh-HK}}", "3 languages P117 fallback of zh-TW: 'zh-HK' is unknown"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "expected"), FAULTS, ids=[f"{fault[2][:60]}" for fault in FAULTS])
def test_a_fault_is_told_with_its_line_and_what_is_known(
    faults: Faulty, old: str, new: str, expected: str
) -> None:
    found = faults((old, new))
    assert any(fault.startswith(expected) for fault in found), found


def test_all_faults_of_a_file_are_told_together(faults: Faulty) -> None:
    found = faults(
        ("known: [zh-CN, en]", "known: [zh-CN, en, xx]"), ("[sms, email]", "[pigeon]"), ("at 10:00", "")
    )
    assert [fault.split(" P")[1][:3] for fault in found] == ["117", "104", "106"]


def test_a_missing_file_is_a_fault_not_a_crash(tmp_path: Path) -> None:
    with pytest.raises(DuecourseError, match="P101"):
        load_policy(tmp_path / "absent.yaml")


def test_a_sound_file_gives_the_model(policy: Policy) -> None:
    soon, late = policy.steps
    assert (soon.anchor, soon.offset_days, soon.purpose) == (Anchor.DUE, -3, Purpose.REMINDER)
    assert soon.window == Window(start=time(9, 30), end=time(11, 30))
    assert soon.window.seconds == 7200
    assert soon.route == (Channel.SMS, Channel.EMAIL)
    assert soon.next_if == NextIf(unless="delivered", within_seconds=7200)
    assert soon.useful_until == UsefulUntil(days=0, at=time(20))
    assert (late.anchor, late.offset_days, late.window.seconds) == (Anchor.OVERDUE, 1, 0)
    assert late.useful_until == UsefulUntil()
    assert [policy.grace.days(grade) for grade in ("A", "B", "unheard-of")] == [7, 0, 0]
    assert policy.daily_cap == 1


def test_brakes_are_read_in_minor_units_with_their_defaults(policy_file: Callable[..., Path]) -> None:
    written = "brakes: {messages: {max: 9}, amount: {max: 1.5, currency: CNY}, canary: true}"
    brakes = load_policy(policy_file(("policy: small", f"policy: small\n{written}"))).brakes
    assert brakes == Brakes(most_messages=9, currency="CNY", most_amount_minor=150, canary=Canary(size=500))


def test_a_policy_cuts_its_own_buckets_and_counts_for_the_bureau_by_its_own_rule(
    policy: Policy, policy_file: Callable[..., Path]
) -> None:
    assert (policy.buckets, policy.bureau.rule()) == ((7, 15, 30, 60, 90), BureauRule())
    rule = "bureau: {count_from: grace, from_days: 30, stand: month-end, pauses: all, minimum: {CNY: 50, USD: 7.5}}"
    own = load_policy(
        policy_file(
            ("policy: small", f"policy: small\nbuckets: [3, 30]\n{rule}"),
            ("autopay: false", "bucket: [0, 30+]"),
        )
    )
    assert own.buckets == (3, 30)
    assert own.bureau.rule() == BureauRule("grace", 30, "month-end", "all", {"CNY": 50_00, "USD": 7_50})
    assert own.step("soon").condition.tests[0].any_of == ("0", "30+")
    assert Policy.model_validate(own.model_dump(mode="json")) == own


def test_a_model_survives_being_stored(policy: Policy) -> None:
    assert Policy.model_validate(policy.model_dump(mode="json")) == policy
    assert Policy.model_validate_json(policy.model_dump_json()) == policy


@pytest.mark.parametrize(
    ("written", "anchor", "offset"),
    [
        ("due - 13d at 09:00", "due", -13),
        ("due at 09:00", "due", 0),
        ("due-1d at 09:00", "due", -1),
        ("due + 1d at 09:00", "due", 1),
        ("statement + 0d at 09:00", "statement", 0),
        ("statement + 2d between 08:00 and 21:00", "statement", 2),
        ("overdue - 1d at 09:00", "overdue", -1),
    ],
)
def test_any_number_of_days_before_and_after_an_anchor(
    policy_file: Callable[..., Path], written: str, anchor: str, offset: int
) -> None:
    step = load_policy(
        policy_file((WHEN, f"when: {written}"), ("    useful_until: same day 20:00\n", ""))
    ).step("soon")
    assert (step.anchor, step.offset_days) == (anchor, offset)


def test_a_step_after_the_due_date_may_collect_only_where_nobody_has_grace(faults: Faulty) -> None:
    late = ("when: overdue + 1d", "when: due + 1d")
    assert faults(late, ("A: 7, B: 0, default: 0", "A: 0, default: 0")) == []
    assert faults(late) != []


def test_warnings_stop_nothing(policy_file: Callable[..., Path]) -> None:
    found = Faults()
    changed = policy_file(
        ("between 09:30 and 11:30", "between 19:00 and 19:30"), ("not: delivered", "not: read")
    )
    assert read_policy(changed, found) is not None
    assert found.problems == []
    assert [warning.code for warning in found.warnings] == ["P119", "P118"]


@pytest.mark.parametrize(
    ("route", "unless", "silent"),
    [
        ("[sms, email]", "delivered", None),
        ("[sms, email]", "read", "sms"),
        ("[email, sms]", "delivered", "email"),
        ("[wechat, app, voice, sms]", "delivered", "app"),
        ("[app, letter, sms]", "delivered", "app and letter"),
        ("[inbox, task]", "read", None),
        ("[voice, task]", "answered", None),
        ("[webpush, sms]", "accepted", None),
        ("[letter, sms]", "paid", None),
    ],
)
def test_a_condition_that_a_channel_never_reports_is_pointed_out(
    policy_file: Callable[..., Path], route: str, unless: str, silent: str | None
) -> None:
    found = Faults()
    read_policy(policy_file(("[sms, email]", route), ("not: delivered", f"not: {unless}")), found)
    told = [
        warning.message.split(" cannot")[0].removeprefix("next_if: ")
        for warning in found.warnings
        if warning.code == "P119"
    ]
    assert told == ([silent] if silent else [])


def test_accepted_is_another_word_for_sent(policy_file: Callable[..., Path]) -> None:
    policy = load_policy(policy_file(("not: delivered, within: 2h", "not: accepted, by: 18:00")))
    assert policy.step("soon").next_if == NextIf(unless="sent", by=time(18))


def test_what_yaml_1_1_bends_stays_as_written(policy_file: Callable[..., Path]) -> None:
    policy = load_policy(policy_file(("autopay: false", "attributes.open: [on, no, 21:00, 1.50]")))
    assert policy.step("soon").condition.tests[0].any_of == ("on", "no", "21:00", "1.50")


@pytest.mark.parametrize(
    ("language", "resolved"),
    [("en", "en"), ("en-GB", "en"), ("zh-CN", "zh-CN"), ("zh-TW", "zh-CN"), ("vi", "en")],
)
def test_language_falls_back_only_as_declared(
    policy_file: Callable[..., Path], language: str, resolved: str
) -> None:
    policy = load_policy(policy_file(("default: en}", "default: en, fallback: {zh-TW: zh-CN}}")))
    assert policy.wording.languages.resolve(language) == resolved


def test_without_a_default_another_script_is_never_chosen_silently(policy_file: Callable[..., Path]) -> None:
    policy = load_policy(
        policy_file(("languages: {known: [zh-CN, en], default: en}", "languages: [zh-CN, en]"))
    )
    assert policy.wording.languages.resolve("zh-TW") is None
    assert policy.wording.languages.resolve("en-IN") == "en"


@given(st.integers(0, 29), st.integers(0, 23), st.integers(0, 59))
def test_a_duration_is_the_sum_of_its_parts(days: int, hours: int, minutes: int) -> None:
    seconds = ((days * 24 + hours) * 60 + minutes) * 60
    assert parse_duration(f"{days}d{hours}h{minutes}m") == (seconds or None)
