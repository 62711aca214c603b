"""Which time zones are taken. Local time becomes an instant in SQL: see local_instant in schema.sql."""

from __future__ import annotations

from functools import cache
from zoneinfo import available_timezones

import psycopg


def zone_is_known(name: str) -> bool:
    """Whether this is the IANA name of a place, or UTC.

    Anything else is refused, even where PostgreSQL or Python would take it: `UTC+8` and `Etc/GMT+8` lie west
    of Greenwich, `EST` has no daylight-saving time, and only PostgreSQL takes a name in another case.
    """
    return name in known_zones()


def unknown_zones(conn: psycopg.Connection, names: set[str]) -> set[str]:
    """Those of the names that are refused, or that are newer than this PostgreSQL's own zone data."""
    here = names & known_zones()
    if not here:
        return names
    rows = conn.execute("SELECT name FROM pg_timezone_names WHERE name = ANY(%s)", (sorted(here),))
    return names - {name for (name,) in rows}


@cache
def known_zones() -> frozenset[str]:
    """Every name that `zone_is_known` takes."""
    places = {
        name
        for name in available_timezones()
        if "/" in name and not name.startswith(("Etc/", "SystemV/", "posix/", "right/"))
    }
    return frozenset(places | {"UTC"})
