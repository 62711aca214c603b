"""What the sandbox's bank remembers: kept in the book's database, so that every process is told the same."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import blake2b

import psycopg

from duecourse.domain.money import Money
from duecourse.gateways.contract import Fact, Paid

from .paying import SQL, PayRequest, place_of


def bank_pays(
    conn: psycopg.Connection, request: PayRequest, press: str, *, paid_at: datetime, known_at: datetime
) -> Paid:
    """The payer has paid at the bank. press: what tells one payment from another; the same again is the same payment.

    known_at: from when the bank tells of it, by the wall clock.
    """
    trade_no = f"SANDBOX-{blake2b(f'{request.order_no}|{press}'.encode(), digest_size=8).hexdigest()}"
    conn.execute(
        SQL["add_sandbox_trade"],
        {
            "lane": request.lane,
            "order_no": request.order_no,
            "trade_no": trade_no,
            "currency": request.amount.currency,
            "amount_minor": request.amount.amount_minor,
            "paid_at": paid_at,
            "known_at": known_at,
        },
    )
    return Paid(request.order_no, trade_no, request.amount, paid_at)


def bank_tells(conn: psycopg.Connection, order_no: str, wall: datetime) -> Sequence[Fact]:
    """What the bank tells of an order by then."""
    place = place_of(order_no)
    if place is None:
        return ()
    rows = conn.execute(
        SQL["sandbox_trades"], {"lane": place["lane"], "order_no": order_no, "wall": wall}
    ).fetchall()
    return [
        Paid(order_no, trade_no, Money(amount_minor, currency), paid_at)
        for trade_no, currency, amount_minor, paid_at in rows
    ]
