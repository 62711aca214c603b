"""A lender's book written as a table, a policy written as YAML, and what becomes of them: for tests of rooms beyond."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5
from zoneinfo import ZoneInfo

import psycopg
from psycopg.types.json import Jsonb

from duecourse.book.identity import address_index, customer_hash
from duecourse.domain.messaging import Channel
from duecourse.domain.money import to_minor
from duecourse.planning.compile import Plannable
from duecourse.planning.plan import PlanReport, plan_book
from duecourse.policy.load import load_policy
from duecourse.policy.model import Policy
from duecourse.privacy.keyring import Keyring
from duecourse.privacy.sealing import open_value, seal_many, seal_value
from duecourse.rules.model import Actor

LONG_AGO = datetime.fromisoformat("2000-01-01T00:00+00:00")

POLICY_HEAD = """
policy: test
languages: [en]
creditors:
  "*": {name: Test Bank, contact_phone: "400"}
"""

REMINDER = """
  - id: due-in-1
    when: due - 1d at 09:00
    purpose: reminder
    route: [sms, email]
    template: due-soon
"""


def lane_of(borrower: str) -> int:
    """The lane a test's borrower lives in: spread, and the same every time."""
    return uuid5(NAMESPACE_OID, borrower).bytes[0]


def borrower_id_of(borrower: str) -> UUID:
    """The id of a test's borrower."""
    return uuid5(NAMESPACE_OID, f"borrower/{borrower}")


class Lender:
    """Writes rows of the book as an import would leave them, and plans."""

    def __init__(self, conn: psycopg.Connection, keyring: Keyring, folder: Path) -> None:
        self.conn = conn
        self.keyring = keyring
        self.folder = folder
        self.policies: list[Policy] = []
        self.versions: dict[str, int] = {}
        self.silent_templates: set[str] = set()
        self.actor = Actor.CREDITOR

    def book(self, rows: str, **defaults: str) -> None:
        """Rows of: loan [borrower zone due_on amount grade product creditor phone email id_number ...]; '-' is none."""
        lines = [line.split() for line in textwrap.dedent(rows).strip().splitlines()]
        header = lines[0]
        for line in lines[1:]:
            cells = dict(zip(header, line, strict=False))
            if len(line) == len(header) + 1 and header[-1] == "amount":
                cells["amount"] = f"{line[-2]} {line[-1]}"
            self._row({**defaults, **cells})

    def _row(self, row: Mapping[str, str]) -> None:
        loan = row["loan"]
        borrower = row.get("borrower", f"B-{loan}")
        lane, borrower_id = lane_of(borrower), borrower_id_of(borrower)
        loan_id = uuid5(NAMESPACE_OID, f"loan/{loan}")
        amount, _, currency = row.get("amount", "100.00 CNY").partition(" ")
        due_on = date.fromisoformat(row["due_on"])
        id_number = row.get("id_number", "")
        self.conn.execute(
            """INSERT INTO borrower (lane, borrower_id, borrower_key, language, region, zone, grade, row_digest,
                   effective_at, recorded_at, name_sealed, id_number_sealed)
               VALUES (%s, %s, %s, %s, %s, %s, %s, '', %s, %s, %s, %s) ON CONFLICT DO NOTHING""",
            (
                lane, borrower_id, borrower, row.get("language", "en"), row.get("region", "CN"),
                row.get("zone", "Asia/Shanghai"), row.get("grade", ""), LONG_AGO, LONG_AGO,
                seal_value(self.keyring, row.get("name", "Test Person"), "borrower", "name", borrower_id),
                seal_value(self.keyring, id_number, "borrower", "id_number", borrower_id) if id_number else None,
            ),
        )  # fmt: skip
        for channel, column, address in (
            ("sms", "phone", "+8613900001111"),
            ("email", "email", "person@example.com"),
        ):
            value = row.get(column, address)
            if value != "-":
                self.contact_point(borrower, channel, value)
        self.conn.execute(
            """INSERT INTO loan (lane, loan_id, borrower_id, loan_ref, creditor, product, method, currency, autopay,
                   row_digest, effective_at, recorded_at)
               VALUES (%s, %s, %s, %s, %s, %s, 'given', %s, %s, '', %s, %s) ON CONFLICT DO NOTHING""",
            (
                lane, loan_id, borrower_id, loan, row.get("creditor", "bank"), row.get("product", "cash-loan"),
                currency or "CNY", row.get("autopay") == "yes", LONG_AGO, LONG_AGO,
            ),
        )  # fmt: skip
        number = self.conn.execute(
            "SELECT count(*) + 1 FROM installment WHERE lane = %s AND loan_id = %s", (lane, loan_id)
        ).fetchone()
        self.conn.execute(
            """INSERT INTO installment (lane, loan_id, number, borrower_id, due_on, statement_on, due_minor,
                   settled_on, effective_at, recorded_at)
               VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
            (
                lane, loan_id, number[0] if number else 1, borrower_id, due_on, row.get("statement_on"),
                to_minor(Decimal(amount), currency or "CNY"), row.get("settled_on"), LONG_AGO, LONG_AGO,
            ),
        )  # fmt: skip
        self.conn.commit()

    def contact_point(self, borrower: str, channel: str, address: str, rank: int = 1) -> UUID:
        """A contact point of a borrower."""
        point = uuid5(NAMESPACE_OID, f"{borrower}/{channel}/{address}")
        self.conn.execute(
            """INSERT INTO contact_point (lane, borrower_id, contact_point_id, channel, rank, address_sealed,
                   address_index, effective_at, recorded_at)
               VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING""",
            (
                lane_of(borrower), borrower_id_of(borrower), point, channel, rank,
                seal_value(self.keyring, address, "contact_point", "address", point),
                address.encode(), LONG_AGO, LONG_AGO,
            ),
        )  # fmt: skip
        self.conn.commit()
        return point

    def pay(self, loan: str, on: str, number: int = 1) -> None:
        """Settle an installment on a day, as an import of a payment leaves it."""
        self.conn.execute(
            "UPDATE installment SET settled_on = %s WHERE loan_id = %s AND number = %s",
            (on, uuid5(NAMESPACE_OID, f"loan/{loan}"), number),
        )
        self.conn.commit()

    def debit(
        self,
        loan: str,
        submitted_on: str,
        wait_until: str,
        *,
        state: str = "submitted",
        result_on: str | None = None,
        number: int | None = None,
    ) -> None:
        """A debit as an import leaves it; said again it has its result."""
        self.conn.execute(
            """INSERT INTO debit (lane, loan_id, debit_id, source, reference, number, submitted_on, wait_until, state,
                   result_on, effective_at, recorded_at)
               SELECT lane, loan_id, %s, 'bank', %s, %s, %s, %s, %s, %s, %s, %s FROM loan WHERE loan_ref = %s
               ON CONFLICT (lane, debit_id) DO UPDATE SET state = EXCLUDED.state, result_on = EXCLUDED.result_on""",
            (
                uuid5(NAMESPACE_OID, f"debit/{loan}/{submitted_on}"), submitted_on, number, submitted_on, wait_until,
                state, result_on, LONG_AGO, LONG_AGO, loan,
            ),
        )  # fmt: skip
        self.conn.commit()

    def policy(self, steps: str, head: str = POLICY_HEAD) -> None:
        """Put a policy in force, or a new version of it."""
        path = self.folder / "policy.yaml"
        path.write_text(textwrap.dedent(head) + "steps:\n" + steps, encoding="utf-8")
        policy = load_policy(path)
        self.policies = [known for known in self.policies if known.name != policy.name] + [policy]
        self.versions[policy.name] = self.versions.get(policy.name, 0) + 1

    def plannables(self) -> list[Plannable]:
        """The policies in force, every template at version 1."""
        return [
            Plannable(
                policy,
                self.versions[policy.name],
                dict.fromkeys(policy.templates, 1),
                frozenset(policy.templates) & self.silent_templates,
                Actor(policy.actor or self.actor),
            )
            for policy in self.policies
        ]

    def plan(
        self, now: str, *, lender_zone: str = "Asia/Shanghai", dry_run: bool = False, **options: Any
    ) -> PlanReport:
        """Plan at an instant, in one transaction unless `lanes_at_once` says otherwise; the lender's date is that of
        its zone."""
        if not self.policies:
            self.policy(REMINDER)
        at = datetime.fromisoformat(now)
        as_of = at.astimezone(ZoneInfo(lender_zone)).date()
        return plan_book(
            self.conn,
            self.plannables(),
            as_of=as_of,
            now=at,
            dry_run=dry_run,
            **({"lanes_at_once": 256} | options),
        )

    def messages(self, *columns: str, where: str = "true") -> list[tuple[Any, ...]]:
        """Messages with their loans, ordered; columns are SQL over m, loans is the comma-separated list."""
        wanted = ", ".join(columns or ("step", "state", "loans"))
        query = f"""
            SELECT {wanted} FROM (
                SELECT m.*, (SELECT string_agg(DISTINCT l.loan_ref, ',' ORDER BY l.loan_ref)
                             FROM message_item x JOIN loan l USING (lane, loan_id)
                             WHERE x.lane = m.lane AND x.group_id = m.group_id) AS loans,
                       to_char(m.not_before AT TIME ZONE m.zone, 'YYYY-MM-DD HH24:MI') AS local_time
                FROM message m) AS m
            WHERE {where} ORDER BY loans, local_on, step, leg, supplement"""
        rows = self.conn.execute(query).fetchall()  # type: ignore[call-overload]
        self.conn.commit()
        return rows  # type: ignore[no-any-return]

    def opt_out(self, borrower: str, channel: str | None = None) -> None:
        """An opt-out of a borrower."""
        self.conn.execute(
            """INSERT INTO consent (lane, borrower_id, consent_id, kind, granted, channel, evidence, source,
                   recorded_by, effective_at, recorded_at)
               VALUES (%s, %s, gen_random_uuid(), 'contact', false, %s, 'said so', 'test', 'test', %s, %s)""",
            (lane_of(borrower), borrower_id_of(borrower), channel, LONG_AGO, LONG_AGO),
        )
        self.conn.commit()

    def attributes(self, borrower: str, **values: str) -> None:
        """Set a borrower's attributes."""
        self.conn.execute(
            "UPDATE borrower SET attributes = %s WHERE borrower_key = %s", (Jsonb(values), borrower)
        )
        self.conn.commit()

    def reindex_contact_points(self) -> None:
        """Give every contact point the blind index an import would give it."""
        rows = self.conn.execute(
            "SELECT contact_point_id, channel, address_sealed FROM contact_point"
        ).fetchall()
        for point, channel, sealed in rows:
            address = open_value(self.keyring, sealed, "contact_point", "address", point)
            self.conn.execute(
                "UPDATE contact_point SET address_index = %s WHERE contact_point_id = %s",
                (address_index(self.keyring, Channel(channel), address), point),
            )
        self.conn.commit()

    def clone(self, loan: str, times: int) -> None:
        """Copy a loan with its borrower and number, each copy with a number of its own, spread over all lanes."""
        rows = self.conn.execute(
            """SELECT b.zone, i.due_on, i.due_minor, l.currency FROM loan l
               JOIN borrower b USING (lane, borrower_id) JOIN installment i USING (lane, loan_id)
               WHERE l.loan_ref = %s""",
            (loan,),
        ).fetchall()
        zone, due_on, due_minor, currency = rows[0]
        copies = range(1, times + 1)
        keys = [f"{loan}-{n}" for n in copies]
        lanes = [n % 256 for n in copies]
        people = [borrower_id_of(key) for key in keys]
        loans = [uuid5(NAMESPACE_OID, f"loan/{key}") for key in keys]
        points = [uuid5(NAMESPACE_OID, f"point/{key}") for key in keys]
        numbers = [f"+861381{n:07d}" for n in copies]
        sealed = seal_many(self.keyring, numbers, "contact_point", "address", points)
        indexes = [address_index(self.keyring, Channel.SMS, number) for number in numbers]
        names = seal_many(self.keyring, ["Test Person"] * times, "borrower", "name", people)
        self.conn.execute(
            """INSERT INTO borrower (lane, borrower_id, borrower_key, name_sealed, language, region, zone,
                   row_digest, effective_at, recorded_at)
               SELECT *, 'en', 'CN', %s, '', %s, %s FROM unnest(%s::smallint[], %s::uuid[], %s::text[], %s::bytea[])""",
            (zone, LONG_AGO, LONG_AGO, lanes, people, keys, names),
        )
        self.conn.execute(
            """INSERT INTO contact_point (lane, borrower_id, contact_point_id, channel, address_sealed, address_index,
                   effective_at, recorded_at)
               SELECT lane, person, point, 'sms', address, found_by, %s, %s
               FROM unnest(%s::smallint[], %s::uuid[], %s::uuid[], %s::bytea[], %s::bytea[])
                   AS c (lane, person, point, address, found_by)""",
            (LONG_AGO, LONG_AGO, lanes, people, points, sealed, indexes),
        )
        self.conn.execute(
            """INSERT INTO loan (lane, loan_id, borrower_id, loan_ref, creditor, product, method, currency, row_digest,
                   effective_at, recorded_at)
               SELECT lane, loan, person, ref, 'bank', 'cash-loan', 'given', %s, '', %s, %s
               FROM unnest(%s::smallint[], %s::uuid[], %s::uuid[], %s::text[]) AS c (lane, loan, person, ref)""",
            (currency, LONG_AGO, LONG_AGO, lanes, loans, people, keys),
        )
        self.conn.execute(
            """INSERT INTO installment (lane, loan_id, number, borrower_id, due_on, due_minor, effective_at,
                   recorded_at)
               SELECT lane, loan, 1, person, %s, %s, %s, %s
               FROM unnest(%s::smallint[], %s::uuid[], %s::uuid[]) AS c (lane, loan, person)""",
            (due_on, due_minor, LONG_AGO, LONG_AGO, lanes, loans, people),
        )
        self.conn.commit()

    def name_in_directory(self, borrower: str) -> None:
        """Enter a borrower's customer key into the directory, as an import would."""
        key_hash = customer_hash(self.keyring, borrower)
        self.conn.execute(
            """INSERT INTO borrower_key (key_lane, kind, key_hash, lane, borrower_id)
               VALUES (%s, 'customer', %s, %s, %s)""",
            (key_hash[0], key_hash, lane_of(borrower), borrower_id_of(borrower)),
        )
        self.conn.commit()
