"""`duecourse plan`: the same messages, however many sessions plan them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from duecourse.policy.templates import Templates, TemplateText
from duecourse.policy.versions import publish
from lender import REMINDER, Lender
from prompt import Run, at_prompt, home_of, shown


@pytest.fixture
def run(lender: Lender, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """At a simulated book of 60 people's installments, due on one day, with a published policy."""
    lender.book("loan due_on\n" + "\n".join(f"L-{n:02} 2026-03-10" for n in range(60)))
    lender.policy(REMINDER)
    said = "{{ total | money }} is due on {{ due_on | date }}."
    text = TemplateText("due-soon", "en", {"sms": said, "email": said, "subject": "Your loan"})
    publish(lender.conn, lender.policies[0], Templates([text]), "", now=datetime.now(UTC), user="test")
    lender.conn.commit()
    home = home_of(lender, tmp_path / "home", simulated=True)
    with at_prompt(monkeypatch, home, database_url=database_url, language="en") as prompt:
        yield prompt


def test_a_dry_run_shows_the_same_in_any_number_of_sessions_and_writes_nothing(
    run: Run, database: psycopg.Connection
) -> None:
    asked = ("plan", "--as-of", "2026-03-09", "--dry-run", "--sessions")
    told = [shown(run, *asked, sessions) for sessions in (1, 3, 5)]
    assert told[0]["messages"] == 60
    assert told == [told[0]] * 3
    assert database.execute("SELECT count(*) FROM message").fetchone() == (0,)


def test_several_sessions_plan_each_message_once(run: Run, database: psycopg.Connection) -> None:
    first, second = (shown(run, "plan", "--as-of", "2026-03-09", "--sessions", 3) for _ in range(2))
    assert (first["messages"], second["messages"]) == (60, 0)
    assert database.execute("SELECT count(*) FROM message").fetchone() == (60,)


@pytest.mark.parametrize("sessions", [0, 33])
def test_too_few_and_too_many_sessions_are_refused(run: Run, sessions: int) -> None:
    assert "--sessions" in run("plan", "--sessions", sessions, code=2)
