"""What the tests on a cluster have shown, in a few lines: printed at the end and written to build/citus.txt."""

from __future__ import annotations

from collections.abc import Mapping, Sized
from pathlib import Path
from typing import Final

WRITTEN_TO: Final = Path(__file__).parents[2] / "build" / "citus.txt"
LINES: list[str] = []


def note(line: str) -> None:
    """One line, in the order in which tests end."""
    LINES.append(line)


def compared(what: str, tables: Mapping[str, Sized], left_out: str) -> None:
    """A cluster's tables were found to hold what a single server's hold, row by row. left_out: of them, and why."""
    filled = {table: len(rows) for table, rows in sorted(tables.items()) if len(rows)}
    note(
        f"{what}: {sum(filled.values())} rows alike in {len(filled)} tables, "
        f"{len(tables) - len(filled)} tables empty in both"
    )
    note("  rows: " + ", ".join(f"{table} {count}" for table, count in filled.items()))
    note(f"  left out: {left_out}")


def write() -> None:
    """Into build/, whose folder is made when missing."""
    WRITTEN_TO.parent.mkdir(exist_ok=True)
    WRITTEN_TO.write_text("\n".join(LINES) + "\n", encoding="utf-8")
