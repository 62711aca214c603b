"""`duecourse retention`: what must be kept, what has been kept long enough, and taking that away."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.progress import Progress

from duecourse.dispatch.keeping import ADDRESSES, TEXTS, Kept, erase
from duecourse.responses.forgetting import ANSWERS

from .context import Context, context
from .screen import print_json, table
from .words import listed, say, word

app = typer.Typer(help="Keeping and erasing by the rules of each place: show, apply.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Report as JSON.")]


@app.command()
def show(as_json: AsJson = False) -> None:
    """What texts, answers and retired addresses there are, what must be kept and what is past its time, by what rule.

    Example: duecourse retention show
    """
    _apply(dry_run=True, as_json=as_json)


@app.command("apply")
def apply_(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be erased, and erase nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Erase texts, words of answers and retired addresses past the longest keeping a rule (P13) of the place allows.

    Never what a rule asks to keep, nor what something open still wants: a message under way, a dispute, a lawyer.
    Digests and histories stay, so proofs stay whole. What is erased cannot be brought back: look first with --dry-run.

    Example: duecourse retention apply --dry-run
    """
    _apply(dry_run=dry_run, as_json=as_json)


def _apply(*, dry_run: bool, as_json: bool) -> None:
    here = context()
    with Progress(console=here.console, transient=True, disable=not here.console.is_terminal) as progress:
        task = progress.add_task(say("Looking through lanes"), total=256)
        found = erase(
            here.connect(),
            here.packs,
            by=here.user,
            as_of=here.book_day(),
            now=here.now(),
            dry_run=dry_run,
            subjects=(TEXTS, ANSWERS, ADDRESSES),
            on_progress=lambda lanes: progress.advance(task, lanes),
        )
    _report(here, found, dry_run=dry_run, as_json=as_json)


def _report(here: Context, found: list[Kept], *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        erased = sum(one.erased for one in found)
        facts = {"dry_run": dry_run, "erased": erased, "kinds": [_facts(one) for one in found]}
        print_json(here.console, facts)
        return
    rows = [
        (
            _named(one.subject),
            one.region,
            one.product,
            listed(filter(None, (word("channel", one.channel), word("purpose", one.purpose)))),
            _years(one.periods.least_years, one.periods.least_rule),
            _years(one.periods.most_years, one.periods.most_rule),
            one.count,
            one.must,
            one.wanted,
            one.erased,
        )
        for one in found
    ]
    columns = [
        say("what"), say("region"), say("product"), say("which"), say("keep at least"), say("keep at most"),
        say("there are"), say("must be kept"), say("still wanted"), say("to erase") if dry_run else say("erased"),
    ]  # fmt: skip
    here.console.print(table(say("Keeping"), columns, rows, right=[6, 7, 8, 9]))
    if not any(one.periods.most_years for one in found):
        here.console.print(
            say(
                "No rule names a longest keeping: nothing is erased. Add one to your rules (P13, most_years)."
            )
        )
    elif dry_run:
        here.console.print(say("A dry run: nothing was changed."))


def _named(subject: str) -> str:
    if subject == ANSWERS.name:
        return say("words of answers")
    return say("texts") if subject == TEXTS.name else say("retired addresses")


def _years(years: int | None, rule: str) -> str:
    return "" if years is None else say("{years} years ({rule})", years=years, rule=rule)


def _facts(one: Kept) -> dict[str, Any]:
    return {
        "subject": one.subject,
        "region": one.region,
        "product": one.product,
        "channel": one.channel,
        "purpose": one.purpose or None,
        "actor": one.actor if one.subject == "texts" else None,
        "keep_at_least_years": one.periods.least_years,
        "keep_at_most_years": one.periods.most_years,
        "storage_only": one.periods.storage_only,
        "rules": one.periods.rules,
        "count": one.count,
        "must_be_kept": one.must,
        "past_longest": one.over,
        "still_wanted": one.wanted,
        "erased": one.erased,
    }
