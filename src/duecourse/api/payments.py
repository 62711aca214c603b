"""Payments and their reversals."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, WrapValidator

from duecourse.book.paying_in import NOT_IN, ToldPayment, add_payments
from duecourse.book.payments import find_loan, reverse_payment
from duecourse.domain.problems import Problem

from .endpoint import Amount, Call, Endpoint, GivenDay, Model, Text
from .keys import Scope

MOST_PAYMENTS = 1000
_CODES = {"missing": "B016", "string_too_long": "B024", "string_too_short": "B016"}


class PaymentIn(Model):
    """A payment. Source and reference make it one payment of its loan, however often it is told."""

    loan: Text = Field(description="The loan's contract key.")
    amount: Amount = Field(description="In the currency's units, as text.", examples=["1200.00"])
    paid_on: str = Field(
        description="The day it counts from.", max_length=10, json_schema_extra={"format": "date"}
    )
    source: Text = Field(description="Where it came from.", examples=["counter"])
    reference: Text = Field(description="Its reference in that source.")
    creditor: Text | None = Field(
        default=None, description="Whose loan, where several have the contract key."
    )
    currency: Text | None = Field(default=None, description="ISO 4217; the loan's when left out.")


def _or_problem(given: Any, read: Any) -> PaymentIn | Problem:
    """A row that cannot be read is refused by itself, like any other bad one."""
    try:
        return read(given)  # type: ignore[no-any-return]
    except ValidationError as error:
        first = error.errors(include_input=False, include_context=False, include_url=False)[0]
        known = [str(part) for part in first["loc"] if part in PaymentIn.model_fields]
        where = known[0] if known else "payment"
        code = (
            "B015" if where == "amount" and first["type"] != "missing" else _CODES.get(first["type"], "B013")
        )
        message = {"B016": "a value is needed", "B015": "expected an amount as text, as 1234.50"}
        return Problem(
            code, where, message.get(code, "expected text as the document of this API says"), NOT_IN
        )


class PaymentsIn(Model):
    """One payment, or many."""

    payments: list[Annotated[PaymentIn, WrapValidator(_or_problem)]] = Field(
        min_length=1, max_length=MOST_PAYMENTS
    )


class RowProblem(Model):
    """Why a row was not recorded."""

    code: str = Field(description="Stable, such as B050; docs/reference/errors/book.md explains it.")
    where: str = Field(description="Which field, or `payment`.")
    detail: str


class PaymentResult(Model):
    """What became of one row."""

    row: int = Field(description="Its place in the request, from 1.")
    outcome: Literal["new", "same", "changed", "refused"] = Field(
        description="`same`: the book has it already; `changed`: with another day, which was corrected."
    )
    problem: RowProblem | None = None


class PaymentsOut(Model):
    """What became of every row, in order."""

    recorded: int = Field(description="New or changed.")
    refused: int
    results: list[PaymentResult]


class ReversalIn(Model):
    """A payment taken back."""

    loan: Text = Field(description="The contract key of the loan that it had paid.")
    reversed_on: GivenDay = Field(description="The first day on which it does not count.")
    reason: Text = Field(description="Why, e.g. `returned by the bank`.")
    creditor: Text | None = None


class ReversalOut(Model):
    """What became of it."""

    outcome: Literal["new", "same", "changed"]


def add(call: Call[PaymentsIn]) -> PaymentsOut:
    """The good ones go in; each bad one is named."""
    rows: dict[int, PaymentIn | Problem] = dict(enumerate(call.body.payments, 1))
    told = {row: ToldPayment(**one.model_dump()) for row, one in rows.items() if isinstance(one, PaymentIn)}
    done = add_payments(call.conn, told, now=call.now)
    results = []
    for row, one in rows.items():
        outcome = done[row] if isinstance(one, PaymentIn) else one
        if isinstance(outcome, Problem):
            why = RowProblem(code=outcome.code, where=outcome.where, detail=outcome.message)
            results.append(PaymentResult(row=row, outcome="refused", problem=why))
        else:
            results.append(PaymentResult(row=row, outcome=outcome))
    return PaymentsOut(
        recorded=sum(one.outcome in ("new", "changed") for one in results),
        refused=sum(one.outcome == "refused" for one in results),
        results=results,
    )


def reverse(call: Call[ReversalIn]) -> ReversalOut:
    """Take a payment back: what it had settled is open again."""
    loan = find_loan(call.conn, call.body.loan, call.body.creditor)
    outcome = reverse_payment(
        call.conn,
        loan,
        source=call.path["source"],
        reference=call.path["reference"],
        reversed_on=call.body.reversed_on,
        reason=call.body.reason,
        now=call.now,
    )
    return ReversalOut(outcome=outcome)


ENDPOINTS = (
    Endpoint(
        "POST", "/payments", "addPayments", "Record payments, one or up to 1,000", Scope.PAYMENTS_WRITE,
        PaymentsOut, add, takes=PaymentsIn,
    ),
    Endpoint(
        "POST", "/payments/{source}/{reference:path}/reversal", "reversePayment", "Take a payment back",
        Scope.PAYMENTS_WRITE, ReversalOut, reverse, takes=ReversalIn, problems=(404, 409),
    ),
)  # fmt: skip
