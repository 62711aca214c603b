"""Telling people what happened: from events to messages, within seconds, each event once.

Planning looks at an event once, in the statement that makes its messages, so that a crash leaves both or neither. The
lock of a lane's planning (plan.lock_lanes) is held meanwhile: one planner at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from duecourse.policy.conditions import step_sql, template_sql
from duecourse.policy.model import ANY_TIME, Party, Policy, Step
from duecourse.rules.compiling import RuleBook, shipped
from duecourse.rules.elsewhere import contacts_in_other_shards
from duecourse.store.sql import load

from .compile import Plannable

SQL = load("planning/events")
PLANNING = load("planning")

RECHECK = timedelta(minutes=10)
PAUSE = timedelta(seconds=2)

# Aliases b (the loan's borrower, or who applied), l (the loan, if there is one), e (the event) and told are what
# conditions are compiled against.
_STEP = """
SELECT e.lane, e.event_id, coalesce(e.loan_id, '00000000-0000-0000-0000-000000000000') AS item_loan,
       coalesce(k.borrower_id, p.borrower_id) AS borrower_id, {party}::text AS party, {actor}::text AS actor,
       e.creditor, e.currency, told.zone, {policy}::text AS policy, {version}::int AS policy_version,
       {priority}::int AS priority,
       {step}::text AS step, {purpose}::text AS purpose, {template} AS template, {route}::text[] AS full_route,
       {legs}::boolean AS legs, {next_if}::text AS next_if, {next_after}::int AS next_after_seconds,
       {next_by}::time AS next_by, {cap}::smallint AS daily_cap, {starts}::time AS starts, {ends}::time AS ends,
       {gather}::interval AS gather, {useful}::interval AS useful, {names_amount}::boolean AS names_amount,
       {max_book_age}::interval AS max_book_age, e.occurred_at + {after}::interval AS told_at, {place}::int AS part
FROM fresh e
LEFT JOIN loan l ON l.lane = e.lane AND l.loan_id = e.loan_id
JOIN borrower b ON b.lane = e.lane AND b.borrower_id = e.borrower_id AND b.merged_into IS NULL
{parties}
LEFT JOIN (SELECT c.lane, c.company_id, c.since, c.until, w.borrower_id, w.zone, w.language, w.region
           FROM company_contact c JOIN borrower w ON w.lane = c.lane AND w.borrower_id = c.borrower_id) AS k
       ON p.kind = 'company' AND k.lane = e.lane AND k.company_id = p.borrower_id
      AND coalesce(k.since <= {local_on}, true) AND coalesce(k.until >= {local_on}, true)
CROSS JOIN LATERAL (SELECT coalesce(k.zone, p.zone) AS zone, coalesce(k.language, p.language) AS language,
                           coalesce(k.region, p.region) AS region) AS told
WHERE e.kind = {kind} AND e.occurred_at + {after}::interval + {useful}::interval > %(now)s AND {condition}
"""
_BORROWER = """
CROSS JOIN LATERAL (SELECT b.borrower_id, b.kind, b.zone, b.language, b.region) AS p
"""
_OTHERS = """
JOIN loan_party r ON r.lane = l.lane AND r.loan_id = l.loan_id AND r.role = {party}
                 AND coalesce(r.since <= {local_on}, true) AND coalesce(r.until >= {local_on}, true)
                 AND r.borrower_id <> l.borrower_id
JOIN borrower p ON p.lane = r.lane AND p.borrower_id = r.borrower_id
"""
_COLUMNS = (
    "lane", "event_id", "item_loan", "borrower_id", "party", "actor", "creditor", "currency", "zone", "policy",
    "policy_version", "priority", "step", "purpose", "template", "full_route", "legs", "next_if",
    "next_after_seconds", "next_by", "daily_cap", "starts", "ends", "gather", "useful", "names_amount",
    "max_book_age", "told_at",
)  # fmt: skip
_TOLD_ONCE = """
SELECT {columns} FROM (
    SELECT DISTINCT ON (lane, event_id, policy, step, borrower_id) * FROM ({parts}) AS part
    ORDER BY lane, event_id, policy, step, borrower_id, part) AS told
"""


@dataclass(frozen=True, slots=True)
class ToldReport:
    """looked_at: events; messages: that tell of them; items: events in these messages, for each who is told."""

    looked_at: int = 0
    messages: int = 0
    items: int = 0


def tells_events(plannables: Iterable[Plannable]) -> bool:
    """Whether any policy has a step on an event. Where none has, nothing looks for events."""
    return any(step.on for one in plannables for step in one.policy.steps)


def lanes_with_events(conn: psycopg.Connection, lanes: Sequence[int], *, now: datetime) -> list[int]:
    """Those in which something happened by `now` that planning has not looked at."""
    with conn.transaction():
        return [row[0] for row in conn.execute(SQL["has_new"], {"lanes": list(lanes), "now": now})]


def next_event(conn: psycopg.Connection, lanes: Sequence[int]) -> datetime | None:
    """When the next thing happens that planning has not looked at."""
    with conn.transaction():
        row = conn.execute(SQL["next_event"], {"lanes": list(lanes)}).fetchone()
    return row[0] if row else None


def tell_events(
    conn: psycopg.Connection,
    plannables: Sequence[Plannable],
    lanes: Sequence[int],
    *,
    as_of: date,
    now: datetime,
    rules: RuleBook | None = None,
) -> ToldReport:
    """Plan what tells of all that happened in these lanes by `now`, in one transaction.

    as_of: the lender's date; now: what happened later waits, what lost its use by then is told to nobody. rules: None
    takes the shipped packs alone.
    """
    if not lanes or not tells_events(plannables):
        return ToldReport()
    common = {
        "lanes": list(lanes),
        "policies": [one.policy.name for one in plannables],
        "as_of": as_of,
        "now": now,
    }
    rules = (rules or shipped()).compiled()
    with conn.transaction():
        conn.execute(PLANNING["lock_lanes"], common)
        conn.execute(PLANNING["planned_from"], common)
        return plan_events(conn, plannables, common, rules)


def plan_events(
    conn: psycopg.Connection, plannables: Sequence[Plannable], common: Mapping[str, Any], rules: RuleBook
) -> ToldReport:
    """As tell_events, in the caller's transaction, which holds the lanes' planning. common: lanes, as_of, now."""
    if not tells_events(plannables) or conn.execute(SQL["has_new"], dict(common)).fetchone() is None:
        return ToldReport()
    items, parameters = compile_events(plannables)
    given = dict(common) | parameters | dict(rules.parameters) | {"recheck": RECHECK, "pause": PAUSE}
    row = conn.execute(sql.SQL(SQL["plan_events"]).format(items=items), given).fetchone()
    assert row is not None
    messages, item_count, elsewhere, looked_at = row
    if elsewhere:
        judge_elsewhere(conn, common, elsewhere, rules)
    return ToldReport(looked_at, messages, item_count)


def judge_elsewhere(
    conn: psycopg.Connection, common: Mapping[str, Any], messages: Sequence[UUID], rules: RuleBook
) -> None:
    """Judge what was planned for people with rows in several lanes by all that they had. common: lanes, now."""
    given = dict(common) | {"messages": messages} | dict(rules.person_parameters)

    def persons() -> list[UUID]:
        return [person for (person,) in conn.execute(PLANNING["persons_of"], given)]

    given["elsewhere"] = contacts_in_other_shards(
        conn, "persons", persons, now=given["now"], look_back=given["look_back"]
    )
    conn.execute(PLANNING["judge_elsewhere"], given)


def compile_events(plannables: Sequence[Plannable]) -> tuple[sql.Composable, dict[str, Any]]:
    """The union of the SELECTs of all steps on events, for {items} of plan_events, and its parameters."""
    parts: list[sql.Composable] = []
    parameters: dict[str, Any] = {
        "template_versions": Jsonb({one.policy.name: dict(one.template_versions) for one in plannables})
    }
    for plannable in plannables:
        for step in plannable.policy.steps:
            if step.on is None:
                continue
            for place, party in enumerate(step.to):
                parts.append(_party_sql(plannable, step, party, place, f"{len(parts)}", parameters))
    columns = sql.SQL(", ").join(map(sql.Identifier, _COLUMNS))
    union = sql.SQL(" UNION ALL ").join(parts)
    return sql.SQL(_TOLD_ONCE).format(columns=columns, parts=union), parameters


def _party_sql(
    plannable: Plannable, step: Step, party: Party, place: int, prefix: str, parameters: dict[str, Any]
) -> sql.Composable:
    policy: Policy = plannable.policy
    local_on = sql.SQL("(e.occurred_at AT TIME ZONE b.zone)::date")
    condition, more = step_sql(policy, step, prefix=f"ec{prefix}_", day=local_on, told="told")
    parameters.update(more)
    template, more = template_sql(step, prefix=f"et{prefix}_", day=local_on, told="told")
    parameters.update(more)
    joins = sql.SQL(_BORROWER if party is Party.BORROWER else _OTHERS).format(
        party=sql.Literal(party.value), local_on=local_on
    )
    timed = step.window != ANY_TIME
    return sql.SQL(_STEP).format(
        party=sql.Literal(party.value),
        actor=sql.Literal(plannable.actor.value),
        policy=sql.Literal(policy.name),
        version=sql.Literal(plannable.version),
        priority=sql.Literal(policy.priority),
        step=sql.Literal(step.id),
        purpose=sql.Literal(step.purpose.value),
        template=template,
        route=sql.Literal([channel.value for channel in step.route]),
        legs=sql.Literal(step.send == "all"),
        next_if=sql.Literal(step.next_if.unless if step.next_if else None),
        next_after=sql.Literal(step.next_if.within_seconds if step.next_if else None),
        next_by=sql.Literal(step.next_if.by.isoformat() if step.next_if and step.next_if.by else None),
        cap=sql.Literal(policy.daily_cap),
        starts=sql.Literal(step.window.start.isoformat() if timed else None),
        ends=sql.Literal(step.window.end.isoformat() if timed else None),
        gather=sql.Literal(timedelta(seconds=step.gather_seconds)),
        useful=sql.Literal(timedelta(seconds=step.useful_for_seconds)),
        names_amount=sql.Literal(plannable.names_amount(step)),
        max_book_age=sql.Literal(policy.max_book_age),
        after=sql.Literal(timedelta(seconds=step.after_seconds)),
        place=sql.Literal(place),
        kind=sql.Literal(step.on),
        parties=joins,
        local_on=local_on,
        condition=condition,
    )
