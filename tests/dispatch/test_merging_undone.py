"""A merge taken back."""

from __future__ import annotations

import pytest

from duecourse.domain.problems import DuecourseError
from lender import Lender, borrower_id_of, lane_of

from .merging_desk import APART, BOOK, DAY, SMS, Desk, both


@pytest.fixture
def desk(lender: Lender) -> Desk:
    return Desk(lender)


@both
def test_an_undo_gives_each_back_what_was_theirs(desk: Desk, other: str) -> None:
    desk.book(
        f"loan borrower due_on phone\nL-1 kept 2026-03-10 +8613900001111\nL-2 {other} 2026-03-20 +8613900002222",
        "kept", other,
    )  # fmt: skip
    desk.hold(other, "dispute")
    desk.notice(other, "L-2")
    desk.contact(other, "L-2", "2026-03-08")
    desk.lender.policy(SMS)
    desk.lender.plan(DAY)
    tables = [table for table in BOOK if table not in ("borrower", "contact_point")]
    before = desk.dump(*tables)
    points = """SELECT borrower_id, channel, rank, state FROM contact_point c
                WHERE lane = %s AND borrower_id = %s ORDER BY 2, 3"""
    own = desk.all(points, lane_of(other), borrower_id_of(other))
    desk.merge("kept", other)
    desk.undo("kept", other)
    assert desk.dump(*tables) == before
    assert desk.all(points, lane_of(other), borrower_id_of(other)) == own
    assert desk.all(points, lane_of("kept"), borrower_id_of("kept")) != []
    assert desk.all("SELECT count(*) FROM borrower WHERE merged_into IS NOT NULL") == [(0,)]
    with pytest.raises(DuecourseError) as caught:
        desk.undo("kept", other)
    assert [problem.code for problem in caught.value.problems] == ["D068"]
    assert desk.merge("kept", other).counts["loan"] == 1


@both
def test_what_was_said_since_the_merge_both_keep(desk: Desk, other: str) -> None:
    desk.book(f"loan borrower due_on\nL-1 kept 2026-03-10\nL-2 {other} 2026-03-20", "kept", other)
    desk.merge("kept", other)
    desk.conn.execute(
        """INSERT INTO hold (lane, borrower_id, hold_id, kind, evidence, source, recorded_by, effective_at, recorded_at)
           VALUES (%s, %s, gen_random_uuid(), 'lawyer', 'a letter', 'cli', 'Mei', now(), now() + interval '1 day')""",
        (lane_of("kept"), borrower_id_of("kept")),
    )
    desk.undo("kept", other)
    assert sorted(desk.all("SELECT lane, borrower_id FROM hold")) == sorted(
        (lane_of(name), borrower_id_of(name)) for name in ("kept", other)
    )


def test_a_message_that_spoke_of_both_forbids_the_undo(desk: Desk) -> None:
    desk.book(f"loan borrower due_on\nL-1 kept 2026-03-10\nL-2 {APART} 2026-03-10", "kept", APART)
    desk.lender.policy(SMS)
    desk.lender.plan(DAY)
    desk.merge("kept", APART)
    before = desk.dump()
    with pytest.raises(DuecourseError) as caught:
        desk.undo("kept", APART)
    assert [problem.code for problem in caught.value.problems] == ["D068"]
    assert desk.dump() == before
