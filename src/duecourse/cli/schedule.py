"""`duecourse schedule`: what falls due when, from the terms alone. Needs no book and no database."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import typer
from rich.table import Table

from duecourse.domain.calendars import DEFAULT_SHIFT, Shift
from duecourse.domain.money import from_minor
from duecourse.domain.schedule import (
    MOST_PERIODS,
    Due,
    Method,
    Schedule,
    Terms,
    run_schedule,
)
from duecourse.domain.schedule.shifting import shift_dues

from . import schedule_options as options
from .context import context
from .dates import parse_date
from .screen import print_json, table
from .words import say, word


def schedule(
    method: options.MethodOption,
    principal: options.PrincipalOption,
    rate: options.RateOption,
    start: options.StartOption,
    first_due: options.FirstDueOption,
    currency: options.CurrencyOption,
    periods: options.PeriodsOption = None,
    every: options.EveryOption = "1m",
    day_count: options.DayCountOption = None,
    due_day: options.DueDayOption = None,
    shift: options.ShiftOption = DEFAULT_SHIFT.value,
    region: options.RegionOption = None,
    reprice: options.RepriceOption = None,
    prepay: options.PrepayOption = None,
    balloon: options.BalloonOption = None,
    principal_grace: options.PrincipalGraceOption = 0,
    interest_grace: options.InterestGraceOption = 0,
    minimum_percent: options.MinimumPercentOption = "10",
    minimum_floor: options.MinimumFloorOption = None,
    settle_on: options.SettleOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")] = False,
) -> None:
    """Compute a schedule from a contract's terms: every payment, its interest, and what is still owed.

    It adds up to the cent; the last payment absorbs rounding. Nothing is read from or written to a book.

    Example: duecourse schedule --method annuity --principal 120000 --rate 0.049 --periods 360
    --start 2026-01-15 --first-due 2026-02-28 --currency CNY --due-day 31
    """
    way = Method(options.read_choice(method, "--method", options.METHODS))
    options.read_currency(currency)
    rule = Shift(options.read_choice(shift, "--shift", [one.value for one in Shift]))
    count = options.read_periods(way, periods)
    found_day = parse_date(settle_on, "--settle-on") if settle_on else None
    minimum = options.read_minimum(way, minimum_percent, minimum_floor, currency)
    place = options.read_region(region, rule, currency)
    given = {
        "annual_rate": rate,
        "periods": periods,
        "first_due_on": first_due,
        "due_day": due_day,
        "balloon_minor": balloon,
        "principal_grace": principal_grace,
        "interest_grace": interest_grace,
    }
    with options.named_in_errors(given, currency):
        terms = Terms(
            options.read_amount(principal, "--principal", currency),
            options.read_number(rate, "--rate"),
            count,
            parse_date(first_due, "--first-due"),
            started_on=parse_date(start, "--start"),
            day_count=options.read_day_count(day_count),
            every=options.read_every(every),
            due_day=due_day,
            balloon_minor=options.read_amount(balloon, "--balloon", currency) if balloon else 0,
            principal_grace=principal_grace,
            interest_grace=interest_grace,
            repricings=tuple(map(options.read_repricing, reprice or ())),
            prepayments=tuple(options.read_prepayment(one, currency) for one in prepay or ()),
        )
        computed = run_schedule(way, terms, settle_on=found_day, minimum=minimum)
    if minimum is not None and periods is None and computed.rows[-1].number == MOST_PERIODS:
        raise options.never_paid_off(MOST_PERIODS)
    rows = shift_dues(computed.rows, rule, place)
    if as_json:
        print_json(context().console, _as_json(way, currency, rows, computed))
        return
    _print(way, terms, currency, rows, computed)


def _as_json(method: Method, currency: str, rows: list[Due], computed: Schedule) -> dict[str, object]:
    def amount(minor: int) -> Decimal:
        return from_minor(minor, currency)

    settlement = computed.settlement
    return {
        "currency": currency,
        "method": method.value,
        "rows": [
            {
                "number": row.number,
                "kind": "prepayment" if row.is_prepayment else "installment",
                "due_on": row.due_on,
                "contract_due_on": row.contract_day,
                "provisional": row.provisional,
                "days": row.days,
                "principal": amount(row.principal_minor),
                "interest": amount(row.interest_minor),
                "payment": amount(row.due_minor),
                "balance": amount(row.balance_minor),
            }
            for row in rows
        ],
        "totals": {
            "principal": amount(sum(row.principal_minor for row in rows)),
            "interest": amount(sum(row.interest_minor for row in rows)),
            "payment": amount(sum(row.due_minor for row in rows)),
        },
        "settlement": settlement
        and {
            "on": settlement.day,
            "principal": amount(settlement.principal_minor),
            "interest": amount(settlement.interest_minor),
            "amount": amount(settlement.amount_minor),
        },
    }


def _print(method: Method, terms: Terms, currency: str, rows: list[Due], computed: Schedule) -> None:
    console = context().console
    console.print(_table(method, terms, currency, rows))
    if any(row.provisional for row in rows):
        console.print(
            say("* provisional: no holiday calendar covers that year yet; the contract's day stands")
        )
    if computed.settlement is not None:
        found = computed.settlement
        console.print(
            say(
                "{amount} {currency} settles the loan on {day}: principal {principal}, interest {interest}",
                amount=from_minor(found.amount_minor, currency),
                currency=currency,
                day=found.day,
                principal=from_minor(found.principal_minor, currency),
                interest=from_minor(found.interest_minor, currency),
            )
        )


def _table(method: Method, terms: Terms, currency: str, rows: list[Due]) -> Table:
    def amount(minor: int) -> str:
        return f"{from_minor(minor, currency):,}"

    title = say(
        "{method}: {principal} {currency} at {rate} % a year",
        method=word("method", method.value),
        principal=amount(terms.principal_minor),
        currency=currency,
        rate=f"{(terms.annual_rate * 100).normalize():f}",
    )
    columns = [
        say("no."), say("due on"), say("days"), say("principal"), say("interest"), say("payment"), say("balance"),
    ]  # fmt: skip
    lines: list[tuple[object, ...]] = [
        (
            say("prepaid") if row.is_prepayment else row.number,
            f"{row.due_on}{'*' * row.provisional}",
            row.days,
            amount(row.principal_minor),
            amount(row.interest_minor),
            amount(row.due_minor),
            amount(row.balance_minor),
        )
        for row in rows
    ]
    sums = (
        amount(sum(part))
        for part in zip(*((r.principal_minor, r.interest_minor, r.due_minor) for r in rows), strict=True)
    )
    lines.append((say("sum"), "", sum(row.days for row in rows), *sums, ""))
    return table(title, columns, lines, right=(0, 2, 3, 4, 5, 6))
