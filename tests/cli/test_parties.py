"""`contact-point`, `borrower merge` and `borrower show` as a person uses them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from duecourse.book.contact_points import contact_points_due
from duecourse.domain.problems import DuecourseError
from lender import LONG_AGO, Lender, borrower_id_of, lane_of
from prompt import at_prompt, home_of

Run = Callable[..., Any]


@pytest.fixture
def run(lender: Lender, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Run `duecourse ...` on the lender's book; with --json, what it printed as JSON."""
    home = home_of(lender, tmp_path / "home")
    with at_prompt(monkeypatch, home, database_url=database_url, user="Mei") as run:
        yield run.answer


def fault(run: Run, *arguments: str) -> list[str]:
    """The codes with which a command refuses."""
    with pytest.raises(DuecourseError) as caught:
        run(*arguments)
    return [problem.code for problem in caught.value.problems]


def failed(lender: Lender, borrower: str, channel: str, *states: str, on: str = "2026-03-01") -> None:
    """Attempts at a borrower's contact point that ended so, a day apart."""
    for day, state in enumerate(states):
        lender.conn.execute(
            """INSERT INTO attempt (lane, attempt_id, message_id, borrower_id, seq, route_at, channel, provider,
                   contact_point_id, epoch, state, text_sealed, valid_until, claimed_at, sent_at)
               SELECT lane, gen_random_uuid(), gen_random_uuid(), borrower_id, 1, 1, channel, 'test', contact_point_id,
                      1, %s, 'x', at, at, at
               FROM contact_point, (SELECT %s::timestamptz + make_interval(days => %s) AS at) AS when_
               WHERE borrower_id = %s AND channel = %s""",
            (state, on, day, borrower_id_of(borrower), channel),
        )
    lender.conn.commit()


def test_a_contact_point_is_due_by_age_until_somebody_verifies_it(lender: Lender, run: Run) -> None:
    lender.book("loan borrower due_on\nL-1 B 2026-03-10")
    lender.name_in_directory("B")
    lender.conn.execute("UPDATE contact_point SET collected_on = current_date - 100 WHERE channel = 'email'")
    lender.conn.commit()
    found = run("contact-point", "due", "--json")
    assert [(one["borrower"], one["channel"], one["why"]) for one in found] == [("B", "sms", ["age"])]
    assert "+86" in found[0]["address"] and "13900001111" not in json.dumps(found)
    assert len(run("contact-point", "due", "--days", "90", "--json")) == 2
    assert run("contact-point", "due", "--days", "0", "--json") == []
    assert "Contact points due" in run("contact-point", "due")
    run("contact-point", "verify", "B", "sms", "--how", "code")
    assert run("contact-point", "due", "--json") == []
    shown = {one["channel"]: one for one in run("borrower", "show", "B", "--json")["contact_points"]}
    assert (shown["sms"]["verified_how"], shown["email"]["verified_how"]) == ("code", None)
    assert lender.conn.execute("SELECT verified_by FROM contact_point WHERE channel = 'sms'").fetchall() == [
        ("Mei",)
    ]
    assert lender.conn.execute(
        "SELECT count(*) FROM book_history WHERE subject = 'contact_point'"
    ).fetchone() == (1,)


@pytest.mark.parametrize(
    ("states", "due"),
    [
        (("refused", "refused"), False),
        (("refused", "refused", "refused"), True),
        (("refused", "refused", "refused", "delivered"), False),
        (("refused", "delivered", "refused", "refused", "refused"), True),
        (("refused", "unknown", "released"), False),
    ],
)
def test_a_contact_point_is_due_after_failures_with_no_delivery_since(
    lender: Lender, states: tuple[str, ...], due: bool
) -> None:
    lender.book("loan borrower due_on\nL-1 B 2026-03-10")
    failed(lender, "B", "sms", *states)
    found = contact_points_due(lender.conn, now=LONG_AGO, days=365, failures=3)
    assert [(one["channel"], one["by_failures"], one["by_age"]) for one in found] == (
        [("sms", True, False)] if due else []
    )
    assert contact_points_due(lender.conn, now=LONG_AGO, days=365, failures=0) == []


def test_a_verification_forgives_the_failures_before_it(lender: Lender, run: Run) -> None:
    lender.book("loan borrower due_on\nL-1 B 2026-03-10")
    lender.name_in_directory("B")
    failed(lender, "B", "sms", *["refused"] * 3)
    only = ("contact-point", "due", "--days", "0", "--json")
    assert [(one["why"], one["failed"]) for one in run(*only)] == [(["failures"], 3)]
    run("contact-point", "verify", "B", "sms", "--how", "call")
    assert run(*only) == []


def test_a_contact_point_is_named_by_channel_or_id_and_never_guessed(lender: Lender, run: Run) -> None:
    lender.book("loan borrower due_on\nL-1 B 2026-03-10")
    lender.name_in_directory("B")
    second = lender.contact_point("B", "sms", "+8613900002222", rank=2)
    assert fault(run, "contact-point", "verify", "B", "sms", "--how", "call") == ["D069"]
    assert fault(run, "contact-point", "verify", "B", "voice", "--how", "call") == ["D069"]
    assert fault(run, "contact-point", "verify", "nobody", "sms", "--how", "call") == ["D033"]
    assert fault(run, "contact-point", "verify", "B", "email", "--how", "139 0000 1111") == ["D069"]
    assert fault(run, "contact-point", "retire", "B", "email", "--reason", "replaced") == ["D069"]
    run("contact-point", "retire", "B", str(second)[:8], "--reason", "wrong-person")
    assert fault(run, "contact-point", "verify", "B", str(second)[:8], "--how", "call") == ["D069"]
    states = "SELECT state, retired_reason FROM contact_point WHERE channel = 'sms' ORDER BY rank"
    assert lender.conn.execute(states).fetchall() == [("active", None), ("retired", "wrong-person")]


def test_a_merge_is_said_done_and_taken_back(lender: Lender, run: Run) -> None:
    lender.book("loan borrower due_on\nL-1 A 2026-03-10\nL-2 B 2026-03-20")
    for key in "AB":
        lender.name_in_directory(key)
    because = ("--evidence", "same passport")
    assert fault(run, "borrower", "merge", "A", "B") == ["D065"]
    assert run("borrower", "merge", "A", "B", *because, "--dry-run", "--json")["rows"]["loan"] == 1
    assert "dry run" in run("borrower", "merge", "A", "B", *because, "--dry-run")
    assert "B is part of A now" in run("borrower", "merge", "A", "B", *because)
    shown = run("borrower", "show", "B", "--json")
    assert (shown["key"], shown["merged_keys"], shown["lane"]) == ("A", ["B"], lane_of("A"))
    assert sorted(loan["ref"] for loan in shown["loans"]) == ["L-1", "L-2"]
    assert "Also known as B" in run("borrower", "show", "A")
    assert run("borrower", "merge", "A", "B", "--undo", "--json")["undone"] is True
    assert [loan["ref"] for loan in run("borrower", "show", "B", "--json")["loans"]] == ["L-2"]


def test_show_tells_roles_and_parties(lender: Lender, run: Run) -> None:
    lender.book("loan borrower due_on\nL-1 A 2026-03-10\nL-2 B 2026-03-20")
    for key in "AB":
        lender.name_in_directory(key)
    lender.conn.execute(
        """INSERT INTO borrower (lane, borrower_id, borrower_key, home_lane, language, region, zone, row_digest,
               effective_at, recorded_at)
           SELECT %s, borrower_id, borrower_key, nullif(lane, %s), language, region, zone, '', effective_at, recorded_at
           FROM borrower WHERE borrower_key = 'B' ON CONFLICT DO NOTHING""",
        (lane_of("A"), lane_of("A")),
    )
    lender.conn.execute(
        """INSERT INTO loan_party (lane, loan_id, borrower_id, role, effective_at, recorded_at)
           SELECT lane, loan_id, %s, 'guarantor', %s, %s FROM loan WHERE loan_ref = 'L-1'""",
        (borrower_id_of("B"), LONG_AGO, LONG_AGO),
    )
    lender.conn.execute(
        "UPDATE borrower SET kind = 'company', legal_basis = 'contract' WHERE borrower_key = 'A'"
    )
    lender.conn.commit()
    (role,) = run("borrower", "show", "B", "--json")["roles"]
    assert (role["loan"], role["role"], role["borrower"]) == ("L-1", "guarantor", "A")
    shown = run("borrower", "show", "A", "--json")
    assert [(one["party"], one["role"]) for one in shown["parties"]] == [("B", "guarantor")]
    assert (shown["kind"], shown["legal_basis"]) == ("company", "contract")
    assert "guarantor" in run("borrower", "show", "A") and "A company" in run("borrower", "show", "A")
