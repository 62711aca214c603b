"""A book to import into."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from duecourse.book.importing import ImportReport, import_book
from duecourse.book.mapping import parse_mapping
from duecourse.privacy.keyring import Keyring

_seconds = count(1)
NOW = datetime(2026, 3, 1, 4, tzinfo=UTC)

BORROWER = """
    [borrower]
    key = "{cust}"
    name = "{name}"
    language = "en"
    region = "US-MA"
    zone = "America/New_York"
"""
LOAN = """
    [loan]
    ref = "{loan}"
    borrower = "{cust}"
    creditor = "bank"
    product = "cash-loan"
    method = "given"
"""
HEAD = """
    mapping = "test"
    [money]
    currency = "USD"
"""


class Importer:
    """Imports text as a file by a mapping written in the test."""

    def __init__(self, conn: psycopg.Connection, keyring: Keyring, folder: Path) -> None:
        self.conn = conn
        self.keyring = keyring
        self.folder = folder

    def __call__(
        self,
        mapping: str,
        content: str | bytes,
        *,
        name: str = "book.csv",
        now: datetime = NOW,
        **options: Any,
    ) -> ImportReport:
        path = self.folder / name
        raw = textwrap.dedent(content).lstrip().encode() if isinstance(content, str) else content
        path.write_bytes(raw)
        parsed = parse_mapping(textwrap.dedent(mapping), "mapping.toml")
        rejects = self.folder / f"{name}.rejects.csv"
        return import_book(self.conn, self.keyring, path, parsed, now=now, rejects=rejects, **options)

    def rejects(self, name: str = "book.csv") -> str:
        return (self.folder / f"{name}.rejects.csv").read_text()

    def all(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        rows = self.conn.execute(query, parameters).fetchall()  # type: ignore[call-overload]
        self.conn.commit()
        return rows  # type: ignore[no-any-return]


@pytest.fixture
def bring(database: psycopg.Connection, keyring: Keyring, tmp_path: Path) -> Importer:
    """bring(mapping, content): import it and report."""
    return Importer(database, keyring, tmp_path)


@pytest.fixture
def empty_book(server_conninfo: str, _template: str) -> Iterator[str]:
    """Conninfo of a second migrated database."""
    name = f"second_{next(_seconds)}"
    with psycopg.connect(server_conninfo, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(_template))
        )
        try:
            yield make_conninfo(server_conninfo, dbname=name)
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
