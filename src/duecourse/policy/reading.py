"""YAML read with its line numbers, and a cursor that turns what it finds into values or faults.

ruamel.yaml's round-trip loader follows YAML 1.2: `on` stays a string and `21:00` stays text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import RoundTripConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import ScalarNode

from duecourse.domain.problems import Problem

T = TypeVar("T")
MAX_BYTES = 1_000_000
IDENTIFIER = re.compile(r"[a-z0-9][a-z0-9-]{0,62}\Z")


class _Constructor(RoundTripConstructor):
    """As ruamel's, but a number with a fraction is a Decimal: money never passes through a float."""


def _decimal(_: _Constructor, node: ScalarNode) -> Decimal | str:
    text = str(node.value).replace("_", "")
    return Decimal(text) if re.fullmatch(r"[+-]?\d*\.?\d+(e[+-]?\d+)?", text, re.I) else str(node.value)


_Constructor.add_constructor("tag:yaml.org,2002:float", _decimal)


@dataclass
class Faults:
    """Collects everything wrong with a file, so that a person mends it in one go."""

    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    def add(self, code: str, where: str, message: str, consequence: str = "") -> None:
        """A fault: the file cannot be used."""
        self.problems.append(Problem(code, where, message, consequence))

    def warn(self, code: str, where: str, message: str) -> None:
        """Worth a look; the file can be used."""
        self.warnings.append(Problem(code, where, message))


def read_yaml(path: Path, faults: Faults) -> CommentedMap | None:
    """The file's top mapping with line numbers, or None and fault P101."""
    try:
        if path.stat().st_size > MAX_BYTES:
            faults.add("P101", str(path), f"the file is larger than {MAX_BYTES} bytes")
            return None
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = "not UTF-8" if isinstance(error, UnicodeDecodeError) else error.strerror
        faults.add("P101", str(path), f"the file cannot be read: {reason}")
        return None
    return read_text(text, str(path), faults)


def read_text(text: str, name: str, faults: Faults) -> CommentedMap | None:
    """As read_yaml, for text already at hand."""
    yaml = YAML(typ="rt")
    yaml.Constructor = _Constructor
    try:
        document = yaml.load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        faults.add("P101", f"{name}{line}", f"not YAML: {_first_line(error.problem or error.context)}")
        return None
    except (YAMLError, ValueError, RecursionError) as error:
        faults.add("P101", name, f"not YAML: {_first_line(str(error))}")
        return None
    if not isinstance(document, CommentedMap):
        faults.add("P101", name, "expected a mapping of keys to values at the top of the file")
        return None
    return document


def did_you_mean(found: str, known: Iterable[str]) -> str:
    """The tail of an unknown-word message: a close match if there is one, and all that is known."""
    options = list(known)
    close = get_close_matches(found, options, n=1, cutoff=0.6)
    hint = f"did you mean '{close[0]}'? " if close else ""
    return f"{hint}known: {', '.join(options) or 'none'}"


def shown(value: object) -> str:
    """A value as a message quotes it, cut at 60 characters."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "nothing"
    if isinstance(value, CommentedMap):
        return "a mapping"
    if isinstance(value, CommentedSeq):
        return "a list"
    text = str(value)
    return f"'{text[:57]}...'" if len(text) > 60 else f"'{text}'"


class Section:
    """A mapping of the file. Keys are taken one by one; `finish` reports those nobody took."""

    def __init__(self, content: CommentedMap, file: str, faults: Faults, name: str = "") -> None:
        self.content = content
        self.file = file
        self.faults = faults
        self.name = name
        """What the mapping is to a reader, e.g. 'step due-in-7'."""
        self._taken: list[str] = []

    def where(self, key: str | None = None) -> str:
        """File, line and name, for a key's value or for the mapping itself."""
        line: int = self.content.lc.line
        if key is not None and key in self.content:
            line = self.content.lc.key(key)[0]
        return f"{self.file}:{line + 1}" + (f" {self.name}" if self.name else "")

    def fault(self, code: str, key: str | None, message: str) -> None:
        """Report a fault at a key."""
        self.faults.add(code, self.where(key), message)

    def has(self, key: str) -> bool:
        """Whether the key is there."""
        return key in self.content

    def take(self, key: str) -> Any:
        """The raw value, None if absent."""
        self._taken.append(key)
        return self.content.get(key)

    def finish(self) -> None:
        """Report every key that was not taken (P102). Call after the last take."""
        for key in self.content:
            if key not in self._taken:
                known = did_you_mean(str(key), self._taken)
                self.fault("P102", key, f"key {shown(key)} is unknown; {known}")

    def text(self, key: str, *, required: bool = False) -> str | None:
        """Text; a number is not taken for it. P103 when missing or something else."""
        value = self.take(key)
        if value is None:
            if required:
                self.fault("P103", key, f"'{key}' is missing")
            return None
        if not isinstance(value, str) or not value.strip():
            self.fault("P103", key, f"{key}: expected text, found {shown(value)}")
            return None
        return str(value)

    def identifier(self, key: str, *, required: bool = True) -> str | None:
        """A name of lower-case letters, digits and hyphens."""
        value = self.text(key, required=required)
        if value is not None and not IDENTIFIER.match(value):
            self.fault("P103", key, f"{key}: {shown(value)} must be lower-case letters, digits and hyphens")
            return None
        return value

    def integer(self, key: str, default: int, low: int, high: int) -> int:
        """A whole number within bounds, both included."""
        value = self.take(key)
        if value is None:
            return default
        if not is_whole(value) or not low <= value <= high:
            expected = f"a whole number from {low} to {high}"
            self.fault("P103", key, f"{key}: expected {expected}, found {shown(value)}")
            return default
        return int(value)

    def choice(self, key: str, options: Iterable[str], *, default: str | None = None) -> str | None:
        """One word of a closed list; required without a default."""
        known = list(options)
        value = self.text(key, required=default is None)
        if value is None:
            return default
        if value not in known:
            self.fault("P103", key, f"{key}: {shown(value)} is unknown; {did_you_mean(value, known)}")
            return default
        return value

    def section(self, key: str, name: str = "") -> Section | None:
        """The mapping under a key, None if absent or not a mapping (P103)."""
        value = self.take(key)
        if value is None:
            return None
        if not isinstance(value, CommentedMap):
            self.fault("P103", key, f"{key}: expected a mapping, found {shown(value)}")
            return None
        return Section(value, self.file, self.faults, name or self.name)

    def sections(self, key: str, naming: Callable[[CommentedMap, int], str]) -> Iterator[Section]:
        """The mappings of a list under a key."""
        value = self.take(key)
        if value is None:
            return
        if not isinstance(value, CommentedSeq):
            self.fault("P103", key, f"{key}: expected a list, found {shown(value)}")
            return
        for index, entry in enumerate(value):
            if isinstance(entry, CommentedMap):
                yield Section(entry, self.file, self.faults, naming(entry, index))
            else:
                self.fault("P103", key, f"{key}: entry {index + 1} is {shown(entry)}, expected a mapping")

    def texts(self, key: str) -> dict[str, str]:
        """A mapping of text to text; {} if absent."""
        under = self.section(key)
        if under is None:
            return {}
        return {str(name): value for name in under.content if (value := under.text(name)) is not None}


def decimal_of(value: object) -> Decimal | None:
    """A number as a file has it, quoted or not; None for anything else."""
    if isinstance(value, bool):
        return None
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def percent_of(value: object) -> Decimal | None:
    """The number of a share such as 4.5%; None for anything else."""
    text = str(value).strip()
    return decimal_of(text.removesuffix("%")) if text.endswith("%") else None


def is_whole(value: object) -> bool:
    """Whether YAML gave a whole number (a boolean is none)."""
    return isinstance(value, int) and not isinstance(value, bool)


def _first_line(text: str | None) -> str:
    return (text or "unreadable").strip().splitlines()[0]
