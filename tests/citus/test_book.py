"""What is brought into a spread book, and changed over several lanes, leaves what it leaves on a single server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from answering import Answers
from book.conftest import NOW, Importer
from duecourse.book.allocation_orders import Band, Order, set_orders
from duecourse.book.shifting import LOCK_BOOK, settle_provisional_days
from duecourse.dispatch.merging import merge_borrowers, undo_merge
from duecourse.dispatch.relocating import hold_lanes, hold_off
from duecourse.planning.plan import SQL as PLANNING
from duecourse.privacy.keyring import Keyring
from duecourse.responses.intents import Intent
from duecourse.responses.promises import judge_promises
from duecourse.store.connect import Store
from duecourse.store.shards import Shard, shards_of
from imported_book import MAPPING, book_of, bring_all
from lender import Lender, lane_of

from . import report

OF_THE_CLUSTER_ALONE = {"borrower_merge"}
"""Tables with a random id in them."""

HOLIDAY = date(2026, 10, 1)
"""In China, with a week after it."""

TWO = """
    cust,name,idno,phone,loan,number,due,amount,other,guarantor
    C7,Flo,X7,+16175550107,L7,1,2026-03-05,100.00,,
    C8,Flo,X8,+16175550108,L8,1,2026-03-06,50.00,,
"""


NOT_COMPARED = (
    "columns of when it was written and what is sealed anew; lane_lease, schema_migration; "
    + ", ".join(f"{table} (has a random id)" for table in sorted(OF_THE_CLUSTER_ALONE))
)


def same_book(one: psycopg.Connection, other: psycopg.Connection) -> None:
    expected, found = book_of(one), book_of(other)
    for table in expected.keys() - OF_THE_CLUSTER_ALONE:
        assert found[table] == expected[table], table


@pytest.fixture
def both(
    database: psycopg.Connection, spread_store: Store, keyring: Keyring, tmp_path: Path
) -> Callable[[Callable[[psycopg.Connection], Any]], Any]:
    """both(work): do it on a single server and on the cluster; what it answers is the same, and so are the books."""

    def work_on(work: Callable[[psycopg.Connection], Any]) -> Any:
        with spread_store.connect(idle_in_transaction_seconds=0) as spread:
            answer = work(database)
            database.commit()
            assert work(spread) == answer
            spread.commit()
            same_book(database, spread)
        return answer

    return work_on


def test_files_orders_and_merges_leave_the_same_book_on_a_cluster(
    both: Callable[[Callable[[psycopg.Connection], Any]], Any],
    database: psycopg.Connection,
    keyring: Keyring,
    tmp_path: Path,
) -> None:
    both(lambda conn: bring_all(Importer(conn, keyring, tmp_path)))
    kept = book_of(database)
    assert kept["company_contact"] and kept["installment_was"] and kept["hold"]

    parts = ("fee", "interest", "penalty", "principal")
    order = Order("bank", "*", date(2026, 1, 1), "advance", (Band(0, "horizontal", parts),))
    assert both(lambda conn: set_orders(conn, [order], by="desk", now=NOW)) == 1

    names = {"evidence": "passport", "by": "desk", "now": NOW}
    merged = both(lambda conn: merge_borrowers(conn, keyring, "C3", "C1", **names))
    assert merged.counts["loan"] == 1 and merged.counts["contact_points"] == 2

    both(lambda conn: Importer(conn, keyring, tmp_path)(MAPPING, TWO).counts)
    both(lambda conn: merge_borrowers(conn, keyring, "C7", "C8", **names))
    undone = both(lambda conn: undo_merge(conn, keyring, "C7", "C8", by="desk", now=NOW))
    assert (undone.counts["loan"], undone.counts["contact_points"]) == (1, 1)
    told = {table: rows for table, rows in book_of(database).items() if table not in OF_THE_CLUSTER_ALONE}
    report.compared("Files, orders of allocation and merges", told, NOT_COMPARED)


def test_a_merge_waits_for_who_plans_its_lanes_where_they_lie(spread_store: Store) -> None:
    with spread_store.connect() as coordinator, ThreadPoolExecutor(1) as elsewhere:
        shard = shards_of(coordinator)[0]
        lane = shard.lanes[0]
        coordinator.execute(PLANNING["lock_lanes"], {"lanes": [lane], "policies": ["reminders"]})
        coordinator.commit()
        with spread_store.connect(shard=shard) as planner:
            asked = {"lanes": [lane], "as_of": date(2026, 3, 1)}
            planner.execute(PLANNING["planned_from"], asked).fetchall()
            hold_off(coordinator)
            held = elsewhere.submit(hold_lanes, coordinator, [lane])
            with pytest.raises(TimeoutError):
                held.result(1)
            planner.commit()
            held.result(30)
        coordinator.rollback()


@dataclass(frozen=True, slots=True)
class Promised:
    """A promise that was kept and is not judged yet: on a connection to the coordinator, in a lane of a shard."""

    coordinator: psycopg.Connection
    shard: Shard
    lane: int

    def judge(self, conn: psycopg.Connection) -> int:
        """As a planner does; how many came out otherwise than they were known."""
        return judge_promises(conn, lanes=[self.lane], as_of=date(2026, 3, 15), now=NOW)

    def state(self) -> str:
        """How it stands."""
        row = self.coordinator.execute("SELECT state FROM promise WHERE lane = %s", [self.lane]).fetchone()
        self.coordinator.rollback()
        return str(row[0]) if row else ""


@pytest.fixture
def promised(spread_store: Store, keyring: Keyring) -> Iterator[Promised]:
    """Of somebody who is alone in their lane."""
    with spread_store.connect(idle_in_transaction_seconds=0) as coordinator:
        shard = shards_of(coordinator)[2]
        known = coordinator.execute("SELECT lane FROM promise").fetchall()
        coordinator.rollback()
        free = set(shard.lanes) - {lane for (lane,) in known}
        borrower = next(name for name in map(str, range(4096)) if lane_of(name) in free)
        answers = Answers(Lender(coordinator, keyring, Path()))
        answers.lender.book(f"loan borrower due_on phone email\nL-{borrower} {borrower} 2026-03-20 - -")
        said = {"day": "2026-03-13", "amount": 100_00, "loan": f"L-{borrower}", "currency": "CNY"}
        answers.say(borrower, Intent.WILL_PAY, at="2026-03-10T12:00+08:00", **said)
        answers.pay(f"L-{borrower}", "2026-03-12", "100.00")
        yield Promised(coordinator, shard, lane_of(borrower))


def test_promises_are_judged_where_they_lie_when_no_merge_is_under_way(
    spread_store: Store, promised: Promised
) -> None:
    with spread_store.connect(shard=promised.shard) as planner, ThreadPoolExecutor(1) as elsewhere:
        hold_off(promised.coordinator)
        hold_lanes(promised.coordinator, [promised.lane])
        judged = elsewhere.submit(promised.judge, planner)
        with pytest.raises(TimeoutError):
            judged.result(1)
        promised.coordinator.rollback()
        assert judged.result(30) == 1
    assert promised.state() == "kept"


def test_a_promise_of_who_was_merged_with_somebody_of_another_shard_is_left_to_it(
    spread_store: Store, promised: Promised
) -> None:
    other = shards_of(promised.coordinator)[3].lanes[0]
    promised.coordinator.execute(
        "UPDATE borrower SET merged_into = %s, merged_lane = %s WHERE lane = %s",
        (uuid4(), other, promised.lane),
    )
    promised.coordinator.commit()
    with spread_store.connect(shard=promised.shard) as planner:
        assert promised.judge(planner) == 1
    assert promised.state() == "open"


@pytest.fixture
def provisional(spread_store: Store) -> Iterator[tuple[psycopg.Connection, Shard]]:
    """The coordinator, and the shard of an installment that waited for a calendar which has come since."""
    with spread_store.connect() as coordinator:
        shard = shards_of(coordinator)[1]
        lender = Lender(coordinator, Keyring.new(), Path())
        borrower = next(name for name in map(str, range(4096)) if lane_of(name) in shard.lanes)
        lender.book(f"loan borrower due_on phone email\nL-9 {borrower} {HOLIDAY} - -")
        for change in (
            "loan SET shift = 'following'",
            "installment SET contract_due_on = due_on, due_provisional = true",
        ):
            coordinator.execute(f"UPDATE {change} WHERE lane = %s", [lane_of(borrower)])
        coordinator.commit()
        yield coordinator, shard


def settle_days(conn: psycopg.Connection, shard: Shard) -> int:
    return settle_provisional_days(conn, from_on=HOLIDAY - timedelta(days=9), lanes=shard.lanes)


def test_provisional_days_are_settled_where_they_lie_when_no_import_is_under_way(
    spread_store: Store, provisional: tuple[psycopg.Connection, Shard]
) -> None:
    importer, shard = provisional
    with spread_store.connect(shard=shard) as planner, ThreadPoolExecutor(1) as elsewhere:
        importer.execute(LOCK_BOOK)
        settled = elsewhere.submit(settle_days, planner, shard)
        with pytest.raises(TimeoutError):
            settled.result(1)
        importer.rollback()
        assert settled.result(30) == 1
        begun = elsewhere.submit(importer.execute, LOCK_BOOK)
        with pytest.raises(TimeoutError):
            begun.result(1)
        planner.commit()
        begun.result(30)
        row = importer.execute(
            "SELECT due_on FROM installment WHERE lane = ANY(%s)", [list(shard.lanes)]
        ).fetchone()
        assert row and row[0] > HOLIDAY
        importer.rollback()
