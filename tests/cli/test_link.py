"""`duecourse link` as staff use it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from duecourse.book.contact_points import retire_contact_points
from duecourse.dispatch.merging import merge_borrowers
from duecourse.domain.problems import DuecourseError
from duecourse.responses.links import Link, LinkRefusal, open_link
from duecourse.responses.visits import VisitRefusal, begin_visit, visitor_of
from lender import Lender
from prompt import Run, at_prompt, home_of, shown
from sent_links import DESKTOP, PHONE, send_link

ID_NUMBER = "11010519491231002X"
URL = "https://pay.bank.example"
REFUSALS = {
    "expired": LinkRefusal.EXPIRED,
    "revoked": LinkRefusal.REVOKED,
    "retired": LinkRefusal.REVOKED,
}


@pytest.fixture
def run(lender: Lender, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Run `duecourse ...` on a book of one borrower, and give what it printed."""
    lender.book(f"loan borrower due_on id_number\nL-1 B 2126-03-10 {ID_NUMBER}")
    lender.name_in_directory("B")
    lender.conn.commit()
    home = home_of(lender, tmp_path / "home")
    with at_prompt(monkeypatch, home, database_url=database_url, user="anna", public_url=URL) as run:
        yield run


def opened(lender: Lender, code: str, agent: str = PHONE, method: str = "GET") -> Link | LinkRefusal:
    now = lender.conn.execute("SELECT now()").fetchall()[0][0]
    found = open_link(lender.conn, lender.keyring, code, peer="::1", user_agent=agent, method=method, now=now)
    lender.conn.commit()
    return found


def today(lender: Lender) -> datetime:
    at = lender.conn.execute("SELECT now() - interval '1 hour'").fetchall()[0][0]
    lender.conn.commit()
    return at  # type: ignore[no-any-return]


def code_of(problem: pytest.ExceptionInfo[DuecourseError]) -> str:
    return problem.value.problems[0].code


def test_a_link_for_the_counter_is_printed_once_and_opens_the_borrower_s_page(
    run: Run, lender: Lender
) -> None:
    printed = run("link", "make", "B", "--days", "3")
    found = re.search(rf"{URL}/l/(\w{{8}})\n", printed)
    assert found is not None
    link = opened(lender, found[1])
    assert isinstance(link, Link) and link.message_id is None
    assert link.expires_at - link.issued_at == timedelta(days=3)
    told = shown(run, "link", "show", f"{URL}/l/{found[1]}")
    assert (told["customer"], told["state"], told["made_by"], told["address"]) == ("B", "open", "anna", "")
    assert [one["told"] for one in told["clicks"]] == ["person"]
    assert found[1] not in run("link", "list", "--customer", "B")


def test_a_link_of_a_message_is_shown_masked_with_what_opened_it(run: Run, lender: Lender) -> None:
    sent = send_link(lender, "B", at=today(lender))
    opened(lender, sent.code, "facebookexternalhit/1.1")
    opened(lender, sent.code, DESKTOP)
    told = shown(run, "link", "show", sent.code)
    assert (told["message_id"], told["channel"], told["address"]) == (
        str(sent.message_id),
        "sms",
        "+86139****1111",
    )
    assert [(one["told"], one["why"]) for one in told["clicks"]] == [("preview", "agent"), ("person", "")]
    [row] = shown(run, "link", "list", "--customer", "B")["links"]
    assert (row["by_people"], row["by_programs"], row["state"]) == (1, 1, "open")
    said = run("link", "show", sent.code)
    assert "+86139****1111" in said and "13900001111" not in said and "preview" in said


def test_a_link_is_taken_back_by_code_or_all_of_a_borrower_and_the_visit_ends(
    run: Run, lender: Lender
) -> None:
    first, second = (send_link(lender, "B", at=today(lender)) for _ in range(2))
    link = opened(lender, first.code)
    assert isinstance(link, Link)
    at = today(lender) + timedelta(hours=1)
    token = begin_visit(lender.conn, lender.keyring, link, "id-last-6", "31002X", peer="::1", now=at)
    lender.conn.commit()
    assert isinstance(token, str) and visitor_of(lender.conn, lender.keyring, token, now=at)
    assert shown(run, "link", "revoke", first.code, "--reason", "lost-phone") == {"revoked": 1}
    assert shown(run, "link", "revoke", first.code) == {"revoked": 0}
    assert opened(lender, first.code) is LinkRefusal.REVOKED
    assert visitor_of(lender.conn, lender.keyring, token, now=at) is None
    assert isinstance(opened(lender, second.code), Link)
    assert shown(run, "link", "revoke", "--customer", "B") == {"revoked": 1}
    assert opened(lender, second.code) is LinkRefusal.REVOKED
    assert "anna: lost-phone" in run("link", "show", first.code)


def test_list_and_show_say_of_a_link_what_opening_it_says(run: Run, lender: Lender) -> None:
    at = today(lender)
    sent = {
        "open": send_link(lender, "B", at=at, channel="email"),
        "expired": send_link(lender, "B", at=at - timedelta(days=9), days=2, channel="email"),
        "revoked": send_link(lender, "B", at=at - timedelta(days=1), channel="email"),
        "retired": send_link(lender, "B", at=at - timedelta(days=2)),
    }
    run("link", "revoke", sent["revoked"].code)
    point = "SELECT lane, contact_point_id FROM contact_point WHERE channel = 'sms'"
    retire_contact_points(lender.conn, lender.conn.execute(point).fetchall(), reason="wrong-person", now=at)
    lender.conn.commit()
    listed = {
        row["message_id"]: row["state"] for row in shown(run, "link", "list", "--customer", "B")["links"]
    }
    for state, one in sent.items():
        assert listed[str(one.message_id)] == shown(run, "link", "show", one.code)["state"] == state
        refusal = opened(lender, one.code)
        assert isinstance(refusal, Link) if state == "open" else refusal is REFUSALS[state]


def test_a_link_is_shown_of_whom_its_borrower_was_merged_into(run: Run, lender: Lender) -> None:
    sent = send_link(lender, "B", at=today(lender))
    lender.conn.execute("UPDATE message SET state = 'done', outcome = 'delivered'")
    lender.book(f"loan borrower due_on id_number\nL-2 C 2126-03-10 {ID_NUMBER}")
    lender.name_in_directory("C")
    merge_borrowers(
        lender.conn, lender.keyring, "C", "B", evidence="one passport", by="Mei", now=today(lender)
    )
    told = shown(run, "link", "show", sent.code)
    assert (told["customer"], told["state"], told["address"]) == ("C", "open", "+86139****1111")
    assert [row["state"] for row in shown(run, "link", "list", "--customer", "C")["links"]] == ["open"]


def test_what_is_no_link_or_no_borrower_is_said(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for words, code in (
        (("show", "AAAAAAAA"), "D177"),
        (("show", "no code"), "D177"),
        (("revoke", "AAAAAAAA"), "D177"),
        (("revoke",), "D176"),
        (("revoke", "AAAAAAAA", "--customer", "B"), "D176"),
        (("make", "nobody"), "D033"),
        (("list", "--customer", "nobody"), "D033"),
    ):
        with pytest.raises(DuecourseError) as told:
            run("link", *words)
        assert code_of(told) == code, words
    monkeypatch.setenv("DUECOURSE_PUBLIC_URL", "")
    with pytest.raises(DuecourseError) as told:
        run("link", "make", "B")
    assert code_of(told) == "D175"


def test_a_lock_is_shown_and_lifted(run: Run, lender: Lender) -> None:
    link = opened(lender, send_link(lender, "B", at=today(lender)).code)
    assert isinstance(link, Link)
    at = today(lender) + timedelta(hours=1)
    for n in range(5):
        begin_visit(lender.conn, lender.keyring, link, "id-last-6", f"00000{n}", peer=f"::{n}", now=at)
    lender.conn.commit()
    assert shown(run, "link", "list", "--customer", "B")["locked_until"] is not None
    assert "Wrong answers forgotten." in run("link", "unlock", "B")
    assert "There were no wrong answers." in run("link", "unlock", "B")
    token = begin_visit(lender.conn, lender.keyring, link, "id-last-6", "31002X", peer="::9", now=at)
    lender.conn.commit()
    assert not isinstance(token, VisitRefusal)
    assert "There were no wrong answers." in run("link", "unlock", "B")


def test_the_timeline_has_openings_and_visits(run: Run, lender: Lender) -> None:
    sent = send_link(lender, "B", at=today(lender))
    opened(lender, sent.code, method="HEAD")
    link = opened(lender, sent.code)
    assert isinstance(link, Link)
    at = today(lender) + timedelta(hours=2)
    begin_visit(lender.conn, lender.keyring, link, "id-last-6", "31002X", peer="::1", now=at)
    lender.conn.commit()
    told = [
        (row["subject"], row["what"], row["state"]) for row in shown(run, "borrower", "show", "B")["timeline"]
    ]
    assert told == [("link", "sms", "scanned"), ("link", "sms", "opened"), ("visit", "id-last-6", "begun")]
