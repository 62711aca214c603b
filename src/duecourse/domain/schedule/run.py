"""The run of a loan: from its terms to the rows of its schedule.

Within a period, interest accrues exactly from one event to the next (a new rate, a prepayment) and is rounded half-up
to the minor unit where it is paid. What a period repays is what it would repay were it of regular length and without
events; its interest is that of its own days. So a long first period, or a rate that changes in the middle of a
month, shows in that one payment, and the last payment absorbs nothing but rounding.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from .level import level_minor
from .periods import Period, periods_of
from .revolving import Minimum, revolving_minimum
from .terms import Due, Method, Prepayment, PrepaymentError, Repricing, Terms, TermsError, Then


@dataclass(frozen=True, slots=True)
class Settlement:
    """What ends a loan on a day: the principal still owed and the interest accrued to that day.

    Installments and prepayments due until then, that day's too, are taken as paid.
    """

    day: date
    principal_minor: int
    interest_minor: int

    @property
    def amount_minor(self) -> int:
        """What must be paid."""
        return self.principal_minor + self.interest_minor


@dataclass(frozen=True, slots=True)
class Schedule:
    """Every row, and the settlement that was asked for."""

    rows: tuple[Due, ...]
    settlement: Settlement | None = None


def build_schedule(method: Method, terms: Terms, minimum: Minimum | None = None) -> list[Due]:
    """The rows of a schedule. Raises as run_schedule."""
    return list(run_schedule(method, terms, minimum=minimum).rows)


def run_schedule(
    method: Method, terms: Terms, *, settle_on: date | None = None, minimum: Minimum | None = None
) -> Schedule:
    """The schedule, and what settles the loan on a day.

    minimum: of a revolving loan, and only of one; its last payment is the whole rest.
    Raises PrepaymentError for a prepayment the loan cannot take, ValueError for methods whose amounts only the lender
    knows, and for days outside the loan.
    """
    if method is Method.GIVEN or (method is Method.REVOLVING) != (minimum is not None):
        raise ValueError(
            f"a schedule cannot be computed for method '{method}': the lender's file must list it"
        )
    run = _Run(method, terms, settle_on, minimum)
    rows = tuple(run.rows())
    return Schedule(rows, run.settlement)


def round_half_up(amount: Fraction) -> int:
    """Whole minor units; for amounts of zero or more."""
    return (2 * amount.numerator + amount.denominator) // (2 * amount.denominator)


@dataclass(frozen=True, slots=True)
class _Settle:
    """Asks what is owed on a day, after that day's prepayments."""

    day: date


_NOTHING = Fraction(0)
_Event = Repricing | Prepayment | _Settle
_ORDER = {Repricing: 0, Prepayment: 1, _Settle: 2}


class _Run:
    """The state between two rows."""

    def __init__(self, method: Method, terms: Terms, settle_on: date | None, minimum: Minimum | None) -> None:
        self._method = method
        self._minimum = minimum
        self._periods = periods_of(terms)
        self._grace = max(terms.principal_grace, terms.interest_grace)
        self._interest_grace = terms.interest_grace
        self._events = self._in_order(terms, settle_on)
        self._rate = Fraction(terms.annual_rate)
        self._balance = terms.principal_minor
        self._bearing = Fraction(
            terms.principal_minor
        )  # what interest is counted on: for flat, not the balance
        self._balloon = terms.balloon_minor
        self._last = terms.periods
        self._part = 0  # the level payment, or the level principal
        self._accrued = _NOTHING  # since the last row, in minor units
        self._deferred = 0  # interest of periods of grace, rounded
        self._rounding = Fraction(0)  # what rows have charged too little so far
        self._since = self._periods[0].start  # the day of the last row
        self._known_share = self._known_factor = _NOTHING
        self.settlement: Settlement | None = None
        self._relevel(1)

    def _in_order(self, terms: Terms, settle_on: date | None) -> list[_Event]:
        """Events by day, the latest first, so that the next one is popped."""
        start, end = self._periods[0].start, self._periods[-1].end
        for repricing in terms.repricings:
            if not start <= repricing.day < end:
                raise TermsError("repricings", f"{repricing.day} lies outside the loan's {start} to {end}")
        for prepayment in terms.prepayments:
            if not start <= prepayment.day < end:
                raise PrepaymentError(f"lies outside the loan's {start} to {end}", prepayment)
            if prepayment.amount_minor <= 0:
                raise PrepaymentError("must be above zero", prepayment)
        events: list[_Event] = [*terms.repricings, *terms.prepayments]
        if settle_on is not None:
            if not start <= settle_on <= end:
                raise TermsError("settle_on", f"{settle_on} lies outside the loan's {start} to {end}")
            events.append(_Settle(settle_on))
        # Stable in the order given: two prepayments of a day follow each other as written.
        return sorted(events, key=lambda event: (event.day, _ORDER[type(event)]))[::-1]

    def rows(self) -> Iterator[Due]:
        """Row by row until nothing is owed."""
        for period in self._periods:
            at = period.start
            while self._last >= period.number and self._events and self._events[-1].day < period.end:
                event = self._events.pop()
                self._accrue(period, at, event.day)
                at = event.day
                yield from self._meet(event, period)
            if self._last < period.number:
                break
            self._accrue(period, at, period.end)
            if self._method is not Method.BULLET:
                yield self._installment(period, period.number)
            elif period.number == self._last:
                yield self._installment(period, 1)
        for event in reversed(self._events):
            if isinstance(event, Prepayment):
                raise PrepaymentError("comes when nothing is owed any more", event, 0)
            if isinstance(event, _Settle):
                self.settlement = Settlement(event.day, 0, 0)

    def _accrue(self, period: Period, since: date, until: date) -> None:
        if since != until:
            interest = self._bearing * self._factor(period.share_between(since, until))
            self._accrued = self._accrued + interest if self._accrued else interest

    def _factor(self, share: Fraction) -> Fraction:
        """Interest on one unit for a share of a year. Most periods are alike."""
        if share is not self._known_share:
            self._known_share, self._known_factor = share, self._rate * share
        return self._known_factor

    def _meet(self, event: _Event, period: Period) -> Iterator[Due]:
        if isinstance(event, Repricing):
            self._rate = Fraction(event.annual_rate)
            self._known_share = self._known_factor = _NOTHING
            if self._method is Method.ANNUITY:
                self._relevel(period.number)
        elif isinstance(event, Prepayment):
            yield self._prepay(event, period)
        else:
            self.settlement = Settlement(
                event.day, self._balance, self._deferred + round_half_up(self._accrued)
            )

    def _prepay(self, prepayment: Prepayment, period: Period) -> Due:
        accrued = self._deferred + round_half_up(self._accrued)
        interest = min(prepayment.amount_minor, accrued)
        principal = prepayment.amount_minor - interest
        if principal > self._balance:
            raise PrepaymentError("is more than is owed", prepayment, self._balance + accrued)
        from_deferred = min(interest, self._deferred)
        self._deferred -= from_deferred
        self._accrued -= interest - from_deferred
        if principal:
            self._bearing *= Fraction(self._balance - principal, self._balance)
            self._balance -= principal
            self._balloon = min(self._balloon, self._balance)
            self._follow(prepayment.then, period)
        number = 1 if self._method is Method.BULLET else period.number
        return self._row(number, prepayment.day, principal, interest, is_prepayment=True)

    def _follow(self, then: Then, period: Period) -> None:
        """After principal was prepaid: fewer payments, or lower ones."""
        if self._balance == 0:
            self._last = period.number - 1
        elif then is Then.SHORTEN:
            self._last = self._clears_at(period.number)
        else:
            before = self._part
            self._relevel(period.number)
            self._part = min(before, self._part)  # else a cent of earlier rounding could raise it

    def _relevel(self, number: int) -> None:
        """The part of each payment from this period on, at today's rate and balance."""
        paying = self._periods[max(number - 1, self._grace) : self._last]
        if self._method is Method.ANNUITY:
            factors = [self._factor(period.regular_share) for period in paying]
            self._part = level_minor(self._balance, self._balloon, factors)
        elif self._method in (Method.EQUAL_PRINCIPAL, Method.FLAT):
            self._part = round_half_up(Fraction(self._balance - self._balloon, len(paying)))

    def _clears_at(self, number: int) -> int:
        """The period in which payments as they are have repaid the balance; rounding alone takes no period more."""
        balance = self._balance
        for period in self._periods[max(number - 1, self._grace) : self._last]:
            balance -= self._repaid(balance, period)
            if balance - self._balloon <= period.number - number:
                return period.number
        return self._last

    def _repaid(self, balance: int, period: Period) -> int:
        """Principal that a payment before the last repays, were its period regular and without events."""
        if period.number <= self._grace:
            return 0
        part = self._part
        if self._method is Method.ANNUITY:
            factor = self._factor(period.regular_share)
            # round_half_up(balance * factor), without making the fraction: long schedules are many
            doubled = 2 * factor.denominator
            part = max(0, part - (2 * balance * factor.numerator + factor.denominator) // doubled)
        return min(max(0, balance - self._balloon), part)

    def _installment(self, period: Period, number: int) -> Due:
        is_last = period.number == self._last
        if self._method is Method.FLAT:
            interest = self._flat_interest(is_last)
        else:
            interest = max(0, round_half_up(self._accrued))
        self._accrued = _NOTHING
        if period.number <= self._interest_grace:
            self._deferred += interest
            return self._row(number, period.end, 0, 0)
        interest, self._deferred = interest + self._deferred, 0
        if is_last:
            principal = self._balance
        elif self._minimum is not None:
            principal = self._minimum_principal(self._minimum, interest, period.number)
        else:
            principal = self._repaid(self._balance, period)
        self._balance -= principal
        if self._method is not Method.FLAT:
            self._bearing = Fraction(self._balance)
        return self._row(number, period.end, principal, interest)

    def _flat_interest(self, is_last: bool) -> int:
        """The same each time; the last makes the sum what the contract's rate asks over the years, to the cent."""
        interest = round_half_up(self._accrued)
        overcharged = interest - self._accrued - self._rounding
        if is_last or overcharged > self._accrued:  # of a tiny loan, more than the last could give back
            interest = max(0, round_half_up(self._accrued + self._rounding))
        self._rounding += self._accrued - interest
        return interest

    def _minimum_principal(self, minimum: Minimum, interest: int, number: int) -> int:
        """What the minimum payment leaves for the principal. Ends the run when it is all of it."""
        owed = self._balance + interest
        asked = revolving_minimum(owed, minimum.percent, minimum.floor_minor)
        principal = 0 if number <= self._grace else max(0, asked - interest)
        if principal == self._balance:
            self._last = number
        return principal

    def _row(
        self, number: int, day: date, principal: int, interest: int, *, is_prepayment: bool = False
    ) -> Due:
        days, self._since = (day - self._since).days, day
        return Due(number, day, principal, interest, day, days, self._balance, is_prepayment=is_prepayment)
