"""`duecourse audit`: a lender's past contacts held to the rules, before any provider is connected."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import psycopg
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from duecourse.audit.figures import Count, Findings, RuleCount, breaches, findings
from duecourse.audit.files import as_json as figures_as_json
from duecourse.audit.files import write_breaches
from duecourse.audit.judging import judge_contacts
from duecourse.audit.reading import Defaults, read_contacts
from duecourse.audit.report import render
from duecourse.book.checking import region_code, zone_name
from duecourse.book.importing import ImportReport
from duecourse.book.importing import Progress as Position
from duecourse.book.mapping import Mapping, load_mapping
from duecourse.book.parsing import FieldFault
from duecourse.domain.messaging import Purpose
from duecourse.domain.problems import DuecourseError, Problem
from duecourse.privacy.keyring import Keyring
from duecourse.rules.compiling import RuleBook
from duecourse.rules.model import Actor
from duecourse.store.migrate import is_current, migrate

from .book import PROBLEMS_SHOWN
from .context import Context, context
from .screen import print_json, table
from .words import in_chinese, listed, say, word


@dataclass(frozen=True)
class Targets:
    """Where the results go; None: not asked for."""

    report: Path | None
    breaches: Path | None
    figures: Path | None
    rejects: Path

    def named(self) -> dict[str, str]:
        """The files, by what they are."""
        files = {"report": self.report, "breaches": self.breaches, "summary": self.figures}
        return {name: str(path) for name, path in files.items() if path is not None}


ContactsArgument = Annotated[
    Path,
    typer.Argument(
        metavar="CONTACTS", help="Calls and messages of the past: CSV or Parquet.", show_default=False
    ),
]
MappingOption = Annotated[
    Path,
    typer.Option("--mapping", "-m", help="The mapping file (TOML) with [[contact]].", show_default=False),
]
OutOption = Annotated[
    Path | None,
    typer.Option(
        help="Folder for report.html, breaches.csv and summary.json. Default: <CONTACTS>-audit, beside the file.",
        show_default=False,
    ),
]
ReportOption = Annotated[
    Path | None, typer.Option(help="Only this report (HTML), instead of a folder.", show_default=False)
]
BreachesOption = Annotated[
    Path | None,
    typer.Option(
        "--breaches", help="Only this list of breaches (CSV), instead of a folder.", show_default=False
    ),
]
RegionOption = Annotated[
    str | None,
    typer.Option(
        help="Region of everybody whose region the file does not say: CN, US-MA.", show_default=False
    ),
]
ZoneOption = Annotated[
    str | None,
    typer.Option(help="Zone of everybody whose zone is not known: Asia/Shanghai.", show_default=False),
]
ActorOption = Annotated[
    Actor | None, typer.Option(help="Who contacted, where the mapping does not say.", show_default=False)
]
PurposeOption = Annotated[
    Purpose | None, typer.Option(help="What for, where the mapping does not say.", show_default=False)
]
ProductOption = Annotated[
    str | None,
    typer.Option(help="Product of the debts, where the mapping does not say.", show_default=False),
]
WithBookOption = Annotated[
    bool,
    typer.Option(
        "--with-book", help="Use what the book knows: regions, zones, consents, stops, holds, wishes."
    ),
]
LanguageOption = Annotated[
    Literal["en", "zh"] | None,
    typer.Option(help="Language of the report. Default: that of the screen.", show_default=False),
]


def audit(
    file: ContactsArgument,
    mapping: MappingOption,
    out: OutOption = None,
    report: ReportOption = None,
    breaches_file: BreachesOption = None,
    region: RegionOption = None,
    zone: ZoneOption = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    product: ProductOption = None,
    with_book: WithBookOption = False,
    language: LanguageOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Hold past contacts to the rules: every breach with its clause, and what would have been withheld.

    Needs no book and no provider, and writes nothing but its files. Each contact is judged at its own instant, with
    what was before it in the file, by the SQL that judges what is planned and sent. Bad rows are named, written to
    rejects.csv and left out. Exit code 1 when a row was refused; breaches are a result, not an error.

    Example: duecourse audit contacts.csv --mapping contacts.toml --region CN
    """
    here = context()
    loaded = load_mapping(mapping)
    defaults = Defaults(
        _checked("--region", region_code, region),
        _checked("--zone", zone_name, zone),
        actor,
        purpose,
        product,
    )
    targets = _targets(file, out, report, breaches_file)
    book = RuleBook(here.packs)
    with _connection(here, with_book=with_book) as conn:
        read = _audit(
            here, conn, file, loaded, book, defaults, targets, with_book=with_book, where=str(mapping)
        )
        found = findings(conn, book, read, mapping=loaded.mapping, with_book=with_book)
        if targets.breaches:
            write_breaches(targets.breaches, breaches(conn, book.packs))
    if targets.report:
        chosen = language or here.settings.language
        targets.report.write_text(render(found, chosen), encoding="utf-8")
    figures = figures_as_json(found) | {
        "files": targets.named(),
        "rejects": str(read.rejects) if read.rejects else None,
        "problems": [{"code": p.code, "where": p.where, "text": str(p)} for p in read.problems],
    }
    if targets.figures:
        targets.figures.write_text(json.dumps(figures, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    if as_json:
        print_json(here.console, figures)
    else:
        _print(here.console, found, read, targets)
    if read.rejected:
        raise typer.Exit(1)


def _audit(
    here: Context,
    conn: psycopg.Connection,
    file: Path,
    mapping: Mapping,
    book: RuleBook,
    defaults: Defaults,
    targets: Targets,
    *,
    with_book: bool,
    where: str,
) -> ImportReport:
    """Read and judge, telling on standard error how far it is."""
    # A key ring of the moment will do where nothing is looked up in a book.
    keyring = here.keyring if with_book else Keyring.new()
    with _bar(file.name) as bar:
        task = bar.add_task("", total=1.0, note=say("reading"))

        def reading(position: Position) -> None:
            note = say(
                "reading: {rows:,} rows, {refused:,} refused", rows=position.rows, refused=position.rejected
            )
            bar.update(task, completed=0.3 * position.fraction, note=note)

        def judging(fraction: float) -> None:
            bar.update(task, completed=0.3 + 0.7 * fraction, note=say("judging"))

        read = read_contacts(
            conn,
            keyring,
            file,
            mapping,
            book,
            defaults,
            with_book=with_book,
            now=here.now() if with_book else _clock(conn),
            where=where,
            rejects=targets.rejects,
            progress=reading,
        )
        judge_contacts(conn, book, progress=judging)
    return read


def _clock(conn: psycopg.Connection) -> Any:
    row = conn.execute("SELECT clock_timestamp()").fetchone()
    return row[0] if row else None


@contextmanager
def _connection(here: Context, *, with_book: bool) -> Iterator[psycopg.Connection]:
    """A session with the schema's functions, if only until its end; what it makes are temporary tables.

    Raises DuecourseError R081 when a book is asked for and there is none.
    """
    with here.store.connect(autocommit=True, idle_in_transaction_seconds=0) as conn:
        current = is_current(conn)
        if with_book and not current:
            fault = "there is no book yet; leave it out, or run: duecourse init"
            raise DuecourseError(Problem("R081", "--with-book", fault, "Nothing was judged."))
        conn.execute("SET work_mem TO '64MB'")
        if current:
            yield conn  # no transaction: a long one would keep old rows of a book that is worked on
        else:
            with conn.transaction(force_rollback=True):
                migrate(conn)
                yield conn


def _checked(option: str, check: Any, given: str | None) -> str | None:
    """A region or zone of an option. Raises DuecourseError R082, exit code 2."""
    if given is None:
        return None
    try:
        return str(check(given.strip()))
    except FieldFault as fault:
        raise DuecourseError(
            Problem("R082", option, f"{fault.found}; {fault.expected}", "Nothing was judged."), exit_code=2
        ) from None


def _targets(file: Path, out: Path | None, report: Path | None, breaches_file: Path | None) -> Targets:
    """Where the results go, the folder made. Raises DuecourseError R083 when one cannot be written, exit code 2."""
    if out is None and (report or breaches_file):
        beside = (report or breaches_file or file).parent
        targets = Targets(report, breaches_file, None, beside / f"{file.name}.rejects.csv")
    else:
        parent = file.parent if os.access(file.parent, os.W_OK) else Path()
        folder = out or parent / f"{file.stem}-audit"
        targets = Targets(
            report or folder / "report.html",
            breaches_file or folder / "breaches.csv",
            folder / "summary.json",
            folder / "rejects.csv",
        )
    for path in (targets.report, targets.breaches, targets.figures, targets.rejects):
        if path is None:
            continue
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            fault = f"this folder cannot be made: {error.strerror}"
            raise DuecourseError(Problem("R083", str(path.parent), fault), exit_code=2) from None
        if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
            raise DuecourseError(Problem("R083", str(path), "this file cannot be written"), exit_code=2)
    return targets


def _bar(file: str) -> Progress:
    """How far an audit is, on standard error."""
    return Progress(
        TextColumn(file),
        BarColumn(),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )


def _print(console: Console, found: Findings, read: ImportReport, targets: Targets) -> None:
    """The figures for people."""
    for problem in read.problems[:PROBLEMS_SHOWN]:
        console.print(str(problem), style="red", highlight=False, markup=False, soft_wrap=True)
    total = found.all
    console.print(
        say(
            "{judged:,} contacts with {people:,} people judged; {refused:,} rows refused, {unknown:,} without a region",
            judged=total.contacts,
            people=found.people,
            refused=found.rejected,
            unknown=found.no_region,
        )
    )
    console.print(
        say(
            "{breaches:,} breaches ({share:.1%}): {law:,} of law, {draft:,} of drafts only, "
            "{policy:,} of conventions only; {withheld:,} would have been withheld",
            breaches=total.breaches,
            share=total.share,
            law=total.law,
            draft=total.draft,
            policy=total.policy,
            withheld=total.withheld,
        )
    )
    _print_rules(console, say("By rule"), found.rules)
    _print_counts(
        console,
        say("By channel"),
        say("channel"),
        [(word("channel", k), c) for k, c in found.channels.items()],
    )
    agents = [
        (listed([word("actor", actor), *([agent] if agent else [])]), count)
        for (actor, agent), count in list(found.agents.items())[:10]
    ]
    _print_counts(console, say("By agent, the ten with the most"), say("agent"), agents)
    _print_counts(console, say("By month"), say("month"), list(found.months.items()))
    if found.unproven:
        _print_rules(console, say("Not shown to be right or wrong: no record in the file"), found.unproven)
    for name, path in targets.named().items():
        console.print(say("{what}: {file}", what=word("audit file", name), file=path), soft_wrap=True)
    if read.rejects:
        console.print(say("Refused rows: {file}", file=read.rejects), soft_wrap=True)


def _print_rules(console: Console, title: str, rules: list[RuleCount] | Any) -> None:
    columns = [
        say("rule"),
        say("level"),
        say("source"),
        say("contacts"),
        say("people"),
        say("would be withheld"),
        say("what it says"),
    ]
    rows = [
        (
            one.rule,
            one.level,
            listed(part for part in (one.instrument, one.clause) if part),
            f"{one.contacts:,}",
            f"{one.people:,}",
            f"{one.withheld:,}",
            one.says_zh if in_chinese() else one.says_en,
        )
        for one in rules
    ]
    if rows:
        console.print(table(title, columns, rows, right=(3, 4, 5)))


def _print_counts(console: Console, title: str, head: str, counts: list[tuple[str, Count]]) -> None:
    columns = [head, say("contacts"), say("breaches"), say("share"), say("law"), say("would be withheld")]
    rows = [
        (label, f"{c.contacts:,}", f"{c.breaches:,}", f"{c.share:.1%}", f"{c.law:,}", f"{c.withheld:,}")
        for label, c in counts
    ]
    if rows:
        console.print(table(title, columns, rows, right=(1, 2, 3, 4, 5)))
