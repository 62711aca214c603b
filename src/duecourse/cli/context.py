"""What a command works with: settings, the open store, the key ring, the clock and the screen."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from zoneinfo import ZoneInfo

import psycopg
from pydantic import ValidationError
from rich.console import Console

from duecourse.dispatch.links import LinkTerms
from duecourse.domain.problems import DuecourseError, Problem
from duecourse.privacy.keyring import Keyring
from duecourse.responses.peers import Limits
from duecourse.rules.compiling import RuleBook
from duecourse.rules.packs import Packs, lender_files, load_packs
from duecourse.store.connect import Store, open_store
from duecourse.store.lifeline import Lifeline
from duecourse.store.migrate import get_setting, is_current
from duecourse.store.shards import Shard, shards_of

from .clock import book_clock
from .settings import Settings


def make_console() -> Console:
    """The screen; into a file or a pipe, tables are as wide as they like."""
    return Console() if sys.stdout.isatty() else Console(width=130)


def read_settings() -> Settings:
    """The settings of the environment. Raises DuecourseError D015 with every bad one."""
    try:
        return Settings()
    except ValidationError as error:
        raise DuecourseError(
            [
                Problem("D015", f"DUECOURSE_{'.'.join(map(str, each['loc'])).upper()}", each["msg"])
                for each in error.errors(include_input=False, include_url=False)
            ],
            exit_code=2,
        ) from None


@dataclass
class Context:
    """One command's world. Closed by the entry point, which also stops an embedded server nobody else uses."""

    settings: Settings = field(default_factory=read_settings)
    console: Console = field(default_factory=make_console)
    durable: bool = True
    """Whether a commit waits for the disk. A replay need not: what a crash takes from it, the next run does again."""
    _stack: ExitStack = field(default_factory=ExitStack)

    @cached_property
    def store(self) -> Store:
        """The database, started if it is the embedded one."""
        url = self.settings.database_url
        return self._stack.enter_context(
            open_store(
                url.get_secret_value() if url else None,
                self.settings.home,
                major=self.settings.postgres_major,
            )
        )

    @cached_property
    def keyring(self) -> Keyring:
        """The keys that seal personal data."""
        return Keyring.load(self.settings.home / "keys.json")

    @cached_property
    def rules(self) -> RuleBook:
        """The packs compiled for judging."""
        book = RuleBook(self.packs)
        _ = book.compiled()  # now, and not in somebody's transaction
        return book

    @cached_property
    def packs(self) -> Packs:
        """The rule packs as they apply here, with the lender's own files over them. Needs no database."""
        folder = self.settings.rules_dir or self.settings.home / "rules"
        return load_packs(lender_files(folder))

    @property
    def links(self) -> LinkTerms:
        """How links in messages are made."""
        return LinkTerms(self.settings.public_url, self.settings.link_days)

    @property
    def limits(self) -> Limits:
        """What stops guessing at the borrower's pages."""
        own = self.settings
        return Limits(
            unknown_codes_a_minute=own.unknown_codes_a_minute,
            unknown_codes_a_minute_in_all=own.unknown_codes_a_minute_in_all,
            wrong_answers=own.wrong_answers,
            lock_hours=own.lock_hours,
            idle_minutes=own.visit_idle_minutes,
            visit_hours=own.visit_hours,
        )

    @property
    def user(self) -> str:
        """Who is acting."""
        return self.settings.user

    def connect(
        self, *, autocommit: bool = False, initialised: bool = True, shard: Shard | None = None
    ) -> psycopg.Connection:
        """A connection of its own, closed with the command.

        initialised: the database must hold a book of this version, else DuecourseError D001; `init` makes it.
        shard: as of Store.connect.
        """
        return self._stack.enter_context(self._open(autocommit, initialised, shard))

    def _open(self, autocommit: bool, initialised: bool, shard: Shard | None) -> psycopg.Connection:
        if initialised:
            self._require_book()
        # A frozen process must lose its row locks before its lanes can be taken over.
        idle = self.settings.lease_seconds * 2 / 3
        conn = self.store.connect(autocommit=autocommit, idle_in_transaction_seconds=idle, shard=shard)
        if not self.durable:
            conn.execute("SET synchronous_commit TO off")
            if not autocommit:
                conn.commit()
        return conn

    def _require_book(self) -> None:
        if not self._is_current:
            raise DuecourseError(
                Problem(
                    "D001", "database", "this database holds no book of this version yet; run: duecourse init"
                )
            )

    @cached_property
    def _is_current(self) -> bool:
        with self.store.connect(autocommit=True) as conn:
            return is_current(conn)

    def lifeline(
        self, *, autocommit: bool = False, leases: float = 4.0, shard: Shard | None = None
    ) -> Lifeline:
        """A connection as `connect` makes it, made anew whenever it is lost: of a shard, where it lies by then, and not
        before it is used, since most have nothing to do there.

        leases: how many of them it is waited for an answer before it is taken for lost.
        """

        def connect() -> psycopg.Connection:
            return self._open(autocommit, initialised=True, shard=shard)

        first = connect() if shard is None else None
        line = Lifeline(first, connect, patience_seconds=leases * self.settings.lease_seconds)
        self._stack.callback(line.rest)
        return line

    @cached_property
    def shards(self) -> list[Shard]:
        """Which lanes lie together: one shard with all of them on a single server."""
        self._require_book()
        with self.store.connect(autocommit=True) as conn:
            return shards_of(conn)

    def by_shard(
        self, lines: dict[int, Lifeline], lanes: Sequence[int]
    ) -> Iterator[tuple[Lifeline, list[int]]]:
        """These lanes by the shard they lie in, each with a line to work them, kept in `lines` by its number."""
        asked = set(lanes)
        for shard in self.shards:
            some = [lane for lane in shard.lanes if lane in asked]
            if some:
                if shard.number not in lines:
                    lines[shard.number] = self.lifeline(shard=shard)
                yield lines[shard.number], some

    def deal(self, lanes: Sequence[int], sessions: int) -> list[list[tuple[Lifeline, list[int]]]]:
        """These lanes dealt to so many sessions, with lines of their own: each as `by_shard` gives them.

        Whole shards where there are enough, else each session gets lanes of every shard.
        """
        dealt: list[list[int]] = [list(lanes[place::sessions]) for place in range(sessions)]
        if len(self.shards) >= sessions:
            dealt = [
                [lane for shard in self.shards[place::sessions] for lane in shard.lanes if lane in lanes]
                for place in range(sessions)
            ]
        return [list(self.by_shard({}, some)) for some in dealt]

    @cached_property
    def _clock_line(self) -> Lifeline:
        return self.lifeline(autocommit=True)

    @property
    def _clock(self) -> psycopg.Connection:
        return self._clock_line.conn

    def now(self) -> datetime:
        """The database's clock: the only live clock there is."""
        row = self._clock.execute("SELECT clock_timestamp()").fetchone()
        assert row is not None
        return row[0]  # type: ignore[no-any-return]

    def book_now(self) -> datetime:
        """The instant the book stands at: now, or the end of the last day that was replayed."""
        return book_clock(ZoneInfo(self.lender_zone), simulated=self.simulated)(self._clock)

    @cached_property
    def lender_zone(self) -> str:
        """IANA zone in which the lender's dates are meant."""
        return str(self.required_setting("lender_zone"))

    @cached_property
    def simulated(self) -> bool:
        """Whether the book is marked simulated, so that days may be replayed and nobody real is reached."""
        return bool(self.required_setting("simulated"))

    def book_day(self) -> date:
        """The day the book stands at: the lender's today, or the last day that was replayed."""
        if self.simulated and (replayed := get_setting(self._clock, "replayed_through")):
            return date.fromisoformat(str(replayed))
        return self.now().astimezone(ZoneInfo(self.lender_zone)).date()

    def required_setting(self, key: str) -> object:
        """A value that `duecourse init` wrote. Raises DuecourseError D001 when it was not run."""
        return get_setting(self._clock, key)

    def close(self) -> None:
        """Close connections, then the store."""
        self._stack.close()


_current: list[Context] = []


def context() -> Context:
    """The command's context: one per process, made at first use."""
    if not _current:
        _current.append(Context())
    return _current[0]


def set_context(chosen: Context) -> None:
    """Use this context from now on: for a command that brings settings of its own."""
    close_context()
    _current.append(chosen)


def close_context() -> None:
    """Close the command's context, if it was opened."""
    while _current:
        _current.pop().close()
