"""Whose an OpenID is: codes, pictures, pages, and an OpenID that two people claim."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from duecourse.book import binding
from duecourse.book.binding import ALPHABET, Bound, Way, answer, bind, code_in, invitations, invite
from duecourse.book.contact_points import retire_contact_points
from duecourse.book.parsing import FieldFault
from duecourse.book.reading import Borrower, find_borrower
from duecourse.privacy.keyring import Keyring
from duecourse.privacy.sealing import open_value

from .conftest import BORROWER, HEAD, NOW, Importer

APP = "wx5a4db0c5e2d7396a"
ANN, BO = "oFpruAK8D-E6EfStSYonYSBZ8_4a", "oFpruAK8D-E6EfStSYonYSBZ8_4b"
PEOPLE = """
    cust,name,idno
    C1,Ann,110101199003071234
    C2,Bo,110101199003071235
    C3,Ann,110101199003071234
"""


@pytest.fixture
def conn(bring: Importer) -> psycopg.Connection:
    bring(HEAD + BORROWER + '    id_number = "{idno}"\n', PEOPLE)
    return bring.conn


@pytest.fixture
def person(conn: psycopg.Connection, keyring: Keyring) -> Callable[[str], Borrower]:
    def find(key: str) -> Borrower:
        found = find_borrower(conn, keyring, key)
        assert found is not None
        return found

    return find


def invited(
    conn: psycopg.Connection,
    keyring: Keyring,
    borrower: Borrower,
    *,
    at: datetime = NOW,
    provider: str = "wx",
) -> str:
    made = invite(
        conn, keyring, borrower, provider=provider, platform=APP, way=Way.CODE, seconds=600, by="anna", now=at
    )
    conn.commit()
    return made.code


def answered(
    conn: psycopg.Connection,
    keyring: Keyring,
    code: str,
    openid: str,
    *,
    at: datetime = NOW,
    provider: str = "wx",
) -> Bound:
    result = answer(conn, keyring, code, openid, provider=provider, now=at)
    conn.commit()
    return result


def bound(conn: psycopg.Connection, keyring: Keyring) -> list[tuple[str, str, str, str]]:
    """(borrower, OpenID, appid, how it was seen to be right) of every WeChat address in force, once per person."""
    rows = conn.execute(
        """SELECT DISTINCT b.borrower_key, c.contact_point_id, c.address_sealed, c.platform, c.verified_how
           FROM contact_point c JOIN borrower b ON b.lane = c.lane AND b.borrower_id = c.borrower_id
           WHERE c.channel = 'wechat' AND c.state = 'active' ORDER BY 1"""
    ).fetchall()
    conn.commit()
    return [
        (key, open_value(keyring, sealed, "contact_point", "address", point), platform, how)
        for key, point, sealed, platform, how in rows
    ]


def test_code_typed_into_the_chat_makes_the_openid_the_borrowers(conn, keyring, person):
    code = invited(conn, keyring, person("C1"))
    assert answered(conn, keyring, code, ANN) is Bound.BOUND
    assert bound(conn, keyring) == [("C1", ANN, APP, "code")]


def test_code_serves_once(conn, keyring, person):
    code = invited(conn, keyring, person("C1"))
    assert answered(conn, keyring, code, ANN) is Bound.BOUND
    assert answered(conn, keyring, code, BO) is Bound.UNKNOWN
    assert bound(conn, keyring) == [("C1", ANN, APP, "code")]


def test_code_ends_with_its_time_and_with_the_next_one(conn, keyring, person):
    first = invited(conn, keyring, person("C1"))
    second = invited(conn, keyring, person("C1"), at=NOW + timedelta(seconds=1))
    assert answered(conn, keyring, first, ANN, at=NOW + timedelta(seconds=2)) is Bound.UNKNOWN
    assert answered(conn, keyring, second, ANN, at=NOW + timedelta(seconds=601)) is Bound.UNKNOWN
    assert bound(conn, keyring) == []


def test_code_serves_in_the_account_it_was_made_for(conn, keyring, person):
    """An OpenID is another in every account: in another chat the same person would bind what is not theirs."""
    code = invited(conn, keyring, person("C1"), provider="wx")
    assert answered(conn, keyring, code, ANN, provider="other") is Bound.UNKNOWN
    assert answered(conn, keyring, code, ANN, provider="wx") is Bound.BOUND


def test_openid_of_another_person_is_refused_and_left_for_staff(conn, keyring, person):
    assert answered(conn, keyring, invited(conn, keyring, person("C1")), ANN) is Bound.BOUND
    assert answered(conn, keyring, invited(conn, keyring, person("C2")), ANN) is Bound.HELD
    assert bound(conn, keyring) == [("C1", ANN, APP, "code")]
    (left,) = invitations(conn, states=["refused"], borrower_key=None, take=10)
    assert (left["borrower_key"], left["reason"]) == ("C2", "held-by-another")


def test_same_person_under_another_key_may_have_the_openid_too(conn, keyring, person):
    """C1 and C3 have one ID number."""
    assert answered(conn, keyring, invited(conn, keyring, person("C1")), ANN) is Bound.BOUND
    assert answered(conn, keyring, invited(conn, keyring, person("C3")), ANN) is Bound.BOUND
    assert [key for key, *_ in bound(conn, keyring)] == ["C1", "C3"]


def test_openid_that_its_holder_has_no_more_may_go_to_another(conn, keyring, person):
    ann, bo = person("C1"), person("C2")
    assert answered(conn, keyring, invited(conn, keyring, ann), ANN) is Bound.BOUND
    points = conn.execute(
        "SELECT lane, contact_point_id FROM contact_point WHERE channel = 'wechat'"
    ).fetchall()
    retire_contact_points(conn, points, reason="wrong-person", now=NOW)
    assert answered(conn, keyring, invited(conn, keyring, bo), ANN) is Bound.BOUND
    assert bound(conn, keyring) == [("C2", ANN, APP, "code")]
    assert answered(conn, keyring, invited(conn, keyring, ann), ANN) is Bound.HELD


def test_address_taken_out_of_use_for_good_does_not_come_back_by_a_code(conn, keyring, person):
    assert answered(conn, keyring, invited(conn, keyring, person("C1")), ANN) is Bound.BOUND
    points = conn.execute(
        "SELECT lane, contact_point_id FROM contact_point WHERE channel = 'wechat'"
    ).fetchall()
    retire_contact_points(conn, points, reason="wrong-person", now=NOW)
    assert answered(conn, keyring, invited(conn, keyring, person("C1")), ANN) is Bound.RETIRED
    assert bound(conn, keyring) == []


def test_new_account_of_a_borrower_takes_the_place_of_the_old_one(conn, keyring, person):
    later = NOW + timedelta(days=30)
    assert answered(conn, keyring, invited(conn, keyring, person("C1")), ANN) is Bound.BOUND
    assert (
        answered(conn, keyring, invited(conn, keyring, person("C1"), at=later), BO, at=later) is Bound.BOUND
    )
    assert bound(conn, keyring) == [("C1", BO, APP, "code")]


def test_whoever_guesses_five_times_is_not_listened_to_for_an_hour(conn, keyring, person):
    code = invited(conn, keyring, person("C1"))
    for _ in range(5):
        assert answered(conn, keyring, "2AAAAAAA", ANN) is Bound.UNKNOWN
    assert answered(conn, keyring, code, ANN) is Bound.TOO_MANY
    assert answered(conn, keyring, code, BO) is Bound.BOUND, "others are"
    later = NOW + timedelta(hours=1)
    again = invited(conn, keyring, person("C2"), at=later)
    assert answered(conn, keyring, again, ANN, at=later + timedelta(seconds=1)) is Bound.BOUND


def test_staff_or_a_page_bind_what_they_know(conn, keyring, person):
    for key, openid, way in (("C1", ANN, Way.PAGE), ("C2", BO, Way.STAFF)):
        given = {"platform": APP, "way": way, "by": "anna", "now": NOW}
        assert bind(conn, keyring, person(key), openid, **given) is Bound.BOUND
        assert bind(conn, keyring, person(key), openid, **given) is Bound.BOUND, "twice is as once"
    conn.commit()
    assert bound(conn, keyring) == [("C1", ANN, APP, "page"), ("C2", BO, APP, "staff")]
    with pytest.raises(FieldFault):
        bind(conn, keyring, person("C1"), "not an OpenID", platform=APP, way=Way.STAFF, by="anna", now=NOW)


def test_code_and_openid_are_in_no_table(conn, keyring, person):
    code = invited(conn, keyring, person("C1"))
    answered(conn, keyring, code, ANN)
    answered(conn, keyring, "2AAAAAAA", BO)
    for table in ("wechat_invitation", "wechat_binding", "wechat_guess", "contact_point", "book_history"):
        dump = str(conn.execute(f"SELECT to_jsonb(t)::text FROM {table} t").fetchall())
        assert not any(secret in dump for secret in (code, ANN, BO)), table


def test_openid_claimed_by_two_people_at_the_same_moment_becomes_one_persons(
    conn, keyring, person, database_url
):
    codes = [invited(conn, keyring, person(key)) for key in ("C1", "C2")]
    results: list[Bound] = []
    start = threading.Barrier(2)

    def claim(code: str) -> None:
        with psycopg.connect(database_url) as own:
            start.wait()
            results.append(answer(own, keyring, code, ANN, provider="wx", now=NOW))

    threads = [threading.Thread(target=claim, args=(code,)) for code in codes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [Bound.BOUND, Bound.HELD]
    assert len(bound(conn, keyring)) == 1


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("7KQM2XPA", "7KQM2XPA"),
        (" 7kqm 2xpa ", "7KQM2XPA"),
        ("7kqm-2xpa", "7KQM2XPA"),
        ("RECEVED", None),
        ("PAYMENTS", None),  # a word: no digit
        ("23456789", None),  # a number: no letter
        ("7KQM2XP0", None),
        ("已还款", None),
        ("", None),
    ],
)
def test_code_is_told_from_words_and_numbers(text, code):
    assert code_in(text) == code


@given(st.text(alphabet=ALPHABET, min_size=8, max_size=8))
def test_every_code_that_is_made_is_recognised_however_it_is_typed(letters):
    if code_in(letters) is None:
        assert letters.isdigit() or letters.isalpha()
    else:
        assert code_in(f" {letters[:4].lower()} - {letters[4:].lower()}") == letters


def test_made_codes_are_recognised():
    assert all(code_in(binding._new_code()) for _ in range(200))
