"""What providers tell is stored in groups, once, whatever is told twice, out of order or broken."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import permutations
from typing import Any
from uuid import UUID

import psycopg
import pytest

from duecourse.dispatch.intake import Intake
from duecourse.dispatch.receipts import append_receipts, apply_receipts, heard_elsewhere, sweep_receipts
from duecourse.domain.messaging import Receipt, ReceiptStatus, Reply
from duecourse.domain.problems import DuecourseError, Problem
from duecourse.planning.compile import Plannable
from duecourse.planning.confirming import Confirmer
from duecourse.privacy.keyring import Keyring
from duecourse.rules.compiling import shipped
from duecourse.store.connect import Store
from duecourse.store.lease import acquire
from lender import Lender
from post import Post

NOW = datetime.fromisoformat("2026-03-09T12:00+08:00")


def delivered(provider_id: str, code: str = "000") -> Receipt:
    return Receipt(ReceiptStatus.DELIVERED, code, provider_id)


class Desk:
    """An intake on a store, which notes how many connections it borrowed."""

    def __init__(self, store: Store, keyring: Keyring) -> None:
        self.store = store
        self.commits = 0
        self.gate: asyncio.Event | None = None
        self.intake = Intake(self.borrow, keyring, lambda _: NOW)

    @contextmanager
    def borrow(self) -> Iterator[psycopg.Connection]:
        with self.store.connect() as conn:
            yield conn
            conn.commit()
        self.commits += 1


@pytest.fixture
def desk(store: Store, keyring: Keyring) -> Desk:
    return Desk(store, keyring)


def stored(conn: psycopg.Connection) -> list[tuple[Any, ...]]:
    rows = conn.execute("SELECT provider_message_id, code FROM receipt ORDER BY 1, 2").fetchall()
    conn.commit()
    return rows


def test_a_thousand_at_once_are_a_few_commits(desk: Desk, database: psycopg.Connection) -> None:
    async def tell() -> None:
        calls = (desk.intake.take_receipts("p", [delivered(f"{at:04d}")]) for at in range(1000))
        await asyncio.gather(*calls)

    asyncio.run(tell())
    assert len(stored(database)) == 1000
    assert desk.commits <= 4


def test_a_receipt_is_stored_when_its_call_returns(desk: Desk, database: psycopg.Connection) -> None:
    async def tell() -> None:
        await desk.intake.take_receipts("p", [delivered("a")])
        assert stored(database) == [("a", "000")]

    asyncio.run(tell())


def test_what_is_told_again_and_again_is_stored_once(desk: Desk, database: psycopg.Connection) -> None:
    async def tell() -> None:
        calls = (desk.intake.take_receipts("p", [delivered("a"), delivered("b")]) for _ in range(20))
        await asyncio.gather(*calls)
        await desk.intake.take_receipts("p", [delivered("a")])

    asyncio.run(tell())
    assert stored(database) == [("a", "000"), ("b", "000")]


@pytest.mark.parametrize("broken", ["\x00", "\ud800"])
def test_one_that_cannot_be_stored_costs_the_others_nothing(
    desk: Desk, database: psycopg.Connection, broken: str
) -> None:
    async def tell() -> Sequence[object]:
        codes = ["1", broken, "3"]
        calls = (desk.intake.take_receipts("p", [delivered(code, code)]) for code in codes)
        return await asyncio.gather(*calls, return_exceptions=True)

    first, second, third = asyncio.run(tell())
    assert first is None and third is None
    assert isinstance(second, (psycopg.DataError, UnicodeError))
    assert stored(database) == [("1", "1"), ("3", "3")]


def test_a_reply_that_cannot_be_followed_costs_the_receipts_beside_it_nothing(
    desk: Desk, lender: Lender, database: psycopg.Connection
) -> None:
    def unread() -> list[Plannable]:
        raise DuecourseError(Problem("P301", "published policies", "none of this version"))

    desk.intake.confirmer = Confirmer(shipped().packs, unread)
    lender.book("loan due_on phone\nL-1 2026-03-10 +8613900002222")
    lender.reindex_contact_points()

    async def tell() -> Sequence[object]:
        receipts = [desk.intake.take_receipts("p", [delivered(str(at))]) for at in range(6)]
        stop = desk.intake.take_reply(Reply("p", "+8613900002222", "10690000", "TD"))
        calls = [*receipts[:3], stop, *receipts[3:]]
        return await asyncio.gather(*calls, return_exceptions=True)

    results = asyncio.run(tell())
    assert [type(one) for one in results if one is not None] == [DuecourseError]
    assert stored(database) == [(str(at), "000") for at in range(6)]


def test_without_a_database_everybody_is_told_so_and_the_next_is_stored(
    desk: Desk, database: psycopg.Connection
) -> None:
    borrow, down = desk.borrow, [True]

    @contextmanager
    def sometimes() -> Iterator[psycopg.Connection]:
        if down:
            raise psycopg.OperationalError("the server has gone")
        with borrow() as conn:
            yield conn

    desk.intake = Intake(sometimes, Keyring.new(), lambda _: NOW)

    async def tell() -> None:
        calls = (desk.intake.take_receipts("p", [delivered(str(at))]) for at in range(3))
        failed = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(one) for one in failed] == [psycopg.OperationalError] * 3
        down.clear()
        await desk.intake.take_receipts("p", [delivered("3")])

    asyncio.run(tell())
    assert stored(database) == [("3", "000")]


def test_two_processes_told_the_same_in_opposite_orders_never_block_each_other(
    store: Store, keyring: Keyring, database: psycopg.Connection
) -> None:
    one, other = Desk(store, keyring), Desk(store, keyring)
    receipts = [delivered(f"{at:03d}") for at in range(300)]

    async def tell() -> None:
        await asyncio.gather(
            *(one.intake.take_receipts("p", [receipt]) for receipt in receipts),
            *(other.intake.take_receipts("p", [receipt]) for receipt in reversed(receipts)),
        )

    asyncio.run(tell())
    assert len(stored(database)) == 300


def test_a_word_to_stop_among_receipts_is_honoured_in_the_same_commit(desk: Desk, lender: Lender) -> None:
    lender.book("loan due_on phone\nL-1 2026-03-10 +8613900002222")
    lender.reindex_contact_points()

    async def tell() -> None:
        stop = Reply("p", "+8613900002222", "10690000", "TD")
        calls = [desk.intake.take_receipts("p", [delivered(str(at))]) for at in range(3)]
        await asyncio.gather(*calls, desk.intake.take_reply(stop))

    asyncio.run(tell())
    rows = lender.conn.execute("SELECT channel, granted FROM consent").fetchall()
    assert rows == [("sms", False)]


SENT = """
    loan due_on     phone
    L-1  2026-03-10 +8613900003333
"""
STORY = [
    Receipt(ReceiptStatus.BUFFERED, "b", "id-1"),
    Receipt(ReceiptStatus.FAILED, "f", "id-1"),
    Receipt(ReceiptStatus.DELIVERED, "d", "id-1"),
    Receipt(ReceiptStatus.READ, "r", "id-1"),
]


def test_any_order_and_repetition_of_receipts_ends_the_same(
    lender: Lender, post: Post, keyring: Keyring
) -> None:
    """Every order of four, each told twice: the attempt was read."""
    lender.book(SENT)
    lender.plan("2026-03-08T12:00+08:00")
    post.work("2026-03-09T09:30+08:00")
    with post.store.connect(autocommit=True) as leases:
        epochs = acquire(leases, "test", 60)
    ended = set()
    for at, order in enumerate(permutations(STORY)):
        lender.conn.execute(
            "UPDATE attempt SET provider = 'p', provider_message_id = 'id-1', state = 'sent', code = NULL, cause = NULL"
        )
        lender.conn.execute("DELETE FROM receipt")
        lender.conn.commit()
        for receipt in (*order, *order) if at % 2 else (*order, *reversed(order)):
            keys = append_receipts(lender.conn, keyring, "p", [receipt], now=NOW)
            apply_receipts(lender.conn, epochs, keys, now=NOW)
        sweep_receipts(lender.conn, epochs, now=NOW)
        ended |= set(lender.conn.execute("SELECT state, code FROM attempt").fetchall())
    assert ended == {("read", "r")}


def test_a_worker_hears_of_its_attempts_what_another_process_was_told(
    lender: Lender, post: Post, desk: Desk
) -> None:
    lender.book(SENT)
    lender.plan("2026-03-08T12:00+08:00")
    asyncio.run(_work_and_hear(lender, post, desk))
    assert post.attempts() == [("sms", "read", "r")]


async def _work_and_hear(lender: Lender, post: Post, desk: Desk) -> None:
    now = datetime.fromisoformat("2026-03-09T09:30+08:00")
    with post.store.connect() as conn:
        worker, switchboard = await post.open(conn, "sms.smpp")
        switchboard.now = now
        await post.at(worker, switchboard, now, 0.5)
        row = lender.conn.execute("SELECT provider, provider_message_id, attempt_id FROM attempt").fetchone()
        lender.conn.commit()
        assert row is not None
        nobody = Receipt(ReceiptStatus.READ, "x", "nobody's")
        await desk.intake.take_receipts(row[0], [Receipt(ReceiptStatus.READ, "r", row[1]), nobody])
        await worker.listen_around()
        assert len(switchboard.pending) == 1
        await worker.receive(now)
        assert switchboard.pending == {}
        await worker.listen_around()
        assert switchboard.pending == {}, "what was applied is not heard again"
        await switchboard.close()


def test_only_what_can_still_move_an_attempt_is_heard(lender: Lender, post: Post, keyring: Keyring) -> None:
    lender.book(SENT)
    lender.plan("2026-03-08T12:00+08:00")
    post.work("2026-03-09T09:30+08:00")
    row = lender.conn.execute("SELECT provider, attempt_id, lane FROM attempt").fetchone()
    assert row is not None
    provider, attempt_id, lane = row
    lender.conn.execute("UPDATE attempt SET state = 'delivered'")
    lender.conn.execute("DELETE FROM receipt")
    heard: dict[str, UUID] = {}
    for status in (ReceiptStatus.DELIVERED, ReceiptStatus.FAILED, ReceiptStatus.READ):
        told = Receipt(status, status.value, attempt_id=attempt_id)
        heard[status.value] = append_receipts(lender.conn, keyring, provider, [told], now=NOW)[0][1]
    lender.conn.commit()
    long_ago = datetime.fromisoformat("2020-01-01T00:00+00:00")
    assert [key[1] for key in heard_elsewhere(lender.conn, [lane], long_ago)] == [heard["read"]]
    assert heard_elsewhere(lender.conn, [(lane + 1) % 256], long_ago) == []
