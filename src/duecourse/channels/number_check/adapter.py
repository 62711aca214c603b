"""A number-status service over HTTP, described in configuration: no two of them speak alike, and all are one POST.

It is asked for some numbers at once and answers a list with a word for each. `body` is the JSON to send, in which the
string "{numbers}" stands for the list; `items` is the path of the answer's list, `number` and `status` are the keys of
each item, and `statuses` says what its words mean. Nothing of an answer is believed that is not in that table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, ClassVar, Literal, Self

import httpx2 as httpx
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from duecourse.domain.problems import DuecourseError, Problem

NUMBERS = "{numbers}"


class NumberStatus(StrEnum):
    """How a number stands."""

    ACTIVE = "active"
    DEAD = "dead"
    OFF = "off"
    SUSPENDED = "suspended"
    UNKNOWN = "unknown"


class NumberCheckSettings(BaseModel):
    """The keys of providers.toml."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(pattern=r"^https?://")
    headers: dict[str, SecretStr] = {}
    body: dict[str, Any]
    form: Literal["e164", "digits", "national"] = "e164"
    items: str = "data"
    number: str = "number"
    status: str = "status"
    statuses: dict[str, NumberStatus]
    batch: int = Field(default=100, ge=1, le=10_000)
    answer_seconds: float = Field(default=20.0, gt=0)


class NumberCheck:
    """One configured service."""

    kind: ClassVar[str] = "number-check.http"

    def __init__(self, name: str, settings: NumberCheckSettings) -> None:
        self.name = name
        self.batch = settings.batch
        self._settings = settings

    @classmethod
    def configured(cls, name: str, config: Mapping[str, Any]) -> Self:
        """From its entry. Raises DuecourseError C002 with each bad setting, whose value is not told."""
        try:
            return cls(name, NumberCheckSettings(**config))
        except ValidationError as error:
            raise DuecourseError(
                [
                    Problem("C002", f"provider {name}, {'.'.join(map(str, each['loc']))}", f"{each['msg']}.")
                    for each in error.errors(include_input=False, include_context=False, include_url=False)
                ]
            ) from None

    def ask(self, numbers: Sequence[str]) -> list[NumberStatus]:
        """How each number (E.164 with plus) stands, in order; unknown where the answer says nothing of it.

        At most `batch` numbers. Raises DuecourseError C052 when the service does not answer as described.
        """
        written = [self._written(number) for number in numbers]
        headers = {key: value.get_secret_value() for key, value in self._settings.headers.items()}
        try:
            answer = httpx.post(
                self._settings.url,
                json=_filled(self._settings.body, written),
                headers=headers,
                timeout=self._settings.answer_seconds,
            )
            answer.raise_for_status()
            found: Any = answer.json()
            for key in filter(None, self._settings.items.split(".")):
                found = found[key]
            told = {
                str(item[self._settings.number]).lstrip("+"): str(item[self._settings.status])
                for item in found
            }
        except (httpx.HTTPError, ValueError, KeyError, TypeError, IndexError) as error:
            problem = Problem(
                "C052",
                f"provider {self.name}",
                f"did not answer as its settings describe ({type(error).__name__})",
                "What was asked before stays recorded.",
            )
            raise DuecourseError(problem, exit_code=3) from None
        return [
            self._settings.statuses.get(told.get(text.lstrip("+"), ""), NumberStatus.UNKNOWN)
            for text in written
        ]

    def _written(self, number: str) -> str:
        match self._settings.form:
            case "digits":
                return number.removeprefix("+")
            case "national":
                return number.removeprefix("+86")
            case _:
                return number


def _filled(body: Any, numbers: Sequence[str]) -> Any:
    """The body with the numbers in place of NUMBERS: a list where it stands alone, joined by commas within a text."""
    if body == NUMBERS:
        return list(numbers)
    if isinstance(body, str):
        return body.replace(NUMBERS, ",".join(numbers))
    if isinstance(body, dict):
        return {key: _filled(value, numbers) for key, value in body.items()}
    if isinstance(body, list):
        return [_filled(value, numbers) for value in body]
    return body
