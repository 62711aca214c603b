"""Several providers of a channel: who is chosen, and what follows when one does not take a message."""

from __future__ import annotations

from datetime import timedelta

import pytest

from duecourse.dispatch.carriers import learn_carriers
from duecourse.dispatch.lines import Routing
from duecourse.dispatch.providers import (
    open_alerts,
    pause_provider,
    provider_changes,
    resume_provider,
    standings,
    weigh_by_hand,
)
from duecourse.domain.messaging import AccountTrouble, Deferred, NotWritten, Outcome, Throttled, Unknown
from exchange import NINE, NOW, SMS, Exchange, due
from lender import Lender
from post import Post

MANY = 400
FAILED: Outcome = Deferred("08", "trouble")


def wait_of(lender: Lender) -> timedelta:
    """How long after nine the one message is tried again."""
    ((not_before,),) = lender.messages("not_before")
    return not_before - NOW  # type: ignore[no-any-return]


def test_messages_fall_on_providers_by_weight(lender: Lender, post: Post) -> None:
    due(lender, MANY)
    exchange = Exchange(post, one=Routing(weight=3), two=Routing(weight=1))
    exchange.rounds(NINE)
    assert sum(exchange.taken().values()) == MANY
    assert 0.68 < exchange.taken()["one"] / MANY < 0.82  # 3/4 ± 3 standard deviations


def test_a_weight_given_by_a_person_goes_before_the_configured_one(lender: Lender, post: Post) -> None:
    due(lender, 30)
    exchange = Exchange(post, one=Routing(weight=3), two=Routing(weight=1))
    weigh_by_hand(lender.conn, "one", 0, reason="dearer", by="ops", now=NOW)
    exchange.rounds(NINE)
    assert exchange.taken() == {"two": 30}


def test_a_message_that_a_provider_did_not_take_goes_to_another_at_once(lender: Lender, post: Post) -> None:
    due(lender)
    exchange = Exchange(post, one=Routing(), two=Routing(weight=0))
    exchange.answer("one", FAILED)
    exchange.rounds(NINE)
    assert exchange.walked() == [("one", "released"), ("two", "sent")]
    assert post.outcomes() == [("L-0", "in_flight", None)]


@pytest.mark.parametrize(
    "outcome", [FAILED, Throttled("58", 0.0), NotWritten("not bound"), AccountTrouble("402", "no balance")]
)
def test_whatever_was_certainly_not_taken_moves_on_at_once(
    lender: Lender, post: Post, outcome: Outcome
) -> None:
    due(lender)
    exchange = Exchange(post, one=Routing(), two=Routing(weight=0))
    exchange.answer("one", outcome)
    exchange.rounds(NINE)
    assert exchange.walked() == [("one", "released"), ("two", "sent")]


def test_what_may_have_been_taken_is_never_given_to_another_provider(lender: Lender, post: Post) -> None:
    due(lender)
    exchange = Exchange(post, one=Routing(), two=Routing(weight=0))
    exchange.answer("one", Unknown("the line died"))
    exchange.at(NINE, "2026-03-09T12:00+08:00")
    assert exchange.walked() == [("one", "unknown")]


def test_when_all_providers_failed_it_waits_a_random_part_of_a_growing_time(
    lender: Lender, post: Post
) -> None:
    due(lender, 200)
    exchange = Exchange(post, one=Routing(), two=Routing())
    for name in ("one", "two"):
        exchange.answer(name, *[FAILED] * 400)
    exchange.rounds(NINE)
    assert {row[0] for row in exchange.walked("state")} == {"released"}
    assert len(exchange.walked()) == 400
    waits = [(row[0] - NOW).total_seconds() for row in lender.messages("not_before")]
    assert all(0.2 <= wait <= 2.0 for wait in waits)
    assert len({round(wait, 1) for wait in waits}) > 10  # spread out, no burst
    exchange.at("2026-03-09T09:01+08:00")
    later = [(row[0] - NOW).total_seconds() - 60 for row in lender.messages("not_before")]
    assert max(later) > 2.0 and max(later) <= 8.0


def test_back_off_stays_within_the_use_of_the_message(lender: Lender, post: Post) -> None:
    due(lender)
    lender.conn.execute("UPDATE message SET useful_until = %s", (NOW + timedelta(seconds=20),))
    lender.conn.commit()
    exchange = Exchange(post, one=Routing())
    exchange.answer("one", *[FAILED] * 50)
    for second in (0, 6, 12, 18):
        exchange.at((NOW + timedelta(seconds=second)).isoformat())
        assert wait_of(lender) < timedelta(seconds=20)
    assert len(exchange.walked()) >= 3  # again and again, as long as it was of use
    exchange.at((NOW + timedelta(seconds=21)).isoformat())
    assert post.outcomes() == [("L-0", "expired", "DEFERRED")]


def test_a_backup_carries_only_what_no_ready_provider_of_the_first_tier_can(
    lender: Lender, post: Post
) -> None:
    due(lender, 20)
    exchange = Exchange(post, one=Routing(), two=Routing(tier=2, weight=100))
    exchange.answer("one", *[FAILED] * 3)
    exchange.rounds(NINE)
    assert exchange.taken() == {"one": 20, "two": 3}


def test_a_paused_provider_gets_nothing_from_the_next_claim_on(lender: Lender, post: Post) -> None:
    due(lender, 20)
    exchange = Exchange(post, one=Routing(weight=9), two=Routing())
    assert pause_provider(lender.conn, "one", reason="maintenance", by="ops", now=NOW)
    assert not pause_provider(lender.conn, "one", reason="again", by="ops", now=NOW)
    exchange.rounds(NINE)
    assert exchange.taken() == {"two": 20}


def test_with_its_only_provider_paused_a_message_waits_and_says_so(lender: Lender, post: Post) -> None:
    due(lender)
    exchange = Exchange(post, one=Routing())
    pause_provider(lender.conn, "one", reason="maintenance", by="ops", now=NOW)
    exchange.rounds(NINE)
    assert post.outcomes() == [("L-0", "planned", "PROVIDER-PAUSED")]
    resume_provider(lender.conn, "one", reason="done", by="ops", now=NOW)
    exchange.at("2026-03-09T09:01+08:00")
    assert exchange.walked() == [("one", "sent")]
    changes = provider_changes(lender.conn, "one", 10)
    assert [(each["state"], each["changed_by"], each["reason"]) for each in changes] == [
        ("working", "ops", "done"),
        ("paused", "ops", "maintenance"),
    ]


def test_account_trouble_stops_the_provider_everywhere_and_raises_one_alert(
    lender: Lender, post: Post
) -> None:
    due(lender, 30)
    exchange = Exchange(post, one=Routing(weight=99), two=Routing())
    exchange.answer("one", *[AccountTrouble("InsufficientBalance", "no balance")] * 99)
    exchange.rounds(NINE)
    assert exchange.taken()["two"] == 30  # every message, those that the first had refused included
    (one,) = standings(lender.conn, ["one"], now=NOW)
    assert (one.standing.state, one.changed_by) == ("trouble", "duecourse")
    assert [(each["code"], each["subject"], each["reason"]) for each in open_alerts(lender.conn)] == [
        ("C050", "one", "InsufficientBalance: no balance")
    ]
    resume_provider(lender.conn, "one", reason="topped up", by="ops", now=NOW)
    assert open_alerts(lender.conn) == []
    assert standings(lender.conn, ["one"], now=NOW)[0].standing.state == "working"


def test_a_number_goes_through_a_provider_that_serves_its_carrier(lender: Lender, post: Post) -> None:
    lender.book(
        """
        loan  due_on      phone
        L-1   2026-03-10  +8613900001111
        L-2   2026-03-10  +8613000001111
        L-3   2026-03-10  +8619200001111
        """,
        email="-",
    )
    lender.policy(SMS)
    lender.plan("2026-03-09T00:00+08:00")
    assert learn_carriers(lender.conn, lender.keyring, range(256), now=NOW) == 3
    exchange = Exchange(
        post, mobile=Routing(carriers=("CN-mobile",)), unicom=Routing(carriers=("CN-unicom",))
    )
    exchange.rounds(NINE)
    handed = {name: [one.address for one in exchange.ends[name].taken] for name in ("mobile", "unicom")}
    assert handed == {"mobile": ["+8613900001111"], "unicom": ["+8613000001111"]}
    assert lender.messages("loans", "rule", "reason", where="state = 'planned'") == [
        ("L-3", "NO-PROVIDER", "no provider serves the carrier CN-broadnet")
    ]


def test_a_provider_may_serve_some_regions_only(lender: Lender, post: Post) -> None:
    lender.book("loan due_on region\nL-1 2026-03-10 CN\nL-2 2026-03-10 PH", email="-")
    lender.policy(SMS)
    lender.plan("2026-03-09T00:00+08:00")
    exchange = Exchange(post, home=Routing(regions=("CN",)), abroad=Routing(regions=("PH",)))
    exchange.rounds(NINE)
    assert exchange.taken() == {"home": 1, "abroad": 1}


def test_senders_of_a_provider_share_its_messages_and_are_named_to_it(lender: Lender, post: Post) -> None:
    due(lender, 100)
    exchange = Exchange(post, one=Routing(senders=("1069001", "1069002")))
    exchange.rounds(NINE)
    senders = [one.registered.sender if one.registered else "" for one in exchange.ends["one"].taken]
    assert set(senders) == {"1069001", "1069002"}
    assert 30 < senders.count("1069001") < 70
