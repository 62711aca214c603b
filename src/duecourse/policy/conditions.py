"""Conditions: declared fields of the book, read from a policy file and compiled to SQL.

They are no expression language, so a policy can be checked before anything runs and read by anyone.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from psycopg import sql
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from duecourse.book.events import DECISIONS
from duecourse.domain.buckets import DEFAULT_BUCKETS, bucket_days, bucket_labels
from duecourse.domain.money import MoneyError, minor_digits, to_minor

from .model import Condition, Policy, Step, Test
from .reading import Section, did_you_mean, is_whole, shown

Kind: TypeAlias = Literal["text", "prefix", "flag", "amount", "days", "bucket", "on-day"]


@dataclass(frozen=True, slots=True)
class Known:
    """What a policy names itself and its conditions may speak of. buckets: their last days, as in Policy."""

    grades: Collection[str] = ()
    buckets: tuple[int, ...] = DEFAULT_BUCKETS


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the book that a condition may name."""

    kind: Kind
    column: str | None
    """Over the aliases b (the loan's borrower), l (loan), i (installment) and {told}, who is told. Never NULL. None: of
    events alone."""
    about: str
    values: tuple[str, ...] = ()
    """All values there are, if the list is closed."""
    pattern: str = ".+"
    pauses: str = "true"
    """Of days: which pauses of the loan do not count, over the alias p."""
    of_event: str | None = None
    """The same of an event, over b, l (may be missing), e (the event) and {told}. None: of installments alone."""


# The last promise of this debt, or of all of the person's. array_agg: a cluster takes no ORDER BY ... LIMIT here.
_PROMISE = """coalesce((SELECT (array_agg(q.state ORDER BY q.said_at DESC, q.response_id))[1] FROM promise q
    WHERE q.lane = l.lane AND q.borrower_id = l.borrower_id AND q.state <> 'withdrawn'
      AND coalesce(q.loan_id = l.loan_id, true)), 'none')"""
_GENTLE = """EXISTS (SELECT 1 FROM response_effect e
    WHERE e.lane = l.lane AND e.borrower_id = l.borrower_id AND e.effect = 'gentle' AND e.undone_at IS NULL
      AND coalesce(e.loan_id = l.loan_id, true)
      AND (e.effective_at AT TIME ZONE b.zone)::date <= {day} AND (e.until AT TIME ZONE b.zone)::date > {day})"""
_SINCE = "coalesce(i.past_due_since, i.due_on)"
# The grace of the day it counts from: of a statement's carried minimum that is the first statement's.
_GRACE_ENDS = f"""({_SINCE} + coalesce((SELECT max(g.grace_days) FROM installment g
    WHERE g.lane = i.lane AND g.loan_id = i.loan_id AND g.due_on = {_SINCE}), 0))"""
_DEFERRALS = "p.kind = 'deferral'"

# Whether somebody was told that the payment had come: handed over, and not known to have been in vain.
_CONFIRMED = """EXISTS (SELECT 1 FROM event o
    JOIN message_item x ON x.lane = o.lane AND x.loan_id = o.loan_id AND x.number = 0 AND x.event_id = o.event_id
    JOIN message m ON m.lane = x.lane AND m.group_id = x.group_id
    JOIN attempt a ON a.lane = m.lane AND a.message_id = m.message_id
    WHERE e.kind = 'payment.reversed' AND o.lane = e.lane
      AND o.event_id = md5('payment.received|' || e.subject_id)::uuid
      AND a.state IN ('claimed', 'sent', 'delivered', 'read', 'unknown'))"""

FIELDS: Mapping[str, Field] = {
    "product": Field(
        "text",
        "l.product",
        "the loan's product, as the book has it",
        of_event="coalesce(l.product, e.product)",
    ),
    "rate_type": Field(
        "text",
        "l.rate_type",
        "fixed or floating",
        ("fixed", "floating"),
        of_event="coalesce(l.rate_type, '')",
    ),
    "grade": Field("text", "b.grade", "the borrower's grade", of_event="b.grade"),
    "amount": Field(
        "amount",
        "i.due_minor",
        "what must be paid by the due date, before payments; of an event, its amount",
        of_event="coalesce(e.amount_minor, 0)",
    ),
    "language": Field(
        "prefix",
        "{told}.language",
        "the borrower's language; zh covers zh-CN",
        (),
        r"[A-Za-z]{2,3}(-[A-Za-z0-9]+)*",
        of_event="{told}.language",
    ),
    "region": Field(
        "prefix",
        "{told}.region",
        "ISO 3166; US covers US-MA",
        (),
        r"[A-Z]{2}(-[A-Z0-9]{1,3})?",
        of_event="{told}.region",
    ),
    "autopay": Field(
        "flag",
        "l.autopay",
        "whether the loan is paid by direct debit",
        of_event="coalesce(l.autopay, false)",
    ),
    "creditor": Field("text", "l.creditor", "who is owed, as the book has it", of_event="e.creditor"),
    "days_past_due": Field(
        "days", _SINCE, "days after the due date on the step's day, at least 0", pauses=_DEFERRALS
    ),
    "strategy_days": Field("days", _GRACE_ENDS, "days after the end of grace on the step's day, at least 0"),
    "promise": Field(
        "text",
        _PROMISE,
        "how the last promise to pay stands",
        ("none", "open", "kept", "late", "partial", "broken"),
    ),
    "gentle": Field(
        "on-day", _GENTLE, 'whether, by the policy\'s `responses`, gentler words follow from "I cannot pay"'
    ),
    "bucket": Field("bucket", _SINCE, "the bucket that days_past_due falls in", pauses=_DEFERRALS),
    "decision": Field(
        "text",
        None,
        "of application.decided: approved or declined",
        DECISIONS,
        of_event="coalesce(e.detail ->> 'decision', '')",
    ),
    "confirmed": Field(
        "flag", None, "of payment.reversed: whether the person was told that it had come", of_event=_CONFIRMED
    ),
}
_ATTRIBUTE = re.compile(r"attributes\.([A-Za-z0-9_-]{1,63})\Z")
_NUMBER = r"^-?[0-9]+([.][0-9]+)?$"
_OPERATORS = ("not", "min", "max", "currency")


def parse_condition(section: Section | None, known: Known) -> Condition:
    """Read a mapping of field to test; faults P112, P114, P115, P122 go to the section's list."""
    if section is None:
        return Condition()
    tests = []
    for key in section.content:
        value = section.take(key)
        name = str(key)
        if name not in FIELDS and not _ATTRIBUTE.match(name):
            options = did_you_mean(name, [*FIELDS, "attributes.<name>"])
            section.fault("P114", key, f"condition field {shown(key)} is unknown; {options}")
        elif (test := _test(section, name, value)) is not None:
            _check_values(section, test, known)
            tests.append(test)
    return Condition(tests=tuple(tests))


def _test(section: Section, name: str, value: object) -> Test | None:
    if isinstance(value, CommentedMap):
        return _operators(section, name, value)
    values = _values(section, name, value)
    return Test(field=name, any_of=values) if values else None


def _operators(section: Section, name: str, value: CommentedMap) -> Test | None:
    for operator in value:
        if operator not in _OPERATORS:
            section.fault(
                "P115",
                name,
                f"{name}: {shown(operator)} is unknown; {did_you_mean(str(operator), _OPERATORS)}",
            )
            return None
    if "not" in value:
        if len(value) > 1:
            section.fault(
                "P115", name, f"{name}: 'not' stands alone; put min and max in a condition of their own"
            )
            return None
        values = _values(section, name, value["not"])
        return Test(field=name, none_of=values) if values else None
    bounds = {key: value[key] for key in ("min", "max") if key in value}
    if not bounds or not all(is_whole(b) or isinstance(b, Decimal) for b in bounds.values()):
        section.fault("P115", name, f"{name}: expected min, max or both, as numbers")
        return None
    test = Test(
        field=name,
        minimum=_as_decimal(bounds.get("min")),
        maximum=_as_decimal(bounds.get("max")),
        currency=str(value.get("currency", "")),
    )
    if test.minimum is not None and test.maximum is not None and test.minimum > test.maximum:
        section.fault(
            "P115", name, f"{name}: min {test.minimum} is above max {test.maximum}; nothing would match"
        )
        return None
    return test


def _values(section: Section, name: str, value: object) -> tuple[str, ...]:
    entries = list(value) if isinstance(value, CommentedSeq) else [value]
    if not entries or not all(isinstance(entry, (str, bool, int, Decimal)) for entry in entries):
        section.fault("P115", name, f"{name}: expected a value or a list of values, found {shown(value)}")
        return ()
    return tuple(shown(entry).strip("'") if isinstance(entry, bool) else str(entry) for entry in entries)


def _as_decimal(value: object) -> Decimal | None:
    return None if value is None else Decimal(str(value))


def _check_values(section: Section, test: Test, known: Known) -> None:
    """Whether a test fits its field."""
    name, listed = test.field, (*test.any_of, *test.none_of)
    field = FIELDS.get(name)
    bounded = test.minimum is not None or test.maximum is not None
    if field is None:  # an attribute: text for values, numbers for bounds
        if test.currency:
            section.fault("P115", name, f"{name}: only amount has a currency")
        return
    if bounded and field.kind not in ("amount", "days"):
        section.fault("P115", name, f"{name}: min and max fit amounts, days and attributes only")
    if test.currency and field.kind != "amount":
        section.fault("P115", name, f"{name}: only amount has a currency")
    if field.kind == "amount":
        _check_amount(section, test)
        return
    if field.kind == "days" and any(b != int(b) for b in (test.minimum, test.maximum) if b is not None):
        section.fault("P115", name, f"{name}: min and max are whole days")
    allowed = ("true", "false") if field.kind in ("flag", "on-day") else field.values
    for value in listed:
        if name == "grade" and value not in known.grades:
            section.fault(
                "P112", name, f"grade {shown(value)} is unknown; {did_you_mean(value, sorted(known.grades))}"
            )
        elif name == "bucket" and value not in bucket_labels(known.buckets):
            options = did_you_mean(value, bucket_labels(known.buckets))
            section.fault("P122", name, f"bucket {shown(value)} is none of this policy's; {options}")
        elif allowed and value not in allowed:
            section.fault("P115", name, f"{name}: {shown(value)} is unknown; {did_you_mean(value, allowed)}")
        elif field.kind == "days" and not (value.isascii() and value.isdigit()):
            section.fault("P115", name, f"{name}: expected whole days, found {shown(value)}")
        elif not re.fullmatch(field.pattern, value):
            section.fault(
                "P115", name, f"{name}: {shown(value)} is not written as the book writes it ({field.about})"
            )


def _check_amount(section: Section, test: Test) -> None:
    if test.any_of or test.none_of:
        section.fault("P115", "amount", "amount: give min, max or both, and a currency")
        return
    try:
        minor_digits(test.currency)
        for bound in (test.minimum, test.maximum):
            if bound is not None:
                to_minor(bound, test.currency)
    except MoneyError as error:
        section.fault(
            "P115", "amount", f"amount: {error}; give a currency by its ISO 4217 code and amounts in it"
        )


def misplaced(condition: Condition, *, of_event: bool) -> list[str]:
    """Fields of a condition that an event does not have, or an installment."""
    return [
        test.field
        for test in condition.tests
        if (field := FIELDS.get(test.field)) is not None
        and (field.of_event if of_event else field.column) is None
    ]


Params: TypeAlias = dict[str, Any]


def condition_sql(
    condition: Condition,
    *,
    prefix: str = "c",
    day: sql.Composable | None = None,
    told: str = "b",
    of_event: bool = False,
) -> tuple[sql.Composable, Params]:
    """A boolean SQL expression over the aliases b (borrower), l (loan), i (installment), and its parameters.

    of_event: over b, l and e (an event) instead; no test may ask of an installment.

    prefix: parameters are named prefix + number, so that several conditions fit one statement.
    day: the step's local day, of type date; the default is the parameter `as_of`.
    told: the alias whose language and region count; the default is the borrower, `told` who a message goes to.
    The expression is never NULL. A missing attribute equals nothing, is in no bounds, and satisfies `not`;
    an attribute that is no number is in no bounds. `attributes.x` is the loan's, else the borrower's.
    """
    params: Params = {}
    day = day or sql.SQL("{}::date").format(sql.Placeholder("as_of"))

    def bind(value: object, cast: str) -> sql.Composable:
        name = f"{prefix}{len(params)}"
        params[name] = value
        return sql.SQL("{}::" + cast).format(sql.Placeholder(name))  # cast is ours

    terms = [_term(test, bind, day, told, of_event=of_event) for test in condition.tests]
    return (sql.SQL(" AND ").join(terms) if terms else sql.SQL("true")), params


def step_sql(
    policy: Policy, step: Step, *, prefix: str = "c", day: sql.Composable | None = None, told: str = "b"
) -> tuple[sql.Composable, Params]:
    """Whether a step speaks to an installment or event: `applies_to` of its policy and its own condition together."""
    both = Condition(tests=policy.applies_to.tests + step.condition.tests)
    return condition_sql(both, prefix=prefix, day=day, told=told, of_event=step.on is not None)


def template_sql(
    step: Step, *, prefix: str = "v", day: sql.Composable | None = None, told: str = "b"
) -> tuple[sql.Composable, Params]:
    """The template's name for one installment or event: the first variant that holds, else the step's own."""
    own = f"{prefix}_own"
    params: Params = {own: step.template}
    branches: list[sql.Composable] = []
    for index, variant in enumerate(step.variants):
        name = f"{prefix}{index}"
        holds, bound = condition_sql(
            variant.condition, prefix=f"{name}_", day=day, told=told, of_event=step.on is not None
        )
        params |= bound | {name: variant.template}
        branches.append(sql.SQL("WHEN {} THEN {}::text ").format(holds, sql.Placeholder(name)))
    otherwise = sql.SQL("{}::text").format(sql.Placeholder(own))
    if not branches:
        return otherwise, params
    return sql.SQL("CASE {}ELSE {} END").format(sql.Composed(branches), otherwise), params


def _term(test: Test, bind: Any, day: sql.Composable, told: str, *, of_event: bool) -> sql.Composable:
    field = FIELDS.get(test.field)
    if field is None:
        return _attribute(test, bind)
    written = field.of_event if of_event else field.column
    if written is None:
        raise ValueError(f"{test.field} asks of what this step does not speak of")  # P453 was looked for
    if field.kind == "on-day":
        column: sql.Composable = sql.SQL(written).format(day=day)
    else:
        column = sql.SQL(written.format(told=told))  # from FIELDS, never from a file
    if field.kind in ("flag", "on-day"):
        return _listed(
            test, column, bind, [value == "true" for value in (*test.any_of, *test.none_of)], "boolean[]"
        )
    if field.kind == "prefix":
        return _prefixed(test, column, bind)
    if field.kind == "amount":
        bounds = _bounds(test, column, bind, "bigint", lambda value: to_minor(value, test.currency))
        currency = sql.SQL("e.currency" if of_event else "l.currency")
        return sql.SQL("({} = {} AND {})").format(currency, bind(test.currency, "text"), bounds)
    if field.kind == "bucket":
        return _bucket(test, _days(field, day), bind)
    if field.kind == "days":
        days = _days(field, day)
        if test.any_of or test.none_of:
            return _listed(
                test, days, bind, [int(value) for value in (*test.any_of, *test.none_of)], "integer[]"
            )
        return _bounds(test, days, bind, "integer", int)
    return _listed(test, column, bind, [*test.any_of, *test.none_of], "text[]")


def _days(field: Field, day: sql.Composable) -> sql.Composable:
    """Days from the field's day to the step's that no pause takes out; pauses of a loan do not overlap."""
    paused = """coalesce((SELECT sum(least(p.to_on, {day}) - greatest(p.from_on, {since} + 1) + 1) FROM loan_pause p
        WHERE p.lane = l.lane AND p.loan_id = l.loan_id AND p.from_on <= {day} AND p.to_on > {since}
          AND {which}), 0)"""
    return sql.SQL("greatest(0, {day} - {since} - " + paused + ")::int").format(
        day=day, since=sql.SQL(field.column or ""), which=sql.SQL(field.pauses)
    )


def _bucket(test: Test, days: sql.Composable, bind: Any) -> sql.Composable:
    spans = []
    for label in (*test.any_of, *test.none_of):
        low, high = bucket_days(label)
        span = sql.SQL("{} >= {}").format(days, bind(low, "integer"))
        if high is not None:
            span = sql.SQL("{} BETWEEN {} AND {}").format(days, bind(low, "integer"), bind(high, "integer"))
        spans.append(span)
    return sql.SQL("({})" if test.any_of else "NOT ({})").format(sql.SQL(" OR ").join(spans))


def _listed(test: Test, left: sql.Composable, bind: Any, values: list[Any], cast: str) -> sql.Composable:
    template = "{} = ANY ({})" if test.any_of else "{} <> ALL ({})"
    return sql.SQL(template).format(left, bind(values, cast))


def _prefixed(test: Test, column: sql.Composable, bind: Any) -> sql.Composable:
    values = [*test.any_of, *test.none_of]
    holds = sql.SQL("({0} = ANY ({1}) OR {0} LIKE ANY ({2}))").format(
        column, bind(values, "text[]"), bind([f"{value}-%" for value in values], "text[]")
    )
    return holds if test.any_of else sql.SQL("NOT {}").format(holds)


def _bounds(test: Test, left: sql.Composable, bind: Any, cast: str, convert: Any) -> sql.Composable:
    parts = []
    if test.minimum is not None:
        parts.append(sql.SQL("{} >= {}").format(left, bind(convert(test.minimum), cast)))
    if test.maximum is not None:
        parts.append(sql.SQL("{} <= {}").format(left, bind(convert(test.maximum), cast)))
    return sql.SQL("({})").format(sql.SQL(" AND ").join(parts))


def _attribute(test: Test, bind: Any) -> sql.Composable:
    match = _ATTRIBUTE.match(test.field)
    assert match is not None
    value = sql.SQL("coalesce(l.attributes ->> {0}, b.attributes ->> {0})").format(bind(match[1], "text"))
    if test.any_of:
        return sql.SQL("coalesce({}, false)").format(_listed(test, value, bind, list(test.any_of), "text[]"))
    if test.none_of:
        return sql.SQL("coalesce({}, true)").format(_listed(test, value, bind, list(test.none_of), "text[]"))
    number = sql.SQL("({})::numeric").format(value)
    # CASE, because AND promises no order: the cast must not meet text that is no number.
    return sql.SQL("CASE WHEN {} ~ {} THEN {} ELSE false END").format(
        value, bind(_NUMBER, "text"), _bounds(test, number, bind, "numeric", Decimal)
    )
