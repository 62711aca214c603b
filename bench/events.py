"""What an import notes as events: each statement of `book/events.sql`, on a first import and on a repeat of it."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import psycopg
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from duecourse.book.events import SQL
from duecourse.book.importing import import_book
from duecourse.book.mapping import parse_mapping

from .house import House
from .importing import MAPPING, write_file
from .measure import Report

SIZES = {"small": 60_000, "full": 1_000_000}
NOW = datetime(2026, 6, 1, tzinfo=UTC)
NAMES = {text: name for name, text in SQL.items()}
PAID = """
[[payment]]
when = {column = "number", at_most = 4}
loan = "{contract}"
source = "core"
reference = "{contract}-{number}"
amount = "{due}"
paid_on = "{due_on}"
"""


class Timing(psycopg.Connection[Any]):
    """Notes how long each run of a statement about events takes. seconds: by its name."""

    seconds: dict[str, list[float]]

    def execute(self, query: Any, params: Any = None, **more: Any) -> psycopg.Cursor[Any]:
        """As psycopg's."""
        began = time.perf_counter()
        try:
            return super().execute(query, params, **more)
        finally:
            if isinstance(query, str) and query in NAMES:
                self.seconds[NAMES[query]].append(time.perf_counter() - began)


def bench(house: House, rows: int, seed: int) -> Report:
    """rows: installments, a third of them paid on their day; each is an event in a book of the past."""
    report = Report("events", {"rows": rows, "rows_a_batch": (batch := max(1, rows // 20))}, seed)
    path = house.folder / "events.parquet"
    write_file(path, rows, seed)
    mapping = parse_mapping(MAPPING + PAID, "bench")
    name = house.copy()
    figures: dict[str, dict[str, dict[str, float]]] = {}
    with _timing(house, name) as conn:
        for turn in ("first import", "repeat"):
            conn.seconds = defaultdict(list)
            house.settle()
            done = import_book(conn, house.keyring, path, mapping, now=NOW, batch_rows=batch)
            expected = "new" if turn == "first import" else "same"
            if done.rejected or done.counts[f"installments {expected}"] != pq.read_metadata(path).num_rows:
                raise RuntimeError(f"not every row went in: {done.codes}")
            figures[turn] = {statement: _growth(taken) for statement, taken in sorted(conn.seconds.items())}
            worst = max(figures[turn], key=lambda statement: figures[turn][statement]["seconds"])
            all_of_them = sum(one["seconds"] for one in figures[turn].values())
            grown = figures[turn][worst]["last_to_first"]
            report.rows.append(
                (
                    f"events of {rows:,} rows, {turn}",
                    f"{all_of_them:.2f} s of {done.seconds:.2f} s, {1e6 * all_of_them / rows:.1f} µs a row",
                    f"dearest: {worst}, {figures[turn][worst]['seconds']:.2f} s; last fifth of it to its first",
                    f"{grown:.2f} ×",
                )
            )
    house.drop(name)
    report.figures = figures
    return report


@contextmanager
def _timing(house: House, name: str) -> Iterator[Timing]:
    with Timing.connect(house.conninfo_of(name), autocommit=True) as conn:
        yield conn


def _growth(taken: list[float]) -> dict[str, float]:
    """All of them, and the last fifth against the first but the very first: growth with the book shows there."""
    fifth = max(1, len(taken) // 5)
    early, late = sum(taken[1 : 1 + fifth]) or sum(taken[:fifth]), sum(taken[-fifth:])
    return {"seconds": round(sum(taken), 3), "last_to_first": round(late / early, 2)}
