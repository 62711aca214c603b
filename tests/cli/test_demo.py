"""`duecourse demo` ends with commands to try: each of them works on what it left."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

BEGINNINGS = (
    "borrower show",
    "rules explain",
    "rules show",
    "book cash",
    "book buckets",
    "plan",
    "run",
    "status",
)


@pytest.mark.slow
def test_every_command_that_the_demo_proposes_works(short_home: Path) -> None:
    keep = {name: value for name, value in os.environ.items() if not name.startswith("DUECOURSE_")}
    environment = {
        **keep,
        "DUECOURSE_LANGUAGE": "zh",
        "PATH": f"{Path(sys.executable).parent}:{keep['PATH']}",
    }

    def type_in(line: str) -> str:
        done = subprocess.run(
            line,
            shell=True,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            cwd=short_home.parent,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        return done.stdout

    told = type_in(f"duecourse demo --home {short_home} --borrowers 50")
    proposed = [line.strip() for line in told.splitlines() if line.startswith("  duecourse ")]
    assert all(any(line.startswith(f"duecourse {one}") for line in proposed) for one in BEGINNINGS), told
    (export,) = (line.strip() for line in told.splitlines() if line.startswith("  export "))
    environment["DUECOURSE_HOME"] = str((short_home.parent / export.partition("=")[2]).resolve())
    for line in proposed:
        if line.startswith("duecourse run "):  # a replay of days is what the demo did itself
            continue
        assert type_in(line), line
