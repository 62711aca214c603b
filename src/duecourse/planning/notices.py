"""When a rule wants a notice: what makes a step `when: law` fall on a day, from the rules to SQL.

P12 names its trigger. P11 wants its notice before an act; of the acts only the report to a credit bureau has a day that
the policy itself knows (`bureau`). Counted from the due date, with some days for payments that are on their way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, LiteralString

from psycopg import sql

from duecourse.policy.model import Policy, Step
from duecourse.rules.compiling import RuleBook
from duecourse.rules.model import Actor, Mandatory, PriorNotice, Rule, Status

WAY_DAYS: Final = 3
"""Days after the due date before a notice: what was paid on the day is in the book by then."""
EARLY_DAYS: Final = 7
"""Days that a notice before a report to a bureau goes earlier than its wait alone would ask for."""

# Over the aliases of compile._STEP. What is past due together with i, itself included.
_OPEN: LiteralString = """(SELECT count(*) FROM installment o
    LEFT JOIN installment_was v ON v.lane = o.lane AND v.loan_id = o.loan_id AND v.number = o.number
                               AND v.from_on <= %(as_of)s AND v.until_on > %(as_of)s
    WHERE o.lane = i.lane AND o.loan_id = i.loan_id AND o.due_on <= i.due_on AND o.due_minor > 0
      AND coalesce(CASE WHEN v.lane IS NULL THEN o.settled_on ELSE v.settled_on END > %(as_of)s, true)
      AND coalesce(o.superseded_on > %(as_of)s, true))"""
# Payments that fall due within a week of the one before are weekly: four of them, where others are two.
_FEW: LiteralString = """CASE WHEN i.due_on - (SELECT max(o.due_on) FROM installment o
    WHERE o.lane = i.lane AND o.loan_id = i.loan_id AND o.due_on < i.due_on) <= 7 THEN 4 ELSE 2 END"""
_SERVED: LiteralString = """EXISTS (SELECT 1 FROM notice n
    WHERE n.lane = i.lane AND n.borrower_id = {recipient} AND n.kind = {kind} AND coalesce(n.loan_id = i.loan_id, true)
      AND n.served_at >= {since})"""


@dataclass(frozen=True, slots=True)
class Asked:
    """What one rule asks of a step. days: after the due date (after_grace: after the end of grace)."""

    days: int
    after_grace: bool
    rule: Rule | None
    regions: tuple[str, ...] = ()
    """Where the rule holds, each with all that lies in it."""


def asked_of(rules: RuleBook, policy: Policy, step: Step) -> Sequence[Asked]:
    """The rules in force that want a step's notice from a lender; where none does, one that never comes true."""
    found = [
        asked
        for pack in rules.packs.packs
        for rule in pack.rules
        if _binds(rules, rule)
        and (asked := _asked(rule, policy, step, (rule.region,) if rule.region else tuple(pack.regions)))
    ]
    return found or [Asked(0, False, None)]


def _binds(rules: RuleBook, rule: Rule) -> bool:
    """Whether a rule binds what we send, for the creditor, at any date at all."""
    turned_on = rule.status is Status.DRAFT and rule.id in rules.packs.turned_on
    looks = rule.applies_to
    return (
        (rule.status is Status.IN_FORCE or turned_on)
        and (not looks.actor or Actor.CREDITOR in looks.actor)
        and (not looks.lender or rules.lender_kinds is None or bool(rules.lender_kinds & set(looks.lender)))
    )


def _asked(rule: Rule, policy: Policy, step: Step, regions: tuple[str, ...]) -> Asked | None:
    does = rule.does
    if isinstance(does, Mandatory) and does.notice == step.serves and does.trigger != "first-contact":
        return Asked(min(WAY_DAYS, does.within_days), False, rule, regions)
    if isinstance(does, PriorNotice) and does.notice == step.serves == "bureau":
        days = max(WAY_DAYS, policy.bureau.from_days - does.wait_days - EARLY_DAYS)
        return Asked(days, policy.bureau.count_from == "grace", rule, regions)
    return None


def asked_sql(
    asked: Asked, step: Step, policy: Policy, recipient: sql.Composable, first: date, last: date
) -> tuple[sql.Composable, sql.Composable]:
    """The step's local day, and the conditions under which a rule asks for it on that day.

    first, last: local days. The conditions bound `i.due_on`, which an index on (lane, due_on) serves.
    """
    if asked.rule is None:
        return sql.SQL("i.due_on"), sql.SQL("false")
    grace = sql.SQL("coalesce(i.grace_days, 0)::int" if asked.after_grace else "0")
    local_on = sql.SQL("(i.due_on + {} + {}::int)").format(grace, sql.Literal(asked.days))
    longest = max([policy.grace.default, *policy.grace.by_grade.values()]) if asked.after_grace else 0
    does = asked.rule.does
    if isinstance(does, Mandatory) and does.trigger == "two-payments-short":
        trigger = sql.SQL("{} >= {}").format(sql.SQL(_OPEN), sql.SQL(_FEW))
    else:
        trigger = sql.SQL("{} = 1").format(sql.SQL(_OPEN))
    terms = [
        sql.SQL("i.due_on BETWEEN {}::date - {}::int AND {}::date - {}::int").format(
            sql.Literal(first), sql.Literal(asked.days + longest), sql.Literal(last), sql.Literal(asked.days)
        ),
        sql.SQL("{} BETWEEN {}::date AND {}::date").format(local_on, sql.Literal(first), sql.Literal(last)),
        _in_force(asked.rule, local_on),
        _lies_in(asked.regions),
        trigger,
        sql.SQL("NOT {}").format(
            sql.SQL(_SERVED).format(
                recipient=recipient,
                kind=sql.Literal(step.serves),
                since=_since(asked.rule, local_on),
            )
        ),
    ]
    if asked.rule.except_regions:
        terms.append(sql.SQL("NOT {}").format(_lies_in(asked.rule.except_regions)))
    if asked.rule.applies_to.product:
        terms.append(
            sql.SQL("l.product = ANY({}::text[])").format(sql.Literal(list(asked.rule.applies_to.product)))
        )
    return local_on, sql.SQL(" AND ").join(terms)


def _since(rule: Rule, local_on: sql.Composable) -> sql.Composable:
    """From when on a notice that was served makes another needless: so that the next occasion is not too late."""
    if isinstance(rule.does, Mandatory) and rule.does.again_months:
        months = sql.Literal(rule.does.again_months - 1)
        return sql.SQL("({} - make_interval(months => {}) + interval '1 day')").format(local_on, months)
    return sql.SQL("i.due_on")


def _in_force(rule: Rule, day: sql.Composable) -> sql.Composable:
    first, last = rule.effective_from or date.min, rule.effective_to or date.max
    return sql.SQL("{} BETWEEN {}::date AND {}::date").format(day, sql.Literal(first), sql.Literal(last))


def _lies_in(regions: Sequence[str]) -> sql.Composable:
    return sql.SQL(
        "EXISTS (SELECT 1 FROM unnest({}::text[]) AS r WHERE told.region = r OR starts_with(told.region, r || '-'))"
    ).format(sql.Literal(list(regions)))
