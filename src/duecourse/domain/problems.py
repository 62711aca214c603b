"""Problems a person can act on: where, what was found, what was expected, what happened, and a stable code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

OUTSIDE: Final = 3
"""The exit code of what a part outside failed at, and may not fail at the next time."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault in something a person gave us.

    `found` is quoted as given unless the field is personal; then the caller passes its shape ("11 characters").
    """

    code: str
    """Stable, documented in docs/reference/errors.md, e.g. B012."""
    where: str
    """File and line, or policy and step."""
    message: str
    """What was found and what was expected."""
    consequence: str = ""
    """What happened because of it, e.g. 'Row not imported.'"""

    def __str__(self) -> str:
        told = self.message
        if self.consequence:
            stop = "" if told.endswith((".", "!", "?", "。")) else "."
            told = f"{told}{stop} {self.consequence}"
        return f"{self.where}: {told} ({self.code})"


class DuecourseError(Exception):
    """A command cannot go on. Carries every problem found, never only the first.

    exit_code: 1 the input or state is at fault; 2 the command was misused; 3 a part outside failed.
    """

    def __init__(self, problems: Sequence[Problem] | Problem, *, exit_code: int = 1) -> None:
        self.problems: tuple[Problem, ...] = (problems,) if isinstance(problems, Problem) else tuple(problems)
        self.exit_code = exit_code
        super().__init__("\n".join(map(str, self.problems)))
