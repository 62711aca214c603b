"""Every test runs on a real PostgreSQL: one server per test process, one database per test."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
import structlog
from hypothesis import settings as hypothesis_settings
from psycopg import sql
from psycopg.conninfo import make_conninfo

from duecourse.privacy.keyring import Keyring
from duecourse.store.connect import Store
from duecourse.store.embedded import EmbeddedServer
from duecourse.store.migrate import migrate, prepare_lanes
from lender import Lender

POSTGRES_MAJOR = int(os.environ.get("DUECOURSE_TEST_POSTGRES", "18"))

TEMPLATE = "duecourse_template"


def new_home() -> Path:
    """A folder with a short path, in memory where there is room: what a lost disk would cost is not tested."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 4 << 30
    return Path(tempfile.mkdtemp(prefix="dc-", dir=memory if roomy else "/tmp"))


def pytest_configure() -> None:
    """Report in English whatever the machine speaks, and let a `timeout` that ends the tests also end their server.

    SIGTERM alone would run no fixture's end.
    """
    os.environ["DUECOURSE_LANGUAGE"] = "en"
    # As the program does: what is logged is no part of what a command prints.
    structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))
    # How long an example takes says how busy the machine is, not whether the law holds.
    hypothesis_settings.register_profile("duecourse", deadline=None)
    hypothesis_settings.load_profile("duecourse")

    def end(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, end)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let every process begin with a share of the slow tests: who is given one last ends long after the others."""
    processes = int(getattr(config, "workerinput", {}).get("workercount", 1))
    slow = [item for item in items if item.get_closest_marker("slow")]
    rest = [item for item in items if not item.get_closest_marker("slow")]
    first = max(len(items) // processes // 4, 2)  # how many each is given at first, by pytest-xdist's `load`
    ordered: list[pytest.Item] = []
    for place in range(processes):
        share = slow[place::processes]
        ordered += share
        taken, rest = rest[: max(first - len(share), 0)], rest[max(first - len(share), 0) :]
        ordered += taken
    items[:] = ordered + rest


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """A command that a test runs in this process says how logs are written, and that is over with the test."""
    root, own = logging.getLogger(), logging.getLogger("duecourse")
    handlers, level, before = list(root.handlers), own.level, structlog.get_config()
    yield
    root.handlers, own.level = handlers, level
    structlog.configure(**before)


@pytest.fixture(scope="session")
def postgres_major() -> int:
    """Which PostgreSQL of the wheel the tests run on: 18, or DUECOURSE_TEST_POSTGRES."""
    return POSTGRES_MAJOR


@pytest.fixture
def short_home() -> Iterator[Path]:
    """A new home folder whose socket path is short. Tests that start a server here stop it themselves."""
    home = new_home()
    yield home
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def server_conninfo() -> Iterator[str]:
    """The test process's own server. No test of it is about crashes, so it does not wait for disks."""
    home = new_home()
    settings = {
        "fsync": "off",
        "full_page_writes": "off",
        "synchronous_commit": "off",
        "shared_buffers": "64MB",
        "autovacuum": "off",
        "max_wal_size": "256MB",
    }
    server = EmbeddedServer(home, POSTGRES_MAJOR, settings=settings)
    try:
        yield server.start()
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def _template(server_conninfo: str) -> str:
    """A migrated database with its lanes, to be copied for each test."""
    with psycopg.connect(server_conninfo, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(TEMPLATE)))
    with Store(make_conninfo(server_conninfo, dbname=TEMPLATE), None) as store, store.connect() as connection:
        migrate(connection)
        prepare_lanes(connection)
    return TEMPLATE


_used: list[sql.Identifier] = []
"""Databases whose tests are over. Dropped at once, each would wait a tenth of a second for its sessions to be gone."""


def _copy(server_conninfo: str, template: str) -> Iterator[str]:
    name = f"test_{uuid4().hex}"  # not counted: a test that imports this module has a second copy of it
    with psycopg.connect(server_conninfo, autocommit=True) as connection:
        while _used:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(_used.pop()))
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
    try:
        yield make_conninfo(server_conninfo, dbname=name)
    finally:
        _used.append(sql.Identifier(name))


fresh_database = contextlib.contextmanager(_copy)
"""(conninfo, template): a database of its own for as long as it is open; for fixtures that a module shares."""


@pytest.fixture
def database_url(server_conninfo: str, _template: str) -> Iterator[str]:
    """Conninfo of a fresh, migrated database with its 256 lanes, for tests that connect more than once."""
    yield from _copy(server_conninfo, _template)


@pytest.fixture
def empty_database_url(server_conninfo: str) -> Iterator[str]:
    """Conninfo of a database with nothing in it."""
    yield from _copy(server_conninfo, "template0")


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """An open store on a fresh, migrated database."""
    with Store(database_url, None) as opened:
        yield opened


@pytest.fixture
def database(store: Store) -> Iterator[psycopg.Connection]:
    """A connection, not in autocommit, to a fresh, migrated database with its 256 lanes."""
    with store.connect(idle_in_transaction_seconds=0) as connection:
        yield connection


@pytest.fixture(scope="session")
def keyring() -> Keyring:
    """Always the same, since lanes come of it: whether two people share one is no matter of luck."""
    sealing, index, digest = (bytes([place]) * 32 for place in (1, 2, 3))
    return Keyring(1, {1: sealing}, index, digest)


@pytest.fixture
def lender(database: psycopg.Connection, keyring: Keyring, tmp_path: Path) -> Lender:
    """An empty book, to be filled with rows written as a table."""
    return Lender(database, keyring, tmp_path)
