"""`duecourse book differences`: the lender's installments beside what the loans' terms give."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import islice
from typing import Annotated, Final

import typer

from duecourse.book.differences import Comparison, LoanDifferences, differing_loans
from duecourse.domain.money import from_minor

from .context import context
from .schedule_options import read_day_count
from .screen import print_json, table
from .words import say, word

LISTED: Final = 100


def differences(
    tolerance: Annotated[
        int,
        typer.Option(min=0, metavar="NUMBER", help="Amounts this many cents, fen or yen apart are the same."),
    ] = 0,
    day_count: Annotated[
        str | None,
        typer.Option(
            metavar="CONVENTION",
            help="The lender's: 30/360, actual/360, actual/365, actual/actual. Default: equal shares of a year.",
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option(min=1, metavar="NUMBER", help="How many differing loans to list; all are counted.")
    ] = LISTED,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")] = False,
) -> None:
    """List the loans whose installments are not what their terms give. The lender's amounts stay as they are.

    Compared are loans with principal, rate and a method whose installments are all in the book, by number: due day,
    principal, interest and payment without fees.

    Example: duecourse book differences --tolerance 1
    """
    here = context()
    convention = read_day_count(day_count)
    conn = here.connect(autocommit=True)
    comparison = Comparison()
    found = differing_loans(conn, comparison, tolerance_minor=tolerance, day_count=convention)
    listed = list(islice(found, limit))
    for _ in found:  # the rest is counted, not kept
        pass
    if as_json:
        print_json(
            here.console,
            {
                "compared": comparison.compared,
                "differing": comparison.differing,
                "left_out": dict(sorted(comparison.left_out.items())),
                "loans": [_as_json(loan) for loan in listed],
            },
        )
        return
    _print(listed, comparison)


def _shown(value: date | int | None, currency: str) -> str | None:
    """A day or an amount in currency units; None stays."""
    if value is None:
        return None
    if isinstance(value, date):
        return value.isoformat()
    return str(from_minor(value, currency))


def _as_json(loan: LoanDifferences) -> dict[str, object]:
    return {
        "creditor": loan.creditor,
        "loan": loan.loan_ref,
        "currency": loan.currency,
        "differences": [
            {
                "number": one.number,
                "field": one.field,
                "listed": _shown(one.listed, loan.currency),
                "computed": _shown(one.computed, loan.currency),
            }
            for one in loan.differences
        ],
    }


def _rows(listed: list[LoanDifferences]) -> Iterator[tuple[object, ...]]:
    for loan in listed:
        for one in loan.differences:
            yield (
                loan.loan_ref,
                one.number,
                word("difference", one.field),
                _shown(one.listed, loan.currency),
                _shown(one.computed, loan.currency),
                loan.currency,
            )


def _print(listed: list[LoanDifferences], comparison: Comparison) -> None:
    console = context().console
    if listed:
        columns = [
            say("loan"), say("no."), say("figure"), say("the lender's"), say("by the terms"), say("currency"),
        ]  # fmt: skip
        console.print(table(say("Differences"), columns, _rows(listed), right=(1, 3, 4)))
    console.print(
        say(
            "{differing:,} of {compared:,} loans differ from their terms",
            differing=comparison.differing,
            compared=comparison.compared,
        )
    )
    if comparison.differing > len(listed):
        console.print(say("Listed are the first {count:,}; --limit lists more", count=len(listed)))
    for why, count in sorted(comparison.left_out.items()):
        console.print(say("Not compared: {count:,}, {why}", count=count, why=word("left out", why)))
