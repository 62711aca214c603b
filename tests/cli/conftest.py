"""Typing commands at the book of a test, in its own process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from duecourse.domain.problems import DuecourseError
from duecourse.privacy.keyring import Keyring
from duecourse.store.migrate import put_setting
from prompt import at_prompt

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
    with at_prompt(monkeypatch, tmp_path, database_url=database_url, language="en") as run:

        def typed(*words: str | Path, code: str | None = None) -> Any:
            if code is None:
                return run.answer(*words)
            with pytest.raises(DuecourseError) as caught:
                run(*words)
            assert [problem.code for problem in caught.value.problems] == [code]
            return None

        yield typed
