"""Parquet files: typed cells, in batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import BufferedReader
from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from duecourse.domain.problems import DuecourseError, Problem

from .rows import OpenSource, Row, check_columns

_READ_ROWS = 8192


def open_parquet(path: Path, file: BufferedReader) -> OpenSource:
    """Raises DuecourseError B005 or B006."""
    try:
        parquet = pq.ParquetFile(file)
    except (pa.ArrowInvalid, OSError) as error:
        raise DuecourseError(Problem("B005", str(path), f"is not a Parquet file: {error}")) from None
    columns = tuple(parquet.schema_arrow.names)
    check_columns(path, columns)
    total = max(1, parquet.metadata.num_rows)
    read = [0]

    def arrays(most: int) -> Iterator[Sequence[Any]]:
        """As many rows at once, fewer at the end; what stands before damage is given before it is told."""
        held = parquet.schema_arrow.empty_table()
        try:
            for batch in parquet.iter_batches(batch_size=min(most, _READ_ROWS)):
                held = pa.concat_tables([held, pa.Table.from_batches([batch])])
                while held.num_rows >= most:
                    read[0] += most
                    yield _columns(held.slice(0, most))
                    held = held.slice(most)
        except (pa.ArrowException, OSError):
            read[0] += held.num_rows
            if held.num_rows:
                yield _columns(held)
            found = f"is damaged after row {read[0]:,}"
            kept = "What was read before that stays imported."
            raise DuecourseError(Problem("B005", str(path), found, kept)) from None
        read[0] += held.num_rows
        if held.num_rows:
            yield _columns(held)

    def rows() -> Iterator[Row]:
        number = 0
        for columns in arrays(_READ_ROWS):
            for cells in zip(*(column.to_pylist() for column in columns), strict=True):
                number += 1
                yield Row(number, number, cells)

    return OpenSource(path, columns, True, rows(), lambda: read[0] / total, "utf-8", ",", '"', arrays=arrays)


def _columns(table: Any) -> list[Any]:
    return [column.combine_chunks() for column in table.columns]
