"""What the policy allows a borrower who cannot pay: each offer with its figures, or why there is none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import psycopg

from duecourse.book.arranging import Standing, open_of, standing_of
from duecourse.book.holds import HoldKind, holds_of
from duecourse.book.moving import propose_move
from duecourse.book.wishes import Person
from duecourse.domain.arranging import (
    ArrangementError,
    Open,
    Replan,
    coming,
    extended,
    fewest_fitting,
    largest,
    paused,
)
from duecourse.domain.calendars import Shift, shift_day
from duecourse.domain.day_count import DayCount
from duecourse.domain.problems import DuecourseError
from duecourse.domain.schedule import Method, add_months
from duecourse.policy.frozen import Condition
from duecourse.policy.holding import which_hold
from duecourse.policy.offered import Kind, Offer
from duecourse.policy.versions import PublishedPolicy, published_policies

from .figures import Figures
from .stating import SQL, Stated, stands

PLANNED: Final = frozenset({Method.ANNUITY, Method.EQUAL_PRINCIPAL, Method.GIVEN})
"""Methods of which a plan of level payments is a fair rendering; of the others a person computes."""
NO_BAR: Final = frozenset({HoldKind.HARDSHIP, HoldKind.PROMISE, HoldKind.SAYS_PAID})
"""Holds beside which a borrower may agree by a tap. With any other a person decides."""
TOO_OFTEN: Final = "too-often"
BEYOND_MEANS: Final = "beyond-means"
"""Exceptions, which two persons approve: more often than the policy says; more than the household can pay."""


@dataclass(frozen=True, slots=True)
class Offered:
    """One offer with its figures, by a version of a policy."""

    offer: Offer
    figures: Figures
    policy: str
    version: int
    cooling_off_days: int | None


@dataclass(frozen=True, slots=True)
class Offering:
    """What is offered of a loan. because: why nothing is, '' where something is.

    `closed`, `nothing-open`, `in-force` (something was agreed or asked for already), `no-policy`, `not-computed` (the
    book does not know enough, or it falls due by statements), `none-fits`.
    """

    standing: Standing
    offers: tuple[Offered, ...] = ()
    because: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """All that figures are made of."""

    conn: psycopg.Connection
    standing: Standing
    rows: Sequence[Open]
    stated: Stated
    today: date
    share_percent: int

    @property
    def day_count(self) -> DayCount | None:
        """The contract's, where the book knows it."""
        return DayCount(self.standing.day_count) if self.standing.day_count else None

    def rate(self, offer: Offer) -> Decimal | None:
        """None where interest is waived. Raises ArrangementError where it is charged and not known."""
        if offer.interest == "waived" and offer.kind is not Kind.PLAN:
            return None
        if self.standing.annual_rate is None:
            raise ArrangementError("the book does not know the rate")
        return Decimal(self.standing.annual_rate)


def offers_for(
    conn: psycopg.Connection,
    person: Person,
    loan_id: UUID,
    stated: Stated,
    *,
    today: date,
    now: datetime,
) -> Offering | None:
    """What may be offered of a person's own loan; None when it is not theirs. today: the person's."""
    standing = standing_of(conn, person.lane, loan_id, today=today)
    if standing is None or standing.borrower_id != person.borrower_id:
        return None
    rows = open_of(conn, person.lane, loan_id)
    if because := _unfit(conn, standing, rows):
        return Offering(standing, because=because)
    chosen = _allowed(conn, standing, rows[0].number, today)
    if chosen is None:
        return Offering(standing, because="no-policy")
    policy, allowed = chosen
    assert policy.model.offers is not None
    case = Case(conn, standing, rows, stated, today, policy.model.offers.share_percent)
    asks_person = standing.debit or _is_barred(conn, person, now)
    taken = _taken(conn, standing, today)
    offers = []
    for offer in allowed:
        found = figured(case, offer, often=taken.get(offer.kind, 0), asks_person=asks_person)
        if found is not None:
            days = policy.model.offers.cooling_off_days if offer.kind is not Kind.DUE_DAY else None
            offers.append(Offered(offer, found, policy.policy, policy.version, days))
    return Offering(standing, tuple(offers), "" if offers else "none-fits")


def figured(case: Case, offer: Offer, *, often: int, asks_person: bool) -> Figures | None:
    """The figures of one offer; None where it does not fit what was stated, or cannot be known.

    often: how often this kind was agreed for the loan in the last 365 days. asks_person: whether a tap is not enough.
    """
    try:
        made = _MADE[offer.kind](case, offer)
    except (ArrangementError, DuecourseError):
        return None
    if made is None:
        return None
    after, exception, more = made
    exception = exception or (TOO_OFTEN if often >= offer.times_a_year else "")
    standing = case.standing
    return Figures(
        kind=offer.kind,
        loan_id=standing.loan_id,
        currency=standing.currency,
        today=case.today,
        before=tuple(case.rows),
        after=tuple(after),
        pay_on=tuple(shift_day(row.due_on, Shift(standing.shift), standing.region).day for row in after),
        at_once=offer.mode == "at-once" and not exception and not asks_person,
        exception=exception,
        **more,
    )


def _unfit(conn: psycopg.Connection, standing: Standing, rows: Sequence[Open]) -> str:
    if standing.state != "open":
        return "closed"
    if not rows:
        return "nothing-open"
    if standing.statements or standing.gap:
        return "not-computed"
    row = conn.execute(stands("in_force", "of_loan"), standing.found.place).fetchone()
    return "in-force" if row else ""


def _allowed(
    conn: psycopg.Connection, standing: Standing, number: int, today: date
) -> tuple[PublishedPolicy, list[Offer]] | None:
    """The policy that speaks and what of it holds for the loan, the first of each kind."""
    saying = [one for one in published_policies(conn) if one.model.offers is not None]
    saying.sort(key=lambda one: (-one.model.priority, one.policy))
    asked = [condition for one in saying for condition in _conditions(one)]
    if not asked:
        return None
    lane, loan_id = standing.lane, standing.loan_id
    holding = iter(which_hold(conn, asked, lane=lane, loan_id=loan_id, number=number, as_of=today))
    for one in saying:
        assert one.model.offers is not None
        applies = next(holding)
        found: dict[Kind, Offer] = {}
        for offer in one.model.offers.allowed:
            if next(holding):
                found.setdefault(offer.kind, offer)
        if applies:
            return one, list(found.values())
    return None


def _conditions(published: PublishedPolicy) -> Iterator[Condition]:
    yield published.model.applies_to
    if published.model.offers is not None:
        yield from (offer.condition for offer in published.model.offers.allowed)


def _is_barred(conn: psycopg.Connection, person: Person, now: datetime) -> bool:
    return any(one.in_force and HoldKind(one.kind) not in NO_BAR for one in holds_of(conn, person, at=now))


def _taken(conn: psycopg.Connection, standing: Standing, today: date) -> dict[Kind, int]:
    rows = conn.execute(
        stands("taken", "of_loan"), {**standing.found.place, "since": today - timedelta(365)}
    ).fetchall()
    return {Kind(kind): count for kind, count in rows}


def _extension(case: Case, offer: Offer) -> _Made:
    ahead = coming(case.rows, case.today)
    most = offer.most_days
    if len(ahead) > 1:
        most = min(most, (ahead[1].due_on - ahead[0].due_on).days - 1)
    until = case.stated.until
    days = min(most, (until - ahead[0].due_on).days) if ahead and until else most
    if days < 1:
        return None
    count = case.day_count or DayCount.ACTUAL_365
    after = extended(case.rows, days=days, today=case.today, rate=case.rate(offer), day_count=count)
    return after, "", {}


def _pause(case: Case, offer: Offer) -> _Made:
    ahead = coming(case.rows, case.today)
    if (
        not ahead
        or case.conn.execute(
            SQL["paused_after"], case.standing.found.place | {"today": case.today}
        ).fetchone()
    ):
        return None
    until, months = case.stated.until, 1
    while until and months < offer.most_months and add_months(ahead[0].due_on, months) < until:
        months += 1
    after = paused(
        case.rows, months=months, today=case.today, rate=case.rate(offer), day_count=case.day_count,
        due_day=case.standing.due_day,
    )  # fmt: skip
    return after, "", {"pause": (case.today, add_months(case.today, months) - timedelta(1))}


def _due_day(case: Case, offer: Offer) -> _Made:
    day = case.stated.due_day
    if day is None or not offer.earliest_day <= day <= offer.latest_day:
        return None
    for row in coming(case.rows, case.today)[:2]:
        try:
            moved = propose_move(
                case.conn,
                case.standing.found,
                day,
                from_on=row.due_on,
                as_of=case.today,
                with_interest=offer.interest == "charged",
            )
        except DuecourseError:
            continue
        days = {one.number: to for one, to in moved.move.days}
        first, odd = moved.from_number, moved.move.odd_interest_minor
        after = [
            Open(
                one.number,
                days.get(one.number, one.due_on),
                one.amount_minor + (odd if one.number == first else 0),
                one.principal_minor,
                one.interest_minor + odd
                if one.number == first and one.interest_minor is not None
                else one.interest_minor,
            )
            for one in case.rows
        ]
        return (after, "", {"due_day": day}) if after != list(case.rows) else None
    return None


def _plan(case: Case, offer: Offer) -> _Made:
    """The fewest payments that the household can make; where even the most are too many, those, as an exception."""
    standing = case.standing
    if Method(standing.method) not in PLANNED:
        return None
    contract = case.rate(offer)
    assert contract is not None
    rate = contract if offer.rate is None else min(contract, offer.rate)
    plan = Replan(case.rows, case.today, standing.due_before, rate, case.day_count, standing.due_day)
    affordable = case.stated.affordable_minor(case.share_percent)
    ahead = coming(case.rows, case.today)
    if len(ahead) == len(case.rows) and largest(ahead) <= affordable:
        return None  # what is to be paid can be: more payments would only cost more
    low, high = plan.fewest(), plan.fewest() + offer.more_payments
    least = -(-(ahead[0] if ahead else case.rows[-1]).amount_minor * offer.lowest_percent // 100)
    found = fewest_fitting(plan.payments, low, high, affordable) or plan.payments(high)
    if len(found) > low and min(row.amount_minor for row in found[:-1]) < least:
        found = _fewer(plan, low, len(found), least)
    exception = "" if largest(found) <= affordable else BEYOND_MEANS
    more = {"rate": str(rate), "share_percent": case.share_percent}
    return (found, exception, more) if found != list(case.rows) else None


def _fewer(plan: Replan, low: int, high: int, least: int) -> list[Open]:
    """The most payments below `high` of which none but the last is less than `least`; else the fewest there are."""
    found = plan.payments(low)
    while low + 1 < high:
        middle = (low + high) // 2
        tried = plan.payments(middle)
        if min(row.amount_minor for row in tried[:-1]) >= least:
            low, found = middle, tried
        else:
            high = middle
    return found


_Made = tuple[Sequence[Open], str, dict[str, Any]] | None
_MADE: Final = {
    Kind.EXTENSION: _extension,
    Kind.DUE_DAY: _due_day,
    Kind.PLAN: _plan,
    Kind.PAUSE: _pause,
}
