"""What runs on a Citus cluster: `make citus`, and no part of `make test`.

DUECOURSE_CITUS_URL names a database on the coordinator that has the extension and its nodes added; the user may create
databases on each node. Every test's book is a database of its own on all of them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from dispatch.conftest import far_ends, post  # noqa: F401 fixtures
from duecourse.store.connect import Store
from duecourse.store.migrate import migrate, prepare_lanes
from duecourse.store.shards import Node
from duecourse.store.spreading import spread

from . import report

SHARDS = 8
"""Fewer than a book of any size has: each is a hundred tables."""
COORDINATOR = os.environ.get("DUECOURSE_CITUS_URL", "")
LOCAL = "SET citus.enable_create_database_propagation TO off"


def pytest_collection_modifyitems() -> None:
    if not COORDINATOR:
        pytest.exit("DUECOURSE_CITUS_URL names no coordinator: the tests on a cluster need one", returncode=4)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What was compared, on the screen and in build/citus.txt."""
    if report.LINES:
        report.write()
        terminalreporter.section("on a cluster")
        terminalreporter.write_line("\n".join(report.LINES))


def nodes_of_cluster() -> tuple[Node, list[Node]]:
    """The coordinator, and the nodes that may have shards."""
    with psycopg.connect(COORDINATOR, autocommit=True) as conn:
        own = Node(conn.info.host, conn.info.port)
        rows = conn.execute(
            "SELECT nodename, nodeport FROM pg_dist_node WHERE shouldhaveshards AND noderole = 'primary'"
            " ORDER BY nodename, nodeport"
        )
        return own, [node for node in (Node(*row) for row in rows) if node != own]


@contextmanager
def cluster_database(*, with_nodes: int | None = None) -> Iterator[str]:
    """Conninfo of an empty database of its own on every node, the extension there and the nodes known to each other.

    with_nodes: so many; the others wait to be added.
    """
    name = f"duecourse_{uuid4().hex[:12]}"
    own, nodes = nodes_of_cluster()
    everywhere = [make_conninfo(COORDINATOR, host=one.host, port=one.port) for one in (own, *nodes)]
    try:
        for server in everywhere:
            with psycopg.connect(server, autocommit=True) as conn:
                conn.execute(LOCAL)
                conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            with psycopg.connect(make_conninfo(server, dbname=name), autocommit=True) as conn:
                conn.execute("CREATE EXTENSION citus")
        with psycopg.connect(make_conninfo(COORDINATOR, dbname=name), autocommit=True) as conn:
            conn.execute("SELECT citus_set_coordinator_host(%s, %s)", (own.host, own.port))
            for node in nodes[:with_nodes]:
                conn.execute("SELECT citus_add_node(%s, %s)", (node.host, node.port))
        yield make_conninfo(COORDINATOR, dbname=name)
    finally:
        for server in everywhere:
            with psycopg.connect(server, autocommit=True) as conn, suppress(psycopg.Error):
                conn.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def spread_book(shards: int = SHARDS) -> Iterator[Store]:
    """An open store on a book of its own, spread over the cluster, with its lanes and nothing in it."""
    with cluster_database() as url, Store(url, None) as store:
        with store.connect(autocommit=True) as conn:
            migrate(conn)
            prepare_lanes(conn)
            spread(conn, shards)
        store.look_again()
        yield store


@pytest.fixture
def empty_cluster() -> Iterator[str]:
    """Conninfo of a database on the cluster with nothing in it."""
    with cluster_database() as url:
        yield url


@pytest.fixture(scope="module")
def spread_store() -> Iterator[Store]:
    """A spread book that the tests of a module share."""
    with spread_book() as store:
        yield store
