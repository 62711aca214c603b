"""Where somebody may be, as time zones: of a country, and of what is known of a person, taken together.

Names are those of the tz database's zone.tab, as the package tzdata carries it: places, none of them an alias.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo, available_timezones

_FIRST_NOON = datetime(2025, 1, 1, 12)  # noqa: DTZ001  by each zone's own clock
_DAYS = 3 * 366
"""Two zones that showed the same hour on each of these days are one here: what they did before nobody asks."""


def zones_of_country(code: str) -> tuple[str, ...]:
    """IANA names of every zone of an ISO 3166-1 country; empty for an unknown one."""
    return _by_country().get(code, ())


def zones_around(region: str) -> tuple[str, ...]:
    """The zones of a region's country, for who knows nothing narrower. region: ISO 3166, `US-MA`."""
    return zones_of_country(region.partition("-")[0])


def candidates(region: Sequence[str], numbers: Iterable[Collection[str]]) -> tuple[tuple[str, ...], bool]:
    """Where somebody may be whose zone nobody stated: one name for each clock, westernmost first.

    region: the zones of the region they live in. numbers: for each phone number of theirs the zones it may be in, by
    any name. What a number says narrows the region; of several numbers each may be the one they carry. A number
    that no zone of the region agrees with contradicts it: then both count, and the second answer is true.
    """
    here = _by_clock(region)
    found: dict[tuple[int, ...], str] = {}
    contradicted = False
    for number in numbers:
        there = _by_clock(number)
        both = here.keys() & there.keys()
        if not both:
            contradicted = contradicted or bool(there)
            found |= (there | here) if there else {}
        elif len(both) < len(here):
            found |= {clock: here[clock] for clock in both}
    names = (found or here).values()
    return tuple(sorted(names, key=lambda name: (sum(clock_of(name)), name))), contradicted


def place_names(zones: Iterable[str]) -> tuple[str, ...]:
    """The same clocks under names of zone.tab, each once: other sources know old names, such as Asia/Calcutta.

    One that no place of the table keeps is left out.
    """
    found: dict[tuple[int, ...], str] = {}
    for zone in sorted(zones):
        if zone in _places():
            found.setdefault(clock_of(zone), zone)
        elif zone in _aliases() and clock_of(zone) in _names():
            found.setdefault(clock_of(zone), _names()[clock_of(zone)])
    return tuple(sorted(found.values()))


@cache
def clock_of(zone: str) -> tuple[int, ...]:
    """What a zone's clock shows: its offset from UTC in minutes at every noon of three years."""
    info = ZoneInfo(zone)
    return tuple(int((info.utcoffset(noon) or timedelta()).total_seconds()) // 60 for noon in _noons())


@cache
def _noons() -> tuple[datetime, ...]:
    return tuple(_FIRST_NOON + timedelta(days=day) for day in range(_DAYS))


def _by_clock(zones: Iterable[str]) -> dict[tuple[int, ...], str]:
    """The first name of each clock."""
    found: dict[tuple[int, ...], str] = {}
    for zone in zones:
        found.setdefault(clock_of(zone), zone)
    return found


@cache
def _places() -> frozenset[str]:
    return frozenset(zone for zones in _by_country().values() for zone in zones)


@cache
def _aliases() -> frozenset[str]:
    """Names of places that the table has not."""
    return frozenset(zone for zone in available_timezones() if "/" in zone and not zone.startswith("Etc/"))


@cache
def _names() -> dict[tuple[int, ...], str]:
    return _by_clock(sorted(_places()))


@cache
def _by_country() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    table = files("tzdata").joinpath("zoneinfo", "zone.tab").read_text("utf-8")
    for line in table.splitlines():
        if line and not line.startswith("#"):
            country, _, zone = line.split("\t")[:3]
            found[country] = (*found.get(country, ()), zone)
    return found
