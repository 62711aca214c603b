"""Attempts whose submission was never answered: what their receipts can say of them, and what nothing may say."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from counter import Counter
from duecourse.dispatch.receipts import append_receipts, apply_receipts, sweep_receipts
from duecourse.domain.messaging import Receipt, ReceiptStatus, Unknown, reference_of
from duecourse.store.lease import acquire
from lender import Lender
from post import Post

NINE = datetime.fromisoformat("2026-03-09T09:00+08:00")
LATER = NINE + timedelta(minutes=1)
ROUTE = """
  - id: due-in-1
    when: due - 1d at 09:00
    purpose: reminder
    route: [sms, email]
    template: due-soon
"""
DELIVERED, FAILED, BUFFERED = ReceiptStatus.DELIVERED, ReceiptStatus.FAILED, ReceiptStatus.BUFFERED


def planned(lender: Lender, *numbers: str) -> None:
    """One borrower with one loan for each number, and their messages."""
    rows = "\n".join(f"L-{place} 2026-03-10 {number}" for place, number in enumerate(numbers, 1))
    lender.book(f"loan due_on phone\n{rows}")
    lender.reindex_contact_points()
    lender.policy(ROUTE)
    lender.plan("2026-03-09T00:00+08:00")


def attempt_history(lender: Lender) -> list[str]:
    """What every attempt was, in order."""
    rows = lender.conn.execute(
        "SELECT state FROM history WHERE subject = 'attempt' ORDER BY recorded_at, version"
    ).fetchall()
    lender.conn.commit()
    return [state for (state,) in rows]


def test_receipt_of_an_unanswered_submission_says_what_became_of_it(lender: Lender, post: Post) -> None:
    number = f"+86139{post.serial()}0009"
    planned(lender, number)
    post.work(NINE.isoformat())
    assert attempt_history(lender) == ["claimed", "unknown", "delivered"]
    assert post.outcomes() == [("L-1", "delivered", None)]
    assert [line["to"] for line in post.journal()] == [number.removeprefix("+")]
    (submit,) = post.journal()
    kept = lender.conn.execute("SELECT provider_message_id, sent_at IS NOT NULL FROM attempt").fetchone()
    assert kept == (submit["id"], True)


def test_receipt_that_came_before_the_next_channel_is_claimed_stops_it(lender: Lender, post: Post) -> None:
    planned(lender, f"+86139{post.serial()}0009")

    async def a_turn_after_the_receipt() -> None:
        with post.store.connect() as conn:
            desk, switchboard = await post.open(conn)
            switchboard.now = NINE
            try:
                await desk.take_turn(NINE, 500)
                await switchboard.drain()
                await desk.take_turn(NINE, 500)  # before anybody applied the receipt
            finally:
                await switchboard.close()

    asyncio.run(a_turn_after_the_receipt())
    assert [attempt[:2] for attempt in post.attempts()] == [("sms", "delivered")]
    assert post.outcomes() == [("L-1", "delivered", None)]


def test_message_that_has_moved_on_stays_with_its_newer_attempt(lender: Lender, post: Post) -> None:
    planned(lender, "+8613911110000")
    counter = Counter(post, sms=[Unknown("no answer")])
    counter.at(NINE.isoformat(), NINE.isoformat())
    counter.hear(NINE.isoformat(), "sms", DELIVERED)
    assert [attempt[:2] for attempt in post.attempts()] == [("sms", "delivered"), ("email", "sent")]
    assert lender.messages("state", "route_at", "tries") == [("in_flight", 2, 2)]


class Unanswered:
    """Attempts of unknown outcome, whose receipts the test writes."""

    def __init__(self, lender: Lender, post: Post, *numbers: str, reference: int | None = None) -> None:
        """reference: given to all of them."""
        self.lender, self.post, self.numbers = lender, post, numbers
        planned(lender, *numbers)
        post.work(NINE.isoformat(), kinds=("sms.smpp",))
        if reference is not None:
            lender.conn.execute(
                "UPDATE attempt SET attempt_id = (%s || substr(attempt_id::text, 5))::uuid",
                (f"{reference:04x}",),
            )
            lender.conn.commit()
        with post.store.connect(autocommit=True) as leases:
            self.epochs = acquire(leases, "reader", 60)

    @property
    def ids(self) -> list[UUID]:
        """In the order of their loans."""
        rows = self.lender.conn.execute(
            "SELECT a.attempt_id FROM attempt a JOIN borrower b USING (lane, borrower_id) ORDER BY b.borrower_key"
        ).fetchall()
        self.lender.conn.commit()
        return [row[0] for row in rows]

    def receipt(self, place: int = 0, status: ReceiptStatus = DELIVERED, provider_id: str = "X-1") -> Receipt:
        """What an SMSC that echoes the reference says of one attempt."""
        return Receipt(
            status,
            status.value,
            provider_id=provider_id,
            address=self.numbers[place],
            reference=reference_of(self.ids[place]),
        )

    def hear(
        self, *receipts: Receipt, at: datetime = LATER, provider: str = "sms.smpp", way: str = "both"
    ) -> int:
        """Append receipts and apply them: at once, as the worker that took them does, or by the sweep, or both."""
        conn = self.lender.conn
        applied = 0
        keys = append_receipts(conn, self.post.keyring, provider, receipts, now=at)
        if way != "sweep":
            applied += len(apply_receipts(conn, self.epochs, keys, now=at).receipts)
        if way != "at once":
            applied += len(sweep_receipts(conn, self.epochs, now=at).receipts)
        return applied

    def states(self) -> list[str]:
        """Of the attempts, in the order of their loans."""
        by_id = dict(self.lender.conn.execute("SELECT attempt_id, state FROM attempt").fetchall())
        self.lender.conn.commit()
        return [by_id[attempt_id] for attempt_id in self.ids]


def test_two_attempts_with_one_reference_leave_nothing_to_guess(lender: Lender, post: Post) -> None:
    number = f"+86139{post.serial()}0007"
    attempts = Unanswered(lender, post, number, number, reference=0xBEEF)
    assert attempts.hear(attempts.receipt()) == 0
    assert attempts.states() == ["unknown", "unknown"]


def test_of_two_attempts_to_one_number_the_reference_tells(lender: Lender, post: Post) -> None:
    number = f"+86139{post.serial()}0007"
    attempts = Unanswered(lender, post, number, number)
    assert attempts.hear(attempts.receipt(1)) > 0
    assert attempts.states() == ["unknown", "delivered"]


def test_of_two_attempts_with_one_reference_the_number_tells(lender: Lender, post: Post) -> None:
    numbers = [f"+86139{post.serial()}0007" for _ in range(2)]
    attempts = Unanswered(lender, post, *numbers, reference=0)
    assert attempts.hear(attempts.receipt(1)) > 0
    assert attempts.states() == ["unknown", "delivered"]


@pytest.mark.parametrize("others", ["claimed", "sent", "refused"])
def test_other_attempt_is_a_candidate_only_while_its_answer_is_awaited(
    lender: Lender, post: Post, others: str
) -> None:
    number = f"+86139{post.serial()}0007"
    attempts = Unanswered(lender, post, number, number, reference=0xFFFF)
    lender.conn.execute(
        "UPDATE attempt SET state = %s, sent_at = claimed_at WHERE attempt_id = %s", (others, attempts.ids[1])
    )
    lender.conn.commit()
    attempts.hear(attempts.receipt())
    assert attempts.states() == ["unknown" if others == "claimed" else "delivered", others]


@pytest.mark.parametrize(
    ("difference", "at", "provider"),
    [
        pytest.param({"reference": 1}, LATER, "sms.smpp", id="another reference"),
        pytest.param({"address": "+8613900000000"}, LATER, "sms.smpp", id="another number"),
        pytest.param({"address": ""}, LATER, "sms.smpp", id="no number"),
        pytest.param({"reference": None}, LATER, "sms.smpp", id="no reference"),
        pytest.param({}, LATER, "sms.other", id="another provider"),
        pytest.param({}, NINE - timedelta(minutes=1), "sms.smpp", id="received before the attempt"),
    ],
)
def test_receipt_that_does_not_fit_is_kept_and_changes_nothing(
    lender: Lender, post: Post, difference: dict[str, object], at: datetime, provider: str
) -> None:
    attempts = Unanswered(lender, post, f"+86139{post.serial()}0007", reference=2)
    receipt = attempts.receipt()
    given = {name: getattr(receipt, name) for name in receipt.__slots__} | difference
    assert attempts.hear(Receipt(**given), at=at, provider=provider) == 0
    assert attempts.states() == ["unknown"]
    assert lender.conn.execute("SELECT count(*) FROM receipt").fetchone() == (1,)


def test_failure_heard_first_gives_way_to_a_delivery_under_the_same_id(lender: Lender, post: Post) -> None:
    attempts = Unanswered(lender, post, f"+86139{post.serial()}0007")
    attempts.hear(attempts.receipt(status=BUFFERED))
    assert attempts.states() == ["unknown"]
    attempts.hear(attempts.receipt(status=FAILED))
    assert attempts.states() == ["refused"]
    attempts.hear(attempts.receipt())
    assert attempts.states() == ["delivered"]


@pytest.mark.parametrize("way", ["at once", "sweep"])
def test_long_text_is_delivered_when_every_part_was(lender: Lender, post: Post, way: str) -> None:
    attempts = Unanswered(lender, post, f"+86139{post.serial()}0007")
    lender.conn.execute("UPDATE attempt SET parts = 2")
    lender.conn.commit()
    first = attempts.receipt(provider_id="part-1")
    attempts.hear(first, way=way)
    attempts.hear(first, at=LATER + timedelta(seconds=1), way=way)
    assert attempts.states() == ["unknown"]
    attempts.hear(attempts.receipt(provider_id="part-2"), way=way)
    assert attempts.states() == ["delivered"]


def test_long_text_has_failed_when_one_part_did(lender: Lender, post: Post) -> None:
    attempts = Unanswered(lender, post, f"+86139{post.serial()}0007")
    lender.conn.execute("UPDATE attempt SET parts = 2")
    lender.conn.commit()
    attempts.hear(attempts.receipt(provider_id="part-1"))
    attempts.hear(attempts.receipt(provider_id="part-2", status=FAILED))
    assert attempts.states() == ["refused"]


def test_no_address_is_kept_with_a_receipt(lender: Lender, post: Post) -> None:
    number = f"+86139{post.serial()}0007"
    attempts = Unanswered(lender, post, number)
    receipt = attempts.receipt()
    assert number.removeprefix("+") not in repr(receipt)
    attempts.hear(receipt)
    row = lender.conn.execute("SELECT to_jsonb(r)::text, length(address_index) FROM receipt r").fetchone()
    assert row is not None
    assert number.removeprefix("+") not in row[0]
    assert row[1] == 32
