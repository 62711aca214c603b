"""A connection that is made anew when it was lost: a restart, a promoted standby, a cut network, a full disk.

Whoever works over it is told that a piece of work was lost, and knows then neither that it was committed nor that it
was not: only what may be done twice, or can be found out, belongs into one piece.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TypeVar

import psycopg

from duecourse.domain.problems import OUTSIDE, DuecourseError

from .shards import sessions_of

T = TypeVar("T")
MOST_PATIENCE: Final = 16
"""How many times its first patience a lifeline may come to wait."""


class DatabaseLostError(Exception):
    """The database is away, or refused for its own reasons, as with a full disk; what was asked may be done or not."""


class Lifeline:
    """One connection after another to the same database. One piece of work at a time."""

    def __init__(
        self,
        conn: psycopg.Connection | None,
        connect: Callable[[], psycopg.Connection] | None = None,
        *,
        patience_seconds: float = 60.0,
    ) -> None:
        """conn: None: it is made when it is first used. connect: makes another; None: there is none but `conn`.
        patience_seconds: after so long a piece of `within` is taken for lost; doubled each time that happens, so that
        what takes its time is done in the end. Raises ValueError where there is neither.
        """
        if conn is None and connect is None:
            raise ValueError("a lifeline has a connection, or makes one")
        self._conn = conn
        self._connect = connect
        self._patience = patience_seconds
        self._most_patience = patience_seconds * MOST_PATIENCE

    @classmethod
    def of(cls, conn: psycopg.Connection | Lifeline) -> Lifeline:
        """A lifeline as it is; of a connection one that ends with it."""
        return conn if isinstance(conn, Lifeline) else cls(conn)

    @property
    def conn(self) -> psycopg.Connection:
        """The connection as it is now, made anew if it was lost. Raises DatabaseLostError when it cannot be."""
        conn = self._conn
        if conn is not None and (not conn.closed or self._connect is None):
            return conn
        if conn is not None:
            conn.close()  # with what a session of a shard has beside it
        assert self._connect is not None
        try:
            self._conn = self._connect()
        except DuecourseError as error:
            if error.exit_code != OUTSIDE:
                raise
            raise DatabaseLostError("unreachable") from None
        except psycopg.OperationalError as error:
            raise DatabaseLostError(type(error).__name__) from error
        return self._conn

    def run(self, work: Callable[[psycopg.Connection], T]) -> T:
        """One piece of work. Raises DatabaseLostError; a deadlock is raised as it is, for the caller to try again.

        Whatever ends it early, no transaction stays open that it began.
        """
        conn = self.conn
        try:
            return work(conn)
        except (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure):
            _roll_back(conn)
            raise
        except psycopg.Error as error:
            _roll_back(conn)
            if conn.closed or isinstance(error, psycopg.OperationalError):
                raise DatabaseLostError(type(error).__name__) from error
            raise
        except BaseException:
            _roll_back(conn)
            raise

    def rest(self) -> None:
        """Close the connection while nothing is under way; the next piece of work makes another, if it is known how."""
        if self._connect is not None and self._conn is not None:
            self._conn.close()

    async def within(self, work: Callable[[psycopg.Connection], T]) -> T:
        """As `run`, in a thread; what takes longer than the patience is cut, since nobody may be there to answer."""
        running = asyncio.ensure_future(asyncio.to_thread(self.run, work))
        done, _ = await asyncio.wait([running], timeout=self._patience)
        if not done:
            self._patience = min(2 * self._patience, self._most_patience)
            self._cut()
        return await running

    def _cut(self) -> None:
        """Shut the socket, so that the thread which waits at it goes on with an error."""
        for conn in sessions_of(self._conn) if self._conn else ():
            with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(conn.fileno())) as line:
                line.shutdown(socket.SHUT_RDWR)


def _roll_back(conn: psycopg.Connection) -> None:
    with suppress(psycopg.Error):
        conn.rollback()
