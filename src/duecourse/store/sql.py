"""Named SQL statements: one .sql file per room, read once.

A file is a list of statements. Each begins with its name and a comment that says what it is for:

    -- name: plan_lane
    -- Insert the messages of one lane that fall due on :as_of.
    -- as_of: date in the lender's zone. Writes: message, history.
    INSERT INTO message …

`-- fragment: judge` (or a name that begins with `fragment_`) names text that is no statement by itself;
another statement, also of another room, takes it in with a line `-- include: rules.judge`. Rooms are named
by string and read as files, so including one imports nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_HEADER = re.compile(r"^--[ \t]*(name|fragment):[ \t]*([a-z][a-z0-9_]*)[ \t]*$", re.MULTILINE)
_INCLUDE = re.compile(r"^[ \t]*--[ \t]*include:[ \t]*(?:([a-z_/]+)\.)?([a-z][a-z0-9_]*)[ \t]*$")
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


@cache
def _raw(room: str) -> dict[str, tuple[bool, str]]:
    """name -> (is a fragment, the text below its header), as written."""
    folder, _, name = room.partition("/")
    source = files("duecourse").joinpath(folder, f"{name or folder}.sql").read_text(encoding="utf-8")
    headers = list(_HEADER.finditer(source))
    raw: dict[str, tuple[bool, str]] = {}
    for header, following in zip(headers, [*headers[1:], None], strict=True):
        kind, name = header.groups()
        if name in raw:
            raise ValueError(f"{room}.sql names {name!r} twice")
        body = source[header.end() : following.start() if following else len(source)].strip("\n")
        raw[name] = (kind == "fragment" or name.startswith("fragment_"), body)
    return raw


def _finished(room: str, name: str, outer: tuple[str, ...]) -> Statement:
    """The statement with its includes in place. outer: what is including it, to catch a circle."""
    address = f"{room}.{name}"
    if address in outer:
        raise ValueError(f"include goes in a circle: {' -> '.join((*outer, address))}")
    raw = _raw(room)
    if name not in raw:
        raise ValueError(f"{outer[-1] if outer else room} includes {address}, which does not exist")
    fragment, body = raw[name]
    lines = body.splitlines()
    comment: list[str] = []
    while lines and lines[0].startswith("--") and not _INCLUDE.match(lines[0]):
        comment.append(lines.pop(0).removeprefix("--").strip())
    text: list[str] = []
    for line in lines:
        if include := _INCLUDE.match(line):
            inner = _finished(include[1] or room, include[2], (*outer, address))
            if not inner.fragment:
                raise ValueError(f"{address} includes {inner.room}.{inner.name}, which is not a fragment")
            text.append(inner.text)
        elif line.strip() and not line.lstrip().startswith("--"):
            text.append(line)
    sql = "\n".join(text).rstrip().removesuffix(";")
    if not fragment:
        sql = f"/* {address} */\n{sql}"  # who sent it, for pg_stat_activity and slow-query logs
    return Statement(room, name, sql, "\n".join(comment), _writes(" ".join(comment)), fragment)


def _writes(comment: str) -> tuple[str, ...]:
    tables: list[str] = []
    for listed in _WRITES.findall(comment):
        tables += [word.split()[0] for word in re.sub(r"\([^)]*\)", "", listed).split(",") if word.strip()]
    return tuple(table for table in tables if table != "nothing")
