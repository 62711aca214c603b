"""`duecourse serve` and `duecourse api-key` as processes: callbacks end in the book, a stop is graceful."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx2
import psycopg
import pytest
from typer.testing import CliRunner

from duecourse.cli.context import close_context
from duecourse.cli.main import app
from duecourse.domain.problems import DuecourseError
from lender import Lender
from scraping import scrape
from serving import Installation, callback, send

Run = Callable[..., Any]


@pytest.fixture
def run(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """A command in this process."""
    for name, value in installation.environment.items():
        monkeypatch.setenv(name, value)
    close_context()

    def invoke(*command: str) -> Any:
        try:
            return CliRunner().invoke(app, command, catch_exceptions=False)
        finally:
            close_context()

    yield invoke
    close_context()


@pytest.fixture
def installation(database_url: str, lender: Lender, tmp_path: Path) -> Iterator[Installation]:
    one = Installation(tmp_path / "home", database_url, lender)
    yield one
    if one.serving is not None and one.serving.poll() is None:
        one.serving.kill()
        one.serving.wait()


def receipts(conn: psycopg.Connection) -> list[tuple[UUID, str]]:
    rows = conn.execute("SELECT attempt_id, status FROM receipt ORDER BY status").fetchall()
    conn.commit()
    return rows


def test_what_providers_tell_is_in_the_book_when_they_are_answered(installation: Installation) -> None:
    """Signed calls are stored once however often they come; forged, late and foreign ones leave nothing."""
    attempt = uuid4()
    conn = installation.lender.conn
    address = installation.serve("--metrics", "127.0.0.1:0")
    with httpx2.Client(base_url=address, trust_env=False, timeout=60) as client:
        assert client.get("/healthz").status_code == 200
        assert client.get("/readyz").json() == {"status": "ready"}
        assert client.get("/").status_code in (200, 404)
        other = "whsec_" + "b3RoZXItb3RoZXItb3RoZXItb3RoZXItb3RoZXIt"
        now = int(datetime.now(UTC).timestamp())
        assert send(client, callback(attempt, secret=other)) == 403
        assert send(client, callback(attempt, at=now - 3600)) == 403, (
            "a call that was caught is not taken later"
        )
        changed = callback(attempt)
        forged = httpx2.Request(
            "POST",
            changed.url,
            content=changed.content.replace(b"delivered", b"failed"),
            headers=changed.headers,
        )
        assert send(client, forged) == 403
        assert receipts(conn) == []
        once = callback(attempt)
        assert [send(client, once) for _ in range(3)] == [200, 200, 200]
        assert send(client, callback(attempt, status="read")) == 200
        assert receipts(conn) == [(attempt, "delivered"), (attempt, "read")]
        assert client.post("/callbacks/other").status_code == 404
        key = installation.key("borrowers:read")
        for shown, code in ((key, "D033"), ("dck_x", "D165")):
            headers = {"authorization": f"Bearer {shown}"}
            assert client.get("/api/v1/borrowers/x/status", headers=headers).json()["code"] == code
        assert client.get("/metrics").status_code == 404, "what everybody reaches does not have it"
    seen = scrape(installation.metrics)
    assert seen.value("requests_total", route="/callbacks/{name}", status="200") == 4
    assert seen.value("requests_total", route="/callbacks/{name}", status="403") == 3
    assert seen.value("request_seconds_count", route="/callbacks/{name}") == 8
    assert seen.value("receipts_stored_total", provider="hook") == 4
    assert seen.value("provider_sink_failures_total", provider="hook") == 0
    assert (seen.value("figures_read"), seen.value("lanes", lease="free")) == (1, 256)
    assert not {attempt.hex, str(attempt), "x"} & {word for _, labels in seen.samples for _, word in labels}
    assert installation.stop() == 0
    told = (installation.home / "serve.log").read_text("utf-8")
    assert (
        "Stopped serving." in told
        and attempt.hex not in told
        and str(attempt) not in told
        and key not in told
    )
    assert conn.execute("SELECT key_id, reason, refusals FROM api_refusal").fetchall() == [("", "bad-key", 1)]


def test_a_key_is_shown_once_and_revoked_by_name(run: Run) -> None:
    made = run("api-key", "add", "core", "--scope", "borrowers:read,feeds:write", "--expires", "2099-12-31")
    assert made.exit_code == 0, made.output
    key = made.output.split()[-1]
    assert key.startswith("dck_")
    listed = run("api-key", "list", "--json")
    assert key not in listed.output
    (line,) = json.loads(listed.output)["keys"]
    assert (line["name"], line["scopes"]) == ("core", ["borrowers:read", "feeds:write"])
    assert line["expires_at"].startswith("2099-12-31T15:59:59")
    assert "core" in run("api-key", "list").output
    assert run("api-key", "revoke", "core").exit_code == 0
    (after,) = json.loads(run("api-key", "list", "--json").output)["keys"]
    assert after["revoked_by"] and after["revoked_at"]


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (("api-key", "add", "core", "--scope", "everything"), "D161"),
        (("api-key", "add", "core", "--scope", ","), "D161"),
        (("api-key", "add", "core", "--scope", "feeds:write", "--expires", "2001-01-01"), "D162"),
        (("api-key", "add", "CORE", "--scope", "feeds:write"), "D160"),
        (("api-key", "revoke", "core"), "D161"),
        (("serve", "--listen", "nowhere"), "D163"),
        (("serve", "--listen", "127.0.0.1:99999"), "D163"),
        (("serve", "--metrics", "9465"), "D240"),
        (("work", "--metrics", "127.0.0.1:99999"), "D240"),
    ],
)
def test_what_cannot_be_done_is_said(run: Run, command: tuple[str, ...], code: str) -> None:
    with pytest.raises(DuecourseError, match=code):
        run(*command)


def test_a_port_that_is_taken_is_said(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(DuecourseError, match="D163") as said:
        run("serve", "--listen", f"127.0.0.1:{taken.getsockname()[1]}")
    assert said.value.exit_code == 3
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(DuecourseError, match="D244"):
        run("serve", "--listen", "127.0.0.1:0", "--metrics", f"127.0.0.1:{taken.getsockname()[1]}")
