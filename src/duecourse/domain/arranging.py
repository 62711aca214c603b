"""Other days and amounts for what is still to be paid of a loan: figures alone, by the schedule engine.

Whatever is arranged, the principal stays what it was, to the minor unit; only interest may be added or, with more
payments, grow. The last payment absorbs rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

from .day_count import DayCount, year_fraction
from .money import round_minor
from .schedule import Method, Terms, add_months, build_schedule, clipped


class ArrangementError(ValueError):
    """Why there are no figures; a text for staff, without anything personal."""


@dataclass(frozen=True, slots=True)
class Open:
    """What is still to be paid of one installment, in minor units.

    due_on: the contract's day, before a holiday shift. principal_minor, interest_minor: None where the book does not
    know; what is neither is fees and penalties.
    """

    number: int
    due_on: date
    amount_minor: int
    principal_minor: int | None = None
    interest_minor: int | None = None

    @property
    def charges_minor(self) -> int:
        """Fees and penalties; only where the other parts are known."""
        return self.amount_minor - (self.principal_minor or 0) - (self.interest_minor or 0)


def coming(rows: Sequence[Open], today: date) -> list[Open]:
    """Those whose day has not passed, today's too."""
    return [row for row in rows if row.due_on >= today]


def extended(
    rows: Sequence[Open], *, days: int, today: date, rate: Decimal | None, day_count: DayCount
) -> list[Open]:
    """The next installment so many days later, with the interest of its own principal for these days.

    rows: all that is open, in order. rate: of the year, a fraction; None adds no interest.
    Raises ArrangementError when nothing is to come, it would meet the one after it, or its principal is not known.
    """
    ahead = coming(rows, today)
    if not ahead:
        raise ArrangementError("nothing is to come: all of it is due")
    first = ahead[0]
    moved_to = first.due_on + timedelta(days)
    if days < 1 or any(moved_to >= row.due_on for row in ahead[1:]):
        raise ArrangementError("the next installment would not fall due between now and the one after it")
    interest = 0
    if rate is not None:
        interest = _interest([first], rate, year_fraction(first.due_on, moved_to, day_count))
    later = replace(_bearing(first, interest), due_on=moved_to)
    return [later if row is first else row for row in rows]


def paused(
    rows: Sequence[Open],
    *,
    months: int,
    today: date,
    rate: Decimal | None,
    day_count: DayCount | None,
    due_day: int | None = None,
) -> list[Open]:
    """Everything to come so many months later; the interest of these months is spread over it evenly.

    Arguments and errors as extended; day_count None: a month bears a twelfth of the year. due_day: the contract's.
    """
    ahead = coming(rows, today)
    if not ahead or months < 1:
        raise ArrangementError("nothing is to come: all of it is due")
    day = _due_day(ahead, due_day)
    days = [clipped(add_months(row.due_on.replace(day=1), months), day) for row in ahead]
    if any(later <= earlier for earlier, later in pairwise(days)):
        raise ArrangementError("two installments would fall on one day")
    interest = 0
    if rate is not None:
        share = year_fraction(ahead[0].due_on, days[0], day_count) if day_count else Fraction(months, 12)
        interest = _interest(ahead, rate, share)
    parts = _spread(interest, len(ahead))
    later = [
        replace(_bearing(row, part), due_on=on) for row, part, on in zip(ahead, parts, days, strict=True)
    ]
    return [*rows[: len(rows) - len(ahead)], *later]


@dataclass(frozen=True, slots=True)
class Replan:
    """What a reduced plan is made of.

    since: from when interest runs, the due day before the next one; None: a month before that.
    rate: of the year, a fraction. due_day: the contract's day of the month, where it is known.
    """

    rows: Sequence[Open]
    today: date
    since: date | None
    rate: Decimal
    day_count: DayCount | None
    due_day: int | None = None

    def fewest(self) -> int:
        """As many payments as are open now."""
        return len(self.rows)

    def payments(self, periods: int) -> list[Open]:
        """All open principal in so many level payments, from the next due day on, with interest by the engine.

        Interest of what has passed its day, and all fees and penalties, are spread evenly and bear no interest.
        Raises ArrangementError when parts are not known, the loan is not monthly, or periods are fewer than open rows.
        """
        rows = self.rows
        if not rows or any(row.principal_minor is None or row.interest_minor is None for row in rows):
            raise ArrangementError("the book does not know principal and interest of every installment")
        if periods < self.fewest():
            raise ArrangementError("a plan has no fewer payments than are open")
        principal = sum(row.principal_minor or 0 for row in rows)
        if principal <= 0:
            raise ArrangementError("no principal is left to be paid in another way")
        past = [row for row in rows if row.due_on < self.today]
        charges = _spread(sum(row.charges_minor for row in rows), periods)
        accrued = _spread(sum(row.interest_minor or 0 for row in past), periods)
        dues = build_schedule(Method.ANNUITY, self._terms(principal, periods))
        numbers = [row.number for row in rows]
        numbers += range(numbers[-1] + 1, numbers[-1] + 1 + periods - len(numbers))
        return [
            Open(
                number,
                due.due_on,
                due.due_minor + old + charge,
                due.principal_minor,
                due.interest_minor + old,
            )
            for number, due, old, charge in zip(numbers, dues, accrued, charges, strict=True)
        ]

    def _terms(self, principal: int, periods: int) -> Terms:
        ahead = coming(self.rows, self.today)
        due_day = _due_day(ahead or self.rows, self.due_day)
        if ahead:
            first, since = ahead[0].due_on, self.since
            months = [row.due_on.year * 12 + row.due_on.month for row in ahead]
            if months != list(range(months[0], months[0] + len(months))):
                raise ArrangementError("a plan is for loans that are paid monthly")
        else:
            last = self.rows[-1].due_on
            apart = (self.today.year - last.year) * 12 + self.today.month - last.month
            month = add_months(last.replace(day=1), apart)
            first = clipped(month, due_day)
            if first <= self.today:
                first = clipped(add_months(month, 1), due_day)
            since = self.today
        before = clipped(add_months(first.replace(day=1), -1), due_day)
        return Terms(
            principal, self.rate, periods, first, started_on=since or before, day_count=self.day_count,
            due_day=due_day if clipped(first, due_day) == first else None,
        )  # fmt: skip


def fewest_fitting(
    plan: Callable[[int], list[Open]], low: int, high: int, most_minor: int
) -> list[Open] | None:
    """The plan of the fewest payments, low to high, none of them above most_minor; None when even high is not enough.

    plan: by number of payments, each payment lower the more there are.
    """
    found = plan(high)
    if largest(found) > most_minor:
        return None
    while low < high:
        middle = (low + high) // 2
        tried = plan(middle)
        if largest(tried) <= most_minor:
            high, found = middle, tried
        else:
            low = middle + 1
    return found


def largest(rows: Sequence[Open]) -> int:
    """The highest payment."""
    return max(row.amount_minor for row in rows)


def _due_day(rows: Sequence[Open], known: int | None) -> int:
    """Of the month: the contract's where the rows bear it out, else the latest of any."""
    latest = max(row.due_on.day for row in rows)
    return known if known and clipped(rows[0].due_on, known) == rows[0].due_on else latest


def _interest(rows: Sequence[Open], rate: Decimal, share: Fraction) -> int:
    """On the principal of rows, for a share of a year, half-up."""
    if any(row.principal_minor is None for row in rows):
        raise ArrangementError(
            "the principal of an installment is not known, so neither is what bears the interest"
        )
    principal = sum(row.principal_minor or 0 for row in rows)
    exact = principal * Fraction(rate) * share
    return round_minor(Decimal(exact.numerator) / exact.denominator) if exact else 0


def _bearing(row: Open, interest: int) -> Open:
    known = row.interest_minor
    return replace(
        row,
        amount_minor=row.amount_minor + interest,
        interest_minor=None if known is None else known + interest,
    )


def _spread(amount_minor: int, over: int) -> list[int]:
    """Even parts, the last with what does not divide."""
    part = amount_minor // over
    return [*[part] * (over - 1), amount_minor - part * (over - 1)]
