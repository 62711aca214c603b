"""Anybody may ask by its code whether a notice is the lender's, and learns the lender and the day, nothing else."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from duecourse.responses.authenticity import NotOurs, Sent, check_code
from duecourse.responses.links import LinkRefusal
from lender import REMINDER, Lender
from sent_links import NINE, publish_policy, send_link


@pytest.fixture
def lent(lender: Lender) -> Lender:
    """One borrower, far east of the lender, and the policy that wrote to them."""
    lender.book("loan due_on zone\nL-1 2026-03-10 Pacific/Auckland")
    lender.policy(REMINDER)
    publish_policy(lender)
    return lender


def checked(lender: Lender, code: str, **more: Any) -> Sent | NotOurs | LinkRefusal:
    given: dict[str, Any] = {"peer": "203.0.113.9", "now": NINE + timedelta(days=1), **more}
    found = check_code(lender.conn, lender.keyring, code, **given)
    lender.conn.commit()
    return found


def test_a_notice_of_ours_is_known_by_its_code_with_the_day_the_borrower_had_it(lent: Lender) -> None:
    sent = send_link(lent, at=NINE + timedelta(hours=10))  # 19:00 in Shanghai is past midnight in Auckland
    ours = Sent("Test Bank", date(2026, 3, 10))
    for typed in (
        sent.code,
        f" {sent.code[:4]} {sent.code[4:]} ",
        f"https://notices.bank.example/l/{sent.code}",
    ):
        assert checked(lent, typed) == ours


def test_it_stays_ours_when_its_link_has_run_out_or_was_taken_back(lent: Lender) -> None:
    sent = send_link(lent, days=1)
    lent.conn.execute("UPDATE link SET revoked_at = %s, revoked_by = 'x', revoked_why = 'x'", (NINE,))
    assert isinstance(checked(lent, sent.code, now=NINE + timedelta(days=300)), Sent)


def test_what_was_never_handed_over_is_not_ours_and_no_click_is_counted(lent: Lender) -> None:
    assert checked(lent, send_link(lent, state="released").code) == NotOurs()
    checked(lent, send_link(lent).code)
    assert lent.conn.execute("SELECT count(*) FROM click").fetchone() == (0,)


def test_who_tries_codes_is_stopped_like_one_who_tries_links(lent: Lender) -> None:
    asked = [checked(lent, f"{n:08d}") for n in range(25)]
    assert asked == [NotOurs()] * 20 + [LinkRefusal.TOO_MANY] * 5
    assert checked(lent, send_link(lent).code, peer="192.0.2.1") == Sent("Test Bank", date(2026, 3, 9))
