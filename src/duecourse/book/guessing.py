"""Which column is what: by its name in three languages and by what its values look like; with how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from .evidence import Shape, shape_of
from .synonyms import named

Sure: TypeAlias = Literal["sure", "likely", "open", "unused"]

_AMOUNTS = frozenset(
    ("loan.principal", "installment.due", "installment.principal", "installment.interest", "installment.fee",
     "payment.amount")
)  # fmt: skip
_DAYS = frozenset(("loan.started_on", "installment.due_on", "payment.paid_on"))


@dataclass(frozen=True, slots=True)
class Guess:
    """One column. target: '' when it is left out. why: for people, without any value of the file."""

    column: str
    target: str
    sure: Sure
    why: str
    shape: Shape


def guess_columns(columns: Sequence[str], samples: Sequence[Sequence[str]]) -> list[Guess]:
    """A guess for every column; of two for one target the surer, then the earlier, keeps it."""
    guesses = [_guess(column, shape_of(values)) for column, values in zip(columns, samples, strict=True)]
    guesses = _in_company(guesses)
    order = {"sure": 0, "likely": 1, "open": 2, "unused": 3}
    holders: dict[str, int] = {}
    for place in sorted(range(len(guesses)), key=lambda place: (order[guesses[place].sure], place)):
        one = guesses[place]
        if not one.target:
            continue
        if one.target in holders:
            other = guesses[holders[one.target]].column
            guesses[place] = replace(
                one, target="", sure="open", why=f"also reads like {one.target}, as '{other}' does"
            )
        else:
            holders[one.target] = place
    return guesses


def _guess(column: str, shape: Shape) -> Guess:
    known = named(column)
    if known is None:
        return _by_values(column, shape)
    target, whole = known
    if not target:
        return Guess(column, "", "unused", "the book counts it itself, or does not keep it", shape)
    fits = _fits(target, shape)
    said = "its name" if whole else "part of its name"
    if fits is False:
        return Guess(column, "", "open", f"its name says {target}, its values do not look so", shape)
    if fits is None:
        return Guess(
            column, target, "sure" if whole and not _checkable(target) else "likely", f"{said}", shape
        )
    return Guess(column, target, "sure" if whole else "likely", f"{said} and its values", shape)


def _by_values(column: str, shape: Shape) -> Guess:
    if shape.id_number == "CN":
        return Guess(
            column, "borrower.id_number", "likely", "its values have the check digit of ID numbers", shape
        )
    if shape.phone in ("CN", "TW"):
        return Guess(column, "contact.sms", "likely", "its values are mobile numbers", shape)
    if shape.email:
        return Guess(column, "contact.email", "likely", "its values are e-mail addresses", shape)
    if shape.currency:
        return Guess(column, "loan.currency", "likely", "its values are currencies", shape)
    return Guess(column, "", "unused", "neither name nor values are known", shape)


def _checkable(target: str) -> bool:
    """Whether values can speak for or against a target."""
    return target in _AMOUNTS | _DAYS or target in ("contact.sms", "contact.email", "borrower.id_number")


def _fits(target: str, shape: Shape) -> bool | None:
    """Whether the values look like the target; None when they say nothing."""
    if shape.filled == 0:
        return None
    if target in _DAYS:
        return bool(shape.dates)
    if target in _AMOUNTS:
        return shape.number and not (shape.phone or shape.id_number)
    if target == "contact.sms":
        return True if shape.phone else None if shape.whole or not (shape.number or shape.email) else False
    if target == "contact.email":
        return shape.email
    if target == "borrower.id_number":
        return True if shape.id_number else None
    if target == "loan.currency":
        return True if shape.currency else None
    if target == "loan.annual_rate":
        return shape.number
    if target == "installment.number":
        return shape.whole
    if target == "borrower.name":
        return False if shape.number or shape.dates else None
    return None


def _in_company(guesses: list[Guess]) -> list[Guess]:
    """What a column means by the others beside it: a bare 还款日期 next to 还款金额 is when it was paid."""
    targets = {one.target for one in guesses}
    changed = []
    for one in guesses:
        target = one.target
        if target == "installment.due_on" and "payment.amount" in targets and not targets & {
            "installment.due", "installment.principal", "installment.number",
        } and "payment.paid_on" not in targets:  # fmt: skip
            target = "payment.paid_on"
        elif target == "payment.paid_on" and "payment.amount" not in targets and targets & {
            "installment.due", "installment.principal",
        } and "installment.due_on" not in targets:  # fmt: skip
            target = "installment.due_on"
        elif target == "installment.principal" and "installment.due_on" not in targets | {
            "payment.paid_on"
        } and "loan.principal" not in targets:  # fmt: skip
            target = "loan.principal"
        changed.append(replace(one, target=target) if target != one.target else one)
    return changed
