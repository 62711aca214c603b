"""A database server with the product's own settings, and databases in it for one bench each."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from duecourse.privacy.keyring import Keyring
from duecourse.store.connect import Store
from duecourse.store.embedded import EmbeddedServer
from duecourse.store.migrate import migrate, prepare_lanes, put_setting

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = "bench_template"
ZONE = "Asia/Shanghai"


class House:
    """The server, a folder and keys. On the disk that the checkout is on, and as durable as an installation."""

    def __init__(self, folder: Path, conninfo: str) -> None:
        self.folder = folder
        self.conninfo = conninfo
        self.keyring = Keyring.new()
        self.keyring.save(folder / "keys.json")
        self._names = count(1)
        with psycopg.connect(conninfo, autocommit=True) as conn:
            conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(TEMPLATE)))
        with self.open(TEMPLATE) as store, store.connect() as conn:
            migrate(conn)
            prepare_lanes(conn)
            put_setting(conn, "simulated", True)
            put_setting(conn, "lender_zone", ZONE)

    def open(self, name: str) -> Store:
        """A store on one database, to be entered."""
        return Store(self.conninfo_of(name), None)

    def conninfo_of(self, name: str) -> str:
        """What another process connects with."""
        return make_conninfo(self.conninfo, dbname=name)

    def copy(self, of: str = TEMPLATE) -> str:
        """A new database with what another holds; nobody may be connected to that one."""
        name = f"bench_{next(self._names)}"
        with psycopg.connect(self.conninfo, autocommit=True) as conn:
            conn.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(
                    sql.Identifier(name), sql.Identifier(of)
                )
            )
        return name

    def drop(self, *names: str) -> None:
        """Give the space back."""
        with psycopg.connect(self.conninfo, autocommit=True) as conn:
            for name in names:
                conn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def settle(self) -> None:
        """A checkpoint, so that no repetition pays for the writes of the one before."""
        with psycopg.connect(self.conninfo, autocommit=True) as conn:
            conn.execute("CHECKPOINT")


@contextmanager
def open_house() -> Iterator[House]:
    """A new server under build/, stopped and removed afterwards."""
    parent = ROOT / "build"
    parent.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=parent))
    server = EmbeddedServer(folder)
    try:
        yield House(folder, server.start())
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
