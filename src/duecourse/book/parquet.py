"""Parquet files: typed cells, in batches."""

from __future__ import annotations

from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from duecourse.domain.problems import DuecourseError, Problem

from .rows import OpenSource, Row, check_columns


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

    def rows() -> Iterator[Row]:
        try:
            for batch in parquet.iter_batches(batch_size=8192):
                for cells in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    read[0] += 1
                    yield Row(read[0], read[0], cells)
        except (pa.ArrowException, OSError):
            found = f"is damaged after row {read[0]:,}"
            kept = "What was read before that stays imported."
            raise DuecourseError(Problem("B005", str(path), found, kept)) from None

    return OpenSource(path, columns, True, rows(), lambda: read[0] / total, "utf-8", ",", '"')
