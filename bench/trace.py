"""What a desk asked of the database, so that it can be asked again with nothing in between."""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg

from duecourse.content.render import Renderer
from duecourse.dispatch.compose import Composer, Facts, Rendition
from duecourse.policy.versions import load_templates, policy_at
from duecourse.rules.model import Rule

_NAME = re.compile(r"/\* [a-z/]+\.([a-z_]+) \*/")
Asked = tuple[str, Any]
Composed = tuple[Facts, str, Sequence[Rule], str]


@dataclass(slots=True)
class Trace:
    """Transactions in the order of their commits, each a list of statements; what was composed; seconds by name."""

    transactions: list[list[Asked]] = field(default_factory=list)
    composed: list[Composed] = field(default_factory=list)
    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))

    def clear(self) -> None:
        """Begin anew."""
        self.transactions.clear()
        self.composed.clear()
        self.seconds.clear()


class TracedConnection(psycopg.Connection[Any]):
    """Notes every statement and how long it took, commits included."""

    trace: Trace
    _open: list[Asked] | None = None

    def execute(self, query: Any, params: Any = None, **options: Any) -> psycopg.Cursor[Any]:
        """As psycopg's."""
        began = time.perf_counter()
        cursor = super().execute(query, params, **options)
        took = time.perf_counter() - began
        if isinstance(query, str) and (named := _NAME.match(query)):
            self.trace.seconds[named[1]] += took
            if self._open is None:
                self.trace.transactions.append([(query, params)])
            else:
                self._open.append((query, params))
        return cursor

    @contextmanager
    def transaction(self, *arguments: Any, **options: Any) -> Iterator[psycopg.Transaction]:
        """As psycopg's."""
        self._open = []
        began = 0.0
        with super().transaction(*arguments, **options) as transaction:
            yield transaction
            began = time.perf_counter()
        self.trace.seconds["commit"] += time.perf_counter() - began
        asked, self._open = self._open, None
        if asked:
            self.trace.transactions.append(asked)


class TracedComposer(Composer):
    """Notes what it was given."""

    def __init__(self, conn: psycopg.Connection, trace: Trace) -> None:
        super().__init__(
            Renderer(),
            lambda name, version: policy_at(conn, name, version).model,
            lambda ref: load_templates(conn, [ref]),
        )
        self._trace = trace

    def compose(self, facts: Facts, channel: str, rules: Sequence[Rule] = (), *, code: str = "") -> Rendition:
        """As the composer's."""
        began = time.perf_counter()
        made = super().compose(facts, channel, rules, code=code)
        self._trace.seconds["compose"] += time.perf_counter() - began
        self._trace.composed.append((facts, channel, rules, code))
        return made

    def again(self, composed: Sequence[Composed]) -> float:
        """Rendering alone."""
        began = time.perf_counter()
        for facts, channel, rules, code in composed:
            super().compose(facts, channel, rules, code=code)
        return time.perf_counter() - began


def ask_again(conn: psycopg.Connection, transactions: Sequence[Sequence[Asked]]) -> float:
    """The same transactions on a copy of the database, answers read, nothing in between. Answers the seconds."""
    began = time.perf_counter()
    for asked in transactions:
        with conn.transaction():
            for query, params in asked:
                cursor = conn.execute(query, params)
                if cursor.description:
                    cursor.fetchall()
    return time.perf_counter() - began
