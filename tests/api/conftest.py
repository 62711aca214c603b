"""The API on a lender's book: a client with a key, and the clock of the test."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from conftest import _copy as copy_database
from httpx2 import Response
from psycopg.conninfo import make_conninfo
from psycopg_pool import ConnectionPool
from starlette.testclient import TestClient

from duecourse.api.keys import Scope, add_key
from duecourse.api.refusing import Refusals
from duecourse.api.routes import routes
from duecourse.book.importing import import_rows
from duecourse.book.mapping import parse_mapping
from duecourse.privacy.keyring import Keyring
from duecourse.store.connect import Store
from duecourse.web.application import Limits, application
from duecourse.web.health import routes as health_routes
from duecourse.web.rates import Rates
from duecourse.web.site import Site
from lender import LONG_AGO, Lender

MAPPING = """
    mapping = "m"
    [money]
    currency = "CNY"
    [borrower]
    key = "{cust}"
    name = "Li Lei"
    language = "zh-CN"
    region = "CN"
    zone = "Asia/Shanghai"
    [loan]
    ref = "{loan}"
    borrower = "{cust}"
    creditor = "{creditor}"
    product = "cash-loan"
    method = "given"
    [[installment]]
    loan = "{loan}"
    creditor = "{creditor}"
    number = "1"
    due_on = "{due_on}"
    due = "{due}"
"""
NOW = datetime.fromisoformat("2026-03-09T12:00+08:00")


class Api:
    """A served API."""

    def __init__(
        self,
        lender: Lender,
        pool: ConnectionPool[psycopg.Connection],
        store: Store,
        key_rate: float = 1000.0,
        name: str = "all",
    ) -> None:
        self.lender = lender
        self.pool = pool
        self.store = store
        self.refusals = Refusals()
        self.site = Site(pool, lender.keyring, lambda _: NOW, "")
        served = [*health_routes(self.site.pool), *routes(self.site, Rates(key_rate), self.refusals)]
        self.client = TestClient(
            application(served, Limits(peer_per_second=10_000)),
            base_url="http://localhost",
            raise_server_exceptions=False,
        )
        self.key = self.new_key(name, *Scope)

    def new_key(self, name: str, *scopes: Scope, expires_at: datetime | None = None) -> str:
        """A key that may do this."""
        self.lender.conn.rollback()  # whatever a test was reading: the key is committed
        return add_key(
            self.lender.conn,
            self.lender.keyring,
            name,
            scopes,
            expires_at=expires_at,
            by="test",
            now=LONG_AGO,
        )

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """One request below /api/v1. body: made JSON unless it is bytes."""
        given = {"authorization": f"Bearer {key or self.key}", **(headers or {})}
        content = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else None
        if content is not None:
            given = {"content-type": "application/json", **given}
        return self.client.request(method, f"/api/v1{path}", content=content, headers=given)

    def count(self, table: str) -> int:
        """Rows of a table."""
        row = self.lender.conn.execute(f"SELECT count(*) FROM {table}").fetchone()  # type: ignore[call-overload]
        self.lender.conn.commit()
        return int(row[0])


ROWS = [
    {"cust": cust, "loan": loan, "creditor": creditor, "due_on": due_on, "due": due}
    for cust, loan, creditor, due_on, due in (
        ("C-1", "L-1", "bank", "2026-03-10", "1500.00"),
        ("C/2", "L-2", "bank", "2026-03-01", "20.00"),
        ("C/2", "L-3", "bank", "2026-04-01", "5.00"),
        ("C/2", "L-3", "shop", "2026-04-01", "7.00"),
    )
]
"""L-1 of C-1 is due tomorrow, L-2 of C/2 overdue, L-3 one of two creditors."""


@pytest.fixture(scope="session")
def imported(server_conninfo: str, _template: str, keyring: Keyring) -> str:
    """A database with the book imported, to be copied."""
    name = f"{_template}_api"
    with psycopg.connect(server_conninfo, autocommit=True) as maker:
        maker.execute(f"CREATE DATABASE {name} TEMPLATE {_template}")  # type: ignore[call-overload]
    with (
        Store(make_conninfo(server_conninfo, dbname=name), None) as store,
        store.connect(autocommit=True) as conn,
    ):
        mapping = parse_mapping(textwrap.dedent(MAPPING), "m")
        columns = ("cust", "loan", "creditor", "due_on", "due")
        assert import_rows(conn, keyring, ROWS, mapping, columns=columns, now=LONG_AGO).problems == []
    return name


@contextmanager
def served(server_conninfo: str, imported: str, keyring: Keyring, folder: Path) -> Iterator[Api]:
    """The API on a copy of the book."""
    for url in copy_database(server_conninfo, imported):
        with (
            Store(url, None) as store,
            store.connect(idle_in_transaction_seconds=0) as conn,
            store.pool(4) as pool,
        ):
            pool.timeout = 60.0  # a busy machine is slow to connect, and no test is about that
            yield Api(Lender(conn, keyring, folder), pool, store)


@pytest.fixture
def api(server_conninfo: str, imported: str, keyring: Keyring, tmp_path: Path) -> Iterator[Api]:
    """The API on a book of its own."""
    with served(server_conninfo, imported, keyring, tmp_path) as one:
        yield one


@pytest.fixture(scope="module")
def shared(
    server_conninfo: str, imported: str, keyring: Keyring, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Api]:
    """The API on a book that the tests of a module share: for those that change nothing of it."""
    with served(server_conninfo, imported, keyring, tmp_path_factory.mktemp("shared")) as one:
        yield one
