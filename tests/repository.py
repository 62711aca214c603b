"""The project's own files, read as text and syntax trees, for the tests of the docs and of the house."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "duecourse"
DOCS = ROOT / "docs"


@cache
def modules(folder: Path = SOURCE) -> dict[Path, ast.Module]:
    """Every Python file under a folder, parsed."""
    return {path: ast.parse(path.read_text("utf-8")) for path in sorted(folder.rglob("*.py"))}


def strings(folder: Path = SOURCE) -> Iterator[tuple[Path, str]]:
    """Every string constant under a folder, docstrings included."""
    for path, tree in modules(folder).items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield path, node.value


def problem_codes() -> dict[str, Path]:
    """Every problem code the source uses, with one file that uses it."""
    return {text: path for path, text in strings() if re.fullmatch(r"[SKBPCDR]\d{3}", text)}


@cache
def own_files() -> tuple[Path, ...]:
    """Files under version control, and those that would be if they were committed now."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return tuple(sorted(ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()))


def pages() -> list[Path]:
    """Every Markdown page of the project."""
    return [path for path in own_files() if path.suffix == ".md"]


def shown(path: Path) -> str:
    """A path as an assertion message should give it."""
    return str(path.relative_to(ROOT))
