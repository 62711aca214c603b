"""Instants in a lender's file: ISO 8601 with its offset, or a wall clock and the zone it is meant in."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple

from .checking import zone_name
from .fields import FieldMaker, RowReader
from .parsing import FieldFault, quoted
from .values import InstantRule


class Moment(NamedTuple):
    """An instant, in UTC, or a wall clock, in `zone` ('' the borrower's): exactly one of the two is given.

    day_alone: it named no hour, and stands for the first instant of its day.
    """

    instant: datetime | None
    local: datetime | None
    zone: str
    day_alone: bool = False


_TOKENS = {
    "YYYY": r"(?P<y>[0-9]{4})",
    "MM": r"(?P<m>[0-9]{1,2})",
    "DD": r"(?P<d>[0-9]{1,2})",
    "hh": r"(?P<h>[0-9]{1,2})",
    "mm": r"(?P<i>[0-9]{2})",
    "ss": r"(?P<s>[0-9]{2})",
}
_ANY = re.compile("|".join(_TOKENS))
_COMPACT = re.compile(r"[0-9]{14}|[0-9]{8}")


def moment_parser(formats: Sequence[str]) -> Callable[[str], datetime]:
    """A parser of the formats in order (YYYY MM DD hh mm ss), then of ISO 8601. A day alone begins at 00:00.

    What it answers has a zone only where the text says its offset. Raises ValueError for a format without year, month
    and day; FieldFault B107 for text that is no instant.
    """
    patterns = [_pattern(one) for one in formats]
    wanted = " or ".join(formats) or "ISO 8601, e.g. 2026-03-01T09:30:00+08:00"

    @lru_cache(maxsize=8192)
    def parse(text: str) -> datetime:
        try:
            for pattern in patterns:
                if match := pattern.fullmatch(text):
                    part = {name: int(value) for name, value in match.groupdict(default="0").items()}
                    clock = (part.get("h", 0), part.get("i", 0), part.get("s", 0))
                    return datetime(part["y"], part["m"], part["d"], *clock)  # noqa: DTZ001 - a wall clock
            if not _COMPACT.fullmatch(text):  # 20260301 may be anything: say its format
                return datetime.fromisoformat(text)
        except ValueError:
            pass
        raise FieldFault("B107", f"{quoted(text)} is not an instant", f"use {wanted}")

    return parse


def _pattern(written: str) -> re.Pattern[str]:
    found = _ANY.findall(written)
    if {"YYYY", "MM", "DD"} - set(found) or len(set(found)) != len(found):
        raise ValueError(
            f"'{written}' is not a format of an instant: it needs YYYY, MM and DD, each part once"
        )
    pattern, position = "", 0
    for match in _ANY.finditer(written):
        pattern += re.escape(written[position : match.start()]) + _TOKENS[match[0]]
        position = match.end()
    return re.compile(pattern + re.escape(written[position:]))


class MomentField:
    """An instant of a section, with its zone."""

    def __init__(self, make: FieldMaker, key: str, rule: InstantRule, *, end_of_day: bool = False) -> None:
        """end_of_day: a day alone lasts until it is over."""
        self._text = make.text(key, rule)
        self._zone = make.text(f"{key}.zone", rule.zone) if rule.zone is not None else None
        self._end_of_day = end_of_day
        self._parse = make.checked(key, lambda: moment_parser(tuple(rule.formats)))

    def get(self, reader: RowReader) -> Moment | None:
        """The instant of a row; None when empty or at fault (the fault is kept)."""
        found: Moment | None = reader.get(self._text, lambda text: self._moment(reader, text))
        return found

    def need(self, reader: RowReader) -> Moment | None:
        """As get, but an empty value is a fault."""
        found: Moment | None = reader.need(self._text, lambda text: self._moment(reader, text))
        return found

    def _moment(self, reader: RowReader, text: str) -> Moment | None:
        text = text.strip()
        if not text:
            return None
        found = self._parse(text)
        if found.tzinfo is not None:
            return Moment(found.astimezone(UTC), None, "")
        day_alone = found.time() == time() and len(re.sub(r"\D", "", text)) <= len("YYYYMMDD")
        if self._end_of_day and found.time() == time() and not re.search(r"\d[T ]?\d\d:\d\d", text):
            found += timedelta(days=1)
        zone = reader.get(self._zone, lambda name: zone_name(name.strip()) if name.strip() else "") or ""
        return Moment(None, found, zone, day_alone)


def ends_after(begin: Moment, end: Moment) -> bool:
    """Whether one instant lies after another; without a common clock by the widest difference of zones, 26 hours."""
    if begin.instant is not None and end.instant is not None:
        return end.instant > begin.instant
    if begin.local is not None and end.local is not None and begin.zone == end.zone:
        return end.local > begin.local
    first = begin.local or begin.instant.replace(tzinfo=None)  # type: ignore[union-attr]
    last = end.local or end.instant.replace(tzinfo=None)  # type: ignore[union-attr]
    return last - first > timedelta(hours=26)
