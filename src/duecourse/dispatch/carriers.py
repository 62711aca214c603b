"""Which carrier serves a number, so that a provider may be chosen by it.

In the mainland by the prefixes that the ministry has allotted (carriers_cn.csv), elsewhere by the carrier data of the
phonenumbers library (Google's libphonenumber). A number that was ported has left the carrier of its prefix: the word of
the lender (`duecourse carrier import`) and number checks go before the prefix. Names are CN-mobile, CN-unicom,
CN-telecom, CN-broadnet, and elsewhere country and carrier, as PH-globe; '' is a carrier that nobody knows.

Sources: Ministry of Industry and Information Technology, numbering plan of the telecommunications networks
(电信网编号计划, 2017 edition and later allotments), virtual operators under the network that carries them; compared in
a test with libphonenumber's metadata. A prefix that is for things rather than people (140, 141, 144) is left out.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib.resources import files
from pkgutil import resolve_name
from typing import Any, Final

import phonenumbers
import psycopg

from duecourse.book.addresses import normal_address
from duecourse.book.identity import address_index
from duecourse.book.parsing import FieldFault
from duecourse.domain.messaging import Channel
from duecourse.domain.problems import Problem
from duecourse.privacy.keyring import Keyring
from duecourse.privacy.sealing import open_many
from duecourse.store.sql import load

SQL = load("dispatch/carriers")
LEARN_AT_ONCE = 5000
CARRIER_NAME: Final = re.compile(r"[A-Z]{2}-[a-z0-9][a-z0-9-]{0,40}")
MAINLAND = "+86"
_LONGEST, _SHORTEST = 4, 3


@cache
@cache
def _names() -> Any:
    """phonenumbers' names of carriers, half a second to read: only who asks for one pays for it."""
    return resolve_name("phonenumbers.carrier")


def mainland_prefixes() -> dict[str, str]:
    """Prefix, three or four digits without the country's code, to carrier; a longer one goes before a shorter."""
    text = files("duecourse").joinpath("dispatch", "carriers_cn.csv").read_text("utf-8")
    return {row["prefix"]: row["carrier"] for row in csv.DictReader(text.splitlines())}


CARRIERS: Final = frozenset(mainland_prefixes().values())
"""Those of the mainland."""


@cache
def _slug(country: str, name: str) -> str:
    words = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return f"{country}-{words}" if words else ""


def carrier_of(number: str) -> str:
    """The carrier that a number's prefix belongs to; '' where nobody says. number: E.164 with plus."""
    if number.startswith(MAINLAND):
        own = number.removeprefix(MAINLAND)
        prefixes = mainland_prefixes()
        for length in range(_LONGEST, _SHORTEST - 1, -1):
            if own[:length] in prefixes:
                return prefixes[own[:length]]
        return ""
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return ""
    country = phonenumbers.region_code_for_number(parsed) or ""
    return _slug(country, _names().name_for_number(parsed, "en")) if country else ""


def learn_carriers(conn: psycopg.Connection, keyring: Keyring, lanes: Sequence[int], *, now: datetime) -> int:
    """Look up the carriers of all numbers of these lanes that have none yet; answers how many. Commits by batches."""
    learnt = 0
    while True:
        with conn.transaction():
            rows = conn.execute(
                SQL["unlearnt_points"], {"lanes": list(lanes), "take": LEARN_AT_ONCE}
            ).fetchall()
            if not rows:
                return learnt
            numbers = open_many(
                keyring, [row[2] for row in rows], "contact_point", "address", [row[1] for row in rows]
            )
            conn.execute(
                SQL["learn_carriers"],
                {
                    "lanes": [row[0] for row in rows],
                    "points": [row[1] for row in rows],
                    "carriers": [
                        row[3] or carrier_of(number) for row, number in zip(rows, numbers, strict=True)
                    ],
                    "sources": ["ported" if row[3] else "prefix" for row in rows],
                    "now": now,
                },
            )
            learnt += len(rows)


@dataclass(slots=True)
class PortedReport:
    """What an import of ported numbers found."""

    rows: int = 0
    changed: int = 0
    problems: list[Problem] = field(default_factory=list)


def import_ported(
    conn: psycopg.Connection,
    keyring: Keyring,
    lines: Iterable[str],
    *,
    name: str,
    region: str,
    source: str,
    now: datetime,
    dry_run: bool = False,
) -> PortedReport:
    """Take in a CSV of number,carrier: numbers that left the carrier of their prefix; the same again changes nothing.

    region: of numbers without a country code. Problems D144, one for each row not taken; the others are. Commits.
    """
    report = PortedReport()
    reader = csv.DictReader(lines)
    if not {"number", "carrier"} <= set(reader.fieldnames or ()):
        report.problems.append(
            Problem("D144", f"{name}:1", "expected a header with number and carrier", "Nothing was read.")
        )
        return report
    told: dict[bytes, str] = {}
    for at, row in enumerate(reader, start=2):
        report.rows += 1
        carrier = (row["carrier"] or "").strip()
        if not CARRIER_NAME.fullmatch(carrier) or (carrier[:3] == "CN-" and carrier not in CARRIERS):
            report.problems.append(
                Problem(
                    "D144",
                    f"{name}:{at} carrier",
                    f"is none of {', '.join(sorted(CARRIERS))}, nor a country and a carrier as PH-globe",
                    "Row not taken.",
                )
            )
            continue
        try:
            number = normal_address(Channel.SMS, (row["number"] or "").strip(), region)
        except FieldFault as fault:
            found = f"{fault.found}; {fault.expected}"
            report.problems.append(Problem("D144", f"{name}:{at} number", found, "Row not taken."))
            continue
        told[address_index(keyring, Channel.SMS, number)] = carrier
    with conn.transaction(force_rollback=dry_run):
        given = {"indexes": list(told), "carriers": list(told.values()), "source": source, "now": now}
        report.changed = len(conn.execute(SQL["port_numbers"], given).fetchall())
    return report


def count_carriers(conn: psycopg.Connection) -> list[tuple[str, str, int]]:
    """(carrier, how it is known, active numbers), in that order."""
    return [tuple(row) for row in conn.execute(SQL["count_carriers"])]
