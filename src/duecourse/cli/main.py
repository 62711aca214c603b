"""`duecourse`: the command line.

Exit codes: 0 done, 1 the input or state is at fault, 2 misuse, 3 a part outside failed, 130 interrupted.
"""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Annotated, Final

import psycopg
import typer
from rich.console import Console

from duecourse.domain.problems import DuecourseError, Problem
from duecourse.store.lifeline import DatabaseLostError

from .context import close_context
from .logs import write_logs
from .screen import print_problems
from .tree import CommandTree
from .words import say

PROGRAM: Final = "duecourse"
app = typer.Typer(
    name=PROGRAM,
    cls=CommandTree,
    help="Reminds borrowers before an installment is due, within the law, and can prove every contact.\n\n"
    "First steps: duecourse demo; then duecourse init, book import, policy publish, plan --dry-run, work.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _tell_version(asked: bool) -> None:
    if asked:
        print(PROGRAM, version(PROGRAM))
        raise typer.Exit


@app.callback()
def _whole(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_tell_version, is_eager=True, help="Say which version this is."),
    ] = False,
) -> None:
    """All commands."""


def main() -> None:
    """Run the command line; every fault a person can mend ends as one line and an exit code."""
    write_logs()
    code: str | int | None = 0
    try:
        app()
    except SystemExit as ended:
        code = ended.code
    except DuecourseError as error:
        print_problems(Console(stderr=True), error)
        code = error.exit_code
    except (psycopg.OperationalError, DatabaseLostError) as error:
        # Only the kind: the text of such an error may hold an address or a value.
        kind = str(error) if isinstance(error, DatabaseLostError) else type(error).__name__
        problem = Problem("D016", "database", f"it went away or refused to go on ({kind})")
        print_problems(Console(stderr=True), DuecourseError(problem))
        code = 3
    except KeyboardInterrupt:
        Console(stderr=True).print(say("interrupted; what was committed stays"))
        code = 130
    finally:
        close_context()
    sys.exit(code)


if __name__ == "__main__":
    main()
