"""Somebody who may be in several zones hears nothing at an hour that is shut in any of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest

from counter import Counter
from duecourse.book.reading import find_borrower
from duecourse.dispatch.permits import Permit, Question, Refusal, ask_permit
from duecourse.domain.messaging import Channel, Purpose
from duecourse.domain.zones import candidates
from duecourse.rules.compiling import shipped
from duecourse.rules.model import Actor
from lender import Lender
from post import Post

US, _ = candidates(shipped().packs.zones("US"), ())
EIGHT_IN_NEW_YORK = datetime.fromisoformat("2026-03-09T08:00-04:00")
EIGHT_IN_HONOLULU = datetime.fromisoformat("2026-03-09T08:00-10:00")
SMS = """
  - id: due-in-1
    when: due - 1d at 09:00
    purpose: reminder
    route: [sms]
    template: due-soon
    useful_until: +2d
"""


def may_be_in(lender: Lender, zones: Sequence[str], borrower: str = "B") -> None:
    """As an import leaves a borrower without a stated zone."""
    lender.conn.execute(
        "UPDATE borrower SET zone = %s, zones = %s WHERE borrower_key = %s", (zones[0], list(zones), borrower)
    )
    lender.conn.commit()


def wake(lender: Lender, at: datetime) -> None:
    lender.conn.execute("UPDATE message SET not_before = %s", (at,))
    lender.conn.commit()


@pytest.fixture
def planned(lender: Lender) -> Lender:
    """One borrower somewhere in the US, with an installment due on the 10th."""
    lender.book("loan borrower due_on region\nL-1 B 2026-03-10 US", zone=US[0])
    may_be_in(lender, US)
    lender.policy(SMS)
    lender.plan("2026-03-08T00:00-05:00", lender_zone="America/New_York")
    return lender


def test_a_message_is_planned_by_the_westernmost_clock_and_judged_by_all(planned: Lender, post: Post) -> None:
    assert planned.messages("zone", "local_time", "rule") == [("Pacific/Honolulu", "2026-03-09 09:00", None)]
    wake(planned, EIGHT_IN_NEW_YORK)
    counter = Counter(post)
    counter.at(EIGHT_IN_NEW_YORK.isoformat())
    assert planned.messages("rule", "not_before") == [("US-HOURS", EIGHT_IN_HONOLULU)]
    counter.at((EIGHT_IN_HONOLULU - timedelta(minutes=1)).isoformat())
    assert counter.ends["sms"].taken == []
    counter.at(EIGHT_IN_HONOLULU.isoformat())
    assert len(counter.ends["sms"].taken) == 1


def test_it_says_in_its_verdict_where_the_person_may_be(planned: Lender, post: Post) -> None:
    wake(planned, EIGHT_IN_NEW_YORK)
    Counter(post).at(EIGHT_IN_NEW_YORK.isoformat())
    ((verdict,),) = planned.messages("verdict")
    assert verdict["rules"][0]["saw"]["zones"] == list(US)


def test_a_permit_holds_in_every_zone_and_ends_where_the_first_shuts(planned: Lender) -> None:
    planned.reindex_contact_points()
    planned.name_in_directory("B")
    question = Question(Purpose.REMINDER, Channel.VOICE, Actor.CREDITOR)
    borrower = find_borrower(planned.conn, planned.keyring, "B")
    assert borrower is not None and borrower.zones == list(US)

    def ask(now: datetime) -> Permit | Refusal:
        day = now.date()
        return ask_permit(planned.conn, shipped(), borrower, question, by="desk", now=now, as_of=day)

    refusal = ask(EIGHT_IN_NEW_YORK)
    assert isinstance(refusal, Refusal) and refusal.not_before == EIGHT_IN_HONOLULU
    nine_in_the_evening = EIGHT_IN_NEW_YORK.replace(hour=21)
    permit = ask(nine_in_the_evening - timedelta(minutes=3))
    assert isinstance(permit, Permit) and permit.expires_at == nine_in_the_evening


def test_nothing_goes_when_any_candidate_is_shut_and_all_goes_at_the_first_instant_when_none_is(
    lender: Lender, post: Post
) -> None:
    chance = Random(20260308)
    people = {f"B-{n}": chance.sample(US, chance.randint(1, len(US))) for n in range(30)}
    lender.book(
        "loan borrower due_on region\n" + "\n".join(f"L-{key} {key} 2026-03-10 US" for key in people),
        zone=US[0],
    )
    for key, zones in people.items():
        may_be_in(lender, zones, key)
    lender.policy(SMS)
    lender.plan("2026-03-08T00:00-05:00", lender_zone="America/New_York")
    # The night of the 8th the clocks of most of them go forward, those of Phoenix and Honolulu do not.
    begin = datetime.fromisoformat("2026-03-08T01:30-05:00")
    wake(lender, begin)
    counter = Counter(post)
    instants = [begin + timedelta(minutes=30 * step) for step in range(48)]
    counter.at(*(instant.isoformat() for instant in instants))
    sent = dict(
        lender.conn.execute(
            "SELECT borrower_key, at FROM contact JOIN borrower USING (lane, borrower_id)"
        ).fetchall()
    )
    lender.conn.commit()
    for key, zones in people.items():
        allowed = [
            at for at in instants if all(8 <= at.astimezone(ZoneInfo(zone)).hour < 21 for zone in zones)
        ]
        assert sent.get(key) == allowed[0], (key, zones)
