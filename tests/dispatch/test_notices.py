"""A notice counts as served when its message reached the person, and no longer when it came back."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from counter import Counter
from duecourse.book.holds import HoldKind, add_hold
from duecourse.book.notices import notices_of, record_notice
from duecourse.book.reading import find_borrower, loans_of
from duecourse.book.wishes import Person, Said
from duecourse.dispatch.acts import may_act
from duecourse.domain.messaging import ReceiptStatus
from duecourse.rules.compiling import shipped
from lender import Lender, borrower_id_of, lane_of
from post import TEXTS, Post

NOTICE = """
  - id: bureau
    when: law at 10:00
    serves: bureau
    route: [{channel}]
    template: overdue
"""


def sent(lender: Lender, post: Post, channel: str) -> Counter:
    """One bureau notice, handed over."""
    lender.book("loan due_on\nL-1 2026-03-10")
    lender.policy(NOTICE.format(channel=channel))
    lender.plan("2026-03-12T00:00+08:00")
    counter = Counter(post)
    counter.at("2026-03-13T10:00+08:00")
    return counter


def served(lender: Lender) -> list[tuple[str, str]]:
    rows = lender.conn.execute(
        "SELECT n.kind, to_char(n.served_at AT TIME ZONE 'Asia/Shanghai', 'MM-DD HH24:MI') FROM notice n"
    ).fetchall()
    lender.conn.commit()
    return rows


def test_by_email_it_is_served_when_it_was_handed_over(lender: Lender, post: Post) -> None:
    counter = sent(lender, post, "email")
    assert len(counter.ends["email"].taken) == 1
    assert served(lender) == [("bureau", "03-13 10:00")]


def test_by_sms_it_is_served_when_it_was_delivered(lender: Lender, post: Post) -> None:
    counter = sent(lender, post, "sms")
    assert served(lender) == []
    counter.hear("2026-03-13T10:05+08:00", "sms", ReceiptStatus.DELIVERED)
    assert served(lender) == [("bureau", "03-13 10:05")]


def test_what_came_back_was_not_served(lender: Lender, post: Post) -> None:
    counter = sent(lender, post, "email")
    counter.hear("2026-03-13T10:05+08:00", "email", ReceiptStatus.FAILED)
    assert served(lender) == []


def test_a_notice_has_the_text_of_its_template(lender: Lender, post: Post) -> None:
    counter = sent(lender, post, "sms")
    assert TEXTS["overdue"].startswith("Test Bank: please pay")
    assert [one.text for one in counter.ends["sms"].taken] == ["Test Bank: please pay CN¥100.00."]


def leave(lender: Lender, action: str, now: str) -> tuple[bool, str | None, list[str]]:
    borrower = find_borrower(lender.conn, lender.keyring, "B-L-1")
    if borrower is None:
        lender.name_in_directory("B-L-1")
        borrower = find_borrower(lender.conn, lender.keyring, "B-L-1")
    assert borrower is not None
    loan = loans_of(lender.conn, borrower.lane, borrower.borrower_id)[0]
    answer = may_act(
        lender.conn,
        shipped(),
        borrower,
        action,
        loan_id=loan.loan_id,
        product=loan.product,
        now=datetime.fromisoformat(now),
    )
    lender.conn.commit()
    first = answer.not_before.astimezone(ZoneInfo(borrower.zone)).isoformat() if answer.not_before else None
    return answer.allow, first, [one.rule for one in answer.reasons]


def test_a_report_to_a_bureau_waits_for_our_own_notice_and_follows_it(lender: Lender, post: Post) -> None:
    sent(lender, post, "sms").hear("2026-03-13T10:05+08:00", "sms", ReceiptStatus.DELIVERED)
    assert leave(lender, "bureau-report", "2026-03-13T10:04+08:00") == (False, None, ["CN-CREDIT"])
    assert leave(lender, "bureau-report", "2026-03-13T22:05+08:00")[0]


def test_an_objection_stands_against_a_report(lender: Lender, post: Post) -> None:
    sent(lender, post, "email")
    person = Person(lane_of("B-L-1"), borrower_id_of("B-L-1"))
    at = datetime.fromisoformat("2026-03-14T00:00+08:00")
    add_hold(lender.conn, person, HoldKind.DISPUTE, said=Said("call", "cli", "me", at, at))
    lender.conn.commit()
    assert leave(lender, "bureau-report", "2026-03-14T10:00+08:00")[2] == ["CN-CREDIT-OBJECTION"]


def test_enforcement_waits_fourteen_whole_days_after_a_letter(lender: Lender) -> None:
    lender.book("loan due_on\nL-1 2026-03-10", region="GB", zone="Europe/London")
    assert leave(lender, "enforcement", "2026-03-20T10:00+00:00") == (False, None, ["UK-87"])
    person = Person(lane_of("B-L-1"), borrower_id_of("B-L-1"))
    at = datetime.fromisoformat("2026-03-20T10:00+00:00")
    said = Said("registered letter", "cli", "me", at, at)
    assert record_notice(lender.conn, person, "default", said=said)
    assert not record_notice(lender.conn, person, "default", said=said)
    assert [one.kind for one in notices_of(lender.conn, person, at=at)] == ["default"]
    waits = (False, "2026-04-04T00:00:00+01:00", ["UK-87"])
    assert leave(lender, "enforcement", "2026-03-20T11:00+00:00") == waits
    assert leave(lender, "enforcement", "2026-04-03T23:59+01:00") == waits
    assert leave(lender, "enforcement", "2026-04-04T00:00+01:00")[0]
