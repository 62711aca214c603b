"""The store: an embedded server or one named by a URL, and connections to it that are all alike."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg_pool import ConnectionPool

from duecourse.domain.problems import DuecourseError, Problem

from .embedded import EmbeddedServer
from .shards import (
    SESSION_OPTIONS,
    Node,
    Shard,
    ShardConnection,
    ShardCursor,
    ShardMovedError,
    is_cluster,
    shards_of,
)

OLDEST_SERVER = 16
CONNECT_TIMEOUT_SECONDS = 10
LOOKS = 5
"""How often a shard that moves is looked for, before a session on its node is given up."""
POOL_SECONDS = 5.0
"""How long somebody waits for a connection of the pool that is free."""
_NOTICE_SILENCE: Final = {
    "application_name": "duecourse",
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
"""What a URL may say otherwise. A host that vanished without a word is known for gone within half a minute rather than
two hours, so that the next one, or the standby that was promoted, is asked."""
IDLE_IN_TRANSACTION_SECONDS = 10.0
"""Below the lease of 15 s: a frozen process loses its row locks before its lanes can be taken."""
NOTICE_GONE_SECONDS = 2
"""A session whose client is gone ends within, also where it waits for a lock: or each attempt of a worker that cannot
get through would leave one behind. A server on Windows cannot look; a URL's own `options` may say 0."""


class Store:
    """One process's use of the database. A context manager: the embedded server runs while it is open."""

    def __init__(self, url: str | None, server: EmbeddedServer | None) -> None:
        if (url is None) == (server is None):
            raise ValueError("a store has either a URL or an embedded server")
        self._url = url
        self._server = server
        self._conninfo: str | None = None
        self._cluster: bool | None = None

    @property
    def embedded(self) -> bool:
        """Whether the database is our own server in home."""
        return self._server is not None

    @property
    def conninfo(self) -> str:
        """What psycopg connects with; it may hold a password. Raises RuntimeError when not open."""
        if self._conninfo is None:
            raise RuntimeError("the store is not open")
        return self._conninfo

    @property
    def place(self) -> str:
        """Where the database is, for people: never with a password."""
        return f"embedded, {self._server.home}" if self._server else _place(self._url or "")

    def __enter__(self) -> Store:
        self._conninfo = self._server.start() if self._server else _checked(self._url or "")
        try:
            self.connect().close()  # a wrong address or version shows here, not in a pool's thread
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave the embedded server, which stops when nobody else uses it. Close connections before."""
        self._conninfo = None
        if self._server:
            self._server.stop()

    def connect(
        self,
        autocommit: bool = False,
        *,
        idle_in_transaction_seconds: float = IDLE_IN_TRANSACTION_SECONDS,
        shard: Shard | None = None,
    ) -> psycopg.Connection:
        """A new connection; the session's zone is UTC.

        idle_in_transaction_seconds: the server ends a session that sits in a transaction so long; 0 never.
        shard: the session is on the node that has this shard now, and sees its lanes alone; a shard without a node is
        the whole book on its one server. Never in autocommit.
        Raises S010 when the server cannot be reached, S011 when it is older than PostgreSQL 16.
        """
        if shard is not None and shard.node is not None:
            for _ in range(LOOKS - 1):
                with suppress(ShardMovedError):  # between the look and the session's first statement
                    return self._connect_to(shard, idle_in_transaction_seconds)
            return self._connect_to(shard, idle_in_transaction_seconds)
        connection = self._open(autocommit, idle_in_transaction_seconds)
        if self.spread_out(connection):
            # Values in the text of a statement tell Citus which shards it is for; placeholders do not.
            connection.cursor_factory = psycopg.ClientCursor
        if not autocommit:
            connection.rollback()
        return connection

    def spread_out(self, connection: psycopg.Connection) -> bool:
        """Whether the book lies on a cluster. Asked once: `init --citus` makes it so, and `look_again` after it."""
        if self._cluster is None:
            self._cluster = is_cluster(connection)
        return self._cluster

    def look_again(self) -> None:
        """The book was spread over a cluster, by this process; connections made from now on know it."""
        self._cluster = None

    def _connect_to(self, shard: Shard, idle_in_transaction_seconds: float) -> psycopg.Connection:
        centre = self.connect(idle_in_transaction_seconds=idle_in_transaction_seconds)
        try:
            node = {one.number: one.node for one in shards_of(centre)}[shard.number]
            connection = self._open(False, idle_in_transaction_seconds, node)
        except BaseException:
            centre.close()
            raise
        assert isinstance(connection, ShardConnection)
        try:
            connection.attach(shard, centre)
        except BaseException:
            connection.close()
            raise
        return connection

    def _checked_version(self, connection: psycopg.Connection) -> psycopg.Connection:
        if connection.info.server_version < OLDEST_SERVER * 10_000:
            version = connection.info.server_version // 10_000
            connection.close()
            raise DuecourseError(
                Problem(
                    "S011",
                    self.place,
                    f"this server is PostgreSQL {version}; version {OLDEST_SERVER} or later is needed.",
                    "Nothing was done.",
                ),
                exit_code=3,
            )
        return connection

    def _open(
        self, autocommit: bool, idle_in_transaction_seconds: float, node: Node | None = None
    ) -> psycopg.Connection:
        kind = psycopg.Connection if node is None else ShardConnection
        for server in (self._server, None):
            try:
                connection = kind.connect(
                    self._session(idle_in_transaction_seconds, node),
                    autocommit=autocommit,
                    connect_timeout=CONNECT_TIMEOUT_SECONDS,
                    cursor_factory=psycopg.Cursor if node is None else ShardCursor,
                )
                return self._checked_version(connection)
            except psycopg.OperationalError as error:
                if server is None:
                    raise self._unreachable(error) from None  # the cause's traceback may hold the conninfo
                self._conninfo = server.start()  # it died: whoever comes first starts it again
        raise AssertionError("unreachable")

    def pool(
        self,
        size: int,
        *,
        idle_in_transaction_seconds: float = IDLE_IN_TRANSACTION_SECONDS,
    ) -> ConnectionPool:
        """A pool of up to `size` connections as `connect` makes them. Use it in a `with`, which opens it."""
        return ConnectionPool(
            self._session(idle_in_transaction_seconds, None),
            min_size=1,
            max_size=size,
            # Requests ask for much or little by the same statements: each is planned by what it asks.
            kwargs={"connect_timeout": CONNECT_TIMEOUT_SECONDS, "prepare_threshold": None},
            open=False,
            name="duecourse",
            configure=self._configure,
            timeout=POOL_SECONDS,
            check=ConnectionPool.check_connection,  # a round trip, so that a restarted server costs no request
        )

    def _configure(self, connection: psycopg.Connection) -> None:
        if self.spread_out(connection):
            connection.cursor_factory = psycopg.ClientCursor
        connection.rollback()

    def _session(self, idle_in_transaction_seconds: float, node: Node | None) -> str:
        """The conninfo with our session settings; they go along with the connection, at no round trip."""
        given: dict[str, Any] = {**_NOTICE_SILENCE, **conninfo_to_dict(self.conninfo)}
        options = [
            f"-c client_connection_check_interval={NOTICE_GONE_SECONDS * 1000}",
            # What judges has thousands of expressions and looks dear: each time they would be compiled for longer than
            # they run.
            "-c jit=off",
            str(given.get("options") or ""),
            "-c timezone=UTC",
            "-c datestyle=ISO",
            f"-c idle_in_transaction_session_timeout={round(idle_in_transaction_seconds * 1000)}",
        ]
        if node is not None:
            options.append(SESSION_OPTIONS)
            given |= {"host": node.host, "port": node.port, "hostaddr": None}
        given |= {"options": " ".join(options).strip(), "client_encoding": "UTF8"}
        return make_conninfo(**given)

    def _unreachable(self, error: psycopg.OperationalError) -> DuecourseError:
        said = str(error).strip()
        if password := conninfo_to_dict(self.conninfo).get("password"):
            said = said.replace(str(password), "***")
        return DuecourseError(
            Problem("S010", self.place, f"the database cannot be reached: {said}", "Nothing was done."),
            exit_code=3,
        )


def end_reading(connection: psycopg.Connection) -> None:
    """End a transaction in which nothing was written. At a rollback psycopg forgets every statement that the server has
    prepared, and those that judge take longer to plan than to run: so it is a commit.
    """
    connection.commit()


def ask(
    conn: psycopg.Connection, statement: str, given: Mapping[str, object] | None = None
) -> tuple[Any, ...] | None:
    """The first row of a statement that only reads, on a connection that is idle; it is idle again afterwards.

    Not prepared itself: a short question is planned in no time, and best by what it asks for, such as the last second
    of a table.
    """
    row = conn.execute(statement, given, prepare=False).fetchone()
    end_reading(conn)
    return row


def open_store(url: str | None, home: Path, *, major: int = 18) -> Store:
    """The store to use in a `with`: at `url`, or the embedded server of `home` when url is None.

    major: which PostgreSQL of the wheel the embedded server is, 16 or 18.
    Entering the `with` raises DuecourseError S001 to S012.
    """
    if url is not None:
        return Store(url, None)
    return Store(None, EmbeddedServer(home, major))


def _checked(url: str) -> str:
    """The URL itself. Raises S012 when it is none, without repeating it: it may hold a password."""
    try:
        conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise DuecourseError(
            Problem(
                "S012",
                "DUECOURSE_DATABASE_URL",
                "is not a PostgreSQL URL; write it as postgresql://user@host:5432/database.",
                "Nothing was done.",
            ),
            exit_code=2,
        ) from None
    return url


def _place(url: str) -> str:
    try:
        given = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        return "DUECOURSE_DATABASE_URL"
    host = given.get("host") or given.get("hostaddr") or "local socket"
    return f"{host}:{given.get('port') or 5432}/{given.get('dbname') or given.get('user') or ''}"
