"""The registry of what providers have approved: signature, sender, sub-port, template, and how far each approval is."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from typing import Any, Final
from zoneinfo import ZoneInfo

import psycopg
from psycopg.rows import dict_row

from duecourse.domain.messaging import Registered
from duecourse.domain.problems import DuecourseError, Problem
from duecourse.store.sql import load

from .lines import Line, as_array

SQL = load("dispatch/registration")

KINDS: Final = ("signature", "sender", "sub-port", "template", "category-suffix")
MOVES: Final[Mapping[str, frozenset[str]]] = {
    "draft": frozenset(),
    "submitted": frozenset({"draft", "refused", "expired"}),
    "approved": frozenset({"draft", "submitted", "refused", "expired"}),
    "refused": frozenset({"draft", "submitted", "approved"}),
    "expired": frozenset({"approved"}),
}
"""State to the states it may follow. An approval can come without our having submitted: a provider's list says so."""
COLUMNS: Final = (
    "provider", "kind", "subject", "version", "language", "code", "parameters", "state", "expires", "evidence",
)  # fmt: skip
"""Of a file to import; provider, kind, subject, state and evidence must be there."""
_NEEDED: Final = frozenset({"provider", "kind", "subject", "state", "evidence"})


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing registered with one provider. version: of our template, 0 for everything else. language: '' for all.
    parameters: a template's, in the provider's order, each 'ours' or 'theirs=ours'.
    """

    provider: str
    kind: str
    subject: str
    version: int = 0
    language: str = ""
    code: str = ""
    parameters: tuple[str, ...] = ()
    state: str = "draft"
    expires_at: datetime | None = None
    evidence: str = ""
    recorded_by: str = ""
    changed_at: datetime | None = None
    change: int = 0

    @property
    def key(self) -> dict[str, Any]:
        """What finds it."""
        return {
            "provider": self.provider,
            "kind": self.kind,
            "subject": self.subject,
            "version": self.version,
            "language": self.language,
        }

    def __str__(self) -> str:
        words = (self.kind, self.subject, self.version or "", self.language)
        return " ".join(str(word) for word in words if word != "") + f" at {self.provider}"


def fault_of(entry: Entry, providers: Iterable[str] | None = None) -> str:
    """What is wrong with an entry as it was given; '' for nothing. providers: those that exist, None when unknown."""
    if providers is not None and entry.provider not in set(providers):
        return f"no provider of providers.toml is called '{entry.provider}'"
    if entry.kind not in KINDS:
        return f"kind '{entry.kind}' is unknown; known: {', '.join(KINDS)}"
    if entry.state not in MOVES:
        return f"state '{entry.state}' is unknown; known: {', '.join(MOVES)}"
    if (entry.kind == "template") != (entry.version > 0):
        return "a template has a version of 1 or more, and nothing else has one"
    if not entry.subject or not entry.evidence:
        return "says nothing of what it is, or where it can be seen"
    if any(not part or part.count("=") > 1 or set(part) & set(',{}"\\ ') for part in entry.parameters):
        return "parameters are names, or theirs=ours, with commas between"
    return ""


def find_entry(conn: psycopg.Connection, entry: Entry) -> Entry | None:
    """The registration with the key of this one, as it stands; None when there is none."""
    with conn.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(SQL["find_registration"], entry.key).fetchone()
    return _entry(row) if row else None


def list_entries(
    conn: psycopg.Connection, *, now: datetime, provider: str | None = None, state: str | None = None
) -> list[Entry]:
    """Registrations in order; an approval whose time is up counts as expired."""
    given = {"provider": provider, "state": state, "now": now}
    with conn.cursor(row_factory=dict_row) as cursor:
        return [_entry(row) for row in cursor.execute(SQL["list_registrations"], given).fetchall()]


def changes_of(conn: psycopg.Connection, entry: Entry) -> list[dict[str, Any]]:
    """Every change of a registration, the newest first."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(SQL["registration_changes"], entry.key).fetchall()


def _entry(row: Mapping[str, Any]) -> Entry:
    return Entry(**{**row, "parameters": tuple(row["parameters"])})


def set_entries(conn: psycopg.Connection, entries: Sequence[Entry], *, by: str, now: datetime) -> int:
    """Write registrations as they stand now, with history; answers how many changed. In the caller's transaction."""
    with conn.transaction():
        return len(
            conn.execute(
                SQL["set_registrations"],
                {
                    "providers": [one.provider for one in entries],
                    "kinds": [one.kind for one in entries],
                    "subjects": [one.subject for one in entries],
                    "versions": [one.version for one in entries],
                    "languages": [one.language for one in entries],
                    "codes": [one.code for one in entries],
                    "parameters": [as_array(one.parameters) for one in entries],
                    "states": [one.state for one in entries],
                    "expiries": [one.expires_at for one in entries],
                    "evidences": [one.evidence for one in entries],
                    "by": by,
                    "now": now,
                },
            ).fetchall()
        )


def move_entry(
    conn: psycopg.Connection,
    wanted: Entry,
    *,
    by: str,
    now: datetime,
) -> Entry:
    """Bring a registration into another state; code, parameters and language left empty stay as they were. Commits.

    Raises DuecourseError D142: there is no such registration, or it cannot go there from where it stands.
    """
    with conn.transaction():
        known = find_entry(conn, wanted)
        if known is None:
            raise DuecourseError(
                Problem(
                    "D142", str(wanted), "nothing of this is registered; add it first", "Nothing was changed."
                )
            )
        if known.state not in MOVES[wanted.state]:
            found = f"is {known.state}, and from there it does not become {wanted.state}"
            raise DuecourseError(Problem("D142", str(wanted), found, "Nothing was changed."))
        after = replace(
            known,
            state=wanted.state,
            code=wanted.code or known.code,
            parameters=wanted.parameters or known.parameters,
            expires_at=wanted.expires_at if wanted.state == "approved" else known.expires_at,
            evidence=wanted.evidence,
        )
        set_entries(conn, [after], by=by, now=now)
        return after


@dataclass(slots=True)
class ImportReport:
    """What an import of registrations found."""

    rows: int = 0
    changed: int = 0
    problems: list[Problem] = field(default_factory=list)


def import_entries(
    conn: psycopg.Connection,
    lines: Iterable[str],
    *,
    name: str,
    providers: Iterable[str] | None,
    zone: str,
    by: str,
    now: datetime,
    dry_run: bool = False,
) -> ImportReport:
    """Take in a CSV of registrations as a provider's own list has them; the same file again changes nothing. Commits.

    zone: in which days of expiry end. Problems D143, one for each row that is not taken; the others are.
    """
    report = ImportReport()
    reader = csv.DictReader(lines)
    header = set(reader.fieldnames or ())
    if not header >= _NEEDED or header - set(COLUMNS):
        found = (
            f"expected a header of {', '.join(COLUMNS)}; of these {', '.join(sorted(_NEEDED))} must be there"
        )
        report.problems.append(Problem("D143", f"{name}:1", found, "Nothing was read."))
        return report
    known = list(providers) if providers is not None else None
    entries = []
    for at, row in enumerate(reader, start=2):
        report.rows += 1
        try:
            entry = _from_row(row, zone)
            fault = fault_of(entry, known)
        except ValueError as error:
            fault = str(error)
        if fault:
            report.problems.append(Problem("D143", f"{name}:{at}", fault, "Row not taken."))
        else:
            entries.append(entry)
    once = {
        tuple(entry.key.values()): entry for entry in entries
    }  # of a key that comes twice the last row stands
    with conn.transaction(force_rollback=dry_run):
        report.changed = set_entries(conn, list(once.values()), by=by, now=now) if once else 0
    return report


def _from_row(row: Mapping[str, str | None], zone: str) -> Entry:
    cells = {key: (value or "").strip() for key, value in row.items() if key in COLUMNS}
    version = cells.get("version", "")
    if version and not version.isdigit():
        raise ValueError(f"version '{version}' is not a whole number")
    expires = cells.get("expires", "")
    return Entry(
        provider=cells["provider"],
        kind=cells["kind"],
        subject=cells["subject"],
        version=int(version or 0),
        language=cells.get("language", ""),
        code=cells.get("code", ""),
        parameters=tuple(filter(None, cells.get("parameters", "").replace(",", " ").split())),
        state=cells["state"],
        expires_at=end_of(date.fromisoformat(expires), zone) if expires else None,
        evidence=cells["evidence"],
    )


def end_of(day: date, zone: str) -> datetime:
    """The instant from which an approval that names this day counts no more: the day's beginning."""
    return datetime.combine(day, time(), ZoneInfo(zone))


class Approvals:
    """What the providers of a claim have approved, read once for all its messages."""

    def __init__(self, conn: psycopg.Connection, lines: Iterable[Line], *, now: datetime) -> None:
        given = {"providers": sorted({line.provider for line in lines}), "now": now}
        self._known: dict[tuple[str, str], list[Entry]] = {}
        for provider, kind, subject, version, language, code, parameters in conn.execute(
            SQL["approvals"], given
        ):
            entry = Entry(provider, kind, subject, version, language, code, tuple(parameters), "approved")
            self._known.setdefault((entry.provider, entry.kind), []).append(entry)

    def of(
        self, line: Line, template: str, version: int, language: str, values: Mapping[str, str]
    ) -> Registered | str | None:
        """What goes along with a text, None where the provider has nothing registered; or what is missing, in words.

        language: the one it is written in. values: its variables by our names.
        """
        of_template = [
            one
            for one in self._known.get((line.provider, "template"), ())
            if (one.subject, one.version) == (template, version) and one.language in (language, "")
        ]
        chosen = max(of_template, key=lambda one: len(one.language), default=None)
        if chosen is None and "template" in line.routing.needs:
            return f"not approved: template {template} {version} {language} at {line.provider}"
        pairs = [part.rpartition("=")[::2] for part in (chosen.parameters if chosen else ())]
        absent = [ours for _, ours in pairs if ours not in values]
        if absent:
            return f"not approved: template {template} {version} has no {', '.join(absent)} to give {line.provider}"
        signature = self._one(line, "signature", language)
        sender = line.sender or self._one(line, "sender", language) or self._one(line, "sub-port", language)
        if chosen is None and not (signature or sender):
            return None
        return Registered(
            template=chosen.code if chosen else "",
            signature=signature,
            sender=sender,
            values=tuple((theirs or ours, values[ours]) for theirs, ours in pairs),
        )

    def _one(self, line: Line, kind: str, language: str) -> str:
        """The signature or sender for a language: its own before one for all; the provider's code if any."""
        found = [one for one in self._known.get((line.provider, kind), ()) if one.language in (language, "")]
        chosen = max(found, key=lambda one: len(one.language), default=None)
        return (chosen.code or chosen.subject) if chosen else ""
