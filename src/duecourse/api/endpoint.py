"""What an endpoint is: an address, what it takes and gives, which scope it needs, and the function that does it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Any, Generic, Literal, TypeVar
from uuid import UUID

import psycopg
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from duecourse.book.paying_in import EXPECTED_DAY
from duecourse.privacy.keyring import Keyring
from duecourse.responses.recording import Room

from .keys import ApiKey, Scope

PREFIX = "/api/v1"

Text = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
"""One line: a key, a name, a reference."""
Amount = Annotated[str, StringConstraints(max_length=40, pattern=r"^-?[0-9]+(\.[0-9]+)?$")]
"""An exact amount in the currency's units, as text: a JSON number would be rounded on its way."""
Day = date
Instant = datetime


def _written(pattern: str, expected: str) -> BeforeValidator:
    """Nothing but text of this form: a number would be taken for seconds since 1970."""
    form = re.compile(pattern)

    def check(given: object) -> object:
        if not isinstance(given, str) or not form.match(given):
            raise ValueError(expected)
        return given

    return BeforeValidator(check)


GivenDay = Annotated[
    date,
    Field(ge=date(1900, 1, 1), le=date(2200, 12, 31)),
    _written(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z", EXPECTED_DAY),
]
"""A day as it is sent to us: one that a book can hold."""
GivenInstant = Annotated[
    AwareDatetime,
    Field(ge=datetime(1900, 1, 1, tzinfo=UTC)),
    _written(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T", "expected an instant as YYYY-MM-DDTHH:MM:SS and its offset"),
]
"""An instant as it is sent to us."""
T = TypeVar("T", bound=BaseModel)


class Model(BaseModel):
    """Of everything that is taken or given: no field that nobody knows, no value of another kind."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Nothing(Model):
    """No parameters."""


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request that was let in. Everything happens in the transaction that is open on `conn`."""

    conn: psycopg.Connection
    keyring: Keyring
    now: datetime
    key: ApiKey
    path: Mapping[str, str]
    """What stands in the address, by name; each is a Text."""
    query: Any
    """As the endpoint's `query` model."""
    body: T
    room: Room
    """What recording an answer works with."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of one address."""

    method: Literal["GET", "POST"]
    path: str
    """Below PREFIX; {name} is a part, {name:path} one that may hold slashes."""
    name: str
    """The operation's name in the OpenAPI document."""
    summary: str
    scope: Scope
    gives: type[BaseModel]
    does: Callable[[Call[Any]], BaseModel]
    takes: type[BaseModel] = Nothing
    query: type[BaseModel] = Nothing
    problems: tuple[int, ...] = ()
    """Statuses that are its own, beside those that any endpoint may answer."""

    @property
    def parameters(self) -> list[str]:
        """The names in its address, in order."""
        return [part.split("}")[0].split(":")[0] for part in self.path.split("{")[1:]]


def cursor_of(at: datetime | date, row_id: UUID) -> str:
    """Where a page ended, for the next one to begin after; it may stand in an address as it is."""
    written = at.astimezone(UTC).isoformat().removesuffix("+00:00") if isinstance(at, datetime) else at
    return f"{written}_{row_id.hex}"


def read_cursor(cursor: str) -> tuple[datetime, UUID]:
    """(instant, or midnight of the day; row). Raises ValueError."""
    at, _, row_id = cursor.rpartition("_")
    begins = datetime.fromisoformat(at)
    if begins.tzinfo is not None:
        raise ValueError("it has no offset")
    return begins.replace(tzinfo=UTC), UUID(row_id)
