"""What an import does in a working copy, as on a cluster, is what it does in the book itself."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from book.conftest import BORROWER, HEAD, Importer
from duecourse.book import staging
from duecourse.book.copying import SQL, WorkingCopy
from duecourse.privacy.keyring import Keyring

MAPPING = (
    HEAD
    + BORROWER
    + """
    id_number = "{idno}"
    [[contact_point]]
    channel = "sms"
    address = "{phone}"
    [loan]
    ref = "{loan}"
    borrower = "{cust}"
    creditor = "bank"
    product = "cash-loan"
    method = "given"
    [[installment]]
    loan = "{loan}"
    number = "{number}"
    due_on = "{due}"
    due = "{amount}"
    [[party]]
    key = "{other}"
    role = "guarantor"
    name = "{guarantor}"
    language = "en"
    region = "US-MA"
    zone = "America/New_York"
"""
)
PAYMENTS = (
    HEAD
    + """
    [[payment]]
    loan = "{loan}"
    creditor = "bank"
    source = "bank"
    reference = "{reference}"
    paid_on = "{on}"
    amount = "{amount}"
    if_unknown = "suspense"
"""
)
FIRST = """
    cust,name,idno,phone,loan,number,due,amount,other,guarantor
    C1,Ann,X1,+16175550101,L1,1,2026-03-05,100.00,C2,Bo
    C1,Ann,X1,+16175550101,L1,2,2026-04-05,100.00,C2,Bo
    C3,Cy,X3,+16175550103,L3,1,2026-03-09,70.00,C1,Ann
"""
SECOND = FIRST.replace("+16175550101", "+16175550109").replace("2026-04-05,100.00", "2026-04-15,90.00")
PAID = """
    loan,reference,on,amount
    L1,P1,2026-02-20,130.00
    L9,P2,2026-02-21,5.00
"""
CLOCKS = {
    "recorded_at",
    "effective_at",
    "started_at",
    "finished_at",
    "was",
    "import_id",
    "placed_at",
    "event_id",
}
"""Columns that tell when, or are made of it, and a random id."""


def book_of(conn: psycopg.Connection) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, but for what tells when it was written."""
    names = conn.execute(
        """SELECT table_name, array_agg(column_name::text ORDER BY ordinal_position) FROM information_schema.columns
           WHERE table_schema = 'public' AND NOT column_name = ANY(%s) AND column_name NOT LIKE %s
           GROUP BY table_name""",
        (list(CLOCKS), "%sealed"),
    ).fetchall()
    return {
        table: sorted(
            conn.execute(
                sql.SQL("SELECT {}::text FROM {}").format(
                    sql.SQL("::text, ").join(map(sql.Identifier, columns)), sql.Identifier(table)
                )
            ).fetchall(),
            key=str,
        )
        for table, columns in names
        if table not in ("schema_migration", "lane_lease")
    }


@pytest.fixture
def in_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a copy, though this is a single server."""
    monkeypatch.setattr(staging, "on_cluster", lambda _conn: True)


def bring_all(bring: Importer) -> list[Counter[str]]:
    steps = ((MAPPING, FIRST), (PAYMENTS, PAID), (MAPPING, SECOND), (MAPPING, SECOND), (PAYMENTS, PAID))
    return [bring(mapping, content).counts for mapping, content in steps]


def test_an_import_in_a_copy_leaves_the_same_book_and_counts(
    bring: Importer, keyring: Keyring, empty_book: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = bring_all(bring)
    assert plain[2]["contact_points new"] == 1 and plain[3]["contact_points new"] == 0
    monkeypatch.setattr(staging, "on_cluster", lambda _conn: True)
    with psycopg.connect(empty_book) as other:
        assert bring_all(Importer(other, keyring, tmp_path)) == plain
        expected = book_of(bring.conn)
        assert len(expected["borrower"]) > 3 and expected["allocation"] and expected["suspense"]
        assert book_of(other) == expected


@pytest.mark.usefixtures("in_copy")
def test_a_check_in_a_copy_writes_nothing(bring: Importer) -> None:
    before = book_of(bring.conn)
    bring.conn.commit()
    report = bring(MAPPING, FIRST, dry_run=True)
    assert report.rows == 3 and report.rejected == 0
    assert book_of(bring.conn) == before


def points_in_copy(conn: psycopg.Connection) -> WorkingCopy:
    """A copy of every contact point, entered."""
    copy = WorkingCopy(conn, ["contact_point"])
    copy.begin()
    copy.bring("contact_point", SQL["whole"], {"reference": sql.Identifier("contact_point")})
    copy.enter()
    return copy


def test_what_others_change_meanwhile_in_another_column_stays(
    bring: Importer, database: psycopg.Connection, database_url: str
) -> None:
    bring(MAPPING, FIRST)
    copy = points_in_copy(database)
    database.execute("UPDATE contact_point SET rank = 7")
    with psycopg.connect(database_url, autocommit=True) as worker:
        worker.execute("UPDATE contact_point SET state = 'retired', retired_reason = 'dead'")
    copy.write_back()
    database.commit()
    assert set(bring.all("SELECT rank, state FROM contact_point")) == {(7, "retired")}


def test_a_row_that_others_took_away_meanwhile_ends_the_transaction(
    bring: Importer, database: psycopg.Connection, database_url: str
) -> None:
    bring(MAPPING, FIRST)
    copy = points_in_copy(database)
    database.execute("UPDATE contact_point SET rank = 7")
    with psycopg.connect(database_url, autocommit=True) as worker:
        worker.execute("DELETE FROM contact_point")
    with pytest.raises(psycopg.errors.SerializationFailure):
        copy.write_back()
