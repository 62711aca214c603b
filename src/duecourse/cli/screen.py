"""What commands print: tables for people, JSON for programs, problems for both."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from rich.console import Console
from rich.table import Table

from duecourse.domain.problems import DuecourseError


def table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[int] = ()
) -> Table:
    """A plain table. right: indexes of columns that hold figures."""
    made = Table(title=title, title_justify="left", header_style="bold", show_edge=False, pad_edge=False)
    for index, column in enumerate(columns):
        made.add_column(column, justify="right" if index in right else "left", overflow="fold")
    for row in rows:
        made.add_row(*("" if cell is None else str(cell) for cell in row))
    return made


def print_json(console: Console, value: object) -> None:
    """One JSON document on standard output, without colour or wrapping."""
    console.out(json.dumps(value, ensure_ascii=False, indent=2, default=_plain), highlight=False)


def _plain(value: object) -> Any:
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, (UUID, Decimal)):
        return str(value)
    raise TypeError(f"cannot print {type(value).__name__} as JSON")


def print_problems(console: Console, error: DuecourseError) -> None:
    """Every problem on a line of its own."""
    for problem in error.problems:
        console.print(str(problem), style="red", highlight=False, markup=False, soft_wrap=True)


def local(moment: datetime | None, zone: Any) -> str:
    """An instant in a zone, to the minute, with its offset; empty for None."""
    return "" if moment is None else moment.astimezone(zone).strftime("%Y-%m-%d %H:%M %z")
