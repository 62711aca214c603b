"""What the book holds, in figures; and what is owed as of a day."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import dict_row

from duecourse.domain.money import from_minor
from duecourse.store.sql import load

SQL = load("book")


class Owed(NamedTuple):
    """In one currency, minor units. past_due_minor is inside owed_minor."""

    currency: str
    owed_minor: int
    past_due_minor: int


def owed(conn: psycopg.Connection, as_of: date) -> list[Owed]:
    """What borrowers still have to pay as of a day, per currency, with the payments known until then.

    Money is counted once: of a revolving account only the latest statement counts, less the payments since it.
    """
    rows = conn.execute(SQL["owed"], {"as_of": as_of}).fetchall()
    return [Owed(currency, int(owes), int(past_due)) for currency, owes, past_due in rows]


def summary(conn: psycopg.Connection, *, imports: int = 5) -> dict[str, Any]:
    """Totals of the whole book, JSON-ready; amounts are decimal strings in currency units.

    installments counts those that ask for something; installments_amount is of statements the whole balance, of
    other installments what is due. With several currencies the amounts stand under `currencies` alone, since unlike
    currencies do not add. imports: how many of the last imports, and of the last deliveries, to list.
    """
    with conn.cursor(row_factory=dict_row) as cursor:
        people = cursor.execute(SQL["summary_people"]).fetchone() or {}
        money = cursor.execute(SQL["summary_money"]).fetchall()
        last = cursor.execute(SQL["last_imports"], {"count": imports}).fetchall()
        feeds = cursor.execute(SQL["feeds"]).fetchall()
        deliveries = cursor.execute(SQL["last_deliveries"], {"count": imports}).fetchall()
    currencies = {row["currency"]: _figures(row) for row in money}
    found: dict[str, Any] = {"borrowers": people["borrowers"]}
    for count in ("loans", "installments", "payments"):
        found[count] = sum(int(row[count]) for row in money)
    if len(currencies) <= 1:
        only = next(iter(currencies.values()), {"installments_amount": "0", "payments_amount": "0"})
        found["installments_amount"] = only["installments_amount"]
        found["payments_amount"] = only["payments_amount"]
    return {
        **found,
        "currencies": currencies,
        "suspense": people["suspense"],
        "contact_points": people["contact_points"],
        "retired_contact_points": people["retired_contact_points"],
        "opt_outs": people["opt_outs"],
        "lanes": people["lanes"],
        "feeds": [
            {
                "creditor": row["creditor"],
                "source": row["source"],
                "complete_through": row["complete_through"].isoformat(),
                "recorded_at": row["recorded_at"].isoformat(),
            }
            for row in feeds
        ],
        "deliveries": [_delivery(row) for row in deliveries],
        "imports": [_import(row) for row in last],
    }


def _figures(row: dict[str, Any]) -> dict[str, Any]:
    currency = row["currency"]
    return {
        "loans": row["loans"],
        "installments": int(row["installments"]),
        "installments_amount": _amount(row["installments_minor"], currency),
        "due_amount": _amount(row["due_minor"], currency),
        "payments": int(row["payments"]),
        "payments_amount": _amount(row["payments_minor"], currency),
        "reversed": int(row["reversed"]),
        "reversed_amount": _amount(row["reversed_minor"], currency),
        "unallocated_amount": _amount(row["unallocated_minor"], currency),
    }


def _amount(minor: Decimal, currency: str) -> str:
    """Decimal places only where they say something: 8102602247, 12.50."""
    amount = from_minor(int(minor), currency)
    return str(int(amount)) if amount == amount.to_integral_value() else str(amount)


def _import(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "file": row["file_name"],
        "mapping": row["mapping"],
        "state": row["state"],
        "rows": row["rows_read"],
        "rejected": row["rows_rejected"],
        "totals": row["totals"],
        "started_at": row["started_at"].isoformat(),
        "finished_at": row["finished_at"].isoformat() if row["finished_at"] else None,
    }


def _delivery(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "delivery": row["delivery"],
        "delivered_on": row["delivered_on"].isoformat(),
        "flag_file": row["flag_file"],
        "state": row["state"],
        "rows": sum(one["rows"] for one in row["files"]),
        "rejected": sum(one["rejected"] for one in row["files"]),
        "files": row["files"],
        "problems": row["problems"],
        "started_at": row["started_at"].isoformat(),
        "finished_at": row["finished_at"].isoformat() if row["finished_at"] else None,
    }
