"""My data: everything the book and the dispatch of messages hold of the visitor, to be taken away as JSON.

Which tables that is the database itself says: all that have a `borrower_id`, those that hang on a loan of the
visitor's own, and the links sent to them. So what another part comes to keep of people is in the export at once. What
is sealed is opened; what only finds or proves a thing (indexes, digests) is left out, and so is everybody else: of a
loan with several parties the others' rows are not there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg import sql
from starlette.responses import Response

from duecourse.book.wishes import EVERY_LANE, Person
from duecourse.domain.problems import DuecourseError
from duecourse.privacy.keyring import Keyring
from duecourse.privacy.sealing import open_value

from .asked import Asked
from .frame import headers
from .lender import SQL
from .page import Button, Page

_INTERNAL: Final = ("_index", "_digest", "_hash")
"""Ends of columns by which we find or prove a thing; they say nothing without our keys."""
_LEFT_OUT: Final = frozenset(
    {"lane", "epoch", "verdict", "key_lane", "home_lane", "merged_lane", "has_others"}
)
_OF_OTHERS: Final = frozenset({"borrower_key"})
"""Tables that only find rows of other tables."""


def everything_of(conn: psycopg.Connection, keyring: Keyring, person: Person) -> dict[str, list[Any]]:
    """Table to its rows of a person. Personal, all of it: never logged."""
    given: dict[str, Any] = {"lanes": EVERY_LANE, "borrower_id": person.borrower_id}
    found: dict[str, list[Any]] = {}
    for statement, tables in (
        ("rows_of_person", _tables(conn, "tables_of_people")),
        ("rows_of_loans", _tables(conn, "tables_of_loans")),
        ("rows_of_links", ["link"]),
    ):
        for table in tables:
            query = sql.SQL(SQL[statement]).format(table=sql.Identifier(table))
            rows = [_opened(keyring, table, row) for (row,) in conn.execute(query, given).fetchall()]
            if rows:
                found[table] = rows
    return found


def _tables(conn: psycopg.Connection, statement: str) -> list[str]:
    return [name for (name,) in conn.execute(SQL[statement]).fetchall() if name not in _OF_OTHERS]


def _opened(keyring: Keyring, table: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as a person can read it."""
    return dict(_fields(keyring, table, row))


def _fields(keyring: Keyring, table: str, row: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for column, value in row.items():
        if column.endswith("_sealed"):
            name = column.removesuffix("_sealed")
            if value is not None and (text := _text(keyring, table, name, row, value)) is not None:
                yield name, text
        elif value is not None and column not in _LEFT_OUT and not column.endswith(_INTERNAL):
            yield column, value


def _text(keyring: Keyring, table: str, column: str, row: Mapping[str, Any], value: str) -> Any:
    """A sealed text, opened at the row's own id; None where it was sealed for another place or its key is gone."""
    sealed = bytes.fromhex(value.removeprefix("\\x"))
    own_id = row.get(f"{table}_id") or row.get("borrower_id")
    try:
        text = open_value(keyring, sealed, table, column, UUID(str(own_id)))
    except (DuecourseError, ValueError):
        return None
    if table == "attempt":
        return json.loads(text)
    return text


def show_data(asked: Asked) -> Response:
    """`/me/data`: what the export is; and by its form the export itself, as a file."""
    if not asked.posted:
        return asked.show("data.html")
    document = {
        "as_of": asked.now.isoformat(),
        "about": "Everything the lender's reminder system holds of you. Amounts ending in _minor are in the "
        "currency's smallest unit.",
        "records": everything_of(asked.conn, asked.site.keyring, asked.person),
    }
    kept = headers() | {"Content-Disposition": 'attachment; filename="my-data.json"'}
    body = json.dumps(document, ensure_ascii=False, indent=1)
    return Response(body, 200, kept, "application/json")


PAGES: Final = (Page("/me/data", show_data, button=Button("export.title", "more", 80)),)
