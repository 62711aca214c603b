"""`duecourse book cash` and `duecourse book buckets`: what comes in when, and how late the book is."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

import typer

from duecourse.book.cash import Cash, LatenessUsed, expected_cash
from duecourse.book.counting import COUNTERS, BucketLine, count_buckets
from duecourse.domain.buckets import DEFAULT_BUCKETS, bucket_labels
from duecourse.domain.lateness import EARLIEST, LATEST
from duecourse.domain.money import from_minor
from duecourse.domain.problems import DuecourseError, Problem
from duecourse.policy.counting import counting_rules
from duecourse.policy.model import Policy
from duecourse.policy.versions import published_policies

from .context import Context, context
from .dates import AS_OF_HELP, parse_date
from .screen import print_json, table
from .words import say, word

JsonOption = Annotated[bool, typer.Option("--json", help="Report as JSON.")]


def cash(
    from_: Annotated[str, typer.Option("--from", metavar="DATE", help="The first day, YYYY-MM-DD.")],
    to: Annotated[str, typer.Option("--to", metavar="DATE", help="The last day, YYYY-MM-DD.")],
    as_of: Annotated[
        str | None,
        typer.Option(
            metavar="DATE",
            help=AS_OF_HELP
            + " Nothing later is read. Default: the book's day, or --from where that is earlier.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Expected cash by day and currency: what falls due, and what comes if money stays as late as it was.

    The lateness is measured from what was paid before the day, by product and grade where enough was seen.

    Example: duecourse book cash --from 2026-03-01 --to 2026-03-31
    """
    here = context()
    first, last = parse_date(from_, "--from"), parse_date(to, "--to")
    if last < first:
        raise DuecourseError(
            Problem("D050", "--to", f"{last} is before {first}, the day of --from"), exit_code=2
        )
    day = parse_date(as_of, "--as-of") if as_of else min(here.book_day(), first)
    found = expected_cash(here.connect(), as_of=day, from_on=first, to_on=last)
    if as_json:
        print_json(here.console, _cash_json(found, first, last))
    else:
        _print_cash(here, found)


def _cash_json(found: Cash, first: date, last: date) -> dict[str, Any]:
    return {
        "as_of": found.as_of,
        "from": first,
        "to": last,
        "rows": [
            {
                "date": one.day,
                "currency": one.currency,
                "due": str(from_minor(one.due_minor, one.currency)),
                "expected": str(from_minor(one.expected_minor, one.currency)),
                "count": one.installments,
            }
            for one in found.days
        ],
        "lateness": {
            "measured": f"payments of the {EARLIEST * -1} days before to the {LATEST} days after a due day, "
            "by money, as known on as_of",
            "groups": [_lateness_json(one) for one in found.lateness],
        },
    }


def _lateness_json(one: LatenessUsed) -> dict[str, Any]:
    return {
        "currency": one.currency,
        "product": one.product,
        "grade": one.grade,
        "level": one.level,
        "installments": one.installments,
        "by_due_day": _share(_paid_by(one, 0)),
        "by_day_7": _share(_paid_by(one, 7)),
        "by_day_30": _share(_paid_by(one, 30)),
        "unpaid_share": _share(one.curve.unpaid_share),
    }


def _paid_by(one: LatenessUsed, lag: int) -> Any:
    return sum(share for late, share in one.curve.expected(EARLIEST - 1) if late <= lag)


def _share(share: Any) -> str:
    return f"{share:.4f}"


def _print_cash(here: Context, found: Cash) -> None:
    rows = [
        (
            one.day,
            one.currency,
            f"{one.installments:,}",
            f"{from_minor(one.due_minor, one.currency):,}",
            f"{from_minor(one.expected_minor, one.currency):,}",
        )
        for one in found.days
    ]
    columns = [say("day"), say("currency"), say("installments"), say("falls due"), say("expected")]
    title = say("Expected cash, as the book stood on {day}", day=found.as_of)
    here.console.print(table(title, columns, rows, right=(2, 3, 4)))
    columns = [
        say("currency"), say("product"), say("grade"), say("measured on"), say("installments"),
        say("by the due day"), say("by day 30"), say("never"),
    ]  # fmt: skip
    lines = [
        (
            one.currency,
            one.product,
            one.grade or "-",
            word("lateness", one.level),
            f"{one.installments:,}",
            f"{_paid_by(one, 0):.1%}",
            f"{_paid_by(one, 30):.1%}",
            f"{one.curve.unpaid_share:.1%}",
        )
        for one in found.lateness
    ]
    here.console.print(table(say("Lateness seen so far, by money"), columns, lines, right=(4, 5, 6, 7)))


def buckets(
    as_of: Annotated[
        str | None,
        typer.Option(
            metavar="DATE", help=AS_OF_HELP + " Default: today; in a simulated book the last day replayed."
        ),
    ] = None,
    policy: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Whose buckets to count by. Default: those of the policy of highest priority.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Open loans and what is past due on them by bucket, by each of the three counters of days past due.

    Example: duecourse book buckets --as-of 2026-03-31
    """
    here = context()
    day = parse_date(as_of, "--as-of") if as_of else here.book_day()
    conn = here.connect()
    policies = [one.model for one in published_policies(conn)]
    bounds = _bounds(policies, policy)
    lines = count_buckets(conn, day, bounds, rules=counting_rules(policies))
    if as_json:
        found = {"as_of": day, "buckets": bucket_labels(bounds), "rows": [_bucket_json(one) for one in lines]}
        print_json(here.console, found)
        return
    _print_buckets(here, day, bucket_labels(bounds), lines)


def _bounds(policies: list[Policy], name: str | None) -> tuple[int, ...]:
    if name is None:
        leading = min(policies, key=lambda policy: (-policy.priority, policy.name), default=None)
        return leading.buckets if leading else DEFAULT_BUCKETS
    for one in policies:
        if one.name == name:
            return one.buckets
    raise DuecourseError(Problem("P301", "published policies", f"policy '{name}' is not published"))


def _bucket_json(one: BucketLine) -> dict[str, Any]:
    return {
        "currency": one.currency,
        "counter": one.counter,
        "bucket": one.bucket,
        "loans": one.loans,
        "past_due": str(from_minor(one.past_due_minor, one.currency)),
    }


def _print_buckets(here: Context, day: date, labels: tuple[str, ...], lines: list[BucketLine]) -> None:
    by_place = {(one.currency, one.bucket, one.counter): one for one in lines}
    rows = []
    for currency in sorted({one.currency for one in lines}):
        for label in labels:
            row: list[object] = [currency, label]
            for counter in COUNTERS:
                one = by_place[currency, label, counter]
                row += [f"{one.loans:,}", f"{from_minor(one.past_due_minor, currency):,}"]
            rows.append(row)
    columns = [say("currency"), say("days past due")]
    for counter in COUNTERS:
        columns += [f"{word('counter', counter)}\n{say('loans')}", say("amount")]
    title = say("Open loans by days past due, as of {day}", day=day)
    here.console.print(table(title, columns, rows, right=(2, 3, 4, 5, 6, 7)))
