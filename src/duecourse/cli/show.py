"""`duecourse borrower show` and `duecourse message show`."""

from __future__ import annotations

import typer

from duecourse.store.sql import load

SQL = load("dispatch")

borrower_app = typer.Typer(help="Look at one borrower.", no_args_is_help=True)
message_app = typer.Typer(help="Look at one message.", no_args_is_help=True)
