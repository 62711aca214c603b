"""Zones of a country, from the tz database: for countries without a pack of their own."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


def zones_of_country(code: str) -> tuple[str, ...]:
    """IANA names of every zone of an ISO 3166-1 country; empty for an unknown one.

    Source: zone.tab of the tz database, as the package tzdata carries it.
    """
    return _by_country().get(code, ())


@cache
def _by_country() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    table = files("tzdata").joinpath("zoneinfo", "zone.tab").read_text("utf-8")
    for line in table.splitlines():
        if line and not line.startswith("#"):
            country, _, zone = line.split("\t")[:3]
            found[country] = (*found.get(country, ()), zone)
    return found
