"""From a policy's steps to the SQL that finds what they call for: one SELECT per step, joined by UNION ALL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from psycopg import sql
from psycopg.types.json import Jsonb

from duecourse.policy.conditions import step_sql, template_sql
from duecourse.policy.model import Anchor, Party, Policy, Step
from duecourse.rules.compiling import RuleBook
from duecourse.rules.model import Actor

from .notices import Asked, asked_of, asked_sql

HORIZON_DAYS = 2
"""Planning runs this many local days ahead of the lender's date, so that no zone is ever late."""

LONGEST_GRACE_DAYS = 3660
"""What a table can hold of grace that pauses have extended."""

# Aliases b (the loan's borrower), l, i and told are what conditions are compiled against. The date bounds sit on
# indexed columns alone.
_STEP = """
SELECT i.lane, i.loan_id, i.number, {recipient} AS borrower_id, {party}::text AS party,
       {actor}::text AS actor, {act}::text AS act, l.creditor, l.currency,
       told.zone, {policy}::text AS policy, {version}::int AS policy_version, {priority}::int AS priority,
       {step}::text AS step, {rank}::int AS step_rank, {purpose}::text AS purpose,
       {template} AS template, {own_template}::text AS own_template,
       {route}::text[] AS full_route, {legs}::boolean AS legs,
       {next_if}::text AS next_if, {next_after}::int AS next_after_seconds,
       {next_by}::time AS next_by, {supersedes}::boolean AS supersedes, {cap}::smallint AS daily_cap,
       {braked}::boolean AS braked,
       {starts}::interval AS starts, {ends}::interval AS ends,
       {useful_days}::int AS useful_days, {useful_time}::time AS useful_time,
       {bundle} AS bundle, {names_amount}::boolean AS names_amount, {max_book_age}::interval AS max_book_age,
       {serves}::text AS serves, {anchor} AS anchor_on, {local_on} AS local_on,
       i.due_on, i.statement_on, i.grace_days, i.due_minor, i.superseded_on,
       CASE WHEN w.lane IS NULL THEN i.settled_on ELSE w.settled_on END AS settled_on,
       l.product, l.state AS loan_state, l.borrower_id AS owner_id, told.elsewhere, {looked_up} AS looked_up
FROM installment i
JOIN loan l ON l.lane = i.lane AND l.loan_id = i.loan_id
JOIN borrower b ON b.lane = l.lane AND b.borrower_id = l.borrower_id
{promise}
{parties}
CROSS JOIN LATERAL (SELECT coalesce(k.zone, p.zone) AS zone, coalesce(k.language, p.language) AS language,
                           coalesce(k.region, p.region) AS region,
                           coalesce(k.elsewhere, p.has_others OR p.home_lane IS NOT NULL OR p.person_id IS NOT NULL)
                               AS elsewhere) AS told
LEFT JOIN installment_was w ON w.lane = i.lane AND w.loan_id = i.loan_id AND w.number = i.number
                           AND w.from_on <= %(as_of)s AND w.until_on > %(as_of)s
WHERE i.lane = ANY(%(lanes)s::smallint[]) AND l.state = 'open'
  AND {bounds}
  AND (i.statement_on IS NULL OR i.statement_on <= %(as_of)s)
  AND coalesce(CASE WHEN w.lane IS NULL THEN i.settled_on ELSE w.settled_on END > %(as_of)s, true)
  AND (i.superseded_on IS NULL OR i.superseded_on > %(as_of)s)
  AND i.due_minor > 0
  {told_already}
  AND {condition}
"""
# Of three days that are looked at, two were planned before: their items need nothing else to be read. Who is told
# instead of the borrower, a company's contact, is looked up by fresh, in planning.sql. With a LIMIT: of an EXISTS, all
# of message_item would be read into a hash.
_TOLD_ALREADY = """
  AND ((SELECT true FROM message_item x
        WHERE x.lane = i.lane AND x.loan_id = i.loan_id AND x.number = i.number AND x.policy = {policy}
          AND x.step = {step} AND x.anchor_on = {anchor} AND x.borrower_id = i.borrower_id LIMIT 1) IS NULL
       OR (SELECT true FROM company_contact x WHERE x.lane = i.lane AND x.company_id = i.borrower_id LIMIT 1))
"""

# The borrower's own row under the name p, so that it is read once; k is the person through whom a company is reached.
_BORROWER = """
CROSS JOIN LATERAL (SELECT b.borrower_id, b.kind, b.zone, b.language, b.region, b.has_others, b.home_lane,
                           b.person_id) AS p
"""
_OTHERS = """
JOIN loan_party r ON r.lane = l.lane AND r.loan_id = l.loan_id AND r.role = {party}
                 AND coalesce(r.since <= {local_on}, true) AND coalesce(r.until >= {local_on}, true)
                 AND r.borrower_id <> l.borrower_id
JOIN borrower p ON p.lane = r.lane AND p.borrower_id = r.borrower_id
"""
_CONTACT = """
LEFT JOIN (SELECT c.lane, c.company_id, c.since, c.until, w.borrower_id, w.zone, w.language, w.region,
                  w.has_others OR w.home_lane IS NOT NULL OR w.person_id IS NOT NULL AS elsewhere
           FROM company_contact c JOIN borrower w ON w.lane = c.lane AND w.borrower_id = c.borrower_id) AS k
       ON p.kind = 'company' AND k.lane = i.lane AND k.company_id = p.borrower_id
      AND coalesce(k.since <= {local_on}, true) AND coalesce(k.until >= {local_on}, true)
"""
# Of a debt, or of all of the person's, that stands and is not kept; it speaks of what was due by its day.
_PROMISE = """
JOIN promise q ON q.lane = l.lane AND q.borrower_id = l.borrower_id AND coalesce(q.loan_id = l.loan_id, true)
              AND q.standing AND q.state <> 'kept' AND i.due_on <= q.promised_on
"""
_COLUMNS = (
    "lane", "loan_id", "number", "borrower_id", "party", "actor", "act", "creditor", "currency", "zone", "policy",
    "policy_version",
    "priority", "step", "step_rank", "purpose", "template", "own_template", "full_route", "legs", "next_if",
    "next_after_seconds", "next_by", "supersedes", "daily_cap", "braked", "starts", "ends", "useful_days",
    "useful_time", "bundle", "names_amount", "max_book_age", "serves", "anchor_on", "local_on", "due_on",
    "statement_on", "grace_days", "due_minor", "superseded_on", "settled_on", "product", "loan_state", "owner_id",
    "elsewhere", "looked_up",
)  # fmt: skip
_TOLD_ONCE = """
SELECT DISTINCT ON (lane, loan_id, number, borrower_id) {columns} FROM ({parts}) AS told
ORDER BY lane, loan_id, number, borrower_id, part
"""


@dataclass(frozen=True, slots=True)
class Plannable:
    """A published policy as planning needs it. template_versions: template name to version."""

    policy: Policy
    version: int
    template_versions: Mapping[str, int]
    silent_templates: frozenset[str] = frozenset()
    """Templates that are known to name no amount in any language."""
    actor: Actor = Actor.CREDITOR
    """As whom its messages speak: the policy's word, or the lender's setting."""

    def names_amount(self, step: Step) -> bool:
        """Whether a text of the step may name an amount: any of its templates, in any language."""
        return not self.silent_templates.issuperset(step.templates)


def compile_items(
    plannables: Sequence[Plannable], as_of: date, planned_from: Mapping[str, date], rules: RuleBook
) -> tuple[sql.Composable, dict[str, Any]]:
    """The union of all steps' SELECTs for local days from planned_from[policy] to as_of + HORIZON_DAYS.

    as_of: the lender's date, which is also how far the book is known. rules: which say when a step that serves a
    notice by law is due. At least one step on a day is needed.
    """
    parts: list[sql.Composable] = []
    parameters: dict[str, Any] = {
        "template_versions": Jsonb({p.policy.name: dict(p.template_versions) for p in plannables})
    }
    for plannable in plannables:
        first = min(planned_from.get(plannable.policy.name, as_of), as_of)
        for step in plannable.policy.steps:
            if step.on:  # see events.py
                continue
            whens: Sequence[Asked | None] = [None]
            if step.anchor is Anchor.LAW:
                whens = asked_of(rules, plannable.policy, step, plannable.actor)
            for when in whens:
                parts.append(_step_sql(plannable, step, when, len(parts), first, as_of, parameters))
    return sql.SQL(" UNION ALL ").join(parts), parameters


def _step_sql(
    plannable: Plannable,
    step: Step,
    when: Asked | None,
    place: int,
    first: date,
    as_of: date,
    parameters: dict[str, Any],
) -> sql.Composable:
    """A step's SELECT: one for each kind of party it tells; who is several of them is told as the first."""
    parts = [
        _party_sql(plannable, step, when, party, f"{place}p{index}", first, as_of, parameters)
        for index, party in enumerate(step.to)
    ]
    if step.to == (Party.BORROWER,):
        return parts[0]
    ranked = sql.SQL(" UNION ALL ").join(
        sql.SQL("SELECT part.*, {}::int AS part FROM ({}) AS part").format(sql.Literal(index), part)
        for index, part in enumerate(parts)
    )
    columns = sql.SQL(", ").join(map(sql.Identifier, _COLUMNS))
    return sql.SQL("({})").format(sql.SQL(_TOLD_ONCE).format(columns=columns, parts=ranked))


def _party_sql(
    plannable: Plannable,
    step: Step,
    when: Asked | None,
    party: Party,
    place: str,
    first: date,
    as_of: date,
    parameters: dict[str, Any],
) -> sql.Composable:
    policy = plannable.policy
    rank = policy.steps.index(step)
    recipient = sql.SQL("coalesce(k.borrower_id, p.borrower_id)")
    if when is not None:
        anchor: sql.Composable = sql.SQL("i.due_on")
        last = as_of + timedelta(days=HORIZON_DAYS)
        local_on, bounds = asked_sql(when, step, policy, recipient, first, as_of, last)
    else:
        anchor, bounds = _anchor(step, policy, first, as_of)
        local_on = sql.SQL("({} + {}::int)").format(anchor, sql.Literal(step.offset_days))
    condition, more = step_sql(policy, step, prefix=f"c{place}_", day=local_on, told="told")
    parameters.update(more)
    template, more = template_sql(step, prefix=f"t{place}_", day=local_on, told="told")
    parameters.update(more)
    point = step.window.seconds == 0
    told_already, looked_up = _looked_up(policy, step, party, anchor)
    joins = (_BORROWER if party is Party.BORROWER else _OTHERS) + _CONTACT
    parties = sql.SQL(joins).format(party=sql.Literal(party.value), local_on=local_on)
    return sql.SQL(_STEP).format(
        recipient=recipient,
        party=sql.Literal(party.value),
        actor=sql.Literal(plannable.actor.value),
        act=sql.Literal(step.act),
        promise=sql.SQL(_PROMISE if step.anchor is Anchor.PROMISE else ""),
        parties=parties,
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
        next_by=sql.Literal(step.next_if.by.isoformat() if step.next_if and step.next_if.by else None),
        supersedes=sql.Literal(step.earlier == "supersede"),
        cap=sql.Literal(policy.daily_cap),
        braked=sql.Literal(policy.brakes is not None),
        starts=sql.Literal(step.window.start.isoformat()),
        ends=sql.Literal(None if point else step.window.end.isoformat()),
        useful_days=sql.Literal(step.useful_until.days),
        useful_time=sql.Literal(step.useful_until.at.isoformat() if step.useful_until.at else "24:00"),
        bundle=_bundle(plannable, step, party),
        names_amount=sql.Literal(plannable.names_amount(step)),
        max_book_age=sql.Literal(policy.max_book_age),
        serves=sql.Literal(step.serves),
        anchor=anchor,
        local_on=local_on,
        bounds=bounds,
        told_already=told_already,
        looked_up=looked_up,
        condition=condition,
    )


def _looked_up(
    policy: Policy, step: Step, party: Party, anchor: sql.Composable
) -> tuple[sql.Composable, sql.Composable]:
    """See _TOLD_ALREADY: what leaves out those who have been told, and of whom that says all."""
    if party is not Party.BORROWER or step.anchor is Anchor.PROMISE:
        return sql.SQL(""), sql.SQL("false")
    told = sql.SQL(_TOLD_ALREADY).format(
        policy=sql.Literal(policy.name), step=sql.Literal(step.id), anchor=anchor
    )
    return told, sql.SQL("(k.borrower_id IS NULL AND l.borrower_id = i.borrower_id)")


def _bundle(plannable: Plannable, step: Step, party: Party) -> sql.Composable:
    """What may stand in one message: what the same actor says. See _said_together."""
    together = _said_together(plannable.policy, step, party)
    if plannable.actor is Actor.CREDITOR:
        return together
    return sql.SQL("{} || {}").format(sql.Literal(f"{plannable.actor.value}:"), together)


def _said_together(policy: Policy, step: Step, party: Party) -> sql.Composable:
    """To anybody but the borrower, the debts of one borrower and told as one party.

    A notice, or what announces an act, is about one debt and nothing else.
    """
    if apart := step.serves or step.act:
        return sql.SQL("i.loan_id || {}").format(sql.Literal(f"/{party.value}/{apart}"))
    if policy.bundle == "loan":
        return sql.SQL("i.loan_id::text")
    of_one = sql.SQL("{} || '/' || l.borrower_id").format(sql.Literal(party.value))
    if party is not Party.BORROWER:
        return of_one
    return sql.SQL("CASE WHEN k.borrower_id IS NULL THEN '' ELSE {} END").format(of_one)


def _anchor(step: Step, policy: Policy, first: date, as_of: date) -> tuple[sql.Composable, sql.Composable]:
    """The anchor's day as SQL, and bounds for it that an index on (lane, due_on) or (lane, statement_on) serves."""
    start = first - timedelta(days=step.offset_days)
    end = as_of + timedelta(days=HORIZON_DAYS - step.offset_days)
    if step.anchor is Anchor.STATEMENT:
        return sql.SQL("i.statement_on"), _between("i.statement_on", start, end)
    if step.anchor is Anchor.PROMISE:
        return sql.SQL("q.promised_on"), _between("q.promised_on", start, end)
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
