"""Text of a cell to a number, a date or a truth value, strictly: what is ambiguous is refused, never guessed."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache


class FieldFault(Exception):  # noqa: N818 - a fault is the domain's word, and no error of ours
    """A value that cannot be taken. `found` never holds a personal value or an amount: see `shape`."""

    def __init__(self, code: str, found: str, expected: str, column: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.found = found
        self.expected = expected
        self.column = column

    def __str__(self) -> str:
        return f"{self.found}; {self.expected}"


def shape(text: str) -> str:
    """An amount's outline, so that the fault shows and the amount does not: '12,3x' becomes '99,9a'."""
    outline = re.sub(r"[^\W\d_]", "a", re.sub(r"\d", "9", text))
    return f"'{outline[:40]}'" if outline else "nothing"


def length(text: str) -> str:
    """All that may be said of a personal value."""
    return f"a value of {len(text)} characters"


def quoted(text: str) -> str:
    """A value that is neither personal nor an amount, as it stands."""
    return f"'{text[:40]}{'…' if len(text) > 40 else ''}'"


def number_parser(thousands: str, decimal: str, scientific: bool) -> Callable[[str], tuple[Decimal, bool]]:
    """A parser of one way to write numbers. It answers the number and whether it stood in scientific notation.

    thousands: the group separator, '' for none; groups of three, or India's 12,34,567.
    Raises FieldFault B013 (not such a number) or B014 (scientific notation, which was not allowed).
    """
    if thousands == decimal:
        raise ValueError("the thousands separator and the decimal mark are the same")
    point, comma = re.escape(decimal), re.escape(thousands)
    whole = rf"[0-9]{{1,3}}(?:{comma}[0-9]{{2,3}})*{comma}[0-9]{{3}}|[0-9]+" if thousands else "[0-9]+"
    pattern = re.compile(rf"([+-]?(?:{whole})(?:{point}[0-9]+)?)([eE][+-]?[0-9]{{1,3}})?")
    plain = re.compile(r"-?[0-9]+", re.ASCII)

    @lru_cache(maxsize=4096)
    def parse(text: str) -> tuple[Decimal, bool]:
        if plain.fullmatch(text):
            return Decimal(text), False
        match = pattern.fullmatch(text)
        if match is None:
            written = f"write numbers like 1{thousands}234{decimal}50"
            raise FieldFault("B013", f"{shape(text)} is not a number", written)
        if match[2] and not scientific:
            raise FieldFault(
                "B014",
                f"{shape(text)} is in scientific notation",
                "a spreadsheet may have cut digits off; export again, or allow it in the mapping",
            )
        mantissa = match[1].replace(thousands, "") if thousands else match[1]
        return Decimal(mantissa.replace(decimal, ".") + (match[2] or "")), match[2] is not None

    return parse


def native_number(cell: object) -> Decimal | None:
    """A number that a Parquet file holds as a number; None when the cell is no number."""
    if isinstance(cell, bool) or not isinstance(cell, int | float | Decimal):
        return None
    try:
        # repr of a float is the shortest text that gives it back: 0.1 stays 0.1.
        number = Decimal(repr(cell)) if isinstance(cell, float) else Decimal(cell)
    except InvalidOperation:
        return None
    if not number.is_finite():
        raise FieldFault("B013", "the cell is not a finite number", "expected a number")
    return number


_PARTS = {
    "YYYY": r"(?P<y>[0-9]{4})",
    "MM": r"(?P<m>[0-9]{2})",
    "DD": r"(?P<d>[0-9]{2})",
    "M": r"(?P<m>[0-9]{1,2})",
    "D": r"(?P<d>[0-9]{1,2})",
    "hh": "(?:[01][0-9]|2[0-3])",
    "mm": "[0-5][0-9]",
    "ss": "[0-5][0-9]",
    "ffffff": "[0-9]{1,9}",
}
_PARTS_ANY = re.compile("YYYY|MM|DD|M|D|hh|mm|ss|ffffff")


def date_parser(formats: Sequence[str]) -> Callable[[str], date]:
    """A parser that tries formats in order: YYYY, MM or M, DD or D and literal text; a time after the day is no date
    unless the format has it (hh, mm, ss, ffffff), and is then left away.

    Raises ValueError for a format that has not each of the three once, FieldFault B012 for text that is no day.
    """
    patterns = [_date_pattern(one) for one in formats]
    wanted = " or ".join(formats)

    @lru_cache(maxsize=8192)
    def parse(text: str) -> date:
        for pattern in patterns:
            if match := pattern.fullmatch(text):
                try:
                    return date(int(match["y"]), int(match["m"]), int(match["d"]))
                except ValueError:
                    break
        raise FieldFault("B012", f"{quoted(text)} is not a date", f"use {wanted}")

    return parse


def _date_pattern(written: str) -> re.Pattern[str]:
    found = _PARTS_ANY.findall(written)
    if sorted(part[0] for part in found if part[0] in "YMD") != ["D", "M", "Y"]:
        raise ValueError(
            f"'{written}' is not a date format: it needs YYYY, MM (or M) and DD (or D), each once"
        )
    pattern, position = "", 0
    for match in _PARTS_ANY.finditer(written):
        pattern += re.escape(written[position : match.start()])
        pattern += _PARTS[match[0]]
        position = match.end()
    return re.compile(pattern + re.escape(written[position:]))


def native_date(cell: object) -> date | None:
    """A day that a typed file holds as one, in JSON also as [year, month, day]; None when the cell is none.

    A time of day would be cut off: B012.
    """
    if isinstance(cell, list):
        return _listed_day(cell)
    if isinstance(cell, datetime):
        if cell.tzinfo is not None or cell.time().isoformat() != "00:00:00":
            raise FieldFault("B012", "the cell is a time, not a day", "give the lender's local day")
        return cell.date()
    return cell if isinstance(cell, date) else None


def _listed_day(cell: list[object]) -> date:
    try:
        year, month, day = cell
        return date(year, month, day)  # type: ignore[arg-type]
    except (ValueError, TypeError):
        raise FieldFault("B012", "the list is not a day", "expected [year, month, day]") from None


def month_of(text: str) -> tuple[int, int]:
    """Year and month of 'YYYY-MM', 'YYYYMM' or a whole ISO day. Raises FieldFault B012."""
    match = re.fullmatch(r"([0-9]{4})-?([0-9]{2})(?:-?[0-9]{2})?", text)
    if match is None or not 1 <= int(match[2]) <= 12:
        raise FieldFault("B012", f"{quoted(text)} is not a month", "use YYYY-MM")
    return int(match[1]), int(match[2])
