"""What happened goes with its loan when two records become one, or with the applicant; it is told once."""

from __future__ import annotations

from uuid import NAMESPACE_OID, uuid5

import pytest

from counter import Counter
from duecourse.book.events import Happening, record_event
from duecourse.book.wishes import Person
from duecourse.planning.events import ToldReport
from events_book import tell
from lender import Lender, borrower_id_of, lane_of
from post import TEXTS, Post

from .merging_desk import NOW, Desk, both

POLICY = """
  - id: told
    on: {kind}
    purpose: status
    route: [sms]
    template: due-today
"""


@pytest.fixture
def desk(lender: Lender) -> Desk:
    return Desk(lender)


def happened(desk: Desk, who: str, kind: str, loan: str | None) -> None:
    happening = Happening(
        Person(lane_of(who), borrower_id_of(who)),
        kind,  # type: ignore[arg-type]
        NOW,
        "A-1",
        uuid5(NAMESPACE_OID, f"loan/{loan}") if loan else None,
        creditor="bank",
    )
    assert record_event(desk.conn, happening, source="cli", by="Mei", now=NOW)
    desk.conn.commit()


@both
@pytest.mark.parametrize("undone", [False, True], ids=["merged", "and undone"])
def test_what_happened_to_a_loan_goes_with_it_and_is_told_once(
    desk: Desk, post: Post, monkeypatch: pytest.MonkeyPatch, other: str, undone: bool
) -> None:
    monkeypatch.setitem(TEXTS, "due-today", "Test Bank: {{ product }} {{ loan_ref }} was paid out.")
    desk.book(f"loan borrower due_on\nL-1 kept 2026-04-10\nL-2 {other} 2026-04-10", "kept", other)
    desk.lender.policy(POLICY.format(kind="payout.made"))
    happened(desk, other, "payout.made", "L-2")
    assert tell(desk.lender, NOW.isoformat()).messages == 1
    desk.merge("kept", other)
    if undone:
        desk.undo("kept", other)
    whose = other if undone else "kept"
    assert desk.all("SELECT lane, borrower_id FROM event") == [(lane_of(whose), borrower_id_of(whose))]
    assert desk.all("SELECT lane, borrower_id FROM message_item") == [(lane_of(whose), borrower_id_of(whose))]
    assert tell(desk.lender, NOW.isoformat()) == ToldReport()
    counter = Counter(post)
    counter.at(NOW.isoformat())
    assert [one.text for one in counter.ends["sms"].taken] == ["Test Bank: cash-loan L-2 was paid out."]


@both
def test_an_application_goes_with_the_whole_record(
    desk: Desk, post: Post, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    monkeypatch.setitem(TEXTS, "due-today", "Test Bank: we have {{ reference }}.")
    desk.book(f"loan borrower due_on\nL-1 kept 2026-04-10\nL-2 {other} 2026-04-10", "kept", other)
    desk.lender.policy(POLICY.format(kind="application.received"))
    happened(desk, other, "application.received", None)
    assert tell(desk.lender, NOW.isoformat()).messages == 1
    desk.merge("kept", other)
    assert desk.all("SELECT lane, borrower_id FROM event") == [(lane_of("kept"), borrower_id_of("kept"))]
    counter = Counter(post)
    counter.at(NOW.isoformat())
    assert [one.text for one in counter.ends["sms"].taken] == ["Test Bank: we have A-1."]
