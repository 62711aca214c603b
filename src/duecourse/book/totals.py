"""Control totals: what the lender says a file holds, and what it holds. Rows are counted, columns added up exactly."""

from __future__ import annotations

import gzip
import re
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from duecourse.domain.problems import DuecourseError, Problem
from duecourse.privacy.keyring import Keyring

from .building import RowBuilder
from .cells import Notes
from .compiling import Scope
from .delivery import FileRule, FlagRule, TotalsRule
from .mapping import Mapping
from .parsing import FieldFault, number_parser
from .rows import Unreadable
from .source import open_source
from .values import NumberRule

REFUSED = "Nothing of the delivery was imported."


@dataclass(slots=True)
class Totals:
    """Of one file. sums: by name, in the lender's unit."""

    rows: int | None = None
    sums: dict[str, Decimal] = field(default_factory=dict)
    unreadable: dict[str, int] = field(default_factory=dict)
    """Rows whose amount could not be read, by sum."""


def flag_lines(path: Path, rule: FlagRule) -> list[str]:
    """The lines of a flag file. Raises DuecourseError B082."""
    try:
        return path.read_text(encoding=rule.encoding).removeprefix("\ufeff").splitlines()
    except (OSError, LookupError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else f"is not {rule.encoding} text"
        raise DuecourseError(Problem("B082", str(path), f"cannot be read: {reason}", REFUSED)) from None


def flagged_totals(path: Path, rule: FlagRule) -> dict[str, Totals]:
    """What a flag file says of each file it names. Raises DuecourseError B082 with every line that is none."""
    if rule.totals is None:
        return {}
    found: dict[str, Totals] = {}
    problems: list[Problem] = []
    for number, line in enumerate(flag_lines(path, rule), start=1):
        if number <= rule.totals.skip_lines or not line.strip():
            continue
        where = f"{path.name}:{number}"
        try:
            named, totals = read_totals(line, rule.totals)
        except FieldFault as fault:
            problems.append(Problem("B082", where, str(fault), REFUSED))
            continue
        if totals is None:
            continue
        name = re.split(r"[/\\]", named)[-1]
        if name in found:
            problems.append(Problem("B082", where, f"speaks of '{name}' a second time", REFUSED))
        found[name] = totals
    if problems:
        raise DuecourseError(problems)
    return found


def read_totals(line: str, rule: TotalsRule) -> tuple[str, Totals | None]:
    """The file a line speaks of and its totals; None for a line without any. Raises FieldFault B082."""
    if not line.startswith(rule.begins):
        return "", None
    if rule.delimiter is not None:
        cells = [cell.strip() for cell in line.split(rule.delimiter)]
        places = {**rule.sums}
        places |= {"file": rule.file} if rule.file else {}
        places |= {"rows": rule.rows} if rule.rows else {}
        if len(cells) < max(places.values()):
            raise FieldFault("B082", f"has {len(cells)} cells", f"expected at least {max(places.values())}")
        given = {name: cells[place - 1] for name, place in places.items()}
    else:
        match = re.search(rule.regex or "", line)
        if match is None:
            return "", None
        given = {name: (text or "").strip() for name, text in match.groupdict().items()}
    parse = number_parser(rule.thousands, ".", scientific=False)
    totals = Totals()
    for name, text in given.items():
        if name == "file" or not text:
            continue
        try:
            number, _ = parse(text)
        except FieldFault as fault:
            raise FieldFault("B082", f"{name}: {fault.found}", fault.expected) from None
        if name == "rows":
            totals.rows = int(number)
        else:
            totals.sums[name] = number
    return given.get("file", ""), totals


def trailer_totals(path: Path, mapping: Mapping, rule: TotalsRule) -> Totals:
    """What the last line of a file says of it. Raises DuecourseError B082."""
    with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
        last = next((line for line in reversed(deque(file, maxlen=1000)) if line.strip()), b"")
    where = f"{path.name}, last line"
    try:
        _, totals = read_totals(last.decode(mapping.source.encoding).strip("\r\n"), rule)
    except UnicodeError:
        totals = None
    except FieldFault as fault:
        raise DuecourseError(Problem("B082", where, str(fault), REFUSED)) from None
    if totals is None:
        raise DuecourseError(Problem("B082", where, "is no trailer with totals", REFUSED))
    return totals


def counted_totals(path: Path, mapping: Mapping, rule: FileRule, keyring: Keyring) -> Totals:
    """What a file holds, of every row that is there, those an import would refuse too. Records of JSON count once.

    Raises DuecourseError B003 to B007 when the mapping does not fit the file.
    """
    with open_source(path, mapping.source) as source:
        RowBuilder(mapping, rule.mapping, source, keyring)  # finds what does not fit
        scope = Scope(mapping, source.index(), Notes())
        wanted = [(name, scope.number(NumberRule(column=one.column))) for name, one in rule.sums.items()]
        if scope.faults:
            raise DuecourseError([Problem(code, str(path), text) for code, _, text in scope.faults])
        totals = Totals(0, dict.fromkeys(rule.sums, Decimal(0)), dict.fromkeys(rule.sums, 0))
        rows, sums = 0, [Decimal(0)] * len(wanted)
        for row in source.rows:
            if isinstance(row, Unreadable):
                rows += 1
                for name, _ in wanted:
                    totals.unreadable[name] += 1
                continue
            rows += row.part == 0
            for place, (name, read) in enumerate(wanted):
                try:
                    sums[place] += read(row) or 0
                except FieldFault:
                    totals.unreadable[name] += 1
    totals.rows = rows
    for place, (name, one) in enumerate(rule.sums.items()):
        totals.sums[name] = sums[place] * Decimal(one.times)
    return totals


def differences(name: str, rule: FileRule, expected: Sequence[Totals], found: Totals) -> Iterable[Problem]:
    """Where what is expected, by flag file and trailer, is not what was found; and what nobody said."""
    if not rule.controlled:
        return
    if all(one.rows is None for one in expected):
        yield Problem("B084", name, "nothing says how many rows it has", REFUSED)
    for one in expected:
        if one.rows is not None and one.rows != found.rows:
            yield Problem("B083", name, f"rows: found {found.rows:,}, expected {one.rows:,}", REFUSED)
    for sum_name, total in found.sums.items():
        said = [one.sums[sum_name] for one in expected if sum_name in one.sums]
        if not said:
            yield Problem("B084", name, f"nothing says what the sum '{sum_name}' is", REFUSED)
        for wanted in said:
            if total != wanted:
                unread = found.unreadable[sum_name]
                note = f"; the amount of {unread:,} rows could not be read" if unread else ""
                text = f"sum '{sum_name}': found {total:,f}, expected {wanted:,f}{note}"
                yield Problem("B083", name, text, REFUSED)
