"""A prompt to type `duecourse` at in the test's own process; tests/shell.py gives each command a process of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer import Typer
from typer.testing import CliRunner, Result

from duecourse.cli.context import close_context, context
from duecourse.cli.main import app as duecourse
from duecourse.domain.problems import DuecourseError
from duecourse.store.migrate import put_setting
from lender import Lender


class Run:
    """Types words as a person gives them, with `duecourse` left out: each time a program that has just begun.

    typed: what is typed when it asks. user: who types; '': whom the settings name. Raises the DuecourseError with which
    a command refuses; otherwise it has to end with the exit code `code`.
    """

    def __init__(self, app: Typer) -> None:
        self._app = app

    def __call__(self, *words: object, code: int = 0, typed: str = "", user: str = "") -> str:
        """What it printed, errors and all."""
        return self._run(*words, code=code, typed=typed, user=user).output

    def answer(self, *words: object, code: int = 0, user: str = "") -> Any:
        """With --json, what it answers; without, what it printed."""
        result = self._run(*words, code=code, user=user)
        return json.loads(result.stdout) if "--json" in words else result.output

    def _run(self, *words: object, code: int, typed: str = "", user: str = "") -> Result:
        close_context()
        who = {"DUECOURSE_USER": user} if user else None
        result = CliRunner().invoke(self._app, [str(word) for word in words], input=typed, env=who)
        context().console.file.flush()
        if isinstance(result.exception, DuecourseError):
            raise result.exception
        assert result.exit_code == code, (result.output, result.exception)
        return result


@contextmanager
def at_prompt(
    monkeypatch: pytest.MonkeyPatch,
    home: Path,
    app: Typer = duecourse,
    *,
    columns: int = 200,
    **settings: str,
) -> Iterator[Run]:
    """A prompt with these settings, as in `database_url`, and this home."""
    for name, value in {"home": str(home), **settings}.items():
        monkeypatch.setenv(f"DUECOURSE_{name.upper()}", value)
    monkeypatch.setenv("COLUMNS", str(columns))
    try:
        yield Run(app)
    finally:
        close_context()


def home_of(lender: Lender, home: Path, *, simulated: bool = False) -> Path:
    """Make a home with the lender's keys, and its book one of Shanghai's days."""
    home.mkdir(parents=True, exist_ok=True)
    lender.keyring.save(home / "keys.json")
    put_setting(lender.conn, "lender_zone", "Asia/Shanghai")
    put_setting(lender.conn, "simulated", simulated)
    lender.conn.commit()
    return home


def shown(run: Run, *words: object, code: int = 0) -> Any:
    """What a command answers with --json."""
    return run.answer(*words, "--json", code=code)
