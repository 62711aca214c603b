"""A shell to type `duecourse` into: each command is a process of its own."""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

SECONDS = 240
"""No command of a test takes so long, whatever else the machine does."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of a command."""

    code: int
    stdout: str
    stderr: str

    @property
    def told(self) -> str:
        """Everything it printed."""
        return self.stdout + self.stderr


@dataclass(frozen=True, slots=True)
class Shell:
    """Types commands, with `duecourse` left out, in a folder and with settings of its own.

    settings: environment variables. No DUECOURSE_ variable of whoever runs the tests is seen.
    """

    folder: Path
    settings: Mapping[str, str | Path] = field(default_factory=dict)

    def run(self, *words: object, **settings: str) -> Ran:
        """Run to its end, whatever the exit code."""
        keep = {name: value for name, value in os.environ.items() if not name.startswith("DUECOURSE_")}
        given = {name: str(value) for name, value in self.settings.items()}
        return _warm().run([str(word) for word in words], self.folder, {**keep, **given, **settings})

    def type(self, *words: object, code: int = 0) -> str:
        """What it printed, errors after the rest. It has to end with that exit code."""
        ran = self.run(*words)
        assert ran.code == code, f"{words}: {ran.code}\n{ran.told}"
        return ran.told

    def json(self, *words: object, code: int = 0) -> Any:
        """What it says with --json."""
        ran = self.run(*words, "--json")
        assert ran.code == code, f"{words}: {ran.code}\n{ran.told}"
        return json.loads(ran.stdout)


class _Warm:
    """The program of tests/warm.py, one for each test process: a command need not read the packages again."""

    def __init__(self) -> None:
        self._notes = tempfile.TemporaryDirectory(prefix="dc-shell-")
        self._one_at_a_time = threading.Lock()
        program = Path(__file__).with_name("warm.py")
        self._process = subprocess.Popen(
            [sys.executable, str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        atexit.register(self._end)

    def run(self, words: list[str], folder: Path, environment: dict[str, str]) -> Ran:
        with self._one_at_a_time:
            stdout, stderr = (Path(self._notes.name) / name for name in ("stdout", "stderr"))
            asked = {
                "words": words, "cwd": str(folder), "env": environment, "stdout": str(stdout), "stderr": str(stderr),
                "seconds": SECONDS,
            }  # fmt: skip
            assert self._process.stdin and self._process.stdout
            self._process.stdin.write(json.dumps(asked) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
            assert answer, "tests/warm.py ended"
            return Ran(int(answer), stdout.read_text("utf-8"), stderr.read_text("utf-8"))

    def _end(self) -> None:
        self._process.terminate()
        self._process.wait()
        self._notes.cleanup()


@cache
def _warm() -> _Warm:
    return _Warm()
