"""Named SQL statements: one .sql file per room, read once.

A file is a list of statements. Each begins with its name and a comment that says what it is for:

    -- name: plan_lane
    -- Insert the messages of one lane that fall due on :as_of.
    -- as_of: date in the lender's zone. Writes: message, history.
    INSERT INTO message …

`-- fragment: judge` (or a name that begins with `fragment_`) names text that is no statement by itself;
another statement, also of another room, takes it in with a line `-- include: rules.judge`. Rooms are named
by string and read as files, so including one imports nothing.

A fragment may leave words open. It names them behind its name and writes each in braces where it belongs; who
includes it says in the same order what stands there, a column, a table or a parameter, anything without a comma:

    -- fragment: kept(id)                      -- include: store/keeping.kept(attempt_id)
    SELECT lane, {id} FROM used GROUP BY …     SELECT lane, attempt_id FROM used GROUP BY …

Other braces stay as they are: those a caller fills when it runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_HEADER = re.compile(
    r"^--[ \t]*(name|fragment):[ \t]*([a-z][a-z0-9_]*)(?:\(([a-z0-9_, ]*)\))?[ \t]*$", re.MULTILINE
)
_INCLUDE = re.compile(r"^[ \t]*--[ \t]*include:[ \t]*(?:([a-z_/]+)\.)?([a-z][a-z0-9_]*)(?:\((.*)\))?[ \t]*$")
_TABLE = r"[a-z][a-z0-9_]*(?:\s*\([^)]*\))?"
_WRITES = re.compile(rf"\bWrites:\s*({_TABLE}(?:\s*,\s*{_TABLE})*)")


@dataclass(frozen=True, slots=True)
class Statement:
    """One named statement or fragment, its includes put in place and its comment lines taken out.

    Comment lines go because psycopg would read a per-cent sign in one as a placeholder.
    """

    room: str
    name: str
    text: str
    comment: str
    """What stands between the name and the SQL, without the dashes."""
    writes: tuple[str, ...]
    """Tables its comment says it writes, in that order."""
    fragment: bool


class Statements(Mapping[str, str]):
    """The statements of one room: `statements["plan_lane"]` is the SQL text to execute."""

    def __init__(self, room: str, statements: Mapping[str, Statement]) -> None:
        self.room = room
        self._statements = dict(statements)

    def __getitem__(self, name: str) -> str:
        return self.about(name).text

    def __iter__(self) -> Iterator[str]:
        return iter(self._statements)

    def __len__(self) -> int:
        return len(self._statements)

    def about(self, name: str) -> Statement:
        """The statement with its comment and what it writes. Raises KeyError that names the known ones."""
        try:
            return self._statements[name]
        except KeyError:
            known = ", ".join(self._statements)
            raise KeyError(f"{self.room}.sql has no statement {name!r}; it has: {known}") from None


@cache
def load(room: str) -> Statements:
    """The statements of `<room>/<room>.sql`. room: 'planning', or its package's name, 'duecourse.planning'.

    Raises FileNotFoundError when the room has no such file, ValueError when the file is not well formed.
    """
    room = room.rpartition(".")[2]
    return Statements(room, {name: _finished(room, name, ()) for name in _raw(room)})


@dataclass(frozen=True, slots=True)
class _Raw:
    """As written."""

    fragment: bool
    open: tuple[str, ...]
    """The words it leaves open."""
    body: str
    """What stands below its header."""

    def filled(self, given: tuple[str, ...]) -> str:
        """The body with what is given for its open words. Raises ValueError for more or fewer than it has."""
        if len(given) != len(self.open):
            raise ValueError(f"takes {len(self.open)} words, not {len(given)}")
        words = dict(zip(self.open, given, strict=True))
        return re.sub(r"\{(\w+)\}", lambda found: words.get(found[1], found[0]), self.body)


@cache
def _raw(room: str) -> dict[str, _Raw]:
    """Statements and fragments by name."""
    folder, _, name = room.partition("/")
    source = files("duecourse").joinpath(folder, f"{name or folder}.sql").read_text(encoding="utf-8")
    headers = list(_HEADER.finditer(source))
    raw: dict[str, _Raw] = {}
    for header, following in zip(headers, [*headers[1:], None], strict=True):
        kind, name, left_open = header.groups()
        if name in raw:
            raise ValueError(f"{room}.sql names {name!r} twice")
        fragment = kind == "fragment" or name.startswith("fragment_")
        if left_open is not None and not fragment:
            raise ValueError(f"{room}.{name} leaves words open, which only a fragment may")
        body = source[header.end() : following.start() if following else len(source)].strip("\n")
        raw[name] = _Raw(fragment, _words(left_open), body)
    return raw


def _words(listed: str | None) -> tuple[str, ...]:
    return tuple(word.strip() for word in listed.split(",")) if listed else ()


def _finished(
    room: str, name: str, outer: tuple[str, ...], given: tuple[str, ...] | None = None
) -> Statement:
    """The statement with its includes in place. outer: what is including it, to catch a circle.

    given: for its open words; None: nobody includes it here, and they stay open.
    """
    address = f"{room}.{name}"
    if address in outer:
        raise ValueError(f"include goes in a circle: {' -> '.join((*outer, address))}")
    raw = _raw(room)
    if name not in raw:
        raise ValueError(f"{outer[-1] if outer else room} includes {address}, which does not exist")
    this = raw[name]
    try:
        lines = (this.body if given is None else this.filled(given)).splitlines()
    except ValueError as error:
        raise ValueError(f"{outer[-1]} includes {address}, which {error}") from None
    comment: list[str] = []
    while lines and lines[0].startswith("--") and not _INCLUDE.match(lines[0]):
        comment.append(lines.pop(0).removeprefix("--").strip())
    text: list[str] = []
    for line in lines:
        if include := _INCLUDE.match(line):
            inner = _finished(include[1] or room, include[2], (*outer, address), _words(include[3]))
            if not inner.fragment:
                raise ValueError(f"{address} includes {inner.room}.{inner.name}, which is not a fragment")
            text.append(inner.text)
        elif line.strip() and not line.lstrip().startswith("--"):
            text.append(line)
    sql = "\n".join(text).rstrip().removesuffix(";")
    if not this.fragment:
        sql = f"/* {address} */\n{sql}"  # who sent it, for pg_stat_activity and slow-query logs
    return Statement(room, name, sql, "\n".join(comment), _writes(" ".join(comment)), this.fragment)


def _writes(comment: str) -> tuple[str, ...]:
    tables: list[str] = []
    for listed in _WRITES.findall(comment):
        tables += [word.split()[0] for word in re.sub(r"\([^)]*\)", "", listed).split(",") if word.strip()]
    return tuple(table for table in tables if table != "nothing")
