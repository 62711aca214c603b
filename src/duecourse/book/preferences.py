"""Preferences: how a person wishes to be contacted. The open row of a kind holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final, Literal

import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from duecourse.domain.messaging import Channel
from duecourse.domain.problems import DuecourseError, Problem

from .checking import language_tag
from .parsing import FieldFault
from .wishes import SQL, Person, Said, say_of_person


class PreferenceKind(StrEnum):
    """What is wished; see docs/reference/wishes.md."""

    HOURS = "hours"
    CHANNEL = "channel"
    WORK_ADDRESS = "work-address"
    PLACE = "place"
    ATTORNEY = "attorney"
    LANGUAGE = "language"
    LARGE_TYPE = "large-type"
    PERSON = "person"


def _language(text: str) -> str:
    try:
        return language_tag(text)
    except FieldFault as fault:
        raise ValueError(str(fault)) from None


Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Clock = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]


class _Wish(BaseModel):
    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True, populate_by_name=True)


class HoursWish(_Wish):
    """Only from `from` (counted) to `to` (not counted) of these days, in the borrower's own time."""

    days: tuple[Day, ...] = ()
    start: Clock = Field(alias="from")
    end: Annotated[str, Field(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$")] = Field(alias="to")

    @model_validator(mode="after")
    def _opens_before_it_closes(self) -> HoursWish:
        if self.start >= self.end:
            raise ValueError("'from' must be before 'to', on the same day")
        return self


class ChannelWish(_Wish):
    """Only the allowed channels, or all but the refused ones."""

    allowed: tuple[Channel, ...] | None = None
    refused: tuple[Channel, ...] | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> ChannelWish:
        if (self.allowed is None) == (self.refused is None) or not (self.allowed or self.refused):
            raise ValueError("give either 'allowed' or 'refused', with at least one channel")
        return self


class NeverWish(_Wish):
    """Never there."""

    never: Literal[True] = True


class PlaceWish(_Wish):
    """Not at these kinds of address."""

    refused: tuple[Literal["home", "work", "mobile"], ...] = Field(min_length=1)


class AttorneyWish(_Wish):
    """Represented by an attorney."""

    represented: Literal[True] = True


class LanguageWish(_Wish):
    """BCP 47."""

    language: Annotated[str, AfterValidator(_language)]


class WantedWish(_Wish):
    """Wanted."""

    wanted: Literal[True] = True


SHAPES: Final[Mapping[PreferenceKind, type[BaseModel]]] = {
    PreferenceKind.HOURS: HoursWish,
    PreferenceKind.CHANNEL: ChannelWish,
    PreferenceKind.WORK_ADDRESS: NeverWish,
    PreferenceKind.PLACE: PlaceWish,
    PreferenceKind.ATTORNEY: AttorneyWish,
    PreferenceKind.LANGUAGE: LanguageWish,
    PreferenceKind.LARGE_TYPE: WantedWish,
    PreferenceKind.PERSON: WantedWish,
}
"""The shape of a wish goes with its kind."""


@dataclass(frozen=True, slots=True)
class Preference:
    """A wish, as it was known."""

    kind: str
    wish: dict[str, Any]
    evidence: str
    source: str
    recorded_by: str
    effective_at: datetime
    recorded_at: datetime
    ended_at: datetime | None
    ended_by: str | None
    in_force: bool


def checked_wish(kind: PreferenceKind, wish: Mapping[str, Any]) -> dict[str, Any]:
    """The wish in its one form. Raises DuecourseError B100 with every fault of its shape."""
    try:
        found = SHAPES[kind].model_validate(dict(wish))
    except ValidationError as error:
        raise DuecourseError(
            [
                Problem(
                    "B100", ".".join([kind, *map(str, one["loc"])]), one["msg"].removeprefix("Value error, ")
                )
                for one in error.errors(include_url=False, include_input=False)
            ]
        ) from None
    return found.model_dump(mode="json", by_alias=True, exclude_none=True)


def add_preference(
    conn: psycopg.Connection, person: Person, kind: PreferenceKind, wish: Mapping[str, Any], *, said: Said
) -> bool:
    """Put a wish in force in place of the one before; whether it is new. Raises DuecourseError B100."""
    checked = checked_wish(kind, wish)
    given = {
        "kind": kind.value,
        "wish": Jsonb(checked),
        **said.noted,
    }
    return any(preference_id for _, preference_id in say_of_person(conn, "add_preference", person, given))


def end_preference(
    conn: psycopg.Connection, person: Person, kind: PreferenceKind, *, by: str, at: datetime, now: datetime
) -> bool:
    """End the open wish of a kind; whether there was one."""
    given = {"kind": kind.value, "by": by, "at": at, "now": now}
    return any(preference_id for _, preference_id in say_of_person(conn, "end_preference", person, given))


def preferences_of(
    conn: psycopg.Connection, person: Person, *, at: datetime, known: datetime | None = None
) -> list[Preference]:
    """Every wish known at `known` (default: at), in order; each says whether it was in force at `at`."""
    with conn.cursor(row_factory=class_row(Preference)) as cursor:
        return cursor.execute(
            SQL["preferences_of"],
            {"lane": person.lane, "borrower_id": person.borrower_id, "at": at, "known": known or at},
        ).fetchall()
