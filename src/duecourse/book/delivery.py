"""A delivery file (TOML): which files a lender sends together, in which order, and what they add up to.

Loading checks everything the file says about itself, and the mappings it names, and reports every fault together.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, TypeAlias

from pydantic import Field, ValidationError, model_validator

from duecourse.domain.problems import DuecourseError, Problem

from .mapping import Mapping
from .parsing import FieldFault, date_parser
from .shipped import find_mapping
from .toml_lines import line_of
from .values import Strict

Day: TypeAlias = date
"""The type, where a key of that name stands before it."""
_OWN = (".rejects.csv", ".rejects.jsonl", ".part", ".done", ".refused")
"""Ends of names that we write ourselves: never a file of a delivery."""


class TotalsRule(Strict):
    """Where totals stand in a line: by position between delimiters (from 1), or by the named groups of a regex."""

    delimiter: str | None = Field(default=None, min_length=1, max_length=8)
    regex: str | None = None
    begins: str = ""
    """What a line with totals begins with; any other is passed over, and as a trailer refused."""
    file: int | None = Field(default=None, ge=1)
    rows: int | None = Field(default=None, ge=1)
    sums: dict[str, int] = Field(default={})
    thousands: str = Field(default="", max_length=1)
    skip_lines: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _one_way(self) -> TotalsRule:
        if (self.delimiter is None) == (self.regex is None):
            raise ValueError("give 'delimiter' with positions, or 'regex' with named groups")
        if self.regex is None:
            if self.rows is None and not self.sums:
                raise ValueError("give the position of 'rows', or of 'sums'")
            return self
        if self.file is not None or self.rows is not None or self.sums:
            raise ValueError("positions go with 'delimiter'; a regex names its groups: (?P<rows>[0-9]+)")
        try:
            groups = re.compile(self.regex).groupindex
        except re.error as error:
            raise ValueError(f"'regex' is not a regular expression: {error}") from None
        if not groups.keys() - {"file"}:
            raise ValueError("'regex' needs a group named rows, or one named as a sum")
        return self

    def names(self) -> set[str]:
        """What a line gives beside the file: 'rows', and sums by name."""
        if self.regex is not None:
            return set(re.compile(self.regex).groupindex) - {"file"}
        return set(self.sums) | ({"rows"} if self.rows is not None else set())

    def names_files(self) -> bool:
        """Whether a line says which file it speaks of."""
        return self.file is not None or "(?P<file>" in (self.regex or "")


class FlagRule(Strict):
    """The file that says the delivery is whole."""

    file: str = Field(min_length=1)
    encoding: str = "utf-8"
    date: str | None = None
    """A regex with one group: the day, written as the delivery writes days. It must be that of the name."""
    totals: TotalsRule | None = None

    @model_validator(mode="after")
    def _date_has_a_group(self) -> FlagRule:
        if self.date is not None:
            try:
                groups = re.compile(self.date).groups
            except re.error as error:
                raise ValueError(f"'date' is not a regular expression: {error}") from None
            if groups != 1:
                raise ValueError("'date' needs exactly one group in parentheses: the day")
        if self.date is None and "{date}" not in self.file:
            raise ValueError("the day stands in the name ({date}) or in the flag file ('date')")
        return self


class SumRule(Strict):
    """A control sum: the column that is added up, and by what to multiply to get the lender's unit."""

    column: str
    times: Decimal | int = 1


class FileRule(Strict):
    """One kind of file of the delivery."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    file: str = Field(min_length=1)
    mapping: str = Field(min_length=1)
    set: dict[str, str] = Field(default={})
    required: bool = True
    controlled: bool = True
    """False: no total is given for this file, and none is asked for."""
    sums: dict[str, SumRule] = Field(default={})
    trailer: TotalsRule | None = None
    complete_through: str | None = Field(default=None, pattern=r"^date( - [0-9]{1,2}d)?$")

    def covers(self, delivered_on: date) -> date | None:
        """The day through which the file has all payments."""
        if self.complete_through is None:
            return None
        back = re.search(r"[0-9]+", self.complete_through)
        return delivered_on - timedelta(days=int(back[0]) if back else 0)


class WatchRule(Strict):
    """What becomes of a delivery that `book watch` has taken: a marker beside the flag file, or a folder to go to."""

    done: str = ""
    """A folder inside the watched one; empty: the files stay and FLAG.done is written."""
    refused: str = ""

    @model_validator(mode="after")
    def _inside(self) -> WatchRule:
        for folder in (self.done, self.refused):
            if folder in (".", "..") or "/" in folder or "\\" in folder:
                raise ValueError("'done' and 'refused' name a folder inside the watched one, without a path")
        return self


class DeliveryRule(Strict):
    """The whole file."""

    delivery: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    about: str = ""
    date: Literal["YYYYMMDD", "YYYY-MM-DD", "YYYY_MM_DD", "DDMMYYYY", "MMDDYYYY"] = "YYYYMMDD"
    flag: FlagRule
    file: list[FileRule] = Field(min_length=1)
    watch: WatchRule = WatchRule()

    @model_validator(mode="after")
    def _hangs_together(self) -> DeliveryRule:
        names = [one.name for one in self.file]
        faults = [
            f"two files are named '{name}'" for name in sorted({n for n in names if names.count(n) > 1})
        ]
        flagged = self.flag.totals
        if flagged is not None and not flagged.names_files():
            faults.append("flag.totals needs 'file' (or a group named file): of which file a line speaks")
        for one in self.file:
            given = (flagged.names() if flagged else set()) | (one.trailer.names() if one.trailer else set())
            if one.controlled and not given:
                faults.append(
                    f"file '{one.name}' has no totals: give flag.totals or trailer, or controlled = false"
                )
            unknown = set(one.sums) - given
            faults += [f"file '{one.name}': nothing gives the sum '{name}'" for name in sorted(unknown)]
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def day(self, written: str) -> Day:
        """A day as this delivery writes days. Raises FieldFault."""
        return date_parser([self.date])(written)

    def match(self, pattern: str, name: str, day: Day | None = None) -> Day | Literal[False] | None:
        """The day in a file's name, None when the pattern has none, False when the name is not of the pattern.

        {date} stands for any day, or for `day` alone.
        """
        if name.endswith(_OWN):
            return False
        found = re.fullmatch(_as_regex(pattern, len(self.date)), name)
        if found is None:
            return False
        if "{date}" not in pattern:
            return None
        try:
            of = self.day(found["date"])
        except FieldFault:
            return False
        return of if day is None or of == day else False


def _as_regex(pattern: str, digits: int) -> str:
    """A name with {date}, * and ? as a regular expression; {date} is the same wherever it stands."""
    written = ""
    for part in re.split(r"(\{date\}|[*?])", pattern):
        if part == "{date}":
            written += "(?P=date)" if "(?P<date>" in written else f"(?P<date>[0-9_-]{{{digits}}})"
        else:
            written += {"*": "[^/]*", "?": "[^/]"}.get(part) or re.escape(part)
    return written


@dataclass(frozen=True, slots=True)
class Definition:
    """A delivery file with the mappings it names."""

    path: Path
    rule: DeliveryRule
    mappings: MappingOf[str, Mapping]
    """By the file's name in the delivery; with the lines of a trailer left out."""


def load_delivery(path: Path) -> Definition:
    """Read and check a delivery file and its mappings. Raises DuecourseError B001, B008, B080 with every fault."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        raw: dict[str, Any] = tomllib.loads(text, parse_float=Decimal)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8"
        raise DuecourseError(Problem("B080", str(path), f"cannot be read: {reason}")) from None
    except tomllib.TOMLDecodeError as error:
        raise DuecourseError(Problem("B080", str(path), f"is not TOML: {error}")) from None
    try:
        rule = DeliveryRule.model_validate(raw)
    except ValidationError as error:
        raise DuecourseError([_problem(path, text, one) for one in error.errors(include_url=False)]) from None
    problems: list[Problem] = []
    mappings = {}
    for one in rule.file:
        try:
            mappings[one.name] = _mapping(path, one)
        except DuecourseError as error:
            problems += error.problems
    if problems:
        raise DuecourseError(problems)
    return Definition(path, rule, mappings)


def _mapping(path: Path, one: FileRule) -> Mapping:
    beside = path.parent / one.mapping
    mapping = find_mapping(beside if beside.exists() else Path(one.mapping), one.set)
    if one.complete_through is not None and not mapping.feed:
        found = f"file '{one.name}' says through when it is complete, and its mapping has no [feed]"
        raise DuecourseError(Problem("B008", str(path), found, "Nothing was imported."))
    if one.trailer is not None and mapping.source.trailer_lines == 0:
        source = mapping.source.model_copy(update={"trailer_lines": 1})
        mapping = mapping.model_copy(update={"source": source})
    return mapping


def _problem(path: Path, text: str, error: Any) -> Problem:
    loc: tuple[int | str, ...] = error["loc"]
    known = {"extra_forbidden": "is not a key of a delivery file here", "missing": "is missing"}
    message = known.get(error["type"], error["msg"]).removeprefix("Value error, ")
    key = ".".join(map(str, loc)) or "the file"
    return Problem("B080", f"{path}:{line_of(text, loc)}", f"{key}: {message}")
