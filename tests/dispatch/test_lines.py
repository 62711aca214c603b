"""Providers whose attempts last: lines that are all taken, and evidence that comes when a call is over."""

from __future__ import annotations

from datetime import datetime

from counter import Counter
from duecourse.dispatch.reading import find_message, read_rows
from duecourse.dispatch.receipts import append_receipts, apply_receipts
from duecourse.domain.messaging import Receipt, ReceiptStatus
from lender import Lender
from post import Post

NINE, LATER = "2026-03-09T09:00+08:00", "2026-03-09T09:05+08:00"
STEP = """
  - id: due-in-1
    when: due - 1d at 09:00
    purpose: reminder
    route: [sms]
    template: due-soon
"""


def planned(lender: Lender, post: Post) -> Counter:
    lender.book(f"loan due_on phone\nL-1 2026-03-10 +86138{post.serial()}4321")
    lender.reindex_contact_points()
    lender.policy(STEP)
    lender.plan("2026-03-09T00:00+08:00")
    return Counter(post)


def test_provider_with_every_line_taken_is_given_nothing_until_one_is_free(
    lender: Lender, post: Post
) -> None:
    counter = planned(lender, post)
    sms = counter.ends["sms"]
    sms.window = 0
    counter.at(NINE)
    assert sms.taken == []
    attempts = lender.conn.execute("SELECT count(*) FROM attempt").fetchone()
    assert attempts == (0,), "nothing was claimed only to be given back"
    lender.conn.commit()
    sms.window = 1
    counter.at(LATER)
    assert len(sms.taken) == 1


def test_recording_is_known_by_its_place_and_digest_and_changes_nothing(lender: Lender, post: Post) -> None:
    counter = planned(lender, post)
    counter.at(NINE)
    counter.hear(LATER, "sms", ReceiptStatus.DELIVERED)
    attempt_id = counter.ends["sms"].taken[0].attempt_id
    recorded = Receipt(
        ReceiptStatus.BUFFERED, "recorded", attempt_id=attempt_id, evidence="3f/3f01.wav sha256:00ff"
    )
    now = datetime.fromisoformat(LATER)
    keys = append_receipts(counter.conn, post.keyring, "sms", [recorded], now=now)
    apply_receipts(counter.conn, counter.desk.epochs, keys, now=now)
    assert post.outcomes() == [("L-1", "delivered", None)]
    message_id = lender.conn.execute("SELECT message_id FROM message").fetchone()[0]
    lane, message_id = find_message(lender.conn, str(message_id))
    rows = read_rows(lender.conn, "show_receipts", lane=lane, message_id=message_id)
    assert {row["code"]: row["evidence"] for row in rows} == {
        "delivered": None,
        "recorded": "3f/3f01.wav sha256:00ff",
    }
