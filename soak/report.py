"""What a soak found, as a table for people and as JSON for machines."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from bench.machine import machine
from rich.console import Console
from rich.table import Table

from .audit import Findings

LISTED: Final = 20
"""Lines of a list that the table shows; the JSON has them all."""


def show(found: Findings) -> None:
    """The figures, on the screen."""
    shown = Table("what", "figures", title="What was seen")
    for what, value in found.figures.items():
        shown.add_row(what, ", ".join(_listed(value)))
    Console().print(shown)


def _listed(value: object) -> list[str]:
    if isinstance(value, Mapping):
        return [f"{each} {count}" for each, count in value.items()]
    if isinstance(value, list):
        more = [f"and {len(value) - LISTED} more"] if len(value) > LISTED else []
        return [*map(str, value[:LISTED]), *more] or ["none"]
    return [str(value)]


def write(found: Findings, path: Path, *, command: str) -> None:
    """The same and what it was held against, as JSON. command: that has the same misfortunes again."""
    said = {
        "command": command,
        "machine": machine(),
        "holds": not found.faults,
        "breaches": found.faults,
        "rules": found.rules,
        "figures": found.figures,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(said, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
