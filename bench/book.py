"""A loan book made by the database itself: as many loans as asked for, the same for the same seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import psycopg

from duecourse.planning.compile import Plannable
from duecourse.policy.load import load_policy
from duecourse.policy.templates import Templates, TemplateText
from duecourse.policy.versions import publish
from duecourse.privacy.keyring import Keyring
from duecourse.privacy.sealing import seal_many

LONG_AGO = datetime.fromisoformat("2000-01-01T00:00+00:00")
SEAL_AT_ONCE = 50_000
SHARED_EVERY = 10
"""Every so many loans, one belongs to the borrower of the loan before it and falls due with it."""

_MAKE = """
CREATE TEMP TABLE made ON COMMIT DROP AS
SELECT n, p, get_byte(decode(substr(md5(concat('b', %(seed)s::int, p)), 1, 2), 'hex'), 0)::smallint AS lane,
       md5(concat('b', %(seed)s::int, p))::uuid AS borrower_id, md5(concat('l', %(seed)s::int, n))::uuid AS loan_id,
       md5(concat('c', %(seed)s::int, p))::uuid AS point_id,
       %(first_due)s::date + (%(from_day)s + p %% %(days)s::int) AS due_on
FROM (SELECT n, CASE WHEN n %% %(shared)s = 0 THEN n - 1 ELSE n END AS p
      FROM generate_series(%(after)s::int + 1, %(after)s::int + %(loans)s::int) AS n) AS numbered
"""
_FILL = (
    """INSERT INTO borrower (lane, borrower_id, borrower_key, name_sealed, language, region, zone, grade, row_digest,
           effective_at, recorded_at)
       SELECT lane, borrower_id, concat('B-', p),
              decode(concat(md5(p::text), left(md5(n::text), 26)), 'hex'), 'en', 'CN',
              %(zone)s, (ARRAY['A', 'B', 'C'])[1 + p %% 3], '', %(ago)s, %(ago)s
       FROM made WHERE n = p""",
    """INSERT INTO contact_point (lane, borrower_id, contact_point_id, channel, address_sealed, address_index,
           effective_at, recorded_at)
       SELECT lane, borrower_id, point_id, 'sms', decode(concat(md5(p::text), left(md5(n::text), 30)), 'hex'),
              decode(md5(point_id::text), 'hex'), %(ago)s, %(ago)s
       FROM made WHERE n = p""",
    """INSERT INTO loan (lane, loan_id, borrower_id, loan_ref, creditor, product, method, currency, row_digest,
           effective_at, recorded_at)
       SELECT lane, loan_id, borrower_id, concat('L-', n), 'bank', 'cash-loan', 'given', 'CNY', '', %(ago)s, %(ago)s
       FROM made""",
    """INSERT INTO installment (lane, loan_id, number, borrower_id, due_on, due_minor, effective_at, recorded_at)
       SELECT lane, loan_id, number, borrower_id, due_on + %(cycle)s * (number - 1), 10000 + n %% 90000,
              %(ago)s, %(ago)s
       FROM made CROSS JOIN generate_series(1, %(installments)s) AS number""",
)

POLICY = """
policy: bench
languages: [en]
creditors:
  "*": {{name: Test Bank, contact_phone: "400"}}
steps:
{steps}
"""
_STEP = """
  - id: {id}
    when: {when} between 09:00 and 18:00
    purpose: reminder
    route: [sms]
    template: due-soon
"""
REMINDERS = {"due-in-7": "due - 7d", "due-in-3": "due - 3d", "due-in-1": "due - 1d", "due-today": "due"}
TEXT = "{{ creditor }}: {{ total | money }} is due on {{ due_on | date }}. Questions: {{ contact_phone }}."


@dataclass(frozen=True, slots=True)
class Shape:
    """How loans are spread. cycle: days between a loan's installments; days: how many days of it loans fall due on,
    from from_day on. after: number of the last loan that is there already."""

    loans: int
    first_due: date
    cycle: int
    days: int
    installments: int = 12
    from_day: int = 0
    after: int = 0
    shared: int = SHARED_EVERY


def make_book(conn: psycopg.Connection, shape: Shape, *, seed: int, zone: str) -> None:
    """Add loans with their borrowers, a number each, and installments. Sealed fields hold bytes of the right length."""
    parameters = {
        "seed": seed,
        "loans": shape.loans,
        "after": shape.after,
        "first_due": shape.first_due,
        "from_day": shape.from_day,
        "days": shape.days,
        "cycle": shape.cycle,
        "shared": shape.shared,
        "installments": shape.installments,
        "zone": zone,
        "ago": LONG_AGO,
    }
    with conn.transaction():
        for statement in (_MAKE, *_FILL):
            conn.execute(statement, parameters)


def ordinary_number(place: int) -> str:
    """A number of its own for each place, none of them special to the sandbox."""
    return f"+86138{1000 + place // 9000:04d}{1000 + place % 9000:04d}"


def seal_book(
    conn: psycopg.Connection, keyring: Keyring, number_of: Callable[[int], str] = ordinary_number
) -> None:
    """Give everybody a name and a number that open: for benches that send."""
    people = [row[0] for row in conn.execute("SELECT borrower_id FROM borrower ORDER BY borrower_id")]
    points = [row[0] for row in conn.execute("SELECT contact_point_id FROM contact_point ORDER BY 1")]
    numbers = [number_of(place) for place in range(len(points))]
    for at in range(0, len(people), SEAL_AT_ONCE):
        some = people[at : at + SEAL_AT_ONCE]
        names = seal_many(keyring, ["Test Person"] * len(some), "borrower", "name", some)
        conn.execute(
            """UPDATE borrower b SET name_sealed = s.sealed
               FROM unnest(%s::uuid[], %s::bytea[]) AS s (id, sealed) WHERE b.borrower_id = s.id""",
            (some, names),
        )
    for at in range(0, len(points), SEAL_AT_ONCE):
        some = points[at : at + SEAL_AT_ONCE]
        sealed = seal_many(keyring, numbers[at : at + SEAL_AT_ONCE], "contact_point", "address", some)
        conn.execute(
            """UPDATE contact_point c SET address_sealed = s.sealed
               FROM unnest(%s::uuid[], %s::bytea[]) AS s (id, sealed) WHERE c.contact_point_id = s.id""",
            (some, sealed),
        )
    conn.commit()


def put_in_force(conn: psycopg.Connection, folder: Path, steps: dict[str, str]) -> list[Plannable]:
    """Publish a policy of these steps, given as id and time, and its template."""
    path = folder / "policy.yaml"
    listed = "".join(_STEP.format(id=step, when=when) for step, when in steps.items())
    path.write_text(POLICY.format(steps=listed), encoding="utf-8")
    policy = load_policy(path)
    publish(
        conn,
        policy,
        Templates([TemplateText("due-soon", "en", {"sms": TEXT})]),
        "",
        now=LONG_AGO,
        user="bench",
    )
    conn.commit()
    return [Plannable(policy, 1, dict.fromkeys(policy.templates, 1))]


def tidy(conn: psycopg.Connection) -> None:
    """What autovacuum would have done by the time a book of this size is in use. conn: in autocommit."""
    conn.execute("VACUUM (ANALYZE)")
