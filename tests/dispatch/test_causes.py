"""Why something did not arrive is told apart: dead numbers retire, those that are off only after long."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from phonenumbers import PhoneNumber
from phonenumbers.carrier import name_for_number

from counter import Counter
from duecourse.dispatch.carriers import CARRIERS, carrier_of, import_ported, learn_carriers, mainland_prefixes
from duecourse.dispatch.receipts import append_receipts, apply_receipts
from duecourse.dispatch.settle import Silence
from duecourse.domain.messaging import Cause, Receipt, ReceiptStatus, Refused
from exchange import NINE, NOW, due
from lender import Lender
from post import Post

STEPS = """
  - id: due-in-1
    when: due - 1d at 09:00
    purpose: reminder
    route: [sms]
    template: due-soon
"""


def state_of(lender: Lender) -> tuple[str, str | None]:
    """State of the one phone number, and why it was retired."""
    row = lender.conn.execute(
        "SELECT state, retired_reason FROM contact_point WHERE channel = 'sms'"
    ).fetchone()
    lender.conn.commit()
    assert row is not None
    return row  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("cause", "permanent", "stays"),
    [
        (Cause.DEAD, False, "retired"),
        (Cause.OTHER, True, "retired"),
        (Cause.BLOCKED, False, "active"),
        (Cause.OFF, False, "active"),
        (Cause.SUSPENDED, True, "active"),
    ],
)
def test_a_refusal_says_why_and_retires_only_what_is_dead(
    lender: Lender, post: Post, cause: Cause, permanent: bool, stays: str
) -> None:
    due(lender, email="-")
    counter = Counter(post, sms=[Refused("x", "no", permanent, cause)])
    counter.at(NINE)
    assert lender.conn.execute("SELECT state, cause FROM attempt").fetchall() == [("refused", cause.value)]
    assert state_of(lender)[0] == stays


def test_a_receipt_s_cause_is_kept_on_the_attempt_and_taken_back_by_a_delivery(
    lender: Lender, post: Post
) -> None:
    due(lender, email="-")
    counter = Counter(post)
    counter.at(NINE)
    attempt = counter.ends["sms"].taken[0].attempt_id
    for minute, receipt in enumerate(
        (
            Receipt(ReceiptStatus.FAILED, "MK:0012", attempt_id=attempt, cause=Cause.BLOCKED),
            Receipt(ReceiptStatus.DELIVERED, "DELIVRD", attempt_id=attempt),
        )
    ):
        now = NOW + timedelta(minutes=minute)
        keys = append_receipts(counter.conn, post.keyring, "sms", [receipt], now=now)
        apply_receipts(counter.conn, counter.desk.epochs, keys, now=now)
        stands = lender.conn.execute("SELECT state, cause FROM attempt").fetchall()
        lender.conn.commit()
        assert stands == [[("refused", "blocked")], [("delivered", None)]][minute]
    kept = lender.conn.execute("SELECT cause FROM receipt ORDER BY received_at").fetchall()
    assert kept == [("blocked",), ("other",)]


@pytest.mark.parametrize(
    ("outcomes", "days", "stays"),
    [
        ("off suspended off", 2, "retired"),
        ("off suspended", 2, "active"),
        ("off off off", 3, "active"),
        ("off blocked off", 1, "active"),
    ],
    ids=["so often in a row over so many days", "not often enough", "too short a time", "not in a row"],
)
def test_a_number_that_is_off_retires_after_so_many_times_over_so_many_days(
    lender: Lender, post: Post, outcomes: str, days: int, stays: str
) -> None:
    dates = ["2026-03-10", "2026-03-11", "2026-03-12"]
    lender.book("loan borrower due_on\n" + "\n".join(f"L-{day} B {day}" for day in dates), email="-")
    lender.policy(STEPS)
    answers = [Refused("x", "no", False, Cause(one)) for one in outcomes.split()]
    counter = Counter(post, sms=answers)
    object.__setattr__(counter.desk._pace, "silence", Silence(3, days))
    for at in range(3):
        day = datetime.fromisoformat(NINE) + timedelta(days=at)
        lender.plan((day - timedelta(hours=9)).isoformat())
        counter.at(day.isoformat())
    assert state_of(lender) == (stays, "off or barred for too long" if stays == "retired" else None)


def test_prefixes_agree_with_libphonenumber_wherever_both_know_one() -> None:
    names = {"China Mobile": "CN-mobile", "China Unicom": "CN-unicom", "China Telecom": "CN-telecom",
             "China Broadnet": "CN-broadnet"}  # fmt: skip
    compared = 0
    for prefix in range(1300, 2000):
        number = f"+86{prefix}0000000"
        theirs = name_for_number(PhoneNumber(country_code=86, national_number=int(number[3:])), "en")
        ours = carrier_of(number)
        if theirs and ours:
            assert ours == names[theirs], prefix
            compared += 1
    assert compared > 400
    assert set(mainland_prefixes().values()) == CARRIERS


def test_a_carrier_elsewhere_is_named_by_its_country() -> None:
    assert carrier_of("+639171234567") == "PH-globe"
    assert carrier_of("+14155550123") == ""


def test_a_ported_number_has_left_the_carrier_of_its_prefix_whenever_that_is_learnt(lender: Lender) -> None:
    lender.book("loan due_on phone\nL-1 2026-03-10 +8613900001111\nL-2 2026-03-10 +8613900002222", email="-")
    lender.reindex_contact_points()

    def port(rows: str) -> tuple[int, list[str]]:
        report = import_ported(
            lender.conn, lender.keyring, ("number,carrier\n" + rows).splitlines(), name="p.csv", region="CN",
            source="test", now=NOW,
        )  # fmt: skip
        return report.changed, [one.where for one in report.problems]

    assert port("13900001111,CN-unicom") == (1, [])
    learn_carriers(lender.conn, lender.keyring, range(256), now=NOW)
    assert port("13900002222,CN-telecom\n13900001111,CN-unicom\n12,CN-mobile\n13900003333,Mobile") == (
        1,
        ["p.csv:4 number", "p.csv:5 carrier"],
    )
    known = lender.conn.execute("SELECT carrier, source FROM point_carrier ORDER BY carrier").fetchall()
    assert known == [("CN-telecom", "ported"), ("CN-unicom", "ported")]
