"""The zones of borrowers for whom no zone is stated: what their region and their phone numbers say, taken together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import phonenumbers
import psycopg
from phonenumbers import PhoneNumber
from phonenumbers.timezone import time_zones_for_geographical_number, time_zones_for_number

from duecourse.domain.zones import candidates, place_names
from duecourse.store.sql import load

SQL = load("book/residence")

ZonesOf = Callable[[str], Sequence[str]]
"""The zones of a region, ISO 3166; none for a region nobody knows."""


def number_zones(address: str) -> tuple[str, ...]:
    """The zones a phone number may be in, by its prefix; none when it says nothing. address: E.164."""
    return (
        _alone(address[:2])
        or _alone(address[:3])
        or _alone(address[:4])
        or _named(time_zones_for_number(phonenumbers.parse(address)))
    )


@lru_cache(maxsize=4096)
def _alone(code: str) -> tuple[str, ...]:
    """The zone of a calling code that has one clock: most, which spares looking at the number. Else none."""
    if int(code) not in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
        return ()
    zones = _named(time_zones_for_geographical_number(PhoneNumber(country_code=int(code), national_number=0)))
    return zones if len(zones) == 1 else ()


@lru_cache(maxsize=4096)
def _named(zones: tuple[str, ...]) -> tuple[str, ...]:
    return place_names(zones)


def settle_zones(conn: psycopg.Connection, zones_of: ZonesOf) -> int:
    """Find out anew where those staged in this batch may be whose zone is not stated, here and in every presence.

    Runs after their contact points are written, in the caller's transaction. Answers of how many the number
    contradicts the region: they keep the zones of both.
    """
    found = []
    contradicting = 0
    for borrower_id, region, zone, before, numbers in conn.execute(SQL["unstated_zones"]).fetchall():
        zones, contradicted = _candidates(tuple(zones_of(region)), tuple(map(tuple, numbers or ())))
        contradicting += contradicted
        if zones and (zone, before) != (zones[0], list(zones)):
            found.append((borrower_id, zones))
    if found:
        given = {
            "borrowers": [borrower_id for borrower_id, _ in found],
            "zones": ["{" + ",".join(zones) + "}" for _, zones in found],
        }
        conn.execute(SQL["settle_zones"], given)
    return contradicting


_candidates = lru_cache(maxsize=4096)(candidates)
