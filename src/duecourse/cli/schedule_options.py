"""The options of `duecourse schedule`: what each text means, and one plain error for what it cannot mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from typing import Annotated, Final

import typer

from duecourse.domain.calendars import Shift, UnknownRegionError, country_of
from duecourse.domain.day_count import DayCount
from duecourse.domain.money import MoneyError, from_minor, minor_digits, to_minor
from duecourse.domain.problems import DuecourseError, Problem
from duecourse.domain.schedule import (
    MOST_PERIODS,
    Every,
    Method,
    Minimum,
    Prepayment,
    PrepaymentError,
    Repricing,
    TermsError,
    Then,
)

from .dates import parse_date

METHODS: Final = tuple(method.value for method in Method if method is not Method.GIVEN)

MethodOption = Annotated[
    str, typer.Option(metavar="METHOD", help=f"{', '.join(METHODS)}.", show_default=False)
]
PrincipalOption = Annotated[str, typer.Option(metavar="AMOUNT", help="What is lent.", show_default=False)]
RateOption = Annotated[
    str, typer.Option(metavar="RATE", help="A year, as a fraction: 0.049 is 4.9 %.", show_default=False)
]
PeriodsOption = Annotated[
    int | None,
    typer.Option(
        metavar="NUMBER",
        help="How many installments. Only revolving goes without: it then runs until nothing is owed.",
        show_default=False,
    ),
]
StartOption = Annotated[
    str, typer.Option(metavar="DATE", help="Pay-out, where interest begins.", show_default=False)
]
FirstDueOption = Annotated[str, typer.Option(metavar="DATE", help="The first due day.", show_default=False)]
CurrencyOption = Annotated[str, typer.Option(metavar="CODE", help="ISO 4217, like CNY.", show_default=False)]
EveryOption = Annotated[str, typer.Option(metavar="INTERVAL", help="1m, 3m, 2w, 1w: months or weeks.")]
DayCountOption = Annotated[
    str | None,
    typer.Option(
        metavar="CONVENTION",
        help="30/360, actual/360, actual/365, actual/actual. Default: equal shares of a year, "
        "a first period of another length actual/365.",
    ),
]
DueDayOption = Annotated[
    int | None,
    typer.Option(metavar="DAY", help="1 to 31; 31 is the end of each month. Default: the first due day's."),
]
ShiftOption = Annotated[
    str,
    typer.Option(
        metavar="RULE",
        help="Where a due day on a holiday moves: none, following, modified-following, preceding.",
    ),
]
RegionOption = Annotated[
    str | None,
    typer.Option(metavar="CODE", help="Whose holidays: CN, US-MA. Default: the country of the currency."),
]
RepriceOption = Annotated[
    list[str] | None,
    typer.Option(metavar="DATE:RATE", help="A new rate from that day on. As often as needed."),
]
PrepayOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="DATE:AMOUNT:shorten|lower",
        help="Money paid early, and what it changes: fewer payments, or lower ones. As often as needed.",
    ),
]
BalloonOption = Annotated[
    str | None, typer.Option(metavar="AMOUNT", help="Principal left for the last payment.")
]
PrincipalGraceOption = Annotated[
    int, typer.Option(metavar="NUMBER", help="The first so many payments are of interest only.")
]
InterestGraceOption = Annotated[
    int,
    typer.Option(
        metavar="NUMBER",
        help="In the first so many periods nothing is due; their interest comes with the next payment.",
    ),
]
MinimumPercentOption = Annotated[
    str, typer.Option(metavar="PERCENT", help="Revolving: the minimum, of what is owed. 10 is 10 %.")
]
MinimumFloorOption = Annotated[
    str | None, typer.Option(metavar="AMOUNT", help="Revolving: the minimum is never below this.")
]
SettleOption = Annotated[
    str | None, typer.Option(metavar="DATE", help="Also tell what settles the loan on that day.")
]

_OPTIONS: Final = {
    "principal_minor": "--principal",
    "annual_rate": "--rate",
    "periods": "--periods",
    "first_due_on": "--first-due",
    "started_on": "--start",
    "due_day": "--due-day",
    "balloon_minor": "--balloon",
    "principal_grace": "--principal-grace",
    "interest_grace": "--interest-grace",
    "repricings": "--reprice",
    "settle_on": "--settle-on",
}
"""Which option sets which of the terms."""


def refusal(code: str, option: str, text: str) -> DuecourseError:
    """An option that cannot be used. Exit code 2."""
    return DuecourseError(Problem(code, option, text), exit_code=2)


def read_number(text: str, option: str) -> Decimal:
    """A finite decimal number. D040."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("nan")
    if not number.is_finite():
        raise refusal("D040", option, f"'{text}' is not a number; use digits, like 0.049 or 120000.00")
    return number


def read_amount(text: str, option: str, currency: str) -> int:
    """Minor units of an amount of zero or more. D040, D041."""
    amount = read_number(text, option)
    try:
        minor = to_minor(amount, currency)
    except MoneyError as error:
        raise refusal("D041", option, f"'{text}' {error}") from None
    if minor < 0:
        raise refusal("D041", option, f"'{text}' is negative; use an amount from zero")
    return minor


def read_choice(text: str, option: str, choices: Sequence[str]) -> str:
    """One of the choices. D042."""
    if text not in choices:
        raise refusal("D042", option, f"'{text}' is not known; use one of {', '.join(choices)}")
    return text


def read_currency(text: str) -> str:
    """An ISO 4217 code. D041."""
    try:
        minor_digits(text)
    except MoneyError as error:
        raise refusal("D041", "--currency", f"{error}; use a code like CNY") from None
    return text


def read_every(text: str) -> Every:
    """An interval. D042."""
    try:
        return Every.of(text)
    except ValueError as error:
        raise refusal("D042", "--every", f"{error}") from None


def read_repricing(text: str) -> Repricing:
    """DATE:RATE. D043, or what is wrong with its parts."""
    parts = text.split(":")
    if len(parts) != 2:
        raise refusal("D043", "--reprice", f"'{text}' is not DATE:RATE; use 2027-01-01:0.045")
    return Repricing(parse_date(parts[0], "--reprice"), read_number(parts[1], "--reprice"))


def read_prepayment(text: str, currency: str) -> Prepayment:
    """DATE:AMOUNT:shorten|lower. D043, or what is wrong with its parts."""
    parts = text.split(":")
    if len(parts) != 3:
        expected = "DATE:AMOUNT:shorten or DATE:AMOUNT:lower; use 2026-08-10:20000:shorten"
        raise refusal("D043", "--prepay", f"'{text}' is not {expected}")
    day = parse_date(parts[0], "--prepay")
    then = read_choice(parts[2], "--prepay", [one.value for one in Then])
    return Prepayment(day, read_amount(parts[1], "--prepay", currency), Then(then))


def read_region(text: str | None, shift: Shift, currency: str) -> str:
    """The region whose holidays count; without one the country that the currency's code begins with. D048."""
    if shift is Shift.NONE and text is None:
        return ""
    try:
        country_of(text if text is not None else currency[:2])
    except UnknownRegionError as error:
        why = (
            f"{error}"
            if text is not None
            else f"{currency} belongs to no one country; say whose holidays count"
        )
        raise refusal("D048", "--region", why) from None
    return text if text is not None else currency[:2]


@contextmanager
def named_in_errors(given: Mapping[str, object], currency: str) -> Iterator[None]:
    """Say what is wrong with the terms together under the option that would mend it. D044, D045. given: field to its
    text.
    """
    try:
        yield
    except TermsError as error:
        found = f"'{given[error.field]}': " if error.field in given else ""
        raise refusal("D044", _OPTIONS[error.field], f"{found}{error}") from None
    except PrepaymentError as error:
        one = error.prepayment
        text = f"{one.day}:{from_minor(one.amount_minor, currency)}:{one.then} {error}"
        if error.at_most_minor is not None:
            text += f"; {from_minor(error.at_most_minor, currency)} {currency} settles the loan that day"
        raise refusal("D045", "--prepay", text) from None


def read_minimum(method: Method, percent: str, floor: str | None, currency: str) -> Minimum | None:
    """The minimum of a revolving loan; None for every other method. D040, D041, D046."""
    share = read_number(percent, "--minimum-percent")
    if not 0 <= share <= 100:
        raise refusal("D046", "--minimum-percent", f"'{percent}' is out of range; use 0 to 100")
    least = read_amount(floor, "--minimum-floor", currency) if floor is not None else 0
    return Minimum(share, least) if method is Method.REVOLVING else None


def read_periods(method: Method, periods: int | None) -> int:
    """How many installments. D047 where none were given and the method needs them."""
    if periods is not None:
        return periods
    if method is Method.REVOLVING:
        return MOST_PERIODS
    raise refusal("D047", "--periods", f"is missing; {method} needs the number of installments")


def read_day_count(text: str | None) -> DayCount | None:
    """A convention. D042."""
    if text is None:
        return None
    return DayCount(read_choice(text, "--day-count", [one.value for one in DayCount]))


def never_paid_off(most: int) -> DuecourseError:
    """A minimum that does not repay the loan. D046."""
    text = f"the minimum does not repay the loan in {most} payments; give a floor, more percent, or --periods"
    return refusal("D046", "--minimum-floor", text)
