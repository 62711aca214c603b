"""A command reads its own module and no other command's: to read them all takes longer than most of them run."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

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
