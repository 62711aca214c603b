"""Allocating payments to what is due, anew for every loan that was touched. The caller holds the transaction.

Two ways to the same table. Where the creditor has no order of its own, all payments and dues of a loan are marks on
one line and one statement reads the shares off it. Where it has one, the line changes with the days past due on each
payment's day, so payments are walked one after the other, all loans at once.
"""

from __future__ import annotations

import psycopg

from duecourse.store.sql import load

SQL = load("book/allocation")


def allocate_touched(conn: psycopg.Connection) -> None:
    """Allocate for the loans in stage_touched and settle their installments."""
    orders = conn.execute(SQL["has_orders"]).fetchone()
    ordered = conn.execute(SQL["mark_ordered"]).rowcount if orders and orders[0] else 0
    loans = conn.execute("SELECT count(*) FROM stage_touched").fetchone()
    eras = conn.execute(SQL["find_eras"]).rowcount
    for step in ("analyze_eras", "mark_touched", "analyze_marks", "find_allocations"):
        conn.execute(SQL[step])
    if ordered:
        for step in ("find_parts", "find_steps", "analyze_steps", "walk_steps"):
            conn.execute(SQL[step])
    for step in ("analyze_allocations", "drop_allocations", "write_allocations", "settle_touched"):
        conn.execute(SQL[step])
    conn.execute(SQL["forget_earlier"])
    if loans and eras > loans[0]:
        conn.execute(SQL["write_earlier"])
