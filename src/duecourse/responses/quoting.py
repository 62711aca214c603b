"""What ends a loan early, quoted for a day: the figures of `domain.settling` on the terms of the lender's policy.

A quote is of a day and binds nobody to anything: nothing is stored. Where the book does not know enough, or the policy
says nothing, there is none, and it is said why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import Any, Final
from uuid import UUID

import psycopg

from duecourse.book.reading import Loan, loans_of
from duecourse.domain.day_count import DayCount
from duecourse.domain.money import Money
from duecourse.domain.schedule import Method, add_months
from duecourse.domain.settling import Contract, Ending, Listed, Unknown, ending_of, fee_minor
from duecourse.policy.early_terms import EarlySettlement
from duecourse.policy.holding import which_hold
from duecourse.policy.versions import PublishedPolicy, published_policies
from duecourse.store.sql import load

SQL = load("responses/quoting")

NO_POLICY: Final = "no-policy"
"""No policy that applies to the loan says on which terms it may be ended early."""
DEBIT: Final = "debit"
"""A debit is under way: what it brings is not known yet."""
DAY: Final = "day"
"""The day is past, or further away than the policy lets a quote be."""
BECAUSE: Final = (*(why.value for why in Unknown), NO_POLICY, DEBIT, DAY)
"""Every reason why there is no quote."""


@dataclass(frozen=True, slots=True)
class Quote:
    """What ends a loan on a day, through which it holds. Personal: never logged."""

    loan: Loan
    on: date
    latest_on: date
    """The furthest day for which there may be a quote today."""
    due: Money
    """What falls due until the day and is open."""
    principal: Money
    """Of all that falls due later."""
    interest: Money
    """On it, to the day."""
    days: int
    """Of that interest."""
    fee: Money
    saved: Money
    """Against paying everything as it falls due; below zero where the fee is more."""
    policy: str
    version: int

    @property
    def total(self) -> Money:
        """What must be paid on the day."""
        return self.due + self.principal + self.interest + self.fee


@dataclass(frozen=True, slots=True)
class NoQuote:
    """Why there is none: a word of BECAUSE. latest_on: as in Quote; None where no policy speaks."""

    loan: Loan
    because: str
    latest_on: date | None = None


def quotes_for(
    conn: psycopg.Connection, lane: int, borrower_id: UUID, *, on: date, today: date
) -> list[Quote | NoQuote]:
    """For each open loan of a borrower, by creditor and reference. today: the borrower's, or the lender's."""
    given: dict[str, Any] = {"lane": lane, "borrower_id": borrower_id, "today": today}
    rows = conn.execute(SQL["listed"], given).fetchall()
    listed = {loan_id: [Listed(*row[1:]) for row in of] for loan_id, of in groupby(rows, lambda row: row[0])}
    in_debit = {loan_id for (loan_id,) in conn.execute(SQL["in_debit"], given).fetchall()}
    speaking = _speaking(conn)
    found: list[Quote | NoQuote] = []
    for loan in loans_of(conn, lane, borrower_id):
        of = listed.get(loan.loan_id, [])
        if loan.state != "open" or not any(one.open_minor for one in of):
            continue
        policy = _policy_for(conn, speaking, lane, loan, of, today)
        if policy is None:
            found.append(NoQuote(loan, NO_POLICY))
            continue
        quote = _quote(policy, loan, of, on, today)
        if isinstance(quote, Quote) and loan.loan_id in in_debit:
            quote = NoQuote(loan, DEBIT, quote.latest_on)
        found.append(quote)
    return found


def owners_of_loan(conn: psycopg.Connection, loan_ref: str) -> list[tuple[int, UUID, UUID, str]]:
    """Lane, borrower, loan and creditor of every loan with a reference: different creditors may use the same."""
    return conn.execute(SQL["owner_of_loan"], {"loan_ref": loan_ref}).fetchall()


def _speaking(conn: psycopg.Connection) -> list[PublishedPolicy]:
    """The policies that say anything of it, of the highest priority first."""
    saying = [one for one in published_policies(conn) if one.model.early_settlement is not None]
    return sorted(saying, key=lambda one: (-one.model.priority, one.policy))


def _policy_for(
    conn: psycopg.Connection,
    speaking: Sequence[PublishedPolicy],
    lane: int,
    loan: Loan,
    listed: Sequence[Listed],
    today: date,
) -> PublishedPolicy | None:
    """The first that applies to a loan, by its oldest open installment."""
    oldest = next(one for one in listed if one.open_minor)
    conditions = [one.model.applies_to for one in speaking]
    place: dict[str, Any] = {"lane": lane, "loan_id": loan.loan_id, "number": oldest.number}
    holding = which_hold(conn, conditions, **place, as_of=today)
    return next((one for one, holds in zip(speaking, holding, strict=True) if holds), None)


def _quote(
    policy: PublishedPolicy, loan: Loan, listed: Sequence[Listed], on: date, today: date
) -> Quote | NoQuote:
    terms = policy.model.early_settlement
    assert terms is not None
    latest = today + timedelta(terms.valid_days)
    if not today <= on <= latest:
        return NoQuote(loan, DAY, latest)
    contract = Contract(
        Method(loan.method),
        loan.annual_rate,
        DayCount(loan.day_count) if loan.day_count else None,
        loan.started_on,
        loan.principal_minor,
    )
    ending = ending_of(contract, listed, on=on, today=today)
    if isinstance(ending, Unknown):
        return NoQuote(loan, ending.value, latest)
    fee = _fee(terms, loan, ending, on)
    if fee is None:
        return NoQuote(loan, Unknown.NO_RATE.value, latest)
    settlement = ending.settlement

    def money(minor: int) -> Money:
        return Money(minor, loan.currency)

    return Quote(
        loan=loan,
        on=on,
        latest_on=latest,
        due=money(ending.due_minor),
        principal=money(settlement.principal_minor),
        interest=money(settlement.interest_minor),
        days=ending.days,
        fee=money(fee),
        saved=money(ending.remaining_minor - settlement.amount_minor - fee),
        policy=policy.policy,
        version=policy.version,
    )


def _fee(terms: EarlySettlement, loan: Loan, ending: Ending, on: date) -> int | None:
    """None where it depends on when the loan began and the book does not know."""
    if terms.fee_percent and terms.fee_months is not None:
        if loan.started_on is None:
            return None
        if on >= add_months(loan.started_on, terms.fee_months):
            return 0
    return fee_minor(ending.settlement.principal_minor, terms.fee_percent)
