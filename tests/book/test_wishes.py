"""Consents, holds and preferences: appended, ended, and read as they were known."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import psycopg
import pytest

from duecourse.book.consents import ConsentKind, Scope, consents_of, record_consent
from duecourse.book.holds import HoldKind, add_hold, end_holds, holds_of, person_needed
from duecourse.book.preferences import PreferenceKind, add_preference, end_preference, preferences_of
from duecourse.book.wishes import Person, Said, index_of_address, instant_of
from duecourse.domain.messaging import Channel, Purpose
from duecourse.domain.problems import DuecourseError
from lender import Lender, borrower_id_of, lane_of

PHONE = "+8613900001111"


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-03-{text}+08:00")


def said(when: str, known: str | None = None, evidence: str = "call 1") -> Said:
    return Said(evidence, "cli", "anna", at(when), at(known or when))


def person(name: str) -> Person:
    return Person(lane_of(name), borrower_id_of(name))


@pytest.fixture
def conn(lender: Lender) -> psycopg.Connection:
    """A book of two borrowers who share a number, in two lanes."""
    lender.book("loan borrower due_on\nL-1 B 2026-03-10\nL-2 C 2026-03-10")
    lender.reindex_contact_points()
    assert lane_of("B") != lane_of("C")
    return lender.conn


def in_force(
    conn: psycopg.Connection, name: str, when: str, known: str | None = None
) -> list[tuple[Any, ...]]:
    """(kind, granted, purpose, channel) of the words in force."""
    words = consents_of(conn, person(name), at=at(when), known=at(known) if known else None)
    return [(one.kind, one.granted, one.purpose, one.channel) for one in words if one.in_force]


def test_the_last_word_of_a_scope_holds(conn: psycopg.Connection) -> None:
    sms = Scope(Purpose.MARKETING, Channel.SMS)
    record_consent(
        conn, ConsentKind.CONSENT, granted=True, said=said("01T09:00"), person=person("B"), scope=sms
    )
    record_consent(
        conn, ConsentKind.CONSENT, granted=False, said=said("03T09:00"), person=person("B"), scope=sms
    )
    assert in_force(conn, "B", "02T00:00") == [("consent", True, "marketing", "sms")]
    assert in_force(conn, "B", "03T09:00") == [("consent", False, "marketing", "sms")]
    assert in_force(conn, "C", "03T09:00") == []


def test_of_two_words_of_one_instant_the_refusal_holds(conn: psycopg.Connection) -> None:
    for granted in (False, True):
        record_consent(conn, ConsentKind.CONTACT, granted=granted, said=said("01T09:00"), person=person("B"))
    assert in_force(conn, "B", "01T09:00") == [("contact", False, None, None)]


def test_what_is_taken_back_as_a_whole_is_taken_back_in_every_part_and_with_its_hours(
    conn: psycopg.Connection,
) -> None:
    for kind, scope in (
        (ConsentKind.CONSENT, Scope(Purpose.MARKETING, Channel.SMS)),
        (ConsentKind.CONSENT, Scope(None, Channel.EMAIL)),
        (ConsentKind.HOURS, Scope(None, Channel.SMS)),
        (ConsentKind.CONTRACT, Scope()),
    ):
        record_consent(conn, kind, granted=True, said=said("01T09:00"), person=person("B"), scope=scope)
    sms = Scope(None, Channel.SMS)
    record_consent(
        conn, ConsentKind.CONSENT, granted=False, said=said("02T09:00"), person=person("B"), scope=sms
    )
    assert sorted(in_force(conn, "B", "02T10:00"), key=str) == [
        ("consent", False, "marketing", "sms"),
        ("consent", False, None, "sms"),
        ("consent", True, None, "email"),
        ("contract", True, None, None),
        ("hours", False, None, "sms"),
    ]


def test_a_stop_is_lifted_in_its_own_scope_and_no_narrower_one(conn: psycopg.Connection) -> None:
    for scope in (Scope(), Scope(None, Channel.SMS)):
        record_consent(
            conn, ConsentKind.CONTACT, granted=False, said=said("01T09:00"), person=person("B"), scope=scope
        )
    record_consent(conn, ConsentKind.CONTACT, granted=True, said=said("02T09:00"), person=person("B"))
    assert in_force(conn, "B", "02T10:00") == [
        ("contact", False, None, "sms"),
        ("contact", True, None, None),
    ]


def test_a_consent_expires_by_itself_and_one_that_ends_before_it_begins_is_refused(
    conn: psycopg.Connection,
) -> None:
    record_consent(
        conn,
        ConsentKind.CONSENT,
        granted=True,
        said=said("01T09:00"),
        person=person("B"),
        expires_at=at("05T00:00"),
    )
    assert in_force(conn, "B", "04T23:59") == [("consent", True, None, None)]
    assert in_force(conn, "B", "05T00:00") == []
    with pytest.raises(DuecourseError, match="B101"):
        record_consent(
            conn,
            ConsentKind.CONSENT,
            granted=True,
            said=said("01T09:00"),
            person=person("B"),
            expires_at=at("01T09:00"),
        )


def test_a_word_of_an_address_is_appended_for_everybody_who_holds_it_in_any_lane(
    conn: psycopg.Connection, lender: Lender
) -> None:
    lender.contact_point("D", "sms", "+8613900009999")
    _, index = index_of_address(lender.keyring, "139 0000 1111", "CN")
    people = record_consent(
        conn, ConsentKind.CONTACT, granted=False, said=said("01T09:00"), scope=Scope(None, Channel.SMS, index)
    )
    assert set(people) == {person("B"), person("C")}
    assert in_force(conn, "C", "01T09:00") == [("contact", False, None, "sms")]


def test_the_same_word_twice_is_one_row(conn: psycopg.Connection) -> None:
    for _ in range(2):
        record_consent(conn, ConsentKind.CONTACT, granted=False, said=said("01T09:00"), person=person("B"))
        add_hold(conn, person("B"), HoldKind.DISPUTE, said=said("01T09:00"))
        add_preference(conn, person("B"), PreferenceKind.PERSON, {}, said=said("01T09:00"))
    assert len(consents_of(conn, person("B"), at=at("02T00:00"))) == 1
    assert len(holds_of(conn, person("B"), at=at("02T00:00"))) == 1
    assert len(preferences_of(conn, person("B"), at=at("02T00:00"))) == 1


def test_a_reading_of_the_past_knows_only_what_was_known_then(conn: psycopg.Connection) -> None:
    """A dispute of the 1st, learnt on the 3rd, ended on the 5th as of the 4th."""
    add_hold(conn, person("B"), HoldKind.DISPUTE, said=said("01T09:00", known="03T09:00"))
    end_holds(
        conn, person("B"), HoldKind.DISPUTE, reason="settled", by="ben", at=at("04T09:00"), now=at("05T09:00")
    )

    def held(when: str, known: str | None = None) -> bool:
        known_at = at(known) if known else None
        return any(one.in_force for one in holds_of(conn, person("B"), at=at(when), known=known_at))

    assert not held("02T09:00")
    assert held("02T09:00", known="03T09:00")
    assert held("04T10:00")
    assert not held("04T10:00", known="05T09:00")
    [before], [after] = (
        holds_of(conn, person("B"), at=at("04T09:30")),
        holds_of(conn, person("B"), at=at("06T09:30")),
    )
    assert (before.ended_by, after.ended_by, after.end_reason) == (None, "ben", "settled")


def test_a_hold_ends_by_itself(conn: psycopg.Connection) -> None:
    add_hold(conn, person("B"), HoldKind.PROMISE, said=said("01T09:00"), until=at("04T00:00"))
    assert [one.in_force for one in holds_of(conn, person("B"), at=at("03T23:59"))] == [True]
    assert [one.in_force for one in holds_of(conn, person("B"), at=at("04T00:00"))] == [False]
    assert (
        end_holds(
            conn, person("B"), HoldKind.PROMISE, reason="x", by="a", at=at("05T00:00"), now=at("05T00:00")
        )
        == 0
    )


def test_a_hold_ended_by_mistake_opens_again_with_its_first_date(conn: psycopg.Connection) -> None:
    add_hold(conn, person("B"), HoldKind.DISPUTE, said=said("01T09:00"))
    end_holds(
        conn, person("B"), HoldKind.DISPUTE, reason="typo", by="ben", at=at("02T09:00"), now=at("02T09:00")
    )
    assert add_hold(conn, person("B"), HoldKind.DISPUTE, said=said("01T09:00", known="02T10:00"))
    holds = holds_of(conn, person("B"), at=at("03T00:00"))
    assert [(one.effective_at, one.in_force) for one in holds] == [
        (at("01T09:00"), False),
        (at("01T09:00"), True),
    ]


def test_the_hold_of_a_debt_and_that_of_the_person_end_apart(
    conn: psycopg.Connection, lender: Lender
) -> None:
    (loan_id,) = conn.execute("SELECT loan_id FROM loan WHERE loan_ref = 'L-1'").fetchone() or (None,)
    add_hold(conn, person("B"), HoldKind.DISPUTE, said=said("01T09:00"), loan_id=loan_id)
    add_hold(conn, person("B"), HoldKind.DISPUTE, said=said("01T09:00"))
    end_holds(conn, person("B"), HoldKind.DISPUTE, reason="x", by="a", at=at("02T00:00"), now=at("02T00:00"))
    assert [one.loan for one in holds_of(conn, person("B"), at=at("03T00:00")) if one.in_force] == ["L-1"]


def test_special_care_and_the_wish_for_a_person_route_to_a_person(conn: psycopg.Connection) -> None:
    add_hold(conn, person("B"), HoldKind.BEREAVEMENT, said=said("01T09:00"))
    add_hold(conn, person("B"), HoldKind.MINOR, said=said("02T09:00"), until=at("03T00:00"))
    add_hold(conn, person("B"), HoldKind.DISPUTE, said=said("02T09:00"))
    add_preference(conn, person("C"), PreferenceKind.PERSON, {}, said=said("02T09:00"))
    assert [(one.borrower_key, one.kinds) for one in person_needed(conn, at=at("04T00:00"))] == [
        ("B", ["bereavement"]),
        ("C", ["person"]),
    ]


def test_a_new_wish_ends_the_one_before(conn: psycopg.Connection) -> None:
    for when, start in (("01T09:00", "18:00"), ("03T09:00", "19:00")):
        wish = {"days": ["mon"], "from": start, "to": "20:00"}
        assert add_preference(conn, person("B"), PreferenceKind.HOURS, wish, said=said(when))

    def hours(when: str) -> list[str]:
        return [one.wish["from"] for one in preferences_of(conn, person("B"), at=at(when)) if one.in_force]

    assert (hours("02T00:00"), hours("03T09:00")) == (["18:00"], ["19:00"])
    assert end_preference(
        conn, person("B"), PreferenceKind.HOURS, by="a", at=at("04T00:00"), now=at("04T00:00")
    )
    assert hours("05T00:00") == []
    assert not end_preference(
        conn, person("B"), PreferenceKind.HOURS, by="a", at=at("05T00:00"), now=at("05T00:00")
    )


@pytest.mark.parametrize(
    ("kind", "wish", "kept"),
    [
        ("hours", {"from": "09:00", "to": "24:00"}, {"days": [], "from": "09:00", "to": "24:00"}),
        ("channel", {"allowed": ["sms"]}, {"allowed": ["sms"]}),
        ("channel", {"refused": ["voice"]}, {"refused": ["voice"]}),
        ("work-address", {}, {"never": True}),
        ("place", {"refused": ["home"]}, {"refused": ["home"]}),
        ("attorney", {}, {"represented": True}),
        ("language", {"language": "zh-CN"}, {"language": "zh-CN"}),
        ("large-type", {}, {"wanted": True}),
        ("person", {}, {"wanted": True}),
    ],
)
def test_a_wish_is_kept_in_the_shape_of_its_kind(
    conn: psycopg.Connection, kind: str, wish: dict[str, Any], kept: dict[str, Any]
) -> None:
    add_preference(conn, person("B"), PreferenceKind(kind), wish, said=said("01T09:00"))
    assert [one.wish for one in preferences_of(conn, person("B"), at=at("02T00:00"))] == [kept]


@pytest.mark.parametrize(
    ("kind", "wish"),
    [
        ("hours", {"from": "20:00", "to": "09:00"}),
        ("hours", {"from": "9:00", "to": "20:00"}),
        ("hours", {"days": ["monday"], "from": "09:00", "to": "20:00"}),
        ("hours", {}),
        ("channel", {}),
        ("channel", {"allowed": ["sms"], "refused": ["voice"]}),
        ("channel", {"allowed": ["pigeon"]}),
        ("place", {"refused": ["church"]}),
        ("language", {"language": "klingonese"}),
        ("attorney", {"name": "somebody"}),
    ],
)
def test_a_wish_of_another_shape_is_refused(
    conn: psycopg.Connection, kind: str, wish: dict[str, Any]
) -> None:
    with pytest.raises(DuecourseError, match="B100"):
        add_preference(conn, person("B"), PreferenceKind(kind), wish, said=said("01T09:00"))
    assert preferences_of(conn, person("B"), at=at("02T00:00")) == []


def test_an_instant_without_offset_is_the_borrower_s_and_a_day_counts_from_or_to_its_end(
    conn: psycopg.Connection,
) -> None:
    zone = "America/New_York"

    def utc(text: str, **options: bool) -> str:
        return instant_of(conn, text, zone, **options).astimezone(at("01T00:00").tzinfo).isoformat()

    assert utc("2026-03-08T12:00+00:00") == "2026-03-08T20:00:00+08:00"
    assert utc("2026-03-07T12:00") == "2026-03-08T01:00:00+08:00"
    assert utc("2026-03-08T12:00") == "2026-03-09T00:00:00+08:00"  # daylight saving began that morning
    assert utc("2026-03-08") == "2026-03-08T13:00:00+08:00"
    assert utc("2026-03-08", end_of_day=True) == "2026-03-09T12:00:00+08:00"


def test_whoever_has_rows_in_several_lanes_has_each_word_in_all_of_them(conn: psycopg.Connection) -> None:
    """A party to a loan of another lane is judged there by what stands there."""
    other = (lane_of("B") + 1) % 256
    conn.execute(
        """INSERT INTO borrower (lane, borrower_id, borrower_key, language, region, zone, row_digest, effective_at,
               recorded_at)
           SELECT %s, borrower_id, borrower_key, language, region, zone, row_digest, effective_at, recorded_at
           FROM borrower WHERE borrower_key = 'B'""",
        (other,),
    )
    there = Person(other, borrower_id_of("B"))
    record_consent(conn, ConsentKind.CONTACT, granted=False, said=said("01T09:00"), person=person("B"))
    add_hold(conn, person("B"), HoldKind.DISPUTE, said=said("01T09:00"))
    add_preference(conn, person("B"), PreferenceKind.PERSON, {}, said=said("01T09:00"))
    for who in (person("B"), there):
        assert [one.granted for one in consents_of(conn, who, at=at("02T00:00"))] == [False]
        assert [one.in_force for one in holds_of(conn, who, at=at("02T00:00"))] == [True]
        assert [one.in_force for one in preferences_of(conn, who, at=at("02T00:00"))] == [True]
    when = {"at": at("03T00:00"), "now": at("03T00:00")}
    assert end_holds(conn, person("B"), HoldKind.DISPUTE, reason="x", by="a", **when) == 1
    assert end_preference(conn, person("B"), PreferenceKind.PERSON, by="a", **when)
    assert [one.in_force for one in holds_of(conn, there, at=at("04T00:00"))] == [False]
    assert [one.in_force for one in preferences_of(conn, there, at=at("04T00:00"))] == [False]
