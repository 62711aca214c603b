"""What ends a loan before its time, from the installments that the lender's book lists.

The figures are the schedule engine's (`schedule.Settlement`), but for a loan of which the book knows installments and
not all terms. So they are made only where the engine, from the rate and the day count, gives the very interest that the
lender lists for the period in which the day lies. Where it does not, there is something in the contract that is not
known here, and a person must compute it: no figure is invented.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from .day_count import DayCount
from .money import round_minor
from .schedule import Method, Settlement, Terms, TermsError, add_months, rhythm_of, run_schedule

ROUNDING_MINOR = 1
"""A lender may round the interest of a period otherwise: by so many minor units."""
_ADDITIVE = frozenset({DayCount.ACTUAL_360, DayCount.ACTUAL_365, DayCount.ACTUAL_ACTUAL})
"""By which the interest of a single period of unknown rhythm is that of its days."""


class Unknown(StrEnum):
    """Why a person must compute it."""

    CLOSED = "closed"
    """There is nothing to settle: the loan is closed, or nothing of it is open."""
    NO_RATE = "no-rate"
    """The book does not know the rate, or not since when interest runs."""
    PARTS = "parts"
    """Not every installment to come says what of it is principal and what interest, or something else is in it."""
    STATEMENTS = "statements"
    """It is a revolving credit."""
    OVERDUE = "overdue"
    """Something is past its day: what has been added to it since, the lender's next file says."""
    PAID_AHEAD = "paid-ahead"
    """Something that falls due later has been paid on."""
    CONTRACT = "contract"
    """The interest that the lender lists for this period is not what rate and days give."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One installment as the book has it, in minor units.

    due_on: the contract's day, by which interest runs; pay_on: after a holiday shift. principal_minor, interest_minor:
    None where the book does not know. due_minor: all of it, with fees and penalties; paid_minor: of that.
    """

    number: int
    due_on: date
    pay_on: date
    due_minor: int
    principal_minor: int | None
    interest_minor: int | None
    paid_minor: int
    is_open: bool

    @property
    def open_minor(self) -> int:
        """What is still to be paid of it."""
        return max(0, self.due_minor - self.paid_minor) if self.is_open else 0

    @property
    def is_whole(self) -> bool:
        """Whether principal and interest are all that is in it."""
        return self.due_minor == (self.principal_minor or 0) + (self.interest_minor or 0)


@dataclass(frozen=True, slots=True)
class Contract:
    """What the book knows of a loan's terms. principal_minor: what was lent."""

    method: Method
    annual_rate: Decimal | None
    day_count: DayCount | None
    started_on: date | None
    principal_minor: int | None


@dataclass(frozen=True, slots=True)
class Ending:
    """What ends a loan on a day, in minor units.

    due_minor: what falls due until then, that day's too, and is open. settlement: the principal of all later
    installments, and the interest accrued on it to the day. remaining_minor: what these installments would come to if
    they were paid as they fall due. days: since the day from which interest has accrued.
    """

    due_minor: int
    settlement: Settlement
    remaining_minor: int
    days: int

    @property
    def amount_minor(self) -> int:
        """All of it, without a fee."""
        return self.due_minor + self.settlement.amount_minor


def ending_of(contract: Contract, rows: Sequence[Listed], *, on: date, today: date) -> Ending | Unknown:
    """What ends a loan on a day, or why that is not known. rows: every installment, in order. on: today or later.

    What was paid on the way is known as of today: an installment that falls due until the day is taken as unpaid.
    """
    if not any(row.open_minor for row in rows):
        return Unknown.CLOSED
    if contract.method is Method.REVOLVING:
        return Unknown.STATEMENTS
    if any(row.open_minor and row.pay_on < today for row in rows):
        return Unknown.OVERDUE
    due = sum(row.open_minor for row in rows if row.due_on <= on)
    ahead = [row for row in rows if row.due_on > on]
    if not ahead:
        return Ending(due, Settlement(on, 0, 0), 0, 0)
    if any(row.paid_minor or (row.due_minor and not row.is_open) for row in ahead):
        return Unknown.PAID_AHEAD
    if not all(row.is_whole and None not in (row.principal_minor, row.interest_minor) for row in ahead):
        return Unknown.PARTS
    settled = _settlement(contract, rows, ahead, on)
    if isinstance(settled, Unknown):
        return settled
    settlement, days = settled
    return Ending(due, settlement, sum(row.due_minor for row in ahead), days)


def fee_minor(principal_minor: int, percent: Decimal) -> int:
    """A share of the principal that is paid before its time, half-up. percent: 1 is 1 %."""
    return round_minor(principal_minor * percent / 100)


def _settlement(
    contract: Contract, rows: Sequence[Listed], ahead: Sequence[Listed], on: date
) -> tuple[Settlement, int] | Unknown:
    """As the engine gives it for the period in which the day lies, and the days of it until then."""
    principal = sum(row.principal_minor or 0 for row in ahead)
    bears = contract.principal_minor if contract.method is Method.FLAT else principal
    before = [row.due_on for row in rows if row.due_on <= on]
    since = before[-1] if before else contract.started_on
    if contract.annual_rate is None or since is None or not bears or since > on:
        return Unknown.NO_RATE
    first = ahead[0]
    if contract.day_count not in _ADDITIVE and len(rows) == 1 and add_months(since, 1) != first.due_on:
        return Unknown.CONTRACT
    rhythm = rhythm_of([row.due_on for row in rows])
    try:
        terms = Terms(
            bears, contract.annual_rate, 1, first.due_on,
            started_on=since, day_count=contract.day_count, every=rhythm.every, due_day=rhythm.due_day,
        )  # fmt: skip
    except TermsError:
        return Unknown.CONTRACT
    run = run_schedule(Method.INTEREST_ONLY, terms, settle_on=on)
    if (
        run.settlement is None
        or abs(run.rows[0].interest_minor - (first.interest_minor or 0)) > ROUNDING_MINOR
    ):
        return Unknown.CONTRACT
    return Settlement(on, principal, run.settlement.interest_minor), (on - since).days
