"""What a person says takes effect on everything not yet handed over, on a real desk; what is lifted brings it back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest

from counter import Counter
from duecourse.book.consents import ConsentKind, Scope, record_consent
from duecourse.book.holds import HoldKind, add_hold, end_holds
from duecourse.book.preferences import PreferenceKind, add_preference, end_preference
from duecourse.book.suppressions import SuppressionKind, agree_to_end, ask_to_end, suppress, suppression_index
from duecourse.book.wishes import Person, Said, index_of_address
from duecourse.dispatch.replies import take_reply
from duecourse.domain.messaging import Channel, Reply
from lender import Lender, borrower_id_of, lane_of
from post import Post

EIGHT = datetime.fromisoformat("2026-03-09T08:30+08:00")
SMS = """
  - id: due-in-1
    when: due - 1d at 09:00
    purpose: reminder
    route: [sms]
    template: due-soon
"""
PHONE = SuppressionKind.PHONE


def person(name: str) -> Person:
    return Person(lane_of(name), borrower_id_of(name))


def said(at: datetime = EIGHT) -> Said:
    return Said("call 1", "cli", "anna", at, at)


class Wish:
    """Something said before the claim, and taken back after it."""

    def __init__(self, say: Callable[[Lender], object], lift: Callable[[Lender, datetime], object]) -> None:
        self.say, self.lift = say, lift


def stop_of_the_number(lender: Lender, granted: bool, at: datetime) -> None:
    index = index_of_address(lender.keyring, "+8613900001111", "CN")[1]
    who = person("B") if granted else None
    record_consent(
        lender.conn,
        ConsentKind.CONTACT,
        granted=granted,
        said=said(at),
        person=who,
        scope=Scope(None, Channel.SMS, index),
    )


def end_of_suppression(lender: Lender, at: datetime) -> None:
    index = suppression_index(lender.keyring, PHONE, "+8613900001111", "CN")
    ask_to_end(lender.conn, PHONE, index, by="anna", reason="theirs", now=at)
    agree_to_end(lender.conn, PHONE, index, by="ben", now=at)


def dispute_of(loan: str) -> Callable[[Lender], object]:
    def say(lender: Lender) -> object:
        [(loan_id,)] = lender.conn.execute("SELECT loan_id FROM loan WHERE loan_ref = %s", (loan,)).fetchall()
        return add_hold(lender.conn, person("B"), HoldKind.DISPUTE, said=said(), loan_id=loan_id)

    return say


def end_of_dispute(lender: Lender, at: datetime) -> object:
    [(loan_id,)] = lender.conn.execute("SELECT loan_id FROM loan WHERE loan_ref = 'L-1'").fetchall()
    given = {"reason": "settled", "by": "ben", "at": at, "now": at}
    return end_holds(lender.conn, person("B"), HoldKind.DISPUTE, loan_id=loan_id, **given)


WISHES = {
    "a stop of the person": Wish(
        lambda b: record_consent(b.conn, ConsentKind.CONTACT, granted=False, said=said(), person=person("B")),
        lambda b, at: record_consent(
            b.conn, ConsentKind.CONTACT, granted=True, said=said(at), person=person("B")
        ),
    ),
    "a stop of the number": Wish(
        lambda b: stop_of_the_number(b, False, EIGHT), lambda b, at: stop_of_the_number(b, True, at)
    ),
    "a dispute of the debt": Wish(dispute_of("L-1"), end_of_dispute),
    "special care": Wish(
        lambda b: add_hold(b.conn, person("B"), HoldKind.BEREAVEMENT, said=said()),
        lambda b, at: end_holds(
            b.conn, person("B"), HoldKind.BEREAVEMENT, reason="over", by="ben", at=at, now=at
        ),
    ),
    "a refused channel": Wish(
        lambda b: add_preference(
            b.conn, person("B"), PreferenceKind.CHANNEL, {"refused": ["sms"]}, said=said()
        ),
        lambda b, at: end_preference(b.conn, person("B"), PreferenceKind.CHANNEL, by="ben", at=at, now=at),
    ),
    "a suppressed number": Wish(
        lambda b: suppress(
            b.conn, PHONE, [suppression_index(b.keyring, PHONE, "+8613900001111", "CN")], said=said()
        ),
        end_of_suppression,
    ),
}


@pytest.fixture
def planned(lender: Lender) -> Lender:
    lender.book("loan borrower due_on\nL-1 B 2026-03-10\nL-2 C 2026-03-10")
    lender.reindex_contact_points()
    for name in ("B", "C"):
        lender.name_in_directory(name)
    lender.policy(SMS)
    lender.plan("2026-03-09T00:00+08:00")
    return lender


@pytest.mark.parametrize("wish", WISHES.values(), ids=WISHES)
def test_what_is_said_before_the_claim_withholds_and_what_is_lifted_brings_it_back(
    planned: Lender, post: Post, wish: Wish
) -> None:
    wish.say(planned)
    planned.conn.commit()
    counter = Counter(post)
    counter.at("2026-03-09T09:00+08:00")
    [(state, rule)] = planned.messages("state", "rule", where="loans = 'L-1'")
    assert (state, rule is not None) == ("planned", True)
    wish.lift(planned, datetime.fromisoformat("2026-03-09T10:00+08:00"))
    planned.conn.execute("UPDATE message SET not_before = '2026-03-09T10:30+08:00' WHERE state = 'planned'")
    planned.conn.commit()
    counter.at("2026-03-09T10:30+08:00")
    assert planned.messages("state", where="loans = 'L-1'") == [("in_flight",)]


def test_a_stop_written_from_a_shared_number_silences_both_and_is_kept_for_a_number_nobody_has(
    planned: Lender, post: Post
) -> None:
    for sender in ("+8613900001111", "+8613900007777"):
        assert take_reply(planned.conn, planned.keyring, Reply("sms", sender, "10690", "TD"), now=EIGHT)
        assert take_reply(planned.conn, planned.keyring, Reply("sms", sender, "10690", "TD"), now=EIGHT)
    counter = Counter(post)
    counter.at("2026-03-09T09:00+08:00")
    assert counter.ends["sms"].taken == []
    assert planned.conn.execute("SELECT reason, source FROM suppression").fetchall() == [
        ("said-stop", "reply")
    ]
    assert planned.conn.execute("SELECT count(*) FROM consent").fetchall() == [(2,)]
