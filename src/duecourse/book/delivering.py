"""Taking a delivery: found as a whole, reconciled as a whole, then imported file by file. Repeating it changes nothing.

Nothing is written before every total agrees. After a crash the same delivery, taken again, completes the book.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from hashlib import blake2b, file_digest
from pathlib import Path
from typing import Literal

import psycopg
from psycopg.types.json import Jsonb

from duecourse.domain.problems import DuecourseError, Problem
from duecourse.domain.zones import zones_around
from duecourse.privacy.keyring import Keyring
from duecourse.store.sql import load

from .delivery import Definition, FileRule
from .importing import ImportReport, Progress, import_book
from .parsing import FieldFault
from .rejects import rejects_name
from .residence import ZonesOf
from .totals import (
    REFUSED,
    Totals,
    counted_totals,
    differences,
    flag_lines,
    flagged_totals,
    trailer_totals,
)

SQL = load("book")
_FURTHEST_EAST = timedelta(hours=14)
"""UTC+14: where a day begins first."""


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a delivery."""

    rule: FileRule
    path: Path


@dataclass(frozen=True, slots=True)
class Delivery:
    """The files of one day, in the order of import."""

    definition: Definition
    delivered_on: date
    flag: Path
    parts: tuple[Part, ...]
    missing: tuple[FileRule, ...] = ()
    """Required files that are not there."""
    faults: tuple[Problem, ...] = ()
    """What its flag file says wrong about the day."""

    @property
    def name(self) -> str:
        """As the delivery file calls it."""
        return self.definition.rule.delivery

    def files(self) -> list[Path]:
        """All of them, the flag file last."""
        return [*(part.path for part in self.parts), self.flag]

    def signature(self) -> str:
        """Changes when a file comes, goes, grows or is written anew."""
        return blake2b(repr([_stamp(path) for path in self.files()]).encode(), digest_size=16).hexdigest()


@dataclass(slots=True)
class DeliveryReport:
    """What became of a delivery. known: it was in the book before, and was left alone."""

    delivery: str
    delivered_on: date
    state: Literal["done", "refused", "checked", "known"] = "done"
    reports: list[ImportReport] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    """Why it was refused."""
    seconds: float = 0.0

    @property
    def rows(self) -> int:
        """Of all files."""
        return sum(report.rows for report in self.reports)

    @property
    def rejected(self) -> int:
        """Rows refused, of all files."""
        return sum(report.rejected for report in self.reports)


def find_deliveries(folder: Path, definition: Definition) -> list[Delivery]:
    """Every delivery of a folder whose flag file is there, the oldest first.

    Raises DuecourseError B082 when the day of one cannot be known, B085 when the folder cannot be read.
    """
    rule = definition.rule
    try:
        names = sorted(entry.name for entry in folder.iterdir() if entry.is_file())
    except OSError as error:
        raise DuecourseError(Problem("B085", str(folder), f"cannot be read: {error.strerror}")) from None
    found = []
    for name in names:
        day = rule.match(rule.flag.file, name)
        if day is False:
            continue
        found.append(_assemble(folder, definition, folder / name, day, names))
    return sorted(found, key=lambda one: (one.delivered_on, one.flag.name))


def find_delivery(folder: Path, definition: Definition, day: date | None = None) -> Delivery:
    """The one delivery of a folder, or that of a day. Raises DuecourseError B082 or B085."""
    found = [one for one in find_deliveries(folder, definition) if day is None or one.delivered_on == day]
    if len(found) == 1:
        return found[0]
    flag = definition.rule.flag.file
    if not found:
        text = f"no flag file {flag} is there" + (f" for {day}" if day else "")
        raise DuecourseError(Problem("B085", str(folder), text, "Nothing was imported."))
    days = ", ".join(str(one.delivered_on) for one in found)
    text = f"deliveries of several days are there ({days}); say which with --date"
    raise DuecourseError(Problem("B085", str(folder), text, "Nothing was imported."))


def _assemble(
    folder: Path, definition: Definition, flag: Path, day: date | None, names: Iterable[str]
) -> Delivery:
    rule = definition.rule
    faults: tuple[Problem, ...] = ()
    try:
        delivered_on = _day_inside(flag, definition, day)
    except DuecourseError as error:
        if day is None:
            raise
        delivered_on, faults = day, error.problems
    parts: list[Part] = []
    missing: list[FileRule] = []
    for one in rule.file:
        mine = [name for name in names if rule.match(one.file, name, delivered_on) is not False]
        parts += [Part(one, folder / name) for name in mine if name != flag.name]
        if not mine and one.required:
            missing.append(one)
    return Delivery(definition, delivered_on, flag, tuple(parts), tuple(missing), faults)


def _day_inside(flag: Path, definition: Definition, day: date | None) -> date:
    """The day that the flag file says, which must be that of its name."""
    rule = definition.rule
    if rule.flag.date is None:
        assert day is not None  # the delivery file was checked
        return day
    match = re.search(rule.flag.date, "\n".join(flag_lines(flag, rule.flag)), re.MULTILINE)
    try:
        inside = rule.day(match[1]) if match is not None else None
    except FieldFault:
        inside = None
    if inside is None:
        raise DuecourseError(Problem("B082", flag.name, "says no day where one is expected", REFUSED))
    if day is not None and inside != day:
        raise DuecourseError(Problem("B082", flag.name, f"is named {day}, and says {inside}", REFUSED))
    return inside


def deliver(
    conn: psycopg.Connection,
    keyring: Keyring,
    delivery: Delivery,
    *,
    now: datetime,
    check: bool = False,
    again: bool = False,
    out_of_order: bool = False,
    rejects: Path | None = None,
    progress: Callable[[Part, Progress], None] | None = None,
    zones_of: ZonesOf = zones_around,
) -> DeliveryReport:
    """Take a delivery whole, or refuse it whole; a refused or known one writes nothing to the book.

    conn: in autocommit, idle. now: when the lender's facts become known to the book. check: write nothing at all.
    again: also when it is in the book already. out_of_order: also when a later day's delivery was taken before.
    zones_of: as import_book takes it.
    rejects: folder for the rows that are refused; None keeps none. Raises DuecourseError when an import stops midway;
    the delivery then stays 'running', and taking it again goes on.
    """
    started = time.monotonic()
    report = DeliveryReport(delivery.name, delivery.delivered_on)
    signature = delivery.signature()
    digest = _digest(delivery)
    key = {"delivery": delivery.name, "digest": digest}
    if not again and not check and conn.execute(SQL["delivery_is_done"], key).fetchone():
        report.state = "known"
        return report
    report.problems = [
        *delivery.faults,
        *_days(conn, delivery, now, out_of_order),
        *_reconcile(delivery, keyring),
    ]
    if delivery.signature() != signature:
        text = "changed while it was being taken"
        report.problems.append(Problem("B087", delivery.flag.name, text, REFUSED))
    if report.problems:
        report.state = "refused"
    if not check:
        begun = {**key, "delivered_on": delivery.delivered_on, "flag": delivery.flag.name, "now": now}
        conn.execute(SQL["begin_delivery"], {**begun, "state": "refused" if report.problems else "running"})
    if not report.problems:
        _import(conn, keyring, delivery, report, now, check, rejects, progress, zones_of)
    report.seconds = time.monotonic() - started
    if not check:
        ended = {"finished_at": now + timedelta(seconds=report.seconds), "state": report.state}
        problems = Jsonb([str(problem) for problem in report.problems])
        conn.execute(
            SQL["end_delivery"], {**key, **ended, "files": Jsonb(_files(report)), "problems": problems}
        )
    return report


def _import(
    conn: psycopg.Connection,
    keyring: Keyring,
    delivery: Delivery,
    report: DeliveryReport,
    now: datetime,
    check: bool,
    rejects: Path | None,
    progress: Callable[[Part, Progress], None] | None,
    zones_of: ZonesOf,
) -> None:
    for place, part in enumerate(delivery.parts):
        mapping = delivery.definition.mappings[part.rule.name]
        last = all(later.rule is not part.rule for later in delivery.parts[place + 1 :])
        covers = part.rule.covers(delivery.delivered_on) if last else None
        if not last:
            # A feed is complete with the last of its files, not with the first.
            feeds = [feed.model_copy(update={"complete_through": None}) for feed in mapping.feed]
            mapping = mapping.model_copy(update={"feed": feeds})
        report.reports.append(
            import_book(
                conn,
                keyring,
                part.path,
                mapping,
                now=now,
                where=part.rule.mapping,
                dry_run=check,
                rejects=rejects / rejects_name(part.path, mapping.source) if rejects else None,
                complete_through=covers,
                progress=_told(progress, part),
                same_delivery=place > 0,
                zones_of=zones_of,
            )
        )
    report.state = "checked" if check else "done"


def _told(progress: Callable[[Part, Progress], None] | None, part: Part) -> Callable[[Progress], None] | None:
    return None if progress is None else lambda position: progress(part, position)


def _days(
    conn: psycopg.Connection, delivery: Delivery, now: datetime, out_of_order: bool
) -> Iterable[Problem]:
    """A delivery of a day to come, or of a day before one that was taken, which would put old facts over new ones."""
    day = delivery.delivered_on
    if day > (now + _FURTHEST_EAST).astimezone(UTC).date():
        yield Problem("B086", delivery.flag.name, f"is of {day}, a day that has not come yet", REFUSED)
    latest = conn.execute(SQL["latest_delivery"], {"delivery": delivery.name}).fetchone()
    if latest is not None and latest[0] is not None and day < latest[0] and not out_of_order:
        text = f"is of {day}, and that of {latest[0]} is in the book; older facts would replace newer ones"
        yield Problem("B086", delivery.flag.name, text, REFUSED)


def _reconcile(delivery: Delivery, keyring: Keyring) -> list[Problem]:
    """Every way in which the delivery is not what it should be."""
    problems = [
        Problem("B081", rule.file, f"the file '{rule.name}' is not there", REFUSED)
        for rule in delivery.missing
    ]
    try:
        flagged = flagged_totals(delivery.flag, delivery.definition.rule.flag)
    except DuecourseError as error:
        return [*problems, *error.problems]
    here = {part.path.name for part in delivery.parts}
    problems += [
        Problem("B081", delivery.flag.name, f"names '{name}', which is not a file of this delivery", REFUSED)
        for name in flagged
        if name not in here
    ]
    for part in delivery.parts:
        try:
            problems += _of_part(part, delivery.definition, flagged, keyring)
        except DuecourseError as error:
            problems += error.problems
    return problems


def _of_part(
    part: Part, definition: Definition, flagged: dict[str, Totals], keyring: Keyring
) -> Iterable[Problem]:
    mapping = definition.mappings[part.rule.name]
    expected = [flagged[part.path.name]] if part.path.name in flagged else []
    if part.rule.trailer is not None:
        expected.append(trailer_totals(part.path, mapping, part.rule.trailer))
    found = counted_totals(part.path, mapping, part.rule, keyring)
    return list(differences(part.path.name, part.rule, expected, found))


def _digest(delivery: Delivery) -> bytes:
    """Of all that decides what the delivery does to the book: its files, its mappings, its own rules."""
    rules = delivery.definition.rule.model_dump_json(exclude={"about", "watch"})
    whole = blake2b(rules.encode(), digest_size=32)
    for name, mapping in sorted(delivery.definition.mappings.items()):
        whole.update(f"\0{name}\0{mapping.model_dump_json()}".encode())
    for path in delivery.files():
        try:
            with path.open("rb") as file:
                whole.update(path.name.encode() + b"\0" + file_digest(file, blake2b).digest())
        except OSError as error:
            text = f"cannot be read: {error.strerror}"
            raise DuecourseError(Problem("B005", str(path), text, REFUSED)) from None
    return whole.digest()


def _stamp(path: Path) -> tuple[str, int, int]:
    """Name, size and time of change; of a file that is gone, its name alone."""
    try:
        found = path.stat()
    except OSError:
        return path.name, -1, 0
    return path.name, found.st_size, found.st_mtime_ns


def _files(report: DeliveryReport) -> list[dict[str, object]]:
    return [
        {"file": one.file, "rows": one.rows, "rejected": one.rejected, "totals": one.totals}
        for one in report.reports
    ]
