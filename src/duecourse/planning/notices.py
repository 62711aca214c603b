"""When a rule wants a notice: what makes a step `when: law` fall on a day, from the rules to SQL.

P12 names its trigger: what is past due, or the first contact of an actor whom the rule binds. P11 wants its notice
before an act; of the acts only the report to a credit bureau has a day that the policy itself knows (`bureau`). Counted
from the due date, with some days for payments that are on their way.

Where that day was over before anybody planned for it (arrears older than the policy, or than the loan's import), the
notice goes on the day after planning saw it, once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final, LiteralString

from psycopg import sql

from duecourse.policy.model import Policy, Step
from duecourse.rules.compiling import RuleBook
from duecourse.rules.model import Actor, Mandatory, PriorNotice, Rule, Status

WAY_DAYS: Final = 3
"""Days after the due date before a notice: what was paid on the day is in the book by then."""
FIRST_CONTACT_DAYS: Final = 1
"""Days after a first contact before the notice that must follow it: planning sees the contact by then."""
LATE_DAYS: Final = 1
"""Days after planning saw that a notice is late before it goes: its hour of today may be over."""
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
# Served already, or said in a message that is under way or has gone.
_SERVED: LiteralString = """EXISTS (SELECT 1 FROM notice n
    WHERE n.lane = i.lane AND n.borrower_id = {recipient} AND n.kind = {kind} AND coalesce(n.loan_id = i.loan_id, true)
      AND n.served_at >= {since})
   OR EXISTS (SELECT 1 FROM message_item x JOIN message m ON m.lane = x.lane AND m.group_id = x.group_id
    WHERE x.lane = i.lane AND x.loan_id = i.loan_id AND x.borrower_id = {recipient} AND x.serves = {kind}
      AND m.local_on >= {since} AND (m.state <> 'done' OR m.outcome NOT IN ('failed', 'expired', 'cancelled')))"""
# The day of the first word about the debt from an actor whom the rule binds: handed over, or a call once answered.
_FIRST_CONTACT: LiteralString = """(SELECT min(k.local_on) FROM contact k
    WHERE k.lane = i.lane AND k.borrower_id = {recipient} AND k.loan_id = i.loan_id AND k.weight >= 0
      AND k.local_on <= %(as_of)s AND ({actors}::text[] = '{{}}' OR k.actor = ANY({actors}::text[]))
      AND ({purposes}::text[] = '{{}}' OR k.purpose = ANY({purposes}::text[]))
      AND (k.channel NOT IN ('voice', 'task') OR k.outcome IN ('connected', 'conversation'))
      AND NOT EXISTS (SELECT 1 FROM contact u WHERE u.lane = k.lane AND u.borrower_id = k.borrower_id
                                                AND u.attempt_id = k.attempt_id AND u.weight = -1))"""
_SPOKEN: LiteralString = """EXISTS (SELECT 1 FROM contact k
    WHERE k.lane = i.lane AND k.borrower_id = {recipient} AND k.loan_id = i.loan_id AND k.outcome = 'conversation'
      AND k.actor = {actor} AND k.at <= %(now)s)"""
# Of several payments past due when it is late one is told of: the last, unless one whose day comes tells of all.
_LAST_LATE: LiteralString = """NOT EXISTS (SELECT 1 FROM installment o
    WHERE o.lane = i.lane AND o.loan_id = i.loan_id AND o.due_on > i.due_on AND o.due_on <= {through}
      AND o.due_minor > 0 AND coalesce(o.settled_on > %(as_of)s, true)
      AND coalesce(o.superseded_on > %(as_of)s, true))"""


@dataclass(frozen=True, slots=True)
class Asked:
    """What one rule asks of a step. days: after the due date (after_grace: the end of grace), or the first contact."""

    days: int
    after_grace: bool
    rule: Rule | None
    regions: tuple[str, ...] = ()
    """Where the rule holds, each with all that lies in it."""
    actor: Actor = Actor.CREDITOR
    """Who asks, so that the notice is theirs."""
    late: bool = False
    """The day was over before the first day planned for: it goes as soon as may be."""


def asked_of(rules: RuleBook, policy: Policy, step: Step, actor: Actor) -> Sequence[Asked]:
    """What the rules in force want of a step's notice from this actor, in time and late; where none wants it, one that
    never comes true.
    """
    found = [
        asked
        for pack in rules.packs.packs
        for rule in pack.rules
        if _binds(rules, rule, actor)
        and (
            asked := _asked(rule, policy, step, actor, (rule.region,) if rule.region else tuple(pack.regions))
        )
    ]
    # What follows a contact is one day after another until it was said: it is never late.
    late = [replace(one, late=True) for one in found if not _follows_contact(one)]
    return [*found, *late] or [Asked(0, False, None)]


def _binds(rules: RuleBook, rule: Rule, actor: Actor) -> bool:
    """Whether a rule binds what an actor sends, at any date at all."""
    turned_on = rule.status is Status.DRAFT and rule.id in rules.packs.turned_on
    looks = rule.applies_to
    return (
        (rule.status is Status.IN_FORCE or turned_on)
        and (not looks.actor or actor in looks.actor)
        and (not looks.lender or rules.lender_kinds is None or bool(rules.lender_kinds & set(looks.lender)))
    )


def _follows_contact(asked: Asked) -> bool:
    does = asked.rule.does if asked.rule else None
    return isinstance(does, Mandatory) and does.trigger == "first-contact"


def _asked(rule: Rule, policy: Policy, step: Step, actor: Actor, regions: tuple[str, ...]) -> Asked | None:
    does = rule.does
    if isinstance(does, Mandatory) and does.notice == step.serves:
        first = FIRST_CONTACT_DAYS if does.trigger == "first-contact" else WAY_DAYS
        return Asked(min(first, does.within_days), False, rule, regions, actor)
    if isinstance(does, PriorNotice) and does.notice == step.serves == "bureau":
        days = max(WAY_DAYS, policy.bureau.from_days - does.wait_days - EARLY_DAYS)
        return Asked(days, policy.bureau.count_from == "grace", rule, regions, actor)
    return None


def asked_sql(
    asked: Asked, step: Step, policy: Policy, recipient: sql.Composable, first: date, as_of: date, last: date
) -> tuple[sql.Composable, sql.Composable]:
    """The step's local day, and the conditions under which a rule asks for it on that day.

    first, last: local days; as_of: the lender's date. The conditions bound `i.due_on`, which an index on (lane, due_on)
    serves, but for what is late: that is looked for among what is open.
    """
    if asked.rule is None:
        return sql.SQL("i.due_on"), sql.SQL("false")
    local_on, bounds = _day(asked, policy, recipient, first, as_of, last)
    served = sql.SQL(_SERVED).format(
        recipient=recipient, kind=sql.Literal(step.serves), since=_since(asked.rule, local_on)
    )
    terms = [
        *bounds,
        _in_force(asked.rule, local_on),
        _lies_in(asked.regions),
        *_trigger(asked, recipient),
        sql.SQL("NOT ({})").format(served),
    ]
    if asked.rule.except_regions:
        terms.append(sql.SQL("NOT {}").format(_lies_in(asked.rule.except_regions)))
    if asked.rule.applies_to.product:
        terms.append(
            sql.SQL("l.product = ANY({}::text[])").format(sql.Literal(list(asked.rule.applies_to.product)))
        )
    return local_on, sql.SQL(" AND ").join(terms)


def _day(
    asked: Asked, policy: Policy, recipient: sql.Composable, first: date, as_of: date, last: date
) -> tuple[sql.Composable, Sequence[sql.Composable]]:
    """The local day, and what bounds it."""
    first_day, last_day, days = sql.Literal(first), sql.Literal(last), sql.Literal(asked.days)
    if _follows_contact(asked):
        assert asked.rule is not None
        looks = asked.rule.applies_to
        contact = sql.SQL(_FIRST_CONTACT).format(
            recipient=recipient,
            actors=sql.Literal([actor.value for actor in looks.actor]),
            purposes=sql.Literal([purpose.value for purpose in looks.purpose]),
        )
        # Never in the past: what was imported late is told of as soon as may be.
        local_on = sql.SQL("greatest({} + {}::int, {}::date)").format(
            contact, days, sql.Literal(as_of + timedelta(days=LATE_DAYS))
        )
        return local_on, [sql.SQL("{} IS NOT NULL").format(contact)]
    grace = sql.SQL("coalesce(i.grace_days, 0)::int" if asked.after_grace else "0")
    wanted = sql.SQL("(i.due_on + {} + {}::int)").format(grace, days)
    if asked.late:
        bounds = [
            sql.SQL("i.due_on < {}::date - {}::int").format(first_day, days),
            sql.SQL("{} < {}::date").format(wanted, first_day),
        ]
        if _counts_several(asked):
            through = sql.SQL("{}::date - {}::int").format(last_day, days)
            bounds.append(sql.SQL(_LAST_LATE).format(through=through))
        return sql.SQL("{}::date").format(sql.Literal(as_of + timedelta(days=LATE_DAYS))), bounds
    longest = sql.Literal(
        max([policy.grace.default, *policy.grace.by_grade.values()]) if asked.after_grace else 0
    )
    bounds = [
        sql.SQL("i.due_on BETWEEN {}::date - {}::int - {}::int AND {}::date - {}::int").format(
            first_day, days, longest, last_day, days
        ),
        sql.SQL("{} BETWEEN {}::date AND {}::date").format(wanted, first_day, last_day),
    ]
    return wanted, bounds


def _counts_several(asked: Asked) -> bool:
    does = asked.rule.does if asked.rule else None
    return isinstance(does, Mandatory) and does.trigger == "two-payments-short"


def _trigger(asked: Asked, recipient: sql.Composable) -> Sequence[sql.Composable]:
    """What must have happened: so many payments past due, or this the first; and nobody has spoken where that does."""
    if _counts_several(asked):
        return [sql.SQL("{} >= {}").format(sql.SQL(_OPEN), sql.SQL(_FEW))]
    terms = [sql.SQL("{} = 1").format(sql.SQL(_OPEN))]
    if asked.rule and isinstance(asked.rule.does, PriorNotice) and asked.rule.does.or_conversation:
        spoken = sql.SQL(_SPOKEN).format(recipient=recipient, actor=sql.Literal(asked.actor.value))
        terms.append(sql.SQL("NOT {}").format(spoken))
    return terms


def _since(rule: Rule, local_on: sql.Composable) -> sql.Composable:
    """From when on a notice that was served makes another needless: so that the next occasion is not too late."""
    if isinstance(rule.does, Mandatory) and rule.does.again_months:
        months = sql.Literal(rule.does.again_months - 1)
        return sql.SQL("({} - make_interval(months => {}) + interval '1 day')").format(local_on, months)
    if isinstance(rule.does, Mandatory) and rule.does.trigger == "first-contact":
        return sql.SQL("'epoch'::date")  # once for a debt
    return sql.SQL("i.due_on")


def _in_force(rule: Rule, day: sql.Composable) -> sql.Composable:
    first, last = rule.effective_from or date.min, rule.effective_to or date.max
    return sql.SQL("{} BETWEEN {}::date AND {}::date").format(day, sql.Literal(first), sql.Literal(last))


def _lies_in(regions: Sequence[str]) -> sql.Composable:
    return sql.SQL(
        "EXISTS (SELECT 1 FROM unnest({}::text[]) AS r WHERE told.region = r OR starts_with(told.region, r || '-'))"
    ).format(sql.Literal(list(regions)))
