"""`duecourse book map` and `book mappings`: a mapping proposed from a file, and those that come with the program."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from duecourse.book.mapping import Settings
from duecourse.book.proposing import Proposal, propose_mapping
from duecourse.book.shipped import shipped_mappings, shipped_text
from duecourse.domain.problems import DuecourseError, Problem

from .context import make_console
from .screen import print_json, table
from .words import reason, say, word

SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="A variable of the mapping's [vars] with another, fixed value, e.g. region=KE; may stand again.",
        metavar="NAME=VALUE",
        show_default=False,
    ),
]


def parse_settings(given: list[str] | None) -> Settings:
    """NAME=VALUE, each once. Raises DuecourseError D071, exit code 2."""
    settings: dict[str, str] = {}
    for one in given or []:
        name, equals, value = one.partition("=")
        if not equals or not name or name in settings:
            raise DuecourseError(
                Problem("D071", "--set", f"{one!r} is not NAME=VALUE, or NAME is given twice"), exit_code=2
            )
        settings[name] = value
    return settings


def mappings(
    name: Annotated[
        str | None, typer.Argument(help="Print this one, to be copied and changed.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")] = False,
) -> None:
    """List the mappings that come with the program, for `book import --mapping NAME`; or print one.

    Example: duecourse book mappings fineract > mine.toml
    """
    console = make_console()
    if name is not None:
        console.out(shipped_text(name), end="", highlight=False)
        return
    found = shipped_mappings()
    if as_json:
        print_json(console, [{"mapping": one, "about": about} for one, about in found.items()])
        return
    console.print(table(say("Mappings"), [say("mapping"), say("for")], list(found.items())))


def map_(
    file: Annotated[
        Path,
        typer.Argument(help="The lender's file, with column names in its first line.", show_default=False),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Write the mapping here; else it is printed.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
) -> None:
    """Propose a mapping from a file's column names, in Chinese or English, and its first rows.

    Says of every column what it was taken for and how sure that is; what is ambiguous stays open, as a comment.
    Nothing is imported; go through it, then `book check`.

    Example: duecourse book map loans.csv --out loans.toml
    """
    console = make_console()
    proposal = propose_mapping(file)
    if out is not None:
        if out.exists():
            raise DuecourseError(
                Problem("D072", str(out), "is there already; name another file, or remove it")
            )
        out.write_text(proposal.toml, encoding="utf-8")
    if as_json:
        print_json(console, _as_json(proposal))
        return
    if out is None:
        console.out(proposal.toml, end="", highlight=False)
        return
    rows = [
        (one.column, one.target or say("left out"), word("sureness", one.sure), reason(one.why))
        for one in proposal.guesses
    ]
    console.print(table(file.name, [say("column"), say("taken for"), say("how sure"), say("because")], rows))
    for text in proposal.open:
        console.print(say("Open: {what}", what=reason(text)), markup=False, highlight=False)
    console.print(say("Written: {file}. Go through it, then: duecourse book check {data} --mapping {file}",
                      file=out, data=file), markup=False, soft_wrap=True)  # fmt: skip


def _as_json(proposal: Proposal) -> dict[str, object]:
    return {
        "columns": [
            {"column": one.column, "target": one.target, "sure": one.sure, "why": one.why}
            for one in proposal.guesses
        ],
        "source": proposal.source,
        "open": proposal.open,
        "toml": proposal.toml,
    }
