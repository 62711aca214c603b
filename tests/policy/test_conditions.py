"""Conditions against real rows: what they select, and that NULL never leaks out of them."""

# ruff: noqa: E501
# The tables of cases are read across.

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from uuid import UUID

import psycopg
import pytest
from psycopg import sql
from psycopg.types.json import Jsonb

from duecourse.policy.conditions import Known, condition_sql, parse_condition, step_sql, template_sql
from duecourse.policy.load import load_policy
from duecourse.policy.model import Condition, Policy
from duecourse.policy.reading import Faults, Section, read_text

AS_OF = date(2026, 3, 15)


def parsed(text: str) -> Condition:
    found = Faults()
    document = read_text(text, "condition", found)
    assert document is not None
    condition = parse_condition(Section(document, "condition", found), Known(["A", "B"]))
    assert found.problems == []
    return condition


@pytest.fixture
def book(database: psycopg.Connection) -> psycopg.Connection:
    """Four borrowers with a loan and an installment each."""
    rows = [
        # language, region, grade, borrower attributes, product, rate, currency, autopay, loan attributes, due, minor, since
        ("zh-CN", "CN", "A", {}, "mortgage", "floating", "CNY", True, {"score": "700", "branch": "east"}, "2026-03-20", 150000, None),
        ("zh-TW", "TW", "B", {"branch": "west"}, "car-loan", "fixed", "CNY", False, {"score": 80.5}, "2026-03-10", 50000, None),
        ("en", "US-MA", "", {"branch": "north"}, "cash-loan", "fixed", "USD", False, {"branch": "south", "score": "n/a"}, "2026-03-14", 50000, "2026-01-14"),
        ("enm", "USX", "", {}, "cash-loan", "fixed", "JPY", False, {"vip": True}, "2026-03-15", 500, None),
    ]  # fmt: skip
    for index, row in enumerate(rows, start=1):
        key = UUID(int=index)
        language, region, grade, attributes, product, rate, currency, autopay, more, due, minor, since = row
        database.execute(
            """INSERT INTO borrower (lane, borrower_id, borrower_key, language, region, zone, grade, attributes,
                                     row_digest, effective_at, recorded_at)
               VALUES (1, %s, %s, %s, %s, 'UTC', %s, %s, '', now(), now())""",
            (key, f"B{index}", language, region, grade, Jsonb(attributes)),
        )
        database.execute(
            """INSERT INTO loan (lane, loan_id, borrower_id, loan_ref, creditor, product, rate_type, method, currency,
                                 autopay, attributes, row_digest, effective_at, recorded_at)
               VALUES (1, %s, %s, %s, 'bank', %s, %s, 'given', %s, %s, %s, '', now(), now())""",
            (key, key, f"L{index}", product, rate, currency, autopay, Jsonb(more)),
        )
        database.execute(
            """INSERT INTO installment (lane, loan_id, number, borrower_id, due_on, due_minor, past_due_since,
                                        effective_at, recorded_at)
               VALUES (1, %s, 1, %s, %s, %s, %s, now(), now())""",
            (key, key, due, minor, since),
        )
    return database


JOINED = """FROM borrower b JOIN loan l ON l.lane = b.lane AND l.borrower_id = b.borrower_id
            JOIN installment i ON i.lane = l.lane AND i.loan_id = l.loan_id ORDER BY b.borrower_key"""


def matching(book: psycopg.Connection, condition: Condition) -> str:
    """The numbers of the borrowers a condition selects; fails when it is NULL for any."""
    holds, params = condition_sql(condition)
    rows = book.execute(
        sql.SQL("SELECT b.borrower_key, {} {}").format(holds, sql.SQL(JOINED)), params | {"as_of": AS_OF}
    ).fetchall()
    assert all(value is not None for _, value in rows)
    return "".join(key[1:] for key, value in rows if value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}", "1234"),
        ("product: mortgage", "1"),
        ("product: [mortgage, car-loan]", "12"),
        ("product: {not: [mortgage, car-loan]}", "34"),
        ("rate_type: floating", "1"),
        ("grade: [A, B]", "12"),
        ("grade: {not: A}", "234"),
        ("autopay: true", "1"),
        ("autopay: {not: true}", "234"),
        ("creditor: bank", "1234"),
        ("language: zh", "12"),
        ("language: en", "3"),
        ("language: {not: zh}", "34"),
        ("language: zh-CN", "1"),
        ("region: US", "3"),
        ("region: {not: [US, CN]}", "24"),
        ("region: US-MA", "3"),
        ("amount: {min: 500, currency: CNY}", "12"),
        ("amount: {min: 500.01, currency: CNY}", "1"),
        ("amount: {max: 500, currency: CNY}", "2"),
        ("amount: {min: 500, max: 500, currency: USD}", "3"),
        ("amount: {min: 500, currency: JPY}", "4"),
        ("days_past_due: {min: 1}", "23"),
        ("days_past_due: {min: 1, max: 30}", "2"),
        ("days_past_due: 0", "14"),
        ("days_past_due: [5, 60]", "23"),
        ("days_past_due: {not: 0}", "23"),
        ("strategy_days: {min: 1}", "23"),
        ("strategy_days: 60", "3"),
        ("bucket: 1-7", "2"),
        ("bucket: 31-60", "3"),
        ("bucket: [0, 1-7]", "124"),
        ("bucket: {not: [0, 31-60]}", "2"),
        ("bucket: 90+", ""),
        ("attributes.branch: [east, south]", "13"),
        ("attributes.branch: west", "2"),
        ("attributes.branch: north", ""),
        ("attributes.branch: {not: east}", "234"),
        ("attributes.score: {min: 80}", "12"),
        ("attributes.score: {min: 80, max: 100.25}", "2"),
        ("attributes.score: 700", "1"),
        ("attributes.vip: true", "4"),
        ("attributes.absent: {max: 5}", ""),
        ("attributes.absent: {not: x}", "1234"),
        ("{product: cash-loan, language: en}", "3"),
    ],
)
def test_a_condition_selects_and_is_never_null(book: psycopg.Connection, text: str, expected: str) -> None:
    assert matching(book, parsed(text)) == expected


def test_values_are_parameters_whatever_they_hold(book: psycopg.Connection) -> None:
    assert matching(book, parsed("""product: ["x' OR true --", "100%s", "{}"]""")) == ""


def test_days_past_due_counts_to_the_day_it_is_given(book: psycopg.Connection) -> None:
    holds, params = condition_sql(parsed("days_past_due: {min: 3}"), day=sql.SQL("(i.due_on + 3)"))
    assert book.execute(sql.SQL("SELECT bool_and({}) {}").format(
        holds, sql.SQL(JOINED.split(" ORDER")[0])), params).fetchone() == (True,)  # fmt: skip


def test_paused_days_are_counted_by_no_condition(book: psycopg.Connection) -> None:
    pauses = [(2, "2026-03-12", "2026-03-13", "deferral"), (3, "2026-01-01", "2026-01-19", "pause")]
    for loan, first, last, kind in pauses:
        book.execute(
            "INSERT INTO loan_pause VALUES (1, %s, %s, %s, %s, 'e', 'me', now(), now())",
            (UUID(int=loan), first, last, kind),
        )
    book.execute("UPDATE installment SET grace_days = 1 WHERE due_on = '2026-03-10'")
    assert matching(book, parsed("days_past_due: [3, 60]")) == "23"
    assert matching(book, parsed("strategy_days: [2, 55]")) == "23"


def test_conditions_with_prefixes_of_their_own_share_a_statement(
    book: psycopg.Connection, policy_file: Callable[..., object]
) -> None:
    variants = "variants:\n      - if: {product: mortgage}\n        template: late\n    template: soon"
    path = policy_file(
        ("template: soon", variants), ("policy: small", "policy: small\napplies_to: {grade: [A, B]}")
    )
    policy: Policy = load_policy(path)  # type: ignore[arg-type]
    step = policy.step("soon")
    holds, first = step_sql(policy, step, prefix="s")
    template, second = template_sql(step, prefix="t")
    assert not first.keys() & second.keys()
    query = sql.SQL("SELECT b.borrower_key, {}, {} {}").format(holds, template, sql.SQL(JOINED))
    rows = book.execute(query, first | second | {"as_of": AS_OF}).fetchall()
    assert rows == [("B1", False, "late"), ("B2", True, "soon"), ("B3", False, "soon"), ("B4", False, "soon")]
