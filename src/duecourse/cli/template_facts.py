"""What a previewed message speaks of: a borrower of the book, or somebody made up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

from duecourse.book.counting import pauses_of
from duecourse.book.preferences import PreferenceKind, preferences_of
from duecourse.book.reading import (
    Borrower,
    Installment,
    Loan,
    borrowers_of_loan,
    find_borrower,
    installments_of,
    loans_of,
)
from duecourse.book.wishes import Person
from duecourse.content.addresses import SAMPLE_CODE, sample_address
from duecourse.content.samples import sample_facts
from duecourse.content.variables import Facts, Item
from duecourse.domain.days_past_due import Pause, counted_days
from duecourse.domain.messaging import Purpose
from duecourse.domain.problems import DuecourseError, Problem
from duecourse.policy.model import Policy, Step
from duecourse.privacy.sealing import open_value

from .context import Context

LARGE_TYPE_FIELD = "large_type"


@dataclass(frozen=True, slots=True)
class About:
    """Whom a preview is for. Personal: never logged."""

    facts: Facts
    language: str
    large: bool
    region: str = ""


def somebody(policy: Policy, step: Step, language: str, public_url: str = "") -> About:
    """A made-up borrower with one installment. public_url: what links begin with; '' takes an address made up."""
    return About(sample_facts(policy, step, language, public_url)[0].facts, language, large=False)


def borrower_key(here: Context, borrower: str | None, loan: str | None) -> str | None:
    """The customer key that the options name; None for neither. Raises DuecourseError P414."""
    if loan is None or borrower is not None:
        return borrower
    keys = borrowers_of_loan(here.connect(), loan)
    if not keys:
        raise DuecourseError(Problem("P414", "--loan", "the book has no loan with this reference"))
    if len(keys) > 1:
        message = "loans of several creditors have this reference; say whose with --borrower"
        raise DuecourseError(Problem("P414", "--loan", message))
    return keys[0]


def one_of_the_book(here: Context, key: str, loan: str | None, policy: Policy, step: Step) -> About:
    """A borrower of the book, as it stands today: what falls due next, or what is past due for a collection step.

    Raises DuecourseError D033 for an unknown key, P414 for one who owes nothing that a message could speak of.
    """
    conn = here.connect()
    borrower = find_borrower(conn, here.keyring, key)
    if borrower is None:
        raise DuecourseError(Problem("D033", "--borrower", "no borrower of the book has this customer key"))
    day, now = here.book_day(), here.now()
    loans = {
        one.loan_id: one
        for one in loans_of(conn, borrower.lane, borrower.borrower_id)
        if loan in (None, one.loan_ref)
    }
    unpaid = [
        one
        for one in installments_of(conn, borrower.lane, borrower.borrower_id, day)
        if one.is_open and one.loan_id in loans and one.due_minor > one.paid_minor
    ]
    chosen = _chosen(unpaid, loans, day, late=step.purpose is Purpose.COLLECTION)
    if not chosen:
        raise DuecourseError(Problem("P414", "--borrower", "nothing is open that a message could speak of"))
    pauses = pauses_of(conn, borrower.lane, borrower.borrower_id)
    wishes = [
        wish
        for wish in preferences_of(conn, Person(borrower.lane, borrower.borrower_id), at=now)
        if wish.in_force
    ]
    language = next(
        (str(wish.wish["language"]) for wish in wishes if wish.kind == PreferenceKind.LANGUAGE),
        borrower.language,
    )
    large = str(borrower.attributes.get(LARGE_TYPE_FIELD, "")).lower() in ("true", "yes", "1")
    first = loans[chosen[0].loan_id]
    facts = Facts(
        name=_name(here, borrower),
        creditor=first.creditor,
        currency=first.currency,
        items=tuple(_item(one, loans[one.loan_id], day, pauses.get(one.loan_id, ())) for one in chosen),
        wording=policy.wording,
        code=SAMPLE_CODE,
        link=sample_address(here.settings.public_url),
    )
    return About(
        _happening_to(facts, policy, step, first) if step.on else facts,
        language,
        large or any(wish.kind == PreferenceKind.LARGE_TYPE for wish in wishes),
        borrower.region,
    )


def _happening_to(facts: Facts, policy: Policy, step: Step, loan: Loan) -> Facts:
    """A made-up event of a loan of the book: what is to come nobody knows."""
    sample = sample_facts(policy, step, policy.wording.languages.known[0])[0].facts
    told = tuple(replace(one, loan_ref=loan.loan_ref, product=loan.product) for one in sample.happened)
    return replace(facts, items=(), happened=told, standing=sample.standing)


def _chosen(
    unpaid: Sequence[Installment], loans: dict[UUID, Loan], day: date, *, late: bool
) -> list[Installment]:
    """Of one creditor and currency: those that fall due together next, or those past due where a step is about them."""
    ahead = [one for one in unpaid if one.due_on >= day]
    behind = [one for one in unpaid if one.due_on < day]
    if ahead and not (late and behind):
        candidates = [one for one in ahead if one.due_on == ahead[0].due_on]
    else:
        candidates = behind
    if not candidates:
        return []
    first = loans[candidates[0].loan_id]
    return [
        one
        for one in candidates
        if (loans[one.loan_id].creditor, loans[one.loan_id].currency) == (first.creditor, first.currency)
    ]


def _item(one: Installment, loan: Loan, day: date, pauses: Sequence[Pause]) -> Item:
    deferrals = [pause for pause in pauses if pause.deferral]
    return Item(
        loan_ref=loan.loan_ref,
        due_on=one.due_on,
        amount_minor=one.due_minor - one.paid_minor,
        product=loan.product,
        balance_minor=None if one.balance_minor is None else max(0, one.balance_minor - one.paid_minor),
        days_past_due=counted_days(one.past_due_from, day, deferrals) if one.past_due_from else 0,
    )


def _name(here: Context, borrower: Borrower) -> str:
    if not borrower.name_sealed:
        return ""
    return open_value(here.keyring, borrower.name_sealed, "borrower", "name", borrower.borrower_id)
