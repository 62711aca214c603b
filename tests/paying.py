"""An order of a borrower at a gateway, and what the book holds of it: for tests of payments by page."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg

from duecourse.book.wishes import Person
from duecourse.responses.paying import PayRequest, Share, Wanted, open_request
from duecourse.store.migrate import put_setting
from lender import Lender, borrower_id_of, lane_of

AT = datetime.fromisoformat("2026-03-09T09:00+08:00")
"""Both clocks, where a test needs no other."""


def person(borrower: str) -> Person:
    """A test's borrower."""
    return Person(lane_of(borrower), borrower_id_of(borrower))


def ordered(
    lender: Lender,
    borrower: str,
    *shares: Share,
    gateway: str = "bank",
    scope: str = "all",
    form_id: UUID | None = None,
    wall: datetime = AT,
) -> PayRequest:
    """An order that a borrower made on their page, committed where no transaction is open."""
    wanted = Wanted(person(borrower), gateway, scope, "CNY", shares)
    with lender.conn.transaction():
        put_setting(lender.conn, "lender_zone", "Asia/Shanghai")
        return open_request(lender.conn, wanted, form_id=form_id or uuid4(), lasts_minutes=60, wall=wall)


def counted(conn: psycopg.Connection) -> list[tuple[Any, ...]]:
    """The payments of the book that were not taken back: contract, amount, source."""
    return conn.execute(
        """SELECT l.loan_ref, p.amount_minor, p.source FROM payment p
           JOIN loan l ON l.lane = p.lane AND l.loan_id = p.loan_id
           WHERE NOT EXISTS (SELECT 1 FROM reversal r WHERE r.lane = p.lane AND r.payment_id = p.payment_id)
           ORDER BY l.loan_ref, p.reference"""
    ).fetchall()


def waiting(conn: psycopg.Connection) -> list[tuple[Any, ...]]:
    """Money in suspense: creditor, contract, currency, amount, reference."""
    return conn.execute(
        "SELECT creditor, loan_ref, currency, amount_minor, reference FROM suspense WHERE placed_at IS NULL ORDER BY 5"
    ).fetchall()


def flags(conn: psycopg.Connection) -> dict[str, list[str]]:
    """Why a person must look, by trade."""
    rows = conn.execute("SELECT trade_no, flags FROM gateway_trade WHERE cardinality(flags) > 0").fetchall()
    return dict(rows)


def state(conn: psycopg.Connection, request: PayRequest) -> str:
    """Of an order."""
    row = conn.execute(
        "SELECT state FROM payment_request WHERE lane = %s AND request_id = %s",
        (request.lane, request.request_id),
    ).fetchone()
    assert row
    return str(row[0])
