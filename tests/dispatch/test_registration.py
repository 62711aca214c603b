"""A text leaves only through a provider that has approved it, and says what is missing where none has."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from duecourse.dispatch.lines import Line, Registration, Routing
from duecourse.dispatch.registry import (
    Approvals,
    Entry,
    changes_of,
    find_entry,
    import_entries,
    list_entries,
    move_entry,
    set_entries,
)
from duecourse.domain.messaging import Channel, Registered
from duecourse.domain.problems import DuecourseError
from exchange import NINE, NOW, Exchange, due
from lender import Lender
from post import Post

NEEDS = Routing(needs=("signature", "template"))
TEMPLATE = Entry("cloud", "template", "due-soon", 1, "en", "SMS_1", state="approved", evidence="console")
SIGNATURE = Entry("cloud", "signature", "Test Bank", state="approved", evidence="console")
LATER = "2026-03-09T09:20+08:00"


def approve(lender: Lender, *entries: Entry, provider: str = "cloud") -> None:
    """These as they stand."""
    set_entries(lender.conn, [replace(one, provider=provider) for one in entries], by="ops", now=NOW)
    lender.conn.commit()


def test_without_an_approval_a_message_stays_and_says_what_is_missing(lender: Lender, post: Post) -> None:
    due(lender)
    exchange = Exchange(post, cloud=NEEDS)
    exchange.rounds(NINE, 1)
    assert lender.messages("rule", "reason") == [
        ("NOT-REGISTERED", "not approved: template due-soon 1 en, signature at cloud")
    ]
    approve(lender, TEMPLATE, SIGNATURE)
    exchange.rounds(LATER, 1)
    (sent,) = exchange.ends["cloud"].taken
    assert sent.registered == Registered("SMS_1", "Test Bank")


def test_where_none_has_approved_it_the_next_channel_carries_it(lender: Lender, post: Post) -> None:
    due(lender, route="[sms, email]")
    exchange = Exchange(post, cloud=NEEDS)
    exchange.rounds(NINE, 1)
    assert exchange.taken() == {"email": 1}


def test_among_several_the_one_that_has_approved_it_carries_it(lender: Lender, post: Post) -> None:
    due(lender, 5)
    approve(lender, TEMPLATE, SIGNATURE, provider="other")
    exchange = Exchange(post, cloud=replace(NEEDS, weight=99), other=NEEDS)
    exchange.rounds(NINE, 1)
    assert exchange.taken() == {"other": 5}


@pytest.mark.parametrize(
    "ended",
    [
        replace(SIGNATURE, expires_at=NOW - timedelta(seconds=1)),
        replace(SIGNATURE, state="expired"),
        replace(SIGNATURE, state="refused"),
        replace(SIGNATURE, state="submitted"),
    ],
    ids=lambda entry: f"{entry.state}",
)
def test_an_approval_that_is_over_stops_the_next_claim(lender: Lender, post: Post, ended: Entry) -> None:
    due(lender)
    approve(lender, TEMPLATE, ended)
    exchange = Exchange(post, cloud=NEEDS)
    exchange.rounds(NINE, 1)
    assert lender.messages("rule", "reason") == [("NOT-REGISTERED", "not approved: signature at cloud")]


def test_another_version_or_language_of_a_template_is_another_text(lender: Lender, post: Post) -> None:
    due(lender)
    approve(lender, SIGNATURE, replace(TEMPLATE, version=2), replace(TEMPLATE, language="zh-CN"))
    exchange = Exchange(post, cloud=NEEDS)
    exchange.rounds(NINE, 1)
    assert [row[0] for row in lender.messages("rule")] == ["NOT-REGISTERED"]
    assert exchange.taken() == {}


def test_rules_that_ask_for_a_registration_read_the_registry(lender: Lender, post: Post) -> None:
    lender.book("loan due_on region zone\nL-1 2026-03-10 IN Asia/Kolkata", email="-", phone="+919876543210")
    lender.policy(
        """
  - id: due-in-1
    when: due - 1d at 09:00
    purpose: reminder
    route: [sms]
    template: due-soon
"""
    )
    lender.plan("2026-03-09T00:00+08:00")
    exchange = Exchange(post)
    exchange.add("cloud", Routing(), Registration(registered=()))
    at = "2026-03-09T10:00+05:30"
    exchange.rounds(at, 1)
    before = lender.messages("rule")
    entries = [TEMPLATE, SIGNATURE, Entry("cloud", "sender", "TSTBNK", state="approved", evidence="DLT")]
    approve(lender, *entries, Entry("cloud", "category-suffix", "-S", state="approved", evidence="DLT"))
    lender.conn.execute("UPDATE message SET not_before = %s", (datetime.fromisoformat(at),))
    lender.conn.commit()
    exchange.rounds(at, 1)
    assert (before, exchange.taken()) == ([("IN-DLT",)], {"cloud": 1})


def test_values_go_in_the_provider_s_order_under_the_provider_s_names(lender: Lender) -> None:
    approve(lender, SIGNATURE, replace(TEMPLATE, parameters=("amount=total", "due_on")))
    line = Line(Channel.SMS, "cloud", True, 1, routing=NEEDS)
    approvals = Approvals(lender.conn, [line], now=NOW)
    values = {"due_on": "10 March", "total": "CNY 5", "name": "A"}
    assert approvals.of(line, "due-soon", 1, "en", values) == Registered(
        "SMS_1", "Test Bank", values=(("amount", "CNY 5"), ("due_on", "10 March"))
    )
    found = approvals.of(line, "due-soon", 1, "en", {"name": "A"})
    assert found == "not approved: template due-soon 1 has no total, due_on to give cloud"
    assert approvals.of(line, "due-soon", 1, "fr", values) == "not approved: template due-soon 1 fr at cloud"


def test_every_move_is_kept_with_who_and_why_and_a_wrong_one_is_refused(lender: Lender) -> None:
    draft = replace(TEMPLATE, state="draft", evidence="ticket 1")
    approve(lender, draft)
    for state, evidence in (("submitted", "ticket 1"), ("refused", "letter"), ("submitted", "again")):
        move_entry(lender.conn, replace(draft, state=state, evidence=evidence), by="ops", now=NOW)
    with pytest.raises(DuecourseError, match="does not become expired"):
        move_entry(lender.conn, replace(draft, state="expired", evidence="x"), by="ops", now=NOW)
    until = NOW + timedelta(days=1)
    move_entry(lender.conn, replace(draft, state="approved", expires_at=until), by="chief", now=NOW)
    assert [(one["state"], one["recorded_by"]) for one in changes_of(lender.conn, draft)] == [
        ("approved", "chief"), ("submitted", "ops"), ("refused", "ops"), ("submitted", "ops"), ("draft", "ops"),
    ]  # fmt: skip
    (stands,) = list_entries(lender.conn, now=until)
    assert stands.state == "expired"  # by its day, whatever the row says
    with pytest.raises(DuecourseError, match="add it first"):
        move_entry(lender.conn, replace(draft, subject="nothing", state="submitted"), by="ops", now=NOW)


FILE = """provider,kind,subject,version,language,code,parameters,state,expires,evidence
cloud,signature,Test Bank,,,,,approved,,console
cloud,template,due-soon,1,en,SMS_1,"name,amount=total",approved,2027-01-01,console
cloud,template,due-soon,,en,SMS_2,,approved,,console
cloud,colour,red,,,,,approved,,console
nobody,signature,Test Bank,,,,,approved,,console
cloud,signature,Other,,,,,approved,31/12/2027,console
"""


def test_a_file_of_approvals_is_taken_twice_as_once_and_its_bad_rows_are_named(lender: Lender) -> None:
    def take(**options: bool) -> tuple[int, int, list[str]]:
        report = import_entries(
            lender.conn, FILE.splitlines(), name="a.csv", providers=["cloud"], zone="Asia/Shanghai", by="ops",
            now=NOW, **options,
        )  # fmt: skip
        return report.rows, report.changed, [f"{one.where} {one.code}" for one in report.problems]

    bad = ["a.csv:4 D143", "a.csv:5 D143", "a.csv:6 D143", "a.csv:7 D143"]
    assert take(dry_run=True) == (6, 2, bad)
    assert list_entries(lender.conn, now=NOW) == []
    assert take() == (6, 2, bad)
    assert take() == (6, 0, bad)
    stored = find_entry(lender.conn, TEMPLATE)
    assert stored is not None and stored.parameters == ("name", "amount=total")
