"""Local time becomes an instant as zoneinfo with fold=0 says, at every gap and repeat of every zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from importlib.resources import files
from zoneinfo import ZoneInfo

import psycopg
import pytest

from duecourse.store.zones import known_zones, zone_is_known

YEARS = range(2020, 2036)

# Zones whose law changed after the data of the wheel's PostgreSQL 16.14 and 18.4 was made; tzdata has it.
NEWER_IN_TZDATA = {
    "Africa/Casablanca",
    "Africa/El_Aaiun",
    "America/Edmonton",
    "America/Havana",
    "America/Inuvik",
    "America/Rainy_River",
    "America/Winnipeg",
    "America/Yellowknife",
    "Canada/Central",
    "Canada/Mountain",
}


def packaged(name: str) -> ZoneInfo:
    """The zone as the tzdata package has it. ZoneInfo(name) would take the system's, which may be older."""
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


def transitions(zone: ZoneInfo) -> list[datetime]:
    """Instants, to the minute, at which the zone's offset changes."""
    found = []
    at = datetime(YEARS[0], 1, 1, tzinfo=UTC)
    end = datetime(YEARS[-1] + 1, 1, 1, tzinfo=UTC)
    step = timedelta(days=7)  # no zone changes twice within a week
    while at < end:
        if at.astimezone(zone).utcoffset() != (at + step).astimezone(zone).utcoffset():
            low, high = at, at + step
            while high - low > timedelta(minutes=1):
                middle = low + (high - low) / 2
                if middle.astimezone(zone).utcoffset() == at.astimezone(zone).utcoffset():
                    low = middle
                else:
                    high = middle
            found.append(low.replace(second=0, microsecond=0))
        at += step
    return found


def local_times(zone: ZoneInfo) -> set[datetime]:
    """Wall-clock times on both sides of each change and in it, and an ordinary noon per quarter."""
    times = {datetime.fromisoformat(f"{year}-{month}-01T12:00") for year in YEARS for month in ("01", "07")}
    for instant in transitions(zone):
        wall = instant.astimezone(zone).replace(tzinfo=None)  # a minute before
        times.update(wall + timedelta(minutes=15 * quarter) for quarter in range(-6, 11))
        times.update((wall - timedelta(hours=30), wall + timedelta(hours=30)))
    return times


def data_differs(database: psycopg.Connection, zone: ZoneInfo) -> bool:
    """Whether PostgreSQL's own data gives this zone another offset at some instant: not ours to mend."""
    instants = [
        instant + timedelta(minutes=minutes) for instant in transitions(zone) for minutes in (-60, 0, 2, 62)
    ]
    instants += [datetime(year, month, 1, tzinfo=UTC) for year in YEARS for month in range(1, 13)]
    rows = database.execute(
        "SELECT at, at AT TIME ZONE %s FROM unnest(%s::timestamptz[]) AS t (at)", (zone.key, instants)
    )
    return any(at.astimezone(zone).replace(tzinfo=None) != local for at, local in rows)


def test_every_zone_agrees_with_zoneinfo(database: psycopg.Connection) -> None:
    known = {name for (name,) in database.execute("SELECT name FROM pg_timezone_names")}
    assert set(known_zones()) - known == set(), "PostgreSQL does not know these zones"
    wrong: dict[str, str] = {}
    newer: set[str] = set()
    for name in sorted(known_zones()):
        zone = packaged(name)
        if data_differs(database, zone):
            newer.add(name)
            continue
        rows = database.execute(
            "SELECT l, local_instant(l::date, l::time, %s) FROM unnest(%s::timestamp[]) AS t (l)",
            (name, sorted(local_times(zone))),
        )
        for local, instant in rows:
            if instant != local.replace(tzinfo=zone).astimezone(UTC):
                wrong.setdefault(name, f"{local}: {instant}")
    assert wrong == {}
    assert newer <= NEWER_IN_TZDATA, f"PostgreSQL's data differs for {sorted(newer - NEWER_IN_TZDATA)}"


@pytest.mark.parametrize(
    ("local", "zone", "expected"),
    [
        ("2026-03-29 02:30", "Europe/Paris", "2026-03-29 01:30+00:00"),  # gap: by the offset before
        ("2026-10-25 02:30", "Europe/Paris", "2026-10-25 00:30+00:00"),  # repeated: the earlier
        ("2026-10-25 03:00", "Europe/Paris", "2026-10-25 02:00+00:00"),
        ("2026-04-05 01:45", "Australia/Lord_Howe", "2026-04-04 14:45+00:00"),  # half an hour repeated
        ("2026-10-04 02:15", "Australia/Lord_Howe", "2026-10-03 15:45+00:00"),
        ("2026-11-24 08:00", "Asia/Shanghai", "2026-11-24 00:00+00:00"),
        ("2026-11-24 08:00", "Asia/Kathmandu", "2026-11-24 02:15+00:00"),
        ("2011-12-30 12:00", "Pacific/Apia", "2011-12-30 22:00+00:00"),  # a whole day that was not
        ("2011-12-31 00:00", "Pacific/Apia", "2011-12-30 10:00+00:00"),
    ],
)
def test_instant(database: psycopg.Connection, local: str, zone: str, expected: str) -> None:
    day, at = local.split()
    row = database.execute("SELECT local_instant(%s::date, %s::time, %s)", (day, at, zone)).fetchone()
    assert row is not None
    assert row[0] == datetime.fromisoformat(expected)


def test_end_of_day_is_the_next_midnight(database: psycopg.Connection) -> None:
    row = database.execute("SELECT local_instant('2026-03-29', '24:00', 'Europe/Paris')").fetchone()
    assert row == (datetime(2026, 3, 29, 22, tzinfo=UTC),)


def test_session_zone_does_not_matter(database: psycopg.Connection) -> None:
    database.execute("SET timezone = 'America/New_York'")
    row = database.execute(
        "SELECT local_instant(%s, %s, 'Asia/Manila')", (date(2026, 3, 10), time(8))
    ).fetchone()
    assert row == (datetime(2026, 3, 10, 0, 0, tzinfo=UTC),)


def test_function_is_inlined_so_that_planning_stays_fast(database: psycopg.Connection) -> None:
    plan = "\n".join(
        row[0]
        for row in database.execute(
            "EXPLAIN (VERBOSE, COSTS OFF) "
            "SELECT local_instant(started_on, '08:00', borrower.zone) FROM loan JOIN borrower USING (lane)"
        )
    )
    assert "local_instant" not in plan
    assert "instant_by_offset" not in plan


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("Asia/Shanghai", True),
        ("America/Argentina/Buenos_Aires", True),
        ("UTC", True),
        ("UTC+8", False),  # PostgreSQL reads it as UTC-8
        ("Etc/GMT+8", False),  # likewise
        ("GMT+0", False),
        ("EST", False),
        ("PRC", False),
        ("asia/shanghai", False),
        ("Mars/Olympus", False),
        ("../etc/passwd", False),
        ("", False),
    ],
)
def test_only_iana_names_of_places_are_zones(name: str, known: bool) -> None:
    assert zone_is_known(name) is known
