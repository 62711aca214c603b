"""`duecourse work` as those see it who run it: metrics, health, a stop, its log; the database is what it is held to."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx2
import pytest

from duecourse.channels.sandbox.process import SandboxProcess
from duecourse.privacy.sealing import open_many
from lender import Lender
from scraping import Scrape, address_in, scrape
from shell import Shell
from workers import fill, noon_zone, start_worker, wait_for, write_providers

MESSAGES = 15
"""The numbers 0000 to 0014: each behaviour of the sandbox's message centre is among them."""
LATER = ("L-0-12", "L-0-13", "L-0-14")
"""Whose messages the worker plans itself."""


class Installation:
    """A home, its message centre, and a worker that can be looked at."""

    def __init__(self, home: Path, url: str, lender: Lender, smsc: SandboxProcess) -> None:
        self.home = home
        self.url = url
        self.lender = lender
        write_providers(home, smsc)
        toml = home / "providers.toml"
        toml.write_text(toml.read_text("utf-8") + "response_seconds = 1\n", "utf-8")
        self.shell = Shell(home, {"DUECOURSE_HOME": home, "DUECOURSE_DATABASE_URL": url})
        self.worker: subprocess.Popen[bytes] | None = None
        self.address = ""

    def work(self, *options: str) -> subprocess.Popen[bytes]:
        """Start a worker; returns once it can be asked."""
        self.worker = start_worker(self.home, self.url, "--metrics", "127.0.0.1:0", *options)
        log = self.home / "worker.log"
        self.address = address_in(log, "Metrics on ", lambda: self.worker.poll() is None)  # type: ignore[union-attr]
        return self.worker

    def get(self, path: str) -> httpx2.Response:
        """What it answers."""
        with httpx2.Client(trust_env=False, timeout=60) as client:
            return client.get(self.address + path)

    def count(self, query: str, *given: object) -> Any:
        """One figure of the database, as it is now."""
        row = self.lender.conn.execute(query, given).fetchone()
        self.lender.conn.commit()
        assert row is not None
        return row[0]

    def change(self, statement: str) -> None:
        """Make it so in the database."""
        self.lender.conn.execute(statement)
        self.lender.conn.commit()

    def wait(self, query: str, *given: object) -> None:
        """Until the query says true."""
        wait_for(lambda: bool(self.count(query, *given)), 120, self.worker, self.home)

    def log(self) -> list[dict[str, Any]]:
        """The lines of its log that are JSON: all but what it prints for people."""
        lines = (self.home / "worker.log").read_text("utf-8").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]


@pytest.fixture
def here(home: Path, database_url: str, lender: Lender, smsc: SandboxProcess) -> Iterator[Installation]:
    one = Installation(home, database_url, lender, smsc)
    yield one
    if one.worker is not None and one.worker.poll() is None:
        one.worker.kill()
        one.worker.wait()


SETTLED = """SELECT count(*) = %s AND bool_and(state = 'done' OR state = 'in_flight' AND EXISTS (
                 SELECT 1 FROM attempt a WHERE a.lane = m.lane AND a.message_id = m.message_id AND a.seq = m.tries
                                           AND a.state IN ('sent', 'unknown'))
                 OR state = 'planned' AND rule = 'DEFERRED')
             FROM message m WHERE tries > 0"""
"""Every message was tried, and only what nobody says a word about, or is put off again and again, is still open."""


@pytest.mark.slow
def test_metrics_status_and_log_say_what_the_database_says(here: Installation) -> None:
    fill(here.lender, MESSAGES, noon_zone())
    forget_messages(here.lender, LATER)
    here.work("--log-level", "debug")
    here.wait("SELECT count(*) = %s FROM message", MESSAGES)
    here.change("UPDATE message SET not_before = now() WHERE tries = 0 AND not_before > now()")
    here.wait(SETTLED, MESSAGES)
    here.wait("SELECT count(*) = 0 FROM attempt WHERE state = 'claimed'")
    read: list[Scrape] = []

    def agrees() -> bool:
        """Whether nothing moved while it was scraped: a message that is put off is tried again at any time."""
        before = funnel(here)
        read[:] = [scrape(here.address)]
        return before == funnel(here) and told(read[0]) == before

    wait_for(agrees, 120, here.worker, here.home)
    seen = read[0]
    assert seen.value("messages_planned_total") == len(LATER)
    assert seen.total("attempts_failed_total", cause="dead") == 2
    assert seen.value("lanes", lease="held") == 256 == seen.value("held_lanes")
    assert (seen.value("workers"), seen.value("provider_connected", provider="smsc")) == (1, 1)
    assert seen.value("provider_binds_total", provider="smsc") == 1
    assert seen.value("provider_state", provider="smsc", state="working") == 1
    assert seen.value("claim_seconds_count") >= 1 <= seen.value("render_seconds_count")
    assert seen.kinds["duecourse_claim_seconds"] == "histogram"
    status = here.shell.json("status", code=1)  # some outcomes are unknown
    assert status["backlogs"]["unknown_attempts"] == seen.value("unknown_attempts")
    assert status["backlogs"]["awaited_attempts"] == seen.value("awaited_attempts") >= 1
    assert status["leases"]["held"] == 256 and status["leases"]["workers"] == 1
    assert {one["provider"]: one["state"] for one in status["providers"]}["smsc"] == "working"
    funnel_today = status["funnel_today"]
    assert funnel_today["messages"] == MESSAGES == sum(funnel_today["standings"].values())
    assert funnel_today["standings"]["delivered"] == here.count(
        "SELECT count(*) FROM message WHERE outcome = 'delivered'"
    )
    check_log(here)


def forget_messages(lender: Lender, loans: Sequence[str]) -> None:
    """As if nobody had planned for them yet."""
    lender.conn.execute(
        """DELETE FROM message_item i USING loan l
           WHERE l.lane = i.lane AND l.loan_id = i.loan_id AND l.loan_ref = ANY(%s)""",
        (list(loans),),
    )
    lender.conn.execute(
        """DELETE FROM message m USING borrower b
           WHERE b.lane = m.lane AND b.borrower_id = m.borrower_id AND b.borrower_key = ANY(%s)""",
        (list(loans),),
    )
    lender.conn.commit()


def funnel(here: Installation) -> dict[str, int]:
    """What the database says was done, from the transitions it keeps: everything that ever happened."""
    rows = here.lender.conn.execute(
        """SELECT state, count(*) FROM history WHERE subject = 'attempt' GROUP BY state
"""
    ).fetchall()
    here.lender.conn.commit()
    names = ("claimed", "sent", "delivered", "refused", "unknown", "released")
    return {name: dict(rows).get(name, 0) for name in names}


def told(seen: Scrape) -> dict[str, float]:
    """The same as the worker counted it."""
    return {
        name: seen.total(f"attempts_{ {'refused': 'failed'}.get(name, name) }_total", channel="sms")
        for name in ("claimed", "sent", "delivered", "refused", "unknown", "released")
    }


def check_log(here: Installation) -> None:
    """Every transition of every message stands in the log under the message's id, and nothing personal does."""
    lines = here.log()
    rows = here.lender.conn.execute(
        """SELECT m.message_id, h.state, count(*) FROM history h
           JOIN attempt a ON a.lane = h.lane AND a.attempt_id = h.subject_id
           JOIN message m ON m.lane = a.lane AND m.message_id = a.message_id
           WHERE h.subject = 'attempt' AND h.recorded_at < now() - interval '2 s' GROUP BY 1, 2"""
    ).fetchall()
    for message_id, state, number in rows:
        found = [one for one in lines if one.get("message") == str(message_id) and one["event"] == state]
        assert len(found) >= number, (message_id, state)
    planned = [one for one in lines if one["event"] == "planned" and "message" in one]
    assert len(planned) == len(LATER)
    told_of = {one["what"] for one in lines if one["event"] == "told"}
    assert "delivered" in told_of
    text = (here.home / "worker.log").read_text("utf-8")
    sealed = here.lender.conn.execute("SELECT contact_point_id, address_sealed FROM contact_point").fetchall()
    points, addresses = zip(*sealed, strict=True)
    numbers = open_many(here.lender.keyring, addresses, "contact_point", "address", points)
    assert [number for number in numbers if number.removeprefix("+") in text] == []
    assert "Test Bank" not in text


@pytest.mark.slow
def test_a_worker_is_ready_once_it_can_send_and_until_it_stops(
    here: Installation, smsc: SandboxProcess
) -> None:
    """Its stop ends what is in hand, whose answer never comes here, and gives every lane back."""
    fill(here.lender, 1, noon_zone(), "+8613800000007")
    here.change("UPDATE message SET not_before = now() + interval '1 hour'")
    smsc.stop()
    worker = here.work()
    said: list[str] = []

    def says(wanted: str) -> bool:
        said.append(here.get("/readyz").json().get("code", "ready"))
        return said[-1] == wanted

    wait_for(lambda: says("D242"), 120, worker, here.home)
    seen = scrape(here.address)
    assert (
        seen.value("provider_connected", provider="smsc")
        == 0
        == seen.value("provider_lines", provider="smsc")
    )
    assert seen.value("figures_read") == 1
    smsc.start()
    wait_for(lambda: says("ready"), 120, worker, here.home)
    here.change("UPDATE message SET not_before = now()")
    here.wait("SELECT count(*) = 1 FROM attempt WHERE state = 'claimed'")
    worker.send_signal(signal.SIGTERM)
    wait_for(lambda: says("D243"), 120, worker, here.home)
    assert here.get("/healthz").json() == {"status": "lives"}
    assert worker.wait(120) == 0
    assert here.count("SELECT count(*) FROM lane_lease WHERE owner IS NOT NULL") == 0
    assert here.count("SELECT count(*) FROM worker") == 0
    assert here.count("SELECT state FROM attempt") == "unknown"
    assert here.count("SELECT max(epoch) FROM lane_lease") == 1, "no lane changed hands while it stopped"
