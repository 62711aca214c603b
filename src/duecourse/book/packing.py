"""Columns of numbers to COPY's binary form, without a step for each row.

The form is PostgreSQL's (documentation of COPY, "Binary Format"): a signature, for each row its number of fields and
each field's length and bytes, at the end -1. Rows with the same fields empty have the same length, so they are filled
in as one array.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

_SIGNATURE = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END = b"\xff\xff"
EPOCH = date(2000, 1, 1).toordinal()
"""PostgreSQL's days count from here."""


class Column(NamedTuple):
    """One field of every row. values: as wide as the database expects. given: where not null; None: everywhere."""

    values: Array
    given: Array | None = None


def pack(columns: Sequence[Column]) -> bytes:
    """Rows of these columns, which have the same length, as one COPY. Rows may change their order."""
    empty: Array = np.zeros(len(columns[0].values), np.int64)
    for at, column in enumerate(columns):
        if column.given is not None:
            empty |= (~column.given).astype(np.int64) << at
    parts = [_SIGNATURE]
    for pattern in np.unique(empty).tolist():
        these = np.flatnonzero(empty == pattern)
        parts.append(
            _filled([None if pattern >> at & 1 else c.values[these] for at, c in enumerate(columns)])
        )
    return b"".join([*parts, _END])


def _filled(columns: Sequence[Array | None]) -> bytes:
    """Rows that have the same fields. None: a field that is null."""
    shape: list[tuple[str, Any]] = [("fields", ">i2")]
    for at, values in enumerate(columns):
        shape.append((f"length{at}", ">i4"))
        if values is not None:
            shape.append((f"value{at}", values.dtype.newbyteorder(">")))
    rows = np.empty(max(len(values) for values in columns if values is not None), shape)
    rows["fields"] = len(columns)
    for at, values in enumerate(columns):
        rows[f"length{at}"] = -1 if values is None else values.dtype.itemsize
        if values is not None:
            rows[f"value{at}"] = values
    return rows.tobytes()
