"""A link opens for whom it was sent to, while it holds; who opens it is told apart, and guessing ends."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from duecourse.book.contact_points import retire_contact_points
from duecourse.dispatch.merging import merge_borrowers, undo_merge
from duecourse.responses.links import Link, LinkRefusal, open_link
from duecourse.responses.peers import Limits
from duecourse.responses.telling import Told
from lender import Lender, borrower_id_of, lane_of
from sent_links import DESKTOP, NINE, PHONE, send_link

LATER = NINE + timedelta(minutes=10)


def opened(lender: Lender, code: str, **more: Any) -> Link | LinkRefusal:
    given: dict[str, Any] = {"peer": "203.0.113.9", "user_agent": PHONE, "method": "GET", "now": LATER}
    found = open_link(lender.conn, lender.keyring, code, **{**given, **more})
    lender.conn.commit()
    return found


def clicks(lender: Lender) -> list[tuple[Any, ...]]:
    rows = lender.conn.execute("SELECT told, why FROM click ORDER BY at, click_id").fetchall()
    lender.conn.commit()
    return rows


def receipts(lender: Lender) -> list[tuple[Any, ...]]:
    rows = lender.conn.execute("SELECT provider, status, code, attempt_id FROM receipt").fetchall()
    lender.conn.commit()
    return rows


@pytest.fixture
def lent(lender: Lender) -> Lender:
    """One borrower with one loan."""
    lender.book("loan due_on\nL-1 2026-03-10")
    return lender


def test_a_person_s_click_says_whose_link_it_is_and_that_the_message_was_read(lent: Lender) -> None:
    sent = send_link(lent)
    with capture_logs() as logs:
        link = opened(lent, sent.code)
    assert isinstance(link, Link)
    assert [(one["event"], one["message"], one["told"]) for one in logs] == [
        ("opened", str(sent.message_id), "person")
    ]
    assert sent.code not in str(logs) and "203.0.113" not in str(logs)
    assert (link.lane, link.borrower_id, link.message_id) == (
        lane_of("B-L-1"),
        borrower_id_of("B-L-1"),
        sent.message_id,
    )
    assert (link.language, link.purpose, link.told) == ("en", "reminder", Told.PERSON)
    assert link.expires_at == NINE + timedelta(days=90)
    assert clicks(lent) == [("person", "")]
    assert receipts(lent) == [("acme", "read", "link", sent.attempt_id)]
    opened(lent, sent.code, now=LATER + timedelta(hours=1))
    assert len(clicks(lent)) == 2 and len(receipts(lent)) == 1


def test_the_code_is_kept_nowhere(lent: Lender) -> None:
    sent = send_link(lent)
    opened(lent, sent.code)
    for table in ("link", "click", "receipt", "peer"):
        rows = lent.conn.execute(f"SELECT t::text FROM {table} t").fetchall()
        assert rows and not any(sent.code in row or "203.0.113" in row for (row,) in rows)


PROGRAMS: list[tuple[dict[str, Any], tuple[str, str]]] = [
    ({"method": "HEAD"}, ("scanner", "method")),
    ({"user_agent": "facebookexternalhit/1.1"}, ("preview", "agent")),
    ({"user_agent": "WhatsApp/2.24.1 A"}, ("preview", "agent")),
    ({"user_agent": "Mozilla/5.0 (compatible; Barracuda Sentinel)"}, ("scanner", "agent")),
    ({"user_agent": "python-requests/2.32"}, ("scanner", "agent")),
    ({"user_agent": ""}, ("scanner", "agent")),
    ({"prefetch": "prefetch;prerender"}, ("prefetch", "headers")),
    ({"user_agent": DESKTOP, "now": NINE + timedelta(seconds=1)}, ("scanner", "haste")),
]


def test_what_a_program_opens_is_noted_and_has_no_effect(lent: Lender) -> None:
    for made, told in PROGRAMS:
        link = opened(lent, send_link(lent).code, **made, peer=f"{made}")
        assert isinstance(link, Link) and link.told == told[0]
    assert sorted(clicks(lent)) == sorted(told for _, told in PROGRAMS) and receipts(lent) == []


def test_a_phone_and_whoever_comes_later_are_people(lent: Lender) -> None:
    code = send_link(lent).code
    for agent, after in ((PHONE, 1), (DESKTOP, 3), (DESKTOP, 0)):
        at = (
            NINE + timedelta(seconds=after) if after else NINE - timedelta(seconds=5)
        )  # a clock that runs behind
        link = opened(lent, code, user_agent=agent, now=at)
        assert isinstance(link, Link) and link.told is Told.PERSON


def test_who_opens_several_links_in_one_second_is_a_scanner(lent: Lender) -> None:
    codes = [send_link(lent).code for _ in range(4)]
    assert [opened(lent, code) for code in codes] and [told for told, _ in clicks(lent)].count("scanner") == 2
    again = opened(lent, codes[0], now=LATER + timedelta(seconds=2))
    assert isinstance(again, Link) and again.told is Told.PERSON
    same = [opened(lent, codes[1], now=LATER + timedelta(seconds=9)) for _ in range(5)]
    assert all(isinstance(link, Link) and link.told is Told.PERSON for link in same)


def test_a_form_of_the_page_is_no_click(lent: Lender) -> None:
    assert isinstance(opened(lent, send_link(lent).code, method="POST"), Link)
    assert clicks(lent) == [] and receipts(lent) == []


def test_a_link_expires(lent: Lender) -> None:
    code = send_link(lent, days=7).code
    assert isinstance(opened(lent, code, now=NINE + timedelta(days=7, seconds=-1)), Link)
    assert opened(lent, code, now=NINE + timedelta(days=7)) is LinkRefusal.EXPIRED


def test_a_link_dies_with_the_contact_point_it_was_sent_to(lent: Lender) -> None:
    by_sms, by_email = send_link(lent).code, send_link(lent, channel="email").code
    (point,) = lent.conn.execute(
        "SELECT contact_point_id FROM contact_point WHERE channel = 'sms'"
    ).fetchall()
    retire_contact_points(lent.conn, [(lane_of("B-L-1"), point[0])], reason="wrong-person", now=LATER)
    assert opened(lent, by_sms) is LinkRefusal.REVOKED
    assert isinstance(opened(lent, by_email), Link)


@pytest.fixture
def two(lent: Lender) -> Lender:
    """Two records with the same telephone, each sent a link, as the lender knows them."""
    lent.book("loan due_on email\nL-2 2026-03-10 other@example.com")
    for borrower in ("B-L-1", "B-L-2"):
        lent.name_in_directory(borrower)
    return lent


def test_a_link_follows_whom_its_borrower_was_merged_into(two: Lender) -> None:
    code = send_link(two, channel="email").code
    merge(two)
    link = opened(two, code)
    assert isinstance(link, Link)
    assert (link.lane, link.borrower_id) == (lane_of("B-L-2"), borrower_id_of("B-L-2"))
    undo_merge(two.conn, two.keyring, "B-L-2", "B-L-1", by="Mei", now=LATER)
    link = opened(two, code)
    assert isinstance(link, Link) and link.borrower_id == borrower_id_of("B-L-1")


def test_an_address_that_both_had_before_a_merge_opens_its_links_until_it_is_theirs_no_more(
    two: Lender,
) -> None:
    codes = [send_link(two, "B-L-1").code, send_link(two, "B-L-2").code]
    merge(two)
    assert retired(two) == [("sms", "same address after a merge")]
    assert all(isinstance(opened(two, code), Link) for code in codes)
    (kept,) = two.conn.execute(
        "SELECT DISTINCT contact_point_id FROM contact_point WHERE channel = 'sms' AND state = 'active'"
    ).fetchall()
    retire_contact_points(two.conn, [(lane_of("B-L-2"), kept[0])], reason="wrong-person", now=LATER)
    assert [opened(two, code) for code in codes] == [LinkRefusal.REVOKED] * 2


def test_what_was_sent_to_an_address_that_an_undone_merge_gave_back_is_dead(two: Lender) -> None:
    sent = send_link(two, "B-L-2", channel="email").code
    (point,) = two.conn.execute("SELECT contact_point_id FROM link").fetchall()
    merge(two, keep="B-L-1", other="B-L-2")
    since = send_link(two, "B-L-1", channel="email").code
    two.conn.execute("UPDATE link SET contact_point_id = %s", point)  # sent to what the other brought
    assert isinstance(opened(two, since), Link)
    undo_merge(two.conn, two.keyring, "B-L-1", "B-L-2", by="Mei", now=LATER)
    assert opened(two, since) is LinkRefusal.REVOKED
    assert isinstance(opened(two, sent), Link)


def merge(lender: Lender, keep: str = "B-L-2", other: str = "B-L-1") -> None:
    lender.conn.execute("UPDATE message SET state = 'done', outcome = 'delivered'")  # nothing is under way
    lender.conn.commit()
    merge_borrowers(
        lender.conn, lender.keyring, keep, other, evidence="same passport", by="Mei", now=NINE
    )  # fmt: skip


def retired(lender: Lender) -> list[tuple[Any, ...]]:
    return lender.conn.execute(
        "SELECT DISTINCT channel, retired_reason FROM contact_point WHERE state = 'retired'"
    ).fetchall()


def test_what_is_no_code_is_unknown(lent: Lender) -> None:
    for code in ("", "short", "x" * 9, "abc defg", "../../x", "ééééøøøø", "a'b\"c<d>", "\0" * 8):
        assert opened(lent, code) is LinkRefusal.UNKNOWN


def test_ten_thousand_guesses_find_nothing_and_are_stopped_after_twenty(lent: Lender) -> None:
    code = send_link(lent).code
    asked = [opened(lent, f"{n:08d}") for n in range(10_000)]
    assert asked[:20] == [LinkRefusal.UNKNOWN] * 20 and set(asked[20:]) == {LinkRefusal.TOO_MANY}
    # The right code is not told either, to this address; to others it is, and to this one when the minute is over.
    assert opened(lent, code) is LinkRefusal.TOO_MANY
    assert isinstance(opened(lent, code, peer="203.0.113.10"), Link)
    assert isinstance(opened(lent, code, now=LATER + timedelta(minutes=1)), Link)


def test_addresses_of_one_ipv6_subscriber_count_together(lent: Lender) -> None:
    for n in range(20):
        opened(lent, f"{n:08d}", peer=f"2001:db8:1:2::{n:x}")
    assert opened(lent, "00000099", peer="2001:db8:1:2:ffff::1") is LinkRefusal.TOO_MANY
    assert opened(lent, "00000099", peer="2001:db8:1:3::1") is LinkRefusal.UNKNOWN
    assert opened(lent, "00000099", peer="::ffff:203.0.113.7") is LinkRefusal.UNKNOWN


def test_when_many_addresses_guess_together_each_may_guess_less_and_links_still_open(lent: Lender) -> None:
    limits = Limits(unknown_codes_a_minute_in_all=30)
    code = send_link(lent).code
    for n in range(30):
        opened(lent, f"{n:08d}", peer=f"198.51.100.{n % 10}", limits=limits)
    assert opened(lent, "00000099", peer="198.51.100.1", limits=limits) is LinkRefusal.TOO_MANY
    assert opened(lent, "00000099", peer="198.51.100.99", limits=limits) is LinkRefusal.UNKNOWN
    assert isinstance(opened(lent, code, peer="203.0.113.1", limits=limits), Link)


def test_the_same_address_is_another_hash_the_next_day(lent: Lender) -> None:
    for day in (0, 1):
        opened(lent, "00000000", now=LATER + timedelta(days=day))
    assert lent.conn.execute("SELECT count(DISTINCT peer_hash) FROM peer").fetchone() == (2,)
