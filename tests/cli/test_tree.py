"""A command reads its own module and no other command's: to read them all takes longer than most of them run.

A database that goes away is no traceback.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import psycopg
import pytest

from duecourse.cli import main as main_module
from duecourse.store.lifeline import DatabaseLostError

ASK = """
import atexit, sys
atexit.register(lambda: print(*(name for name in sys.modules if name.startswith("duecourse.cli."))))
from duecourse.cli.main import main
sys.argv = ["duecourse", *sys.argv[1:]]
main()
"""


def run(*words: str) -> tuple[str, set[str]]:
    """What `duecourse` prints, and which modules of the command line it had read in the end."""
    done = subprocess.run([sys.executable, "-c", ASK, *words], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    printed, _, modules = done.stdout.rstrip().rpartition("\n")
    return printed, {name.removeprefix("duecourse.cli.") for name in modules.split()}


def test_the_version_is_said_without_reading_a_command() -> None:
    printed, read = run("--version")
    assert printed == f"duecourse {version('duecourse')}"
    assert read.isdisjoint({"book", "certificate", "status", "work"})


def test_a_group_is_read_with_the_commands_that_stand_elsewhere_and_nothing_else() -> None:
    printed, read = run("book", "--help")
    assert "move-due-day" in printed and "differences" in printed
    assert {"book", "cash", "due_days"} <= read
    assert read.isdisjoint({"certificate", "work", "demo.week"})


@pytest.mark.parametrize(
    ("lost", "kind"),
    [
        (DatabaseLostError("unreachable"), "unreachable"),
        (psycopg.errors.AdminShutdown("10.0.0.7"), "AdminShutdown"),
    ],
)
def test_a_database_that_goes_away_during_a_command_is_one_line_and_an_exit_code(
    lost: Exception, kind: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def command() -> None:
        raise lost

    monkeypatch.setattr(main_module, "app", command)
    monkeypatch.setattr(main_module, "write_logs", lambda: None)
    with pytest.raises(SystemExit) as ended:
        main_module.main()
    said = capsys.readouterr().err
    assert ended.value.code == 3
    assert "D016" in said and kind in said
    assert "10.0.0.7" not in said
