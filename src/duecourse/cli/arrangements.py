"""How arrangements are worded on the screen, in JSON, and in the export for the lender's own system."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final

from duecourse.domain.arranging import Open
from duecourse.domain.money import from_minor
from duecourse.responses.offers.agreeing import Found
from duecourse.responses.offers.figures import Figures
from duecourse.responses.offers.listing import Listed
from duecourse.responses.offers.stating import Stated

from .context import Context
from .screen import table
from .wishes import local_time
from .words import say, word

ROWS_SHOWN: Final = 24
COLUMNS: Final = (
    "record", "arrangement", "kind", "creditor", "loan", "agreed_at", "number", "listed", "due_on", "principal",
    "interest", "charges", "amount", "currency",
)  # fmt: skip
"""Of the export. record: `installment`, or `total` of a currency, whose `arrangement` and `number` are counts."""


def print_arrangements(here: Context, found: Sequence[Listed]) -> None:
    """A line each."""
    rows = [
        (
            str(one.arrangement_id)[:8],
            one.borrower_key,
            one.loan_ref,
            word("arrangement", one.figures.kind),
            word("state of an arrangement", one.state),
            word("exception", one.figures.exception),
            local_time(one.agreed_at or one.proposed_at, one.zone),
            _money(one.figures.next_before.amount_minor, one.figures.currency),
            _money(one.figures.next_after[0].amount_minor, one.figures.currency),
            one.figures.next_after[1],
        )
        for one in found
    ]
    columns = [
        say("id"), say("borrower"), say("loan"), say("what"), say("state"), say("exception"), say("since"),
        say("next payment"), say("becomes"), say("due on"),
    ]  # fmt: skip
    here.console.print(table(say("Arrangements"), columns, rows, right=(7, 8)))


def print_arrangement(
    here: Context, found: Found, stated: Stated | None, events: Sequence[Mapping[str, Any]]
) -> None:
    """One in full."""
    figures = found.figures
    here.console.print(
        say(
            "{id}  {borrower}  {loan}  {what}  {state}",
            id=str(found.arrangement_id)[:8],
            borrower=found.borrower_key,
            loan=found.loan_ref,
            what=word("arrangement", found.kind),
            state=word("state of an arrangement", found.state),
        ),
        highlight=False,
    )
    here.console.print(
        say("by policy {policy}, version {version}", policy=found.policy, version=found.policy_version)
    )
    if stated is None:
        here.console.print(say("What the borrower stated has been erased."))
    else:
        amounts = (stated.income_minor, stated.costs_minor, stated.debts_minor, stated.surplus_minor)
        columns = [
            say("why"),
            say("income"),
            say("household costs"),
            say("other debts"),
            say("left in a month"),
        ]
        row = (word("trouble", stated.trouble), *(_money(amount, figures.currency) for amount in amounts))
        here.console.print(table(say("What the borrower stated"), columns, [row], right=(1, 2, 3, 4)))
    columns = [
        "",
        say("next payment"),
        say("due on"),
        say("payments"),
        say("last due on"),
        say("total"),
        say("interest"),
    ]
    rows: list[Sequence[object]] = [
        (
            name, _money(row.amount_minor, figures.currency), day, count, last_on, _money(total, figures.currency),
            "" if interest is None else _money(interest, figures.currency),
        )
        for name, (row, day, count, last_on, total, interest) in zip(
            (say("now"), say("then")), _sides(figures), strict=True
        )
    ]  # fmt: skip
    here.console.print(table(say("Before and after"), columns, rows, right=(1, 3, 5, 6)))
    after = list(zip(figures.after, figures.pay_on, strict=True))[:ROWS_SHOWN]
    rows = [(row.number, day, _money(row.amount_minor, figures.currency)) for row, day in after]
    here.console.print(
        table(say("Installments"), [say("no."), say("due on"), say("amount")], rows, right=(0, 2))
    )
    rows = [
        (
            local_time(one["effective_at"], found.zone),
            word("state of an arrangement", one["event"]),
            one["reason"],
            one["recorded_by"],
        )
        for one in events
    ]
    here.console.print(table(say("Who did what"), [say("when"), say("what"), say("why"), say("who")], rows))


def arrangement_facts(one: Listed) -> dict[str, Any]:
    """As JSON, without what the borrower stated."""
    return {
        "id": one.arrangement_id,
        "borrower": one.borrower_key,
        "loan": one.loan_ref,
        "creditor": one.creditor,
        "state": one.state,
        "reason": one.reason,
        "last_by": one.last_by,
        "proposed_at": one.proposed_at,
        "agreed_at": one.agreed_at,
        "policy": one.policy,
        "policy_version": one.policy_version,
        **figures_facts(one.figures),
    }


def found_facts(found: Found, stated: Stated | None, events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One in full as JSON."""
    currency = found.figures.currency
    told = None
    if stated is not None:
        told = {
            "trouble": stated.trouble.value,
            "income": _amount(stated.income_minor, currency),
            "costs": _amount(stated.costs_minor, currency),
            "other_debts": _amount(stated.debts_minor, currency),
            "surplus": _amount(stated.surplus_minor, currency),
            "until": stated.until,
            "due_day": stated.due_day,
        }
    return {
        "id": found.arrangement_id,
        "borrower": found.borrower_key,
        "loan": found.loan_ref,
        "creditor": found.creditor,
        "state": found.state,
        "withdraw_until": found.withdraw_until,
        "policy": found.policy,
        "policy_version": found.policy_version,
        **figures_facts(found.figures),
        "stated": told,
        "installments": [
            {"number": row.number, "due_on": day, **_parts(row, currency)}
            for row, day in zip(found.figures.after, found.figures.pay_on, strict=True)
        ],
        "events": [dict(one) for one in events],
    }


def figures_facts(figures: Figures) -> dict[str, Any]:
    """What changes, as JSON."""
    sides = {}
    for name, (row, day, count, last_on, total, interest) in zip(
        ("now", "then"), _sides(figures), strict=True
    ):
        sides[name] = {
            "next_payment": _amount(row.amount_minor, figures.currency),
            "next_on": day,
            "payments": count,
            "last_on": last_on,
            "total": _amount(total, figures.currency),
            "interest": None if interest is None else _amount(interest, figures.currency),
        }
    return {
        "kind": figures.kind.value,
        "exception": figures.exception or None,
        "currency": figures.currency,
        **sides,
    }


def export_facts(found: Sequence[Listed]) -> dict[str, Any]:
    """For the lender's own system, with control totals."""
    rows = list(_rows(found))
    names = [name for name in COLUMNS if name != "record"]
    return {
        "arrangements": len(found),
        "installments": [{name: row[name] for name in names} for row in rows],
        "totals": [
            {"currency": currency, "arrangements": ones, "installments": count, "amount": amount}
            for currency, ones, count, amount in _totals(rows)
        ],
    }


def export_csv(found: Sequence[Listed]) -> str:
    """The same as CSV: rows `installment`, then a row `total` for each currency."""
    rows = list(_rows(found))
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    for currency, ones, count, amount in _totals(rows):
        writer.writerow(
            {"record": "total", "arrangement": ones, "number": count, "amount": amount, "currency": currency}
        )
    return text.getvalue()


def _rows(found: Sequence[Listed]) -> Iterator[dict[str, Any]]:
    for one in found:
        figures = one.figures
        known = {row.number for row in figures.before}
        for place in one.changed:
            row = figures.after[place]
            yield {
                "record": "installment",
                "arrangement": str(one.arrangement_id),
                "kind": figures.kind.value,
                "creditor": one.creditor,
                "loan": one.loan_ref,
                "agreed_at": one.agreed_at.isoformat() if one.agreed_at else "",
                "number": row.number,
                "listed": "yes" if row.number in known else "no",
                "due_on": figures.pay_on[place].isoformat(),
                **_parts(row, figures.currency),
                "currency": figures.currency,
            }


def _totals(rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, int, int, str]]:
    """Of each currency: arrangements, installments, and the sum of what is to be paid."""
    for currency in sorted({row["currency"] for row in rows}):
        of = [row for row in rows if row["currency"] == currency]
        amount = sum((Decimal(row["amount"]) for row in of), Decimal(0))
        yield currency, len({row["arrangement"] for row in of}), len(of), f"{amount:f}"


def _parts(row: Open, currency: str) -> dict[str, Any]:
    whole = row.principal_minor is not None and row.interest_minor is not None
    return {
        "principal": _amount(row.principal_minor, currency) if whole else "",
        "interest": _amount(row.interest_minor, currency) if whole else "",
        "charges": _amount(row.charges_minor, currency) if whole else "",
        "amount": _amount(row.amount_minor, currency),
    }


_Side = tuple[Open, date, int, date, int, int | None]


def _sides(figures: Figures) -> tuple[_Side, _Side]:
    """Now and then: what is to be paid next, when, how many payments, the last day, the total, its interest."""
    now, (then, on) = figures.next_before, figures.next_after
    return (
        (
            now, now.due_on, len(figures.before), figures.before[-1].due_on, figures.total_before,
            figures.interest_before,
        ),
        (then, on, len(figures.after), figures.pay_on[-1], figures.total_after, figures.interest_after),
    )  # fmt: skip


def _amount(amount_minor: int | None, currency: str) -> str:
    return "" if amount_minor is None else str(from_minor(amount_minor, currency))


def _money(amount_minor: int, currency: str) -> str:
    return f"{from_minor(amount_minor, currency):,} {currency}"
