"""`duecourse book allot`, `move-due-day`, `recompute-dates` and `pause`: the days of loans."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

import typer

from duecourse.book.allotting import Allotted, DayLoad, apply_days, propose_days
from duecourse.book.moving import Moved, apply_move, propose_move
from duecourse.book.pauses import end_pause, find_loan, pause_loan
from duecourse.book.shifting import provisional_days, recompute_days
from duecourse.domain.money import from_minor
from duecourse.domain.problems import DuecourseError, Problem

from .context import Context, context
from .dates import AS_OF_HELP, parse_date
from .screen import print_json, table
from .words import say

LoanArgument = Annotated[str, typer.Argument(metavar="LOAN", help="The lender's contract key.")]
CreditorOption = Annotated[
    str | None, typer.Option(help="Whose loan, where several creditors use the same key.")
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Show what would change; write nothing.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Report as JSON.")]
AsOfOption = Annotated[
    str | None,
    typer.Option(
        metavar="DATE", help=AS_OF_HELP + " Default: today; in a simulated book the last day replayed."
    ),
]

ROWS_SHOWN = 20


def allot(
    dry_run: DryRunOption = False,
    months: Annotated[
        int,
        typer.Option(min=1, max=600, help="How many payments a loan without a schedule is taken to have."),
    ] = 12,
    as_of: AsOfOption = None,
    as_json: JsonOption = False,
) -> None:
    """Allot a due day, 1 to 28, to every loan that waits for one, levelling the month's cash and messages.

    A loan waits when its mapping says `due_day = "allotted"`, or when it has neither a due day nor an installment. The
    day is written to the loan; `--json` hands it back to the lender's system, which makes the schedule.

    Example: duecourse book allot --dry-run
    """
    here = context()
    day = parse_date(as_of, "--as-of") if as_of else here.book_day()
    conn = here.connect()
    allotted, loads = propose_days(conn, as_of=day, months=months)
    if not dry_run:
        apply_days(conn, allotted, now=here.now())
        conn.commit()
    if as_json:
        print_json(here.console, _allot_json(allotted, loads, dry_run))
        return
    _print_allotted(here, allotted, loads, dry_run=dry_run)


def _allot_json(allotted: list[Allotted], loads: list[DayLoad], dry_run: bool) -> dict[str, Any]:
    return {
        "dry_run": dry_run,
        "loans": [
            {
                "loan": one.loan_ref,
                "creditor": one.creditor,
                "due_day": one.due_day,
                "currency": one.currency,
                "monthly": str(from_minor(one.amount_minor, one.currency)),
            }
            for one in allotted
        ],
        "days": [
            {
                "day": one.day,
                "currency": one.currency,
                "cash_before": str(from_minor(one.cash_before_minor, one.currency)),
                "cash_after": str(from_minor(one.cash_after_minor, one.currency)),
                "messages_before": one.messages_before,
                "messages_after": one.messages_after,
            }
            for one in loads
        ],
    }


def _print_allotted(here: Context, allotted: list[Allotted], loads: list[DayLoad], *, dry_run: bool) -> None:
    if allotted:
        rows = [
            (
                one.day,
                one.currency,
                f"{from_minor(one.cash_before_minor, one.currency):,}",
                f"{from_minor(one.cash_after_minor, one.currency):,}",
                f"{one.messages_before:,}",
                f"{one.messages_after:,}",
            )
            for one in loads
        ]
        columns = [
            say("day"), say("currency"), say("cash before"), say("cash after"), say("messages before"),
            say("messages after"),
        ]  # fmt: skip
        here.console.print(table(say("A month's load by day"), columns, rows, right=(0, 2, 3, 4, 5)))
    count = len(allotted)
    here.console.print(
        say("{count:,} loans would get a due day.", count=count)
        if dry_run
        else say("{count:,} loans got a due day.", count=count)
    )


def move_due_day(
    loan: LoanArgument,
    to: Annotated[int, typer.Option(min=1, max=31, help="The new day of the month; 31 is its end.")],
    from_: Annotated[
        str, typer.Option("--from", metavar="MONTH", help="The first month that moves, YYYY-MM.")
    ],
    without_interest: Annotated[
        bool, typer.Option("--without-interest", help="Waive the interest of the odd days.")
    ] = False,
    creditor: CreditorOption = None,
    dry_run: DryRunOption = False,
    as_of: AsOfOption = None,
    as_json: JsonOption = False,
) -> None:
    """Move the due day of a loan on the borrower's request; its first moved installment bears the odd days' interest.

    Interest runs on the principal that is still to be repaid, by the loan's day count or actual/365. What falls due by
    the book's day stays. The lender's next file leaves the move when it repeats what it said before; when it says
    something new of these installments, its word holds and the import reports it.

    Example: duecourse book move-due-day L-1 --to 20 --from 2026-04 --dry-run
    """
    here = context()
    day = parse_date(as_of, "--as-of") if as_of else here.book_day()
    month = _month(from_)
    conn = here.connect()
    found = find_loan(conn, loan, creditor)
    moved = propose_move(conn, found, to, from_on=month, as_of=day, with_interest=not without_interest)
    if not dry_run:
        apply_move(conn, moved, recorded_by=here.user, now=here.now())
        conn.commit()
    if as_json:
        print_json(here.console, _move_json(moved, dry_run))
        return
    _print_move(here, moved, dry_run=dry_run)


def _move_json(moved: Moved, dry_run: bool) -> dict[str, Any]:
    currency, move = moved.loan.currency, moved.move
    return {
        "dry_run": dry_run,
        "loan": moved.loan.loan_ref,
        "creditor": moved.loan.creditor,
        "due_day": moved.due_day,
        "currency": currency,
        "odd_days": move.odd_days,
        "odd_interest": str(from_minor(move.odd_interest_minor, currency)),
        "balance": None if move.balance_minor is None else str(from_minor(move.balance_minor, currency)),
        "day_count": moved.day_count.value,
        "installments": [
            {"number": one.number, "was_due_on": one.due_on, "due_on": due_on} for one, due_on in move.days
        ],
    }


def _print_move(here: Context, moved: Moved, *, dry_run: bool) -> None:
    days = moved.move.days
    rows = [(one.number, one.due_on, due_on) for one, due_on in days[:ROWS_SHOWN]]
    title = say("Loan {loan}, due on day {day} of the month", loan=moved.loan.loan_ref, day=moved.due_day)
    here.console.print(table(title, [say("no."), say("was due on"), say("due on")], rows, right=(0,)))
    here.console.print(
        say(
            "{days} odd days bear {interest} {currency} on installment {number}.",
            days=moved.move.odd_days,
            interest=from_minor(moved.move.odd_interest_minor, moved.loan.currency),
            currency=moved.loan.currency,
            number=moved.from_number,
        )
    )
    count = len(days)
    here.console.print(
        say("{count} installments would move.", count=count)
        if dry_run
        else say("{count} installments moved.", count=count)
    )


def recompute_dates(as_of: AsOfOption = None, as_json: JsonOption = False) -> None:
    """Shift due days off holidays again with the calendars there are now; twice changes nothing the second time.

    For after an update that brings a calendar: days marked provisional become final. What has fallen due stands.

    Example: duecourse book recompute-dates
    """
    here = context()
    day = parse_date(as_of, "--as-of") if as_of else here.book_day()
    conn = here.connect(autocommit=True)
    changed = recompute_days(conn, from_on=day)
    waiting = provisional_days(conn, day)
    if as_json:
        found = {
            "from": day,
            "changed": changed,
            "provisional": [
                {"region": one.region, "installments": one.installments, "first_on": one.first_on}
                for one in waiting
            ],
        }
        print_json(here.console, found)
        return
    here.console.print(say("{count:,} due days from {day} on changed.", count=changed, day=day))
    for one in waiting:
        here.console.print(
            say(
                "{region}: {count:,} due days from {day} on wait for a calendar and are provisional.",
                region=one.region,
                count=one.installments,
                day=one.first_on,
            )
        )


def pause(
    loan: LoanArgument,
    evidence: Annotated[str, typer.Option(help="Where the reason can be seen; nothing personal.")],
    from_: Annotated[
        str | None,
        typer.Option("--from", metavar="DATE", help="The first day that does not count.", show_default=False),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="DATE", help="The last day that does not count.", show_default=False),
    ] = None,
    end: Annotated[
        str | None,
        typer.Option("--end", metavar="DATE", help="End the pause early: its last day.", show_default=False),
    ] = None,
    deferral: Annotated[
        bool,
        typer.Option("--deferral", help="The contract is put off: contractual days do not count either."),
    ] = False,
    creditor: CreditorOption = None,
    as_json: JsonOption = False,
) -> None:
    """Pause the counting of a loan's days past due, also back-dated, or end a pause early.

    Paused days are no strategy days, and grace does not run through them; with --deferral they are no contractual days
    either. Whether bureau days leave them out is the policy's `bureau` rule. A pause stops no message by itself.

    Example: duecourse book pause L-1 --from 2026-03-01 --to 2026-03-31 --evidence "case 4711"
    """
    here = context()
    conn = here.connect()
    if end is not None:
        if from_ or to or deferral:
            raise _misuse("--end stands alone")
        found = find_loan(conn, loan, creditor)
        days = end_pause(
            conn,
            found,
            end_on=parse_date(end, "--end"),
            evidence=evidence,
            recorded_by=here.user,
            now=here.now(),
        )
        extended = 0
    else:
        if from_ is None or to is None:
            raise _misuse("give --from and --to, or --end")
        days = (parse_date(from_, "--from"), parse_date(to, "--to"))
        found = find_loan(conn, loan, creditor)
        extended = pause_loan(
            conn,
            found,
            from_on=days[0],
            to_on=days[1],
            kind="deferral" if deferral else "pause",
            evidence=evidence,
            recorded_by=here.user,
            now=here.now(),
        )
    conn.commit()
    if as_json:
        shown = {"loan": found.loan_ref, "creditor": found.creditor, "grace_extended": extended}
        print_json(here.console, shown | ({"from": days[0], "to": days[1]} if days else {"withdrawn": True}))
        return
    _print_pause(here, found.loan_ref, days, extended)


def _print_pause(here: Context, loan_ref: str, days: tuple[date, date] | None, extended: int) -> None:
    """days: None for a pause that is withdrawn."""
    if days is None:
        here.console.print(say("The pause of {loan} is withdrawn.", loan=loan_ref))
        return
    here.console.print(
        say("{loan} is paused from {first} to {last}.", loan=loan_ref, first=days[0], last=days[1])
    )
    if extended:
        here.console.print(say("Grace of {count} installments is extended by it.", count=extended))


def _misuse(found: str) -> DuecourseError:
    return DuecourseError(Problem("D051", "pause", found), exit_code=2)


def _month(text: str) -> date:
    """The first day of a month written YYYY-MM. D052."""
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        raise DuecourseError(
            Problem("D052", "--from", f"{text!r} is not a month; use YYYY-MM"), exit_code=2
        ) from None
