"""What gateways tell of payments, and what of it is in the book.

A trade's facts (how much came, how much went back) are kept as they are heard, in any order and however often; what
stands in the book follows from them alone, in the same transaction. So repeating, reordering or losing a notification,
asking the gateway instead, or a kill at any point, all end in the same book.

Money that came is never lost: what differs from its order is booked as what it is, what belongs to no order or to no
loan of the book waits in suspense, and a person is told of either.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import blake2b
from typing import Any, Final
from zoneinfo import ZoneInfo

import psycopg
from psycopg.types.json import Jsonb

from duecourse.book.payments import LoanAt, add_payment, find_loan, reverse_payment, suspend_payment
from duecourse.domain.money import Money
from duecourse.domain.problems import DuecourseError
from duecourse.gateways.contract import Closed, Fact, Paid, Refunded
from duecourse.store.migrate import get_setting

from .paying import SQL, PayRequest, Share, place_of, request_of_row, rows_of, wall_clock

FLAGS: Final = {
    "unknown-order": "no order of ours has this number; the money waits in suspense",
    "amount": "another amount was paid than was asked for; it was booked as what it is",
    "currency": "another currency was paid than was asked for; the money waits in suspense",
    "unknown-loan": "the loan is not in the book any more; the money waits in suspense",
    "twice": "the order was paid more than once; every payment was booked",
    "changed": "the gateway has told two amounts for one payment; the first stands",
    "booked-otherwise": "the book had this payment already with another amount, which stands",
    "refunded-unplaced": "money went back to the payer that waits in suspense; it must not be placed whole",
}
"""Why a person must look at a trade, and what was done meanwhile."""
PAYMENT: Final = "payment"
SUSPENSE: Final = "suspense"


@dataclass(frozen=True, slots=True)
class Counter:
    """Where a gateway's money goes. source: as in the book's payments."""

    gateway: str
    creditor: str = ""
    """Of whose account it is; '': the only creditor of the book, else nobody's yet."""

    @property
    def source(self) -> str:
        """What payments that came through it are said to come from."""
        return f"gateway {self.gateway}"


def take_facts(conn: psycopg.Connection, counter: Counter, facts: Iterable[Fact], *, now: datetime) -> None:
    """Keep facts and bring the book in line with them, in one transaction. now: the book's clock.

    Raises psycopg.Error when it could not be done; then nothing was, and the gateway must tell again.
    """
    with conn.transaction():
        wall = wall_clock(conn)
        for fact in facts:
            place = place_of(fact.order_no)
            held = rows_of(conn, "lock_request", place) if place else []
            request = request_of_row(held[0]) if held and held[0]["gateway"] == counter.gateway else None
            if isinstance(fact, Closed):
                if request:
                    conn.execute(SQL["close_request"], request.place)
                continue
            _take(conn, counter, fact, request, now, wall)


def _take(
    conn: psycopg.Connection,
    counter: Counter,
    fact: Paid | Refunded,
    request: PayRequest | None,
    now: datetime,
    wall: datetime,
) -> None:
    lane = request.lane if request else _lane_of(counter.gateway, fact.trade_no)
    key = {"lane": lane, "gateway": counter.gateway, "trade_no": fact.trade_no}
    conn.execute(
        SQL["add_trade"],
        {
            **key,
            "order_no": fact.order_no[:200],
            "request_id": request.request_id if request else None,
            "currency": fact.amount.currency,
            "wall": wall,
        },
    )
    trade = rows_of(conn, "lock_trade", key)[0]
    flags = set(trade["flags"])
    said = {**key, "amount_minor": fact.amount.amount_minor, "at": fact.at}
    if trade["currency"] != fact.amount.currency:
        flags.add("changed")
    elif isinstance(fact, Paid):
        conn.execute(SQL["paid_trade"], said)
        if trade["paid_minor"] not in (None, fact.amount.amount_minor):
            flags.add("changed")
    else:
        conn.execute(SQL["add_refund"], {**said, "refund_no": fact.refund_no})
    trade = rows_of(conn, "lock_trade", key)[0]
    refunded = rows_of(conn, "refunded_of", key)[0]
    _book(conn, counter, key, {**trade, **{f"refunded_{name}": value for name, value in refunded.items()}},
          request, flags, now)  # fmt: skip
    if request:
        _settle(conn, request)


def _book(
    conn: psycopg.Connection,
    counter: Counter,
    key: dict[str, Any],
    trade: dict[str, Any],
    request: PayRequest | None,
    flags: set[str],
    now: datetime,
) -> None:
    """Make the book hold what is left of a trade, and no more."""
    booked, booked_as = trade["booked"], trade["booked_as"]
    if trade["paid_minor"] is not None:
        if booked_as != (reference := _reference(trade)):
            zone = ZoneInfo(str(get_setting(conn, "lender_zone") or "UTC"))
            waiting: list[list[Any]] = []
            if booked:
                went_on = (trade["refunded_at"] or now).astimezone(zone).date()
                waiting = _take_back(conn, counter, booked, booked_as, went_on, flags, now)
            left = max(trade["paid_minor"] - trade["refunded_minor"], 0) - sum(one[2] for one in waiting)
            booked, booked_as = waiting, reference
            if left > 0:
                money = Money(left, trade["currency"])
                paid_on = trade["paid_at"].astimezone(zone).date()
                booked = [*waiting, *_put(conn, counter, request, money, reference, paid_on, flags, now)]
        _compare(trade, request, flags)
    conn.execute(
        SQL["keep_booking"],
        {
            **key,
            "refunded_minor": trade["refunded_minor"],
            "refunded_at": trade["refunded_at"],
            "booked": Jsonb(booked),
            "booked_as": booked_as,
            "flags": sorted(flags),
        },
    )


def _compare(trade: dict[str, Any], request: PayRequest | None, flags: set[str]) -> None:
    if request is None:
        flags.add("unknown-order")
    elif trade["currency"] != request.amount.currency:
        flags.add("currency")
    elif trade["paid_minor"] != request.amount.amount_minor:
        flags.add("amount")


def _reference(trade: dict[str, Any]) -> str:
    """Of what is left of a trade: its number; after a refund with what went back, since it is another payment then."""
    refunded = trade["refunded_minor"]
    return f"{trade['trade_no']}/-{refunded}" if refunded else str(trade["trade_no"])


def _put(
    conn: psycopg.Connection,
    counter: Counter,
    request: PayRequest | None,
    money: Money,
    reference: str,
    paid_on: date,
    flags: set[str],
    now: datetime,
) -> list[list[object]]:
    """Pay the order's loans; what cannot be paid to them waits. [creditor, loan, amount, where] of each part."""
    if request is None or request.amount.currency != money.currency:
        creditor = counter.creditor or (request.shares[0].creditor if request else _only_creditor(conn))
        shares = [Share(creditor, "", money.amount_minor)]
    else:
        shares = divide(money.amount_minor, request.shares)
    booked: list[list[object]] = []
    for share in shares:
        said: dict[str, Any] = {
            "amount_minor": share.amount_minor,
            "currency": money.currency,
            "paid_on": paid_on,
            "source": counter.source,
            "reference": reference,
            "now": now,
        }
        loan = _loan_of(conn, share)
        if share.loan_ref and loan is None:
            flags.add("unknown-loan")
        try:
            if loan:
                add_payment(conn, loan, **said)
            else:
                suspend_payment(conn, creditor=share.creditor, loan_ref=share.loan_ref, **said)
        except DuecourseError as error:  # the lender's book is the truth
            if {one.code for one in error.problems} != {"B050"}:
                raise
            flags.add("booked-otherwise")
        booked.append([*share.row, PAYMENT if loan else SUSPENSE])
    return booked


def divide(amount_minor: int, shares: Sequence[Share]) -> list[Share]:
    """An amount among the loans of an order: each in turn what was asked for it, the last all that is left."""
    divided: list[Share] = []
    left = amount_minor
    for place, share in enumerate(shares):
        part = left if place == len(shares) - 1 else min(left, share.amount_minor)
        if part:
            divided.append(Share(share.creditor, share.loan_ref, part))
        left -= part
    return divided


def _take_back(
    conn: psycopg.Connection,
    counter: Counter,
    booked: Sequence[Sequence[Any]],
    reference: str,
    on: date,
    flags: set[str],
    now: datetime,
) -> list[list[Any]]:
    """Reverse what was paid to loans; the parts that wait in suspense, where they stay."""
    waiting = []
    for creditor, loan_ref, amount_minor, where in booked:
        loan = _loan_of(conn, Share(creditor, loan_ref, amount_minor))
        if where == SUSPENSE or loan is None:
            flags.add("refunded-unplaced")
            waiting.append([creditor, loan_ref, amount_minor, where])
            continue
        reverse_payment(
            conn,
            loan,
            source=counter.source,
            reference=reference,
            reversed_on=on,
            reason="refunded through the gateway",
            now=now,
        )
    return waiting


def _settle(conn: psycopg.Connection, request: PayRequest) -> None:
    """The order is paid when a payment of it is not all refunded; two payments of one are told to a person."""
    trades = [
        one for one in rows_of(conn, "trades_of_request", request.place) if one["paid_minor"] is not None
    ]
    if not trades:
        return
    left = sum(max(one["paid_minor"] - one["refunded_minor"], 0) for one in trades)
    conn.execute(SQL["settle_request"], {**request.place, "state": "paid" if left else "refunded"})
    if len(trades) > 1:
        conn.execute(SQL["flag_twice"], request.place)


def _loan_of(conn: psycopg.Connection, share: Share) -> LoanAt | None:
    if not share.loan_ref:
        return None
    try:
        return find_loan(conn, share.loan_ref, share.creditor)
    except DuecourseError:  # D060: it is gone
        return None


def _only_creditor(conn: psycopg.Connection) -> str:
    found = conn.execute(SQL["only_creditor"]).fetchall()
    return str(found[0][0]) if len(found) == 1 else "unknown"


def _lane_of(gateway: str, trade_no: str) -> int:
    return blake2b(f"{gateway}|{trade_no}".encode(), digest_size=1).digest()[0]


@dataclass(frozen=True, slots=True)
class Receipt:
    """One payment of an order, as its payer sees it."""

    trade_no: str
    amount: Money
    refunded: Money
    paid_at: datetime


def receipts_of(conn: psycopg.Connection, request: PayRequest) -> list[Receipt]:
    """What was paid of an order, the earliest first."""
    return [
        Receipt(
            row["trade_no"],
            Money(row["paid_minor"], row["currency"]),
            Money(row["refunded_minor"], row["currency"]),
            row["paid_at"],
        )
        for row in rows_of(conn, "trades_of_request", request.place)
        if row["paid_minor"] is not None
    ]


def trades(conn: psycopg.Connection, *, flagged: bool, most: int) -> list[dict[str, Any]]:
    """Trades by column, the newest first. flagged: only those that a person must look at."""
    return rows_of(conn, "trades", {"flagged": flagged, "most": most})


def look_at(conn: psycopg.Connection, gateway: str, trade_no: str, *, by: str, note: str) -> bool:
    """Whether a trade asked for somebody to look at it; then it has been."""
    wall = wall_clock(conn)
    given = {"gateway": gateway, "trade_no": trade_no, "by": by, "note": note, "wall": wall}
    return bool(rows_of(conn, "look_at", given))
