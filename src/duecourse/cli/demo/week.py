"""`duecourse demo`: a made-up lender's week, through real sockets, in about a minute."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from duecourse.book.importing import import_book
from duecourse.book.mapping import load_mapping
from duecourse.channels.sandbox.room import provider_name
from duecourse.content.check import check
from duecourse.dispatch.reading import read_rows
from duecourse.dispatch.registry import import_entries
from duecourse.dispatch.replay import Day, days_between
from duecourse.domain.problems import DuecourseError, Problem
from duecourse.policy.versions import publish

from ..context import Context, set_context
from ..init import make_book
from ..portrait import print_borrower, print_message
from ..replay import run_days
from ..reports import print_week
from ..settings import Settings
from ..show import borrower_facts, message_facts
from ..words import say, word
from .answers import replies, show_answers, show_page
from .lender import MadeUpLender, write_payments

FIRST_DAY: Final = date(2026, 3, 9)
LAST_DAY: Final = date(2026, 3, 15)
ZONE: Final = "Asia/Shanghai"
MARK: Final = "made-by-duecourse-demo"
FILES: Final = ("customers", "contracts", "credit-lines", "statements", "payments")


def demo(
    home: Annotated[Path, typer.Option(help="Folder for the demo's database; made anew each time.")] = Path(
        ".duecourse/demo"
    ),
    borrowers: Annotated[
        int, typer.Option(min=50, max=200_000, help="How many borrowers to make up.")
    ] = 5000,
    seed: Annotated[int, typer.Option(help="The same seed makes the same lender.")] = 7,
) -> None:
    """Make up a lender, and live through a week of its due days over SMS, e-mail, WeChat, voice and letters.

    Nothing leaves this machine, and nothing is left running. The book stays in the folder to look at.

    Example: duecourse demo --borrowers 500
    """
    started = time.monotonic()
    home = fresh_home(home)
    here = Context(settings=demo_settings(home))
    set_context(here)
    console = here.console
    console.print(
        say(
            "A made-up lender with {borrowers:,} borrowers, the week of {day} (seed {seed}).",
            borrowers=borrowers,
            day=FIRST_DAY,
            seed=seed,
        )
    )
    make_book(here, ZONE, simulated=True)
    lender = MadeUpLender(borrowers, seed, FIRST_DAY)
    folder = home / "files"
    folder.mkdir()
    import_files(here, lender.write(folder))
    register_templates(here, publish_example(here), folder)
    tally = run_days(
        here,
        days_between(FIRST_DAY, LAST_DAY, ZONE),
        before_planning=PaymentFeed(here, lender, folder).bring,
        replies=replies(),
    )
    print_week(here, FIRST_DAY, LAST_DAY, tally)
    show_samples(here)
    console.rule(say("What borrowers answered"))
    show_answers(here)
    console.rule(say("What to try next"))
    for line in next_steps(here, home):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    ends = datetime.combine(LAST_DAY, datetime.max.time(), ZoneInfo(ZONE))
    with here.store.connect() as conn:
        owing = read_rows(conn, "owing_borrower", from_on=FIRST_DAY, to_on=LAST_DAY)
    for row in owing:
        show_page(here, shown(home), row["borrower_key"], lender.id_number_of(row["borrower_key"]), ends)
    console.print(say("Done in {seconds:.0f} s.", seconds=time.monotonic() - started))


def demo_settings(home: Path) -> Settings:
    """Links in the demo's messages begin with the address that `duecourse serve` takes when nothing else is said."""
    chosen = Settings(home=home, database_url=None)
    return chosen.model_copy(update={"public_url": chosen.public_url or f"http://{chosen.listen}"})


def fresh_home(home: Path) -> Path:
    """An empty folder for the demo. Raises DuecourseError D020 rather than empty a folder that is not its own."""
    home = home.absolute()
    if home.exists() and any(home.iterdir()):
        if not (home / MARK).exists():
            raise DuecourseError(
                Problem("D020", "--home", f"{home} holds files that no demo made; name another folder")
            )
        shutil.rmtree(home)
    home.mkdir(parents=True, exist_ok=True)
    (home / MARK).touch()
    return home


def import_files(here: Context, paths: Mapping[str, Path]) -> None:
    """Import the lender's files through the same door as anybody's."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
        console=here.console,
        transient=True,
        disable=not here.console.is_terminal,
    )
    evening = datetime.combine(FIRST_DAY, datetime.min.time(), ZoneInfo(ZONE))
    with bar, here.store.connect(autocommit=True, idle_in_transaction_seconds=0) as conn:
        for name in FILES:
            task = bar.add_task(say("Importing {file}", file=word("demo file", name)), total=1.0, note="")
            report = import_book(
                conn,
                here.keyring,
                paths[name],
                read_mapping(name),
                now=evening,
                complete_through=FIRST_DAY - timedelta(days=1) if name == "payments" else None,
                progress=lambda at, task=task: bar.update(  # type: ignore[misc]
                    task, completed=at.fraction, note=say("{rows:,} rows", rows=at.rows)
                ),
            )
            done = {"rows": report.rows, "file": word("demo file", name), "refused": report.rejected}
            here.console.print(
                say("Imported {rows:,} rows of {file}, {refused:,} refused", **done)
                if report.rejected
                else say("Imported {rows:,} rows of {file}", **done)
            )


def read_mapping(name: str) -> Any:
    """One of the demo's own mappings."""
    with as_file(files(__package__).joinpath("mappings", f"{name}.toml")) as path:
        return load_mapping(path)


def publish_example(here: Context) -> Mapping[str, int]:
    """Publish the example policy of a consumer lender; returns the versions of its templates."""
    checked = check(example_folder() / "consumer-lender" / "policy.yaml", here.settings.public_url)
    with here.store.connect() as conn, conn.transaction():
        done = publish(conn, checked.policy, checked.templates, checked.source, now=here.now(), user="demo")
    here.console.print(
        say(
            "Published policy {policy}, {steps} steps, in Chinese and English.",
            policy=done.policy,
            steps=len(checked.policy.steps),
        )
    )
    return done.template_versions


def register_templates(here: Context, versions: Mapping[str, int], folder: Path) -> None:
    """Enter what the WeChat account has approved, through the same door as a provider's own list."""
    path = folder / "wechat-templates.csv"
    rows = [
        f"{provider_name('wechat.service')},template,{name},{version},TM-{name},approved,demo"
        for name, version in sorted(versions.items())
    ]
    path.write_text("\n".join(["provider,kind,subject,version,code,state,evidence", *rows]) + "\n")
    with here.store.connect() as conn, path.open(encoding="utf-8", newline="") as lines:
        import_entries(conn, lines, name=path.name, providers=None, zone=ZONE, by="demo", now=here.now())


def example_folder() -> Path:
    """The examples: beside the source in a checkout, inside the package when installed from a wheel."""
    package = Path(str(files("duecourse")))
    for folder in (package / "examples", package.parents[1] / "examples"):
        if folder.is_dir():
            return folder
    raise DuecourseError(Problem("D021", "demo", "the examples are missing from this installation"))


class PaymentFeed:
    """Each morning brings the payments of the day before, as a core system's file would, and says that it has all."""

    def __init__(self, here: Context, lender: MadeUpLender, folder: Path) -> None:
        self._here = here
        self._lender = lender
        self._folder = folder

    async def bring(self, day: Day) -> None:
        """Import yesterday's payments before today is planned."""
        await asyncio.to_thread(self._bring, day)

    def _bring(self, day: Day) -> None:
        if day.on == FIRST_DAY:
            return
        yesterday = day.on - timedelta(days=1)
        path = write_payments(self._folder / f"payments-{day.on}.csv", self._lender.payments_on(yesterday))
        with self._here.store.connect(autocommit=True) as conn:
            import_book(
                conn,
                self._here.keyring,
                path,
                read_mapping("payments"),
                now=day.starts,
                complete_through=yesterday,
            )


def show_samples(here: Context) -> None:
    """A message of each channel in full, and one borrower's timeline."""
    with here.store.connect() as conn:
        samples = read_rows(conn, "sample_messages", from_on=FIRST_DAY, to_on=LAST_DAY)
        (busy,) = read_rows(conn, "busiest_borrower", from_on=FIRST_DAY, to_on=LAST_DAY)
    here.console.rule(say("A message of each channel in full"))
    for row in samples:
        print_message(here, message_facts(here, str(row["message_id"])))
        here.console.print()
    here.console.rule(say("One borrower's week"))
    print_borrower(here, borrower_facts(here, busy["borrower_key"], LAST_DAY))


def shown(home: Path) -> Path:
    """As one would type it here."""
    try:
        return home.relative_to(Path.cwd())
    except ValueError:
        return home


def next_steps(here: Context, home: Path) -> list[str]:
    """Commands that work on what the demo left."""
    with here.store.connect() as conn:
        busy = read_rows(conn, "busiest_borrower", from_on=FIRST_DAY, to_on=LAST_DAY)
        samples = read_rows(conn, "sample_messages", from_on=FIRST_DAY, to_on=LAST_DAY)
    example = example_folder() / "consumer-lender" / "policy.yaml"
    return [
        f"  export DUECOURSE_HOME={shown(home)}",
        "  duecourse book summary",
        *(f"  duecourse borrower show {row['borrower_key']}" for row in busy),
        *(f"  duecourse rules explain {str(row['message_id'])[:8]}" for row in samples[-1:]),
        "  duecourse rules show CN --purpose collection",
        f"  duecourse book cash --from {LAST_DAY + timedelta(days=1)} --to {LAST_DAY + timedelta(days=7)}",
        "  duecourse book buckets",
        f"  duecourse plan --as-of {LAST_DAY + timedelta(days=1)} --dry-run",
        f"  duecourse run --from {LAST_DAY + timedelta(days=1)} --to {LAST_DAY + timedelta(days=3)}",
        f"  duecourse policy check {example} --preview",
        "  duecourse status",
    ]
