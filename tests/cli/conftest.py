"""Typing commands at the book of a test, in its own process."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from duecourse.cli.context import close_context, context
from duecourse.cli.main import app
from duecourse.domain.problems import DuecourseError
from duecourse.privacy.keyring import Keyring
from duecourse.store.migrate import put_setting

TypeIn = Callable[..., Any]


@pytest.fixture
def type_in(
    database: psycopg.Connection,
    database_url: str,
    keyring: Keyring,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[TypeIn]:
    """(*words, code=None): `duecourse` with these words, in English, at a live book of Shanghai's days; the JSON it
    prints, or its text without --json. code: as what it must be refused, and then None.
    """
    keyring.save(tmp_path / "keys.json")
    put_setting(database, "simulated", False)
    put_setting(database, "lender_zone", "Asia/Shanghai")
    database.commit()
    for name, value in {"DATABASE_URL": database_url, "HOME": str(tmp_path), "LANGUAGE": "en"}.items():
        monkeypatch.setenv(f"DUECOURSE_{name}", value)
    monkeypatch.setenv("COLUMNS", "200")

    def invoke(*words: str | Path, code: str | None = None) -> Any:
        close_context()
        result = CliRunner().invoke(app, [str(word) for word in words])
        context().console.file.flush()
        if code is not None:
            assert isinstance(result.exception, DuecourseError), (result.output, result.exception)
            assert [problem.code for problem in result.exception.problems] == [code]
            return None
        assert result.exit_code == 0, (result.output, result.exception)
        return json.loads(result.stdout) if "--json" in words else result.stdout

    yield invoke
    close_context()
