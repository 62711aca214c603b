"""`duecourse book allocation`: in which order payments meet what is due."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from duecourse.book.allocation_orders import KnownOrder, known_orders, read_orders, set_orders

from .context import context
from .screen import print_json, table
from .words import say, word

app = typer.Typer(help="In which order payments meet what is due.", no_args_is_help=True)

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]


@app.command("set")
def set_(
    file: Annotated[Path, typer.Argument(help="The orders (TOML).", show_default=False)],
    as_json: JsonOption = False,
) -> None:
    """Set the order of each creditor and product of a file, and allocate the payments of their loans anew.

    An order holds for payments from its effective_on; earlier payments keep the order they had. The same file twice
    changes nothing.

    Example: duecourse book allocation set allocation.toml
    """
    here = context()
    orders = read_orders(file)
    loans = set_orders(here.connect(autocommit=True), orders, by=here.user, now=here.now())
    if as_json:
        print_json(here.console, {"orders": len(orders), "loans": loans})
        return
    here.console.print(
        say("{orders} orders set, {loans:,} loans allocated anew.", orders=len(orders), loans=loans)
    )


@app.command()
def show(as_json: JsonOption = False) -> None:
    """Show every order, with the day from which it holds and its bands of days past due.

    Example: duecourse book allocation show
    """
    here = context()
    orders = known_orders(here.connect(autocommit=True))
    if as_json:
        print_json(here.console, [_as_json(order) for order in orders])
        return
    columns = [
        say("creditor"), say("for product"), say("holds from"), say("days past due"), say("order"), say("across"),
        say("left over"),
    ]  # fmt: skip
    rows = [
        (
            order.creditor,
            order.product,
            order.effective_on,
            order.from_days,
            ", ".join(word("part", part) for part in order.parts),
            word("across", order.across),
            word("excess", order.excess),
        )
        for order in orders
    ]
    here.console.print(table(say("Orders of allocation"), columns, rows, right=(3,)))
    if not orders:
        here.console.print(say("None is set: every payment meets whole installments, the oldest first."))


def _as_json(order: KnownOrder) -> dict[str, object]:
    return {
        "creditor": order.creditor,
        "product": order.product,
        "effective_on": order.effective_on,
        "from_days": order.from_days,
        "across": order.across,
        "order": order.parts,
        "excess": order.excess,
        "set_by": order.recorded_by,
    }
