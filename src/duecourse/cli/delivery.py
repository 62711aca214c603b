"""`duecourse book deliver` and `book watch`: deliveries of several files, taken whole."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from duecourse.book.delivering import Delivery, DeliveryReport, Part, find_delivery
from duecourse.book.delivering import deliver as deliver_files
from duecourse.book.delivery import load_delivery
from duecourse.book.importing import Progress
from duecourse.book.watching import Watcher
from duecourse.domain.problems import DuecourseError, Problem

from .context import Context, context
from .dates import parse_date
from .screen import print_json, table
from .words import listed, say, word

PROBLEMS_SHOWN = 20

FolderArgument = Annotated[Path, typer.Argument(help="Where the lender's files are.", show_default=False)]
DeliveryOption = Annotated[
    Path, typer.Option("--delivery", "-d", help="The delivery file (TOML).", show_default=False)
]


def deliver(
    folder: FolderArgument,
    delivery: DeliveryOption,
    check: Annotated[
        bool, typer.Option("--check", help="Reconcile and check every row; write nothing.")
    ] = False,
    date: Annotated[
        str | None,
        typer.Option(help="Which day's, when several are there.", metavar="DATE", show_default=False),
    ] = None,
    out_of_order: Annotated[
        bool, typer.Option("--out-of-order", help="Also when a later day's is in the book already.")
    ] = False,
    again: Annotated[bool, typer.Option("--again", help="Also when this very one is in the book.")] = False,
    rejects: Annotated[
        Path | None,
        typer.Option(help="Folder for refused rows; else beside the files.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")] = False,
) -> None:
    """Take a delivery: several files with a flag file. Its control totals agree, or it is refused as a whole.

    Then the files are imported in order; bad rows are listed and written beside each file. A delivery that is in
    the book is left alone; one that broke off is completed by taking it again. Exit code 1 when it was refused, or
    a row was.

    Example: duecourse book deliver incoming --delivery delivery.toml
    """
    here = context()
    definition = load_delivery(delivery)
    found = find_delivery(folder, definition, parse_date(date, "--date") if date else None)
    report = _take(here, found, check=check, again=again, out_of_order=out_of_order, rejects=rejects)
    _show(here, report, as_json)


def check_delivery(folder: Path, delivery: Path, *, as_json: bool) -> None:
    """`book check` of a folder."""
    here = context()
    found = find_delivery(folder, load_delivery(delivery))
    _show(here, _take(here, found, check=True), as_json)


def watch(
    folder: FolderArgument,
    delivery: DeliveryOption,
    every: Annotated[str, typer.Option(help="How often to look: 10s, 5m, 1h.", metavar="TIME")] = "10s",
    once: Annotated[bool, typer.Option("--once", help="Take what is there, then end.")] = False,
) -> None:
    """Take deliveries as they come into a folder, until stopped by Ctrl-C or SIGTERM.

    One is taken when its flag file is there and its files stand still. Beside the flag file a marker ending in
    .done or .refused says what became of it; remove the marker, or send other files, to have it taken again.
    With --once the exit code is 1 when one was refused.

    Example: duecourse book watch incoming --delivery delivery.toml --every 1m
    """
    here = context()
    seconds = parse_period(every)
    watcher = Watcher(folder, load_delivery(delivery), seconds)
    here.required_setting("lender_zone")  # says D001 when there is no book yet
    stopping = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    _event(here, say("Watching {folder} every {every}", folder=folder, every=every))
    told, refused = "", False
    try:
        while not stopping.is_set():
            told, some = _round(here, watcher, told, stopping)
            refused = refused or some
            if once and not watcher.waiting:
                break
            stopping.wait(seconds)
    except _Stopped:
        _event(here, say("A delivery was broken off; the next start completes it"))
    _event(here, say("Stopped watching"))
    if once and (told or refused):
        raise typer.Exit(1)


class _Stopped(Exception):  # noqa: N818 - nothing went wrong
    """SIGTERM or Ctrl-C came during an import: what was committed stays."""


def _round(here: Context, watcher: Watcher, told: str, stopping: threading.Event) -> tuple[str, bool]:
    """One look. told: the trouble that was said last, so that it is said once.

    Answers the present trouble, and whether a delivery was refused.
    """
    refused = False

    def halt(_part: Part, _position: Progress) -> None:
        if stopping.is_set():
            raise _Stopped

    try:
        ready = watcher.look(time.time())
    except DuecourseError as error:
        if str(error) != told:
            _event(here, str(error))
        return str(error), refused
    for found in ready:
        if stopping.is_set():
            break
        try:
            report = _take(here, found, progress=halt)
        except DuecourseError as error:
            if str(error) != told:
                _event(here, str(error))
            return str(error), refused
        refused = refused or report.state == "refused"
        for problem in report.problems:
            _event(here, str(problem))
        marker = watcher.mark(found, report)
        _event(here, f"{_sentence(report)} -> {marker.name}")
    return "", refused


def _event(here: Context, text: str) -> None:
    here.console.print(
        f"{here.now():%Y-%m-%d %H:%M:%S} {text}", markup=False, highlight=False, soft_wrap=True
    )


def parse_period(text: str) -> float:
    """10s, 5m or 1h in seconds; a bare number is seconds. Raises DuecourseError D073, exit code 2."""
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([smh]?)", text)
    seconds = float(match[1]) * {"s": 1, "m": 60, "h": 3600}[match[2] or "s"] if match else 0.0
    if not 0.1 <= seconds <= 86_400:
        found = f"{text!r} is not a time between 0.1s and 24h; write 10s, 5m or 1h"
        raise DuecourseError(Problem("D073", "--every", found), exit_code=2)
    return seconds


def _take(
    here: Context,
    found: Delivery,
    *,
    check: bool = False,
    again: bool = False,
    out_of_order: bool = False,
    rejects: Path | None = None,
    progress: Callable[[Part, Progress], None] | None = None,
) -> DeliveryReport:
    here.required_setting("lender_zone")  # says D001 when there is no book yet
    if rejects is None and not check:
        rejects = found.flag.parent if os.access(found.flag.parent, os.W_OK) else Path()
    with here.store.connect(autocommit=True, idle_in_transaction_seconds=0) as conn:
        return deliver_files(
            conn,
            here.keyring,
            found,
            now=here.now(),
            check=check,
            again=again,
            out_of_order=out_of_order,
            rejects=rejects,
            progress=progress,
            zones_of=here.packs.zones,
        )


def _sentence(report: DeliveryReport) -> str:
    given = {"delivery": report.delivery, "day": report.delivered_on}
    if report.state == "refused":
        return say("{delivery} of {day}: refused, nothing was written", **given)
    if report.state == "known":
        return say("{delivery} of {day}: in the book already, nothing to do", **given)
    counted = {**given, "rows": report.rows, "refused": report.rejected, "seconds": report.seconds}
    if report.state == "checked":
        return say(
            "{delivery} of {day}: would go in, {rows:,} rows, {refused:,} refused, {seconds:.1f} s", **counted
        )
    return say(
        "{delivery} of {day}: in the book, {rows:,} rows, {refused:,} refused, {seconds:.1f} s", **counted
    )


def _show(here: Context, report: DeliveryReport, as_json: bool) -> None:
    if as_json:
        print_json(here.console, _as_json(report))
    else:
        problems = report.problems + [problem for one in report.reports for problem in one.problems]
        for problem in problems[:PROBLEMS_SHOWN]:
            here.console.print(str(problem), style="red", highlight=False, markup=False, soft_wrap=True)
        if len(problems) > PROBLEMS_SHOWN:
            here.console.print(say("and {count:,} more", count=len(problems) - PROBLEMS_SHOWN))
        rows = [
            (
                one.file,
                f"{one.rows:,}",
                f"{one.rejected:,}",
                listed(f"{code} {count:,}" for code, count in sorted(one.codes.items())),
            )
            for one in report.reports
        ]
        if rows:
            columns = [say("file"), say("rows"), say("rejected"), say("codes")]
            here.console.print(table(word("delivery", report.state), columns, rows, right=(1, 2)))
        here.console.print(_sentence(report))
    if report.problems or report.rejected:
        raise typer.Exit(1)


def _as_json(report: DeliveryReport) -> dict[str, object]:
    return {
        "delivery": report.delivery,
        "delivered_on": report.delivered_on,
        "state": report.state,
        "rows": report.rows,
        "rejected": report.rejected,
        "seconds": round(report.seconds, 3),
        "problems": [{"code": p.code, "where": p.where, "text": str(p)} for p in report.problems],
        "files": [
            {
                "file": one.file,
                "rows": one.rows,
                "rejected": one.rejected,
                "counts": dict(one.counts),
                "codes": dict(one.codes),
                "rejects": str(one.rejects) if one.rejects else None,
                "problems": [{"code": p.code, "where": p.where, "text": str(p)} for p in one.problems],
            }
            for one in report.reports
        ],
    }
