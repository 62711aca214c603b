"""Days of a mapping, compiled against one file."""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache

from duecourse.domain.schedule import add_months

from .cells import Read, as_text
from .numbers import Numbers
from .parsing import FieldFault, date_parser, month_of, native_date, quoted
from .rows import Row
from .values import DateRule, IntegerRule


class Days(Numbers):
    """Numbers that may also be read as days."""

    def day(self, rule: DateRule) -> Read:
        """A date, or None when empty."""
        if rule.choose is not None:
            return self._choose(rule.choose, self.day)
        read = self._built_day(rule) if rule.month is not None else self._written_day(rule)
        if (
            rule.plus_days is None
            and not rule.month_end
            and (rule.plus_months is None or rule.month is not None)
        ):
            return read
        months = (
            self.integer(rule.plus_months) if rule.plus_months is not None and rule.month is None else None
        )
        days = self.integer(rule.plus_days) if rule.plus_days is not None else None
        month_end = rule.month_end

        def moved(row: Row) -> date | None:
            day: date | None = read(row)
            if day is None:
                return None
            day = _months_on(day, months(row) if months is not None else 0, month_end=month_end)
            return day + timedelta(_given(days(row))) if days is not None else day

        return moved

    def _written_day(self, rule: DateRule) -> Read:
        raw = self._looked_up(rule, self.raw(rule))
        try:
            parse = date_parser(tuple(rule.formats or self.mapping.dates.formats))
        except ValueError as error:
            return self.fault("B004", str(error))

        def read(row: Row) -> date | None:
            found = raw(row)
            if found == "":
                return None
            return native_date(found) or parse(as_text(found))

        return read

    def _built_day(self, rule: DateRule) -> Read:
        month = self.template(rule.month or "")
        months = self.integer(rule.plus_months) if rule.plus_months is not None else (lambda row: 0)

        @lru_cache(maxsize=1024)
        def first_and_last(written: str, plus: int | None) -> tuple[date, date]:
            first = _months_on(date(*month_of(written), 1), plus)
            return first, add_months(first, 0, month_end=True)

        at_end = not isinstance(rule.day, IntegerRule)
        day = self.integer(rule.day) if isinstance(rule.day, IntegerRule) else (lambda row: 1)

        def built(row: Row) -> date | None:
            written = as_text(month(row))
            if not written:
                return None
            first, last = first_and_last(written, months(row))
            number = day(row)
            if number is None or not 1 <= number <= 31:
                raise FieldFault("B012", f"{quoted(str(number))} is not a day of a month", "expected 1 to 31")
            return last if at_end else first.replace(day=min(number, last.day))

        return built


def _given(shift: int | None) -> int:
    """By how much a day moves. B016 when the row does not say: a guess would be a wrong day."""
    if shift is None:
        raise FieldFault("B016", "by how much the day moves is not given", "a number, or default = 0")
    return shift


def _months_on(day: date, months: int | None, *, month_end: bool = False) -> date:
    """As add_months. B016 for nothing given, B012 for a day that no calendar has."""
    try:
        return add_months(day, _given(months), month_end=month_end)
    except ValueError:
        raise FieldFault("B012", "the day lies outside the calendar", "expected year 1 to 9999") from None
