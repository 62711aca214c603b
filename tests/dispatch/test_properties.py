"""Laws that hold for any interleaving of planning, claiming, answers, receipts, changes of the book and takeovers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from counter import Counter
from duecourse.dispatch.receipts import append_receipts, apply_receipts
from duecourse.domain.messaging import (
    Accepted,
    NotWritten,
    Outcome,
    Receipt,
    ReceiptStatus,
    Refused,
    Throttled,
    Unknown,
)
from duecourse.store.lease import acquire
from examples import examples
from lender import Lender
from post import Post

START = datetime.fromisoformat("2026-03-09T09:00+08:00")
AFTER_ALL = datetime.fromisoformat("2026-03-25T00:00+08:00")
POLICY = """
  - id: due-in-1
    when: due - 1d between 09:00 and 12:00
    purpose: reminder
    route: [sms, email]
    next_if: {not: delivered, within: 2h}
    template: due-soon
    useful_until: +1d 20:00
  - id: due-today
    when: due at 10:00
    purpose: reminder
    route: [sms, email]
    send: all
    template: due-soon
  - id: overdue-1
    when: overdue + 1d at 11:00
    purpose: collection
    route: [sms, email]
    next_if: {not: read, within: 3h}
    template: overdue
"""
BOOK = """
    loan  borrower  zone              due_on      creditor
    L-1   B         Asia/Shanghai     2026-03-10  bank
    L-2   B         Asia/Shanghai     2026-03-10  shop
    L-3   B         Asia/Shanghai     2026-03-11  bank
    L-4   C         America/New_York  2026-03-10  bank
"""
TABLES = """message, message_item, attempt, contact, history, receipt, reply, planned_through, consent,
    hold, installment, loan, contact_point, borrower"""


class KilledError(BaseException):
    """The worker dies between the hand-over and the answer's record."""


ANSWERS: list[Outcome] = [
    Accepted(""),
    Accepted(""),
    Refused("busy", "busy", permanent=False),
    Refused("gone", "gone", permanent=True),
    Throttled("slow", 1),
    NotWritten("not bound"),
    Unknown("no answer"),
]


class World:
    """Two workers, of which one holds the lanes, a book that changes, and a clock."""

    def __init__(self, lender: Lender, post: Post) -> None:
        self.lender = lender
        self.post = post
        self.now = START
        self.loans = 4
        lender.conn.execute(f"TRUNCATE {TABLES}")  # type: ignore[call-overload]
        lender.conn.execute("UPDATE lane_lease SET expires_at = now(), owner = NULL")
        lender.conn.commit()
        lender.policies.clear()
        lender.book(BOOK)
        lender.contact_point("B", "sms", "+8613900002222", rank=2)
        lender.policy(POLICY)
        self.active, self.other = (Counter(post, deduplicating=["email"]) for _ in range(2))
        self.plan(0)

    def close(self) -> None:
        """Give the connections back."""
        for worker in (self.active, self.other):
            worker.conn.close()

    # What may happen

    def plan(self, _: int) -> None:
        self.lender.plan(self.now.isoformat())

    def publish(self, choice: int) -> None:
        """Another version of the policy; planned at once or later."""
        self.lender.policy(POLICY.replace("at 10:00", f"at 1{choice % 6}:00"))
        if choice % 2:
            self.plan(0)

    def turn(self, choice: int, meanwhile: Callable[[], None] = lambda: None) -> None:
        for end in self.active.ends.values():
            end.answers = [self._answer(choice + place * 3, place) for place in range(6)]
            end.meanwhile = meanwhile
        try:
            self.active.at(self.now.isoformat())
        except KilledError:
            pass
        finally:
            for end in (*self.active.ends.values(), *self.other.ends.values()):
                end.meanwhile = lambda: None
                end.answers = []

    def _answer(self, choice: int, place: int) -> Outcome:
        answer = ANSWERS[choice % len(ANSWERS)]
        if isinstance(answer, Accepted):
            return Accepted(str(uuid5(UUID(int=choice), f"{self.now}/{place}")))
        return answer

    def killed_turn(self, choice: int) -> None:
        def die() -> None:
            raise KilledError

        self.turn(choice, die)
        self.take_over(choice)

    def overtaken_turn(self, choice: int) -> None:
        """Another worker takes the lanes over while the answer is on its way."""

        def lose() -> None:
            thread = threading.Thread(target=self.take_over, args=(choice,))
            thread.start()
            thread.join()

        before = self.active
        self.turn(choice, lose)
        before.desk.epochs = {}

    def take_over(self, _: int) -> None:
        with self.post.store.connect(autocommit=True) as leases:
            leases.execute("UPDATE lane_lease SET expires_at = now()")
            epochs = acquire(leases, "counter", 600)
        self.active, self.other = self.other, self.active
        asyncio.run(self.active.desk.recover(epochs, self.now))
        self.active.desk.epochs = epochs

    def receipt(self, choice: int) -> None:
        """For any attempt that was handed over, of whatever state, as often as it likes."""
        rows = self.lender.conn.execute(
            """SELECT provider, attempt_id FROM attempt WHERE state NOT IN ('released', 'claimed')
               ORDER BY attempt_id"""
        ).fetchall()
        self.lender.conn.commit()
        if rows:
            provider, attempt_id = rows[choice % len(rows)]
            status = list(ReceiptStatus)[choice // 7 % len(ReceiptStatus)]
            receipt = Receipt(status, status.value, attempt_id=attempt_id, permanent=choice % 5 == 0)
            conn, desk = self.active.conn, self.active.desk
            keys = append_receipts(conn, self.post.keyring, provider, [receipt], now=self.now)
            if choice % 3:
                apply_receipts(conn, desk.epochs, keys, now=self.now)
            else:
                asyncio.run(desk.sweep(self.now))

    def pay(self, choice: int) -> None:
        self.lender.pay(f"L-{choice % 4 + 1}", self.now.date().isoformat())

    def opt_out(self, choice: int) -> None:
        self.lender.opt_out("BC"[choice % 2], ("sms", "email", None)[choice % 3])

    def hold(self, choice: int) -> None:
        """A dispute, on one debt or all, for a while or until it is lifted."""
        until = self.now + timedelta(hours=1 + choice % 40) if choice % 3 == 1 else None
        debt = uuid5(NAMESPACE_OID, f"loan/L-{choice % 4 + 1}") if choice % 4 == 2 else None
        self.lender.conn.execute(
            """INSERT INTO hold (lane, borrower_id, hold_id, loan_id, kind, evidence, source, recorded_by, effective_at,
                   until, recorded_at)
               SELECT lane, borrower_id, gen_random_uuid(), %s, 'dispute', 'said so', 'test', 'test', %s, %s, %s
               FROM borrower WHERE borrower_key = %s""",
            (debt, self.now, until, self.now, "BC"[choice % 2]),
        )
        self.lender.conn.commit()

    def lift(self, choice: int) -> None:
        """The holds of one person end."""
        self.lender.conn.execute(
            """UPDATE hold h SET ended_at = %s, ended_by = 'test', end_reason = 'test', end_recorded_at = %s
               FROM borrower b WHERE b.lane = h.lane AND b.borrower_id = h.borrower_id AND b.borrower_key = %s
                 AND h.ended_at IS NULL""",
            (self.now, self.now, "BC"[choice % 2]),
        )
        self.lender.conn.commit()

    def move(self, choice: int) -> None:
        """A re-import moves a due date or takes a due back."""
        day = START.date() + timedelta(days=choice % 4)
        self._book("UPDATE installment SET due_on = %s WHERE loan_id = %s", day, choice)

    def grow(self, choice: int) -> None:
        """A loan is added."""
        self.loans += 1
        day = START.date() + timedelta(days=choice % 3)
        self.lender.book(f"loan borrower zone due_on\nL-{self.loans} B Asia/Shanghai {day}")

    def migrate(self, choice: int) -> None:
        """A borrower moves to another zone."""
        zone = ("Asia/Shanghai", "America/New_York", "Pacific/Kiritimati")[choice % 3]
        self.lender.conn.execute("UPDATE borrower SET zone = %s WHERE borrower_key = 'B'", (zone,))
        self.lender.conn.commit()

    def _book(self, statement: str, value: Any, choice: int) -> None:
        loans = self.lender.conn.execute("SELECT loan_id FROM loan ORDER BY loan_ref").fetchall()
        self.lender.conn.execute(statement, (value, loans[choice % len(loans)][0]))  # type: ignore[call-overload]
        self.lender.conn.commit()

    def finish(self) -> None:
        """The end of all days, with a worker that still lives."""
        self.now = AFTER_ALL
        self.take_over(0)
        self.active.at(*[AFTER_ALL.isoformat()] * 2)

    def count(self, query: str) -> int:
        """Of one number."""
        row = self.lender.conn.execute(query).fetchone()  # type: ignore[call-overload]
        self.lender.conn.commit()
        assert row is not None
        return int(row[0])


MOVES = [
    *("turn", "turn", "turn", "turn", "plan", "receipt", "receipt", "killed_turn", "overtaken_turn"),
    *("take_over", "publish", "pay", "opt_out", "hold", "lift", "move", "grow", "migrate"),
]
happenings = st.lists(
    st.tuples(st.sampled_from([61, 0, 10, 121, 181, 720]), st.sampled_from(MOVES), st.integers(0, 200)),
    min_size=15,
    max_size=40,
)
"""Minutes that pass, what happens then, and a number that says how."""

OVER_CAP = """
    SELECT count(*) FROM (
        SELECT lane, borrower_id, local_on FROM (
            SELECT lane, borrower_id, local_on, group_id FROM contact GROUP BY 1, 2, 3, 4, attempt_id, loan_id
            HAVING sum(weight) > 0) AS counted
        GROUP BY 1, 2, 3 HAVING count(DISTINCT group_id) > 1) AS over"""
TWICE_ON_A_CHANNEL = """
    SELECT count(*) FROM attempt a JOIN attempt b ON b.lane = a.lane AND b.message_id = a.message_id
        AND b.channel = a.channel AND b.seq > a.seq
    WHERE a.state NOT IN ('released', 'refused')
      -- refused at the submission; a receipt that came before or after the second attempt may say otherwise
      AND NOT EXISTS (SELECT 1 FROM history h WHERE h.lane = a.lane AND h.subject_id = a.attempt_id
                                                AND h.state = 'refused')"""
WITHIN_A_HOLD = """
    SELECT count(*) FROM contact k JOIN attempt a ON a.lane = k.lane AND a.attempt_id = k.attempt_id
    JOIN hold h ON h.lane = k.lane AND h.borrower_id = k.borrower_id AND (h.loan_id IS NULL OR h.loan_id = k.loan_id)
    WHERE k.weight > 0 AND h.effective_at < k.at AND coalesce(h.until, 'infinity') > k.at
      AND coalesce(h.ended_at, 'infinity') > k.at"""
NOT_ENDED = "SELECT count(*) FROM message WHERE state <> 'done' AND useful_until < '2026-03-25'"
LEFT_CLAIMED = "SELECT count(*) FROM attempt WHERE state = 'claimed'"
HISTORY_GAPS = """
    SELECT count(*) FROM (
        SELECT m.message_id, m.version, count(h.version) AS rows, max(h.version) AS last
        FROM (SELECT lane, message_id, version FROM message
              UNION ALL SELECT lane, attempt_id, version FROM attempt) AS m
        LEFT JOIN history h ON h.lane = m.lane AND h.subject_id = m.message_id
        GROUP BY 1, 2) AS told
    WHERE rows <> version OR last <> version"""
COUNTED_WRONGLY = """
    SELECT count(*) FROM (
        SELECT a.attempt_id, a.state, (SELECT coalesce(sum(weight), 0) FROM contact k
                                       WHERE k.lane = a.lane AND k.borrower_id = a.borrower_id
                                         AND k.attempt_id = a.attempt_id) AS weight
        FROM attempt a) AS sums
    WHERE (state = 'released') <> (weight = 0)"""
AFTER_READ = """
    SELECT count(*) FROM history h
    JOIN attempt a ON a.lane = h.lane AND a.attempt_id = h.subject_id
    JOIN attempt b ON b.lane = a.lane AND b.message_id = a.message_id AND b.seq > a.seq AND b.state <> 'released'
    WHERE h.subject = 'attempt' AND h.state = 'read' AND b.claimed_at > h.at"""
TWO_AT_A_TIME = """
    SELECT count(*) FROM attempt a
    JOIN attempt b ON b.lane = a.lane AND b.message_id = a.message_id AND b.seq > a.seq
    WHERE a.state = 'claimed' AND b.state = 'claimed'"""
AFTER_USE = """
    SELECT count(*) FROM attempt a JOIN message m ON m.lane = a.lane AND m.message_id = a.message_id
    WHERE a.state <> 'released' AND a.claimed_at >= m.useful_until"""
OVERTAKEN = """
    SELECT count(*) FROM attempt b
    JOIN message l ON l.lane = b.lane AND l.message_id = b.message_id AND NOT l.supersedes
    JOIN message w ON w.lane = l.lane AND w.borrower_id = l.borrower_id AND w.policy = l.policy
                  AND w.purpose = l.purpose
                  AND w.local_on < l.local_on AND w.useful_until > b.claimed_at
    JOIN attempt a ON a.lane = w.lane AND a.message_id = w.message_id AND a.claimed_at > b.claimed_at
                  AND a.state <> 'released'
    WHERE b.state <> 'released' AND b.seq = 1 AND w.tries > 1 AND w.next_if IS NOT NULL
      AND EXISTS (SELECT 1 FROM message_item x
                  JOIN message_item y ON y.lane = x.lane AND y.loan_id = x.loan_id AND y.number = x.number
                  WHERE x.lane = l.lane AND x.group_id = l.group_id AND y.group_id = w.group_id)
      -- it was on its way when the later one was claimed, and not taken back from failing since
      AND EXISTS (SELECT 1 FROM attempt e
                  WHERE e.lane = w.lane AND e.message_id = w.message_id AND e.claimed_at < b.claimed_at
                    AND e.state = 'sent' AND a.seq = e.seq + 1)"""
OUT_OF_HOURS = """
    SELECT count(*) FROM attempt WHERE state <> 'released' AND claimed_at >= valid_until"""


@pytest.mark.slow
@settings(
    max_examples=examples(25),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(happenings)
def test_whatever_happens_caps_hold_nothing_goes_twice_and_everything_ends(
    lender: Lender, post: Post, happening: list[tuple[int, str, int]]
) -> None:
    world = World(lender, post)
    try:
        for minutes, move, choice in happening:
            world.now += timedelta(minutes=minutes)
            getattr(world, move)(choice)
            assert world.count(OVER_CAP) == 0
            assert world.count(TWO_AT_A_TIME) == 0
        assert world.count(TWICE_ON_A_CHANNEL) == 0
        assert world.count(OUT_OF_HOURS) == 0
        assert world.count(AFTER_READ) == 0
        assert world.count(AFTER_USE) == 0
        assert world.count(OVERTAKEN) == 0
        assert world.count(WITHIN_A_HOLD) == 0
        world.finish()
        assert world.count(NOT_ENDED) == 0
        assert world.count(LEFT_CLAIMED) == 0
        assert world.count(HISTORY_GAPS) == 0
        assert world.count(COUNTED_WRONGLY) == 0
    finally:
        world.close()
