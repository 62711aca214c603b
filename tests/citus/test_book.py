"""Files imported into a spread book leave what they leave on a single server, and count the same."""

from __future__ import annotations

from pathlib import Path

import psycopg

from book.conftest import Importer
from duecourse.privacy.keyring import Keyring
from duecourse.store.connect import Store
from imported_book import book_of, bring_all


def test_files_leave_the_same_book_on_a_cluster(
    database: psycopg.Connection, spread_store: Store, keyring: Keyring, tmp_path: Path
) -> None:
    plain = bring_all(Importer(database, keyring, tmp_path))
    with spread_store.connect(idle_in_transaction_seconds=0) as spread:
        assert bring_all(Importer(spread, keyring, tmp_path)) == plain
        expected, found = book_of(database), book_of(spread)
    assert expected["company_contact"] and expected["installment_was"] and expected["hold"]
    assert {table: rows for table, rows in found.items() if table in expected} == expected
