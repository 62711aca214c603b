"""Mappings that come with the program, for formats that are known."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

from duecourse.domain.problems import DuecourseError, Problem

from .mapping import EMPTY, Mapping, Settings, load_mapping, parse_mapping

_FOLDER = files("duecourse.book") / "mappings"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")


def shipped_mappings() -> dict[str, str]:
    """Name to what it is for, in alphabetical order."""
    names = sorted(entry.name.removesuffix(".toml") for entry in _FOLDER.iterdir())
    return {name: find_mapping(Path(name)).about for name in names}


def shipped_text(name: str) -> str:
    """The file as it stands, to be copied and changed. Raises DuecourseError B073 for an unknown name."""
    file = _FOLDER / f"{name}.toml"
    if not _NAME.fullmatch(name) or not file.is_file():
        known = ", ".join(sorted(entry.name.removesuffix(".toml") for entry in _FOLDER.iterdir()))
        raise DuecourseError(
            Problem("B073", name, f"is neither a file nor a mapping that comes with the program: {known}")
        )
    return file.read_text(encoding="utf-8")


def find_mapping(given: Path, settings: Settings = EMPTY) -> Mapping:
    """The mapping in a file or, for a bare name such as `fineract` that is no file here, the one that is shipped.

    Raises DuecourseError B001, B002, B072 or B073.
    """
    if given.exists() or not _NAME.fullmatch(str(given)):
        return load_mapping(given, settings)
    return parse_mapping(shipped_text(str(given)), str(given), settings)
