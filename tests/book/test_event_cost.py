"""What follows from an import is found in time that grows with what it brings, also in a book without statistics."""

from __future__ import annotations

from collections import Counter
from typing import Any

import psycopg

from duecourse.book.events import SQL
from duecourse.book.importing import import_rows
from duecourse.book.mapping import parse_mapping
from duecourse.store.migrate import put_setting
from events_book import MAPPING, TEN, at
from lender import Lender

LOANS = 600
EACH = 40
"""Rows that all parts of a plan together may handle for each row of the file. What looks at a loan's lane, or at the
book, for each row handles hundreds."""
NOTES = {
    text: name for name, text in SQL.items() if name.startswith(("note_", "see_")) and name != "note_move"
}
MONEY = """
mapping = "p"
[money]
currency = "CNY"
[[payment]]
loan = {column = "loan"}
creditor = "bank"
source = "bank"
reference = {column = "loan"}
paid_on = "2026-03-07"
amount = 100
[[reversal]]
loan = {column = "loan"}
creditor = "bank"
source = "bank"
reference = {column = "loan"}
reversed_on = "2026-03-08"
[[debit]]
loan = {column = "loan"}
creditor = "bank"
source = "bank"
reference = {column = "loan"}
amount = 100
submitted_on = "2026-03-07"
state = "failed"
result_on = "2026-03-08"
"""


class Explaining(psycopg.Connection[Any]):
    """Runs what sees and notes events through EXPLAIN ANALYZE, and adds up the rows that a plan's parts handled."""

    handled: Counter[str]

    def execute(self, query: Any, params: Any = None, **more: Any) -> psycopg.Cursor[Any]:
        """As psycopg's; of what is explained one row, so that whatever is looked for is noted, too."""
        name = NOTES.get(query) if isinstance(query, str) else None
        if name is None:
            return super().execute(query, params, **more)
        cursor = super().execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}", params)
        ((plan,),) = cursor.fetchall()
        self.handled[name] += rows_handled(plan[0]["Plan"])
        return cursor


def rows_handled(node: dict[str, Any]) -> int:
    """Of a part of a plan and those below it: rows that it gave or threw away, each time it ran."""
    own = sum(count for key, count in node.items() if key == "Actual Rows" or key.startswith("Rows Removed"))
    return round(own * node["Actual Loops"]) + sum(map(rows_handled, node.get("Plans", ())))


def test_what_is_noted_of_an_import_costs_what_the_import_brings(lender: Lender) -> None:
    put_setting(lender.conn, "lender_zone", "Asia/Shanghai")
    lender.conn.commit()
    owed = [
        {
            "key": f"C-{n}", "phone": f"+86139{n:08d}", "email": f"p{n}@example.com", "loan": f"L-{n}", "rate": "0.04",
            "state": "open", "zone": "Asia/Shanghai",
        }
        for n in range(LOANS)
    ]  # fmt: skip
    moved = MAPPING.replace("2026-03-10", "2026-03-15").replace("2026-04-10", "2026-04-15")
    before_days, _, _ = MAPPING.partition("[[installment]]")
    dearer = [row | {"rate": "0.05"} for row in owed]
    closed = [row | {"rate": "0.05", "state": "closed"} for row in owed]
    with Explaining.connect(lender.conn.info.dsn) as conn:
        conn.handled = Counter()
        for rows, mapping in (
            (owed, before_days), (owed, MAPPING), (owed, MAPPING), (dearer, moved), (dearer, moved),
            (owed, MONEY), (owed, MONEY), (closed, moved),
        ):  # fmt: skip
            conn.handled.clear()
            report = import_rows(
                conn, lender.keyring, rows, parse_mapping(mapping, "m"), columns=tuple(rows[0]), now=at(TEN)
            )
            assert report.problems == []
            assert conn.handled
            dear = {name: count / LOANS for name, count in conn.handled.items() if count > EACH * LOANS}
            assert dear == {}
