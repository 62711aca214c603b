"""From a policy's steps to the SQL that finds what they call for: one SELECT per step, joined by UNION ALL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from psycopg import sql
from psycopg.types.json import Jsonb

from duecourse.policy.conditions import step_sql, template_sql
from duecourse.policy.model import Anchor, Policy, Step

HORIZON_DAYS = 2
"""Planning runs this many local days ahead of the lender's date, so that no zone is ever late."""

LONGEST_GRACE_DAYS = 3660
"""What a table can hold of grace that pauses have extended."""

# Aliases b, l, i are what conditions are compiled against. The date bounds sit on indexed columns alone.
_STEP = """
SELECT i.lane, i.loan_id, i.number, i.borrower_id, l.creditor, l.currency, b.zone,
       {policy}::text AS policy, {version}::int AS policy_version, {priority}::int AS priority,
       {step}::text AS step, {rank}::int AS step_rank, {purpose}::text AS purpose,
       {template} AS template, {own_template}::text AS own_template,
       {route}::text[] AS full_route, {legs}::boolean AS legs,
       {next_if}::text AS next_if, {next_after}::int AS next_after_seconds, {cap}::smallint AS daily_cap,
       {starts}::interval AS starts, {ends}::interval AS ends,
       {useful_days}::int AS useful_days, {useful_time}::time AS useful_time,
       {bundle} AS bundle, {names_amount}::boolean AS names_amount, {max_book_age}::interval AS max_book_age,
       {anchor} AS anchor_on, {local_on} AS local_on
FROM installment i
JOIN loan l ON l.lane = i.lane AND l.loan_id = i.loan_id
JOIN borrower b ON b.lane = i.lane AND b.borrower_id = i.borrower_id
LEFT JOIN installment_was w ON w.lane = i.lane AND w.loan_id = i.loan_id AND w.number = i.number
                           AND w.from_on <= %(as_of)s AND w.until_on > %(as_of)s
WHERE i.lane = ANY(%(lanes)s::smallint[]) AND l.state = 'open'
  AND {bounds}
  AND (i.statement_on IS NULL OR i.statement_on <= %(as_of)s)
  AND coalesce(CASE WHEN w.lane IS NULL THEN i.settled_on ELSE w.settled_on END > %(as_of)s, true)
  AND (i.superseded_on IS NULL OR i.superseded_on > %(as_of)s)
  AND i.due_minor > 0
  AND {condition}
"""


@dataclass(frozen=True, slots=True)
class Plannable:
    """A published policy as planning needs it. template_versions: template name to version."""

    policy: Policy
    version: int
    template_versions: Mapping[str, int]
    silent_templates: frozenset[str] = frozenset()
    """Templates that are known to name no amount in any language."""

    def names_amount(self, step: Step) -> bool:
        """Whether a text of the step may name an amount: any of its templates, in any language."""
        return not self.silent_templates.issuperset(step.templates)


def compile_items(
    plannables: Sequence[Plannable], as_of: date, planned_from: Mapping[str, date]
) -> tuple[sql.Composable, dict[str, Any]]:
    """The union of all steps' SELECTs for local days from planned_from[policy] to as_of + HORIZON_DAYS.

    as_of: the lender's date, which is also how far the book is known. At least one step is needed.
    """
    parts: list[sql.Composable] = []
    parameters: dict[str, Any] = {
        "template_versions": Jsonb({p.policy.name: dict(p.template_versions) for p in plannables})
    }
    for plannable in plannables:
        first = min(planned_from.get(plannable.policy.name, as_of), as_of)
        for step in plannable.policy.steps:
            parts.append(_step_sql(plannable, step, len(parts), first, as_of, parameters))
    return sql.SQL(" UNION ALL ").join(parts), parameters


def _step_sql(
    plannable: Plannable, step: Step, place: int, first: date, as_of: date, parameters: dict[str, Any]
) -> sql.Composable:
    policy = plannable.policy
    rank = policy.steps.index(step)
    anchor, bounds = _anchor(step, policy, first, as_of)
    local_on = sql.SQL("({} + {}::int)").format(anchor, sql.Literal(step.offset_days))
    condition, more = step_sql(policy, step, prefix=f"c{place}_", day=local_on)
    parameters.update(more)
    template, more = template_sql(step, prefix=f"t{place}_", day=local_on)
    parameters.update(more)
    point = step.window.seconds == 0
    return sql.SQL(_STEP).format(
        policy=sql.Literal(policy.name),
        version=sql.Literal(plannable.version),
        priority=sql.Literal(policy.priority),
        step=sql.Literal(step.id),
        rank=sql.Literal(rank),
        purpose=sql.Literal(step.purpose.value),
        template=template,
        own_template=sql.Literal(step.template),
        route=sql.Literal([channel.value for channel in step.route]),
        legs=sql.Literal(step.send == "all"),
        next_if=sql.Literal(step.next_if.unless if step.next_if else None),
        next_after=sql.Literal(step.next_if.within_seconds if step.next_if else None),
        cap=sql.Literal(policy.daily_cap),
        starts=sql.Literal(step.window.start.isoformat()),
        ends=sql.Literal(None if point else step.window.end.isoformat()),
        useful_days=sql.Literal(step.useful_until.days),
        useful_time=sql.Literal(step.useful_until.at.isoformat() if step.useful_until.at else "24:00"),
        bundle=sql.SQL("i.loan_id::text" if policy.bundle == "loan" else "''::text"),
        names_amount=sql.Literal(plannable.names_amount(step)),
        max_book_age=sql.Literal(policy.max_book_age),
        anchor=anchor,
        local_on=local_on,
        bounds=bounds,
        condition=condition,
    )


def _anchor(step: Step, policy: Policy, first: date, as_of: date) -> tuple[sql.Composable, sql.Composable]:
    """The anchor's day as SQL, and bounds for it that an index on (lane, due_on) or (lane, statement_on) serves."""
    start = first - timedelta(days=step.offset_days)
    end = as_of + timedelta(days=HORIZON_DAYS - step.offset_days)
    if step.anchor is Anchor.STATEMENT:
        return sql.SQL("i.statement_on"), _between("i.statement_on", start, end)
    if step.anchor is Anchor.DUE:
        return sql.SQL("i.due_on"), _between("i.due_on", start, end)
    # Grace is frozen on the due date: before it, nobody knows when it ends. What pauses have made longer than any
    # policy's is looked for by an index of its own.
    longest = max([policy.grace.default, *policy.grace.by_grade.values(), 0])
    end_of_grace = sql.SQL("(i.due_on + coalesce(i.grace_days, 0)::int)")
    bounds = sql.SQL(
        "({usual} OR i.grace_days > i.grace_granted AND {extended}) AND i.grace_days IS NOT NULL"
        " AND {ends} BETWEEN {start}::date AND {end}::date"
    ).format(
        usual=_between("i.due_on", start - timedelta(days=longest), min(end, as_of)),
        extended=_between("i.due_on", start - timedelta(days=LONGEST_GRACE_DAYS), min(end, as_of)),
        ends=end_of_grace,
        start=sql.Literal(start),
        end=sql.Literal(end),
    )
    return end_of_grace, bounds


def _between(column: str, start: date, end: date) -> sql.Composable:
    return sql.SQL("{} BETWEEN {}::date AND {}::date").format(
        sql.SQL(column),
        sql.Literal(start),
        sql.Literal(end),
    )
