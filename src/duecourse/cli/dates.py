"""Dates on the command line."""

from __future__ import annotations

from datetime import date

from duecourse.domain.problems import DuecourseError, Problem

AS_OF_HELP = "The lender's date, as YYYY-MM-DD."


def parse_date(text: str, option: str) -> date:
    """A date as YYYY-MM-DD. Raises DuecourseError D005, exit code 2."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise DuecourseError(
            Problem("D005", option, f"{text!r} is not a date; use YYYY-MM-DD"), exit_code=2
        ) from None
