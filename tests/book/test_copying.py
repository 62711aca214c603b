"""What an import does in a working copy, as on a cluster, is what it does in the book itself."""

from __future__ import annotations

from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from psycopg import sql

from book.conftest import Importer
from duecourse.book import staging
from duecourse.book.copying import SQL, WorkingCopy
from duecourse.privacy.keyring import Keyring
from imported_book import FIRST, MAPPING, book_of, bring_all


@pytest.fixture
def in_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a copy, though this is a single server."""
    monkeypatch.setattr(staging, "on_cluster", lambda _conn: True)


def test_an_import_in_a_copy_leaves_the_same_book_and_counts(
    bring: Importer, keyring: Keyring, empty_book: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = bring_all(bring)
    assert [counts["contact_points new"] for counts in plain] == [2, 2, 0, 0, 1, 0, 0, 0, 0, 0]
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


RANK = "UPDATE contact_point SET rank = 7"
RETIRE = "UPDATE contact_point SET state = 'retired', retired_reason = 'dead'"


def points_in_copy(
    bring: Importer, database_url: str, meanwhile: LiteralString, done: LiteralString = RANK
) -> WorkingCopy:
    """A copy of every contact point, in which something is done, while somebody else does something to the book's."""
    bring(MAPPING, FIRST)
    conn = bring.conn
    copy = WorkingCopy(conn, ["contact_point"])
    copy.begin()
    copy.bring("contact_point", SQL["whole"], {"reference": sql.Identifier("contact_point")})
    copy.enter()
    conn.execute(done)
    with psycopg.connect(database_url, autocommit=True) as worker:
        worker.execute(meanwhile)
    return copy


def test_what_others_change_meanwhile_in_another_column_stays(bring: Importer, database_url: str) -> None:
    points_in_copy(bring, database_url, RETIRE).write_back()
    bring.conn.commit()
    assert set(bring.all("SELECT rank, state FROM contact_point")) == {(7, "retired")}


def test_a_row_that_others_took_away_meanwhile_ends_the_transaction(
    bring: Importer, database_url: str
) -> None:
    copy = points_in_copy(bring, database_url, "DELETE FROM contact_point")
    with pytest.raises(psycopg.errors.SerializationFailure):
        copy.write_back()


def test_a_row_that_goes_and_that_others_changed_meanwhile_ends_the_transaction(
    bring: Importer, database_url: str
) -> None:
    """A merge takes a row away from one lane and writes it in another, as it was when it was read."""
    with pytest.raises(psycopg.errors.SerializationFailure):
        points_in_copy(bring, database_url, RETIRE, "DELETE FROM contact_point").write_back()
    bring.conn.rollback()
    assert set(bring.all("SELECT state FROM contact_point")) == {("retired",)}


def test_a_row_that_goes_and_that_nobody_changed_is_gone(bring: Importer, database_url: str) -> None:
    points_in_copy(bring, database_url, "SELECT 1", "DELETE FROM contact_point").write_back()
    bring.conn.commit()
    assert bring.all("SELECT 1 FROM contact_point") == []
