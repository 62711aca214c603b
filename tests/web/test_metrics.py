"""/metrics: the database's figures, kept for a while, missing when it is away; Prometheus itself reads them."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from psycopg_pool import ConnectionPool

from duecourse.channels.http.listener import Listener
from duecourse.dispatch.brake import stop_sending
from duecourse.dispatch.meters import Meters
from duecourse.dispatch.switchboard import database_now
from duecourse.store.connect import Store
from duecourse.store.lease import acquire
from duecourse.web.figures import FiguresCollector
from duecourse.web.metrics import apart, metrics_route
from scraping import Scrape

RULES = Path(__file__).parents[2] / "examples" / "alerts" / "duecourse.rules.yml"
NOW = datetime(2026, 3, 10, tzinfo=UTC)


@pytest.fixture
def pool(store: Store) -> Iterator[ConnectionPool[psycopg.Connection]]:
    with store.pool(2) as opened:
        yield opened


@pytest.fixture
def figures(pool: ConnectionPool[psycopg.Connection]) -> FiguresCollector:
    return FiguresCollector(pool, database_now, ["smsc"])


def read(collector: FiguresCollector) -> dict[tuple[str, ...], float]:
    """What a scrape has of them: (name, values of the labels) to number."""
    collector.refresh()
    return {
        (sample.name.removeprefix("duecourse_"), *sample.labels.values()): sample.value
        for family in collector.collect()
        for sample in family.samples
    }


def test_figures_say_how_the_database_stands(figures: FiguresCollector, store: Store) -> None:
    with store.connect(autocommit=True) as conn:
        assert len(acquire(conn, "a", 60, lanes_wanted=10)) == 10
        conn.execute("UPDATE lane_lease SET expires_at = now() - interval '1 min' WHERE lane IN "
                     "(SELECT lane FROM lane_lease WHERE owner = 'a' LIMIT 3)")  # fmt: skip
        stop_sending(conn, reason="test", by="test", now=NOW)
    found = read(figures)
    assert [found["lanes", word] for word in ("held", "expired", "free")] == [7, 3, 246]
    assert found["idle_lane_seconds",] >= 60
    assert (found["workers",], found["stops",], found["due_messages",]) == (1, 1, 0)
    assert found["provider_state", "smsc", "working"] == 1 == found["provider_share", "smsc"]


def test_a_reading_is_kept_for_a_while(figures: FiguresCollector, store: Store) -> None:
    before = read(figures)
    with store.connect(autocommit=True) as conn:
        stop_sending(conn, reason="test", by="test", now=NOW)
    assert read(figures) == before
    figures._kept_until = 0.0
    assert read(figures)["stops",] == 1


def test_figures_that_cannot_be_read_in_time_are_missing(
    figures: FiguresCollector, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("duecourse.web.figures.STATEMENT_SECONDS", 0.3)
    with store.connect() as conn:
        conn.execute("LOCK TABLE alert")
        found = read(figures)
    assert found.keys() == {("figures_read",), ("figures_seconds",)} and found["figures_read",] == 0
    monkeypatch.setattr("duecourse.web.figures.STATEMENT_SECONDS", 60.0)
    figures._kept_until = 0.0
    assert read(figures)["figures_read",] == 1


async def served(registry: CollectorRegistry, collector: FiguresCollector) -> tuple[Listener, int]:
    listener = Listener(apart([metrics_route(registry, collector.refresh)]))
    return listener, await listener.start()


def test_it_speaks_both_formats(figures: FiguresCollector) -> None:
    meters = Meters()
    meters.registry.register(figures)
    meters.sent.labels("sms", "smsc").inc(3)

    async def ask() -> tuple[httpx2.Response, httpx2.Response]:
        listener, port = await served(meters.registry, figures)
        async with httpx2.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60
        ) as web:
            plain = await web.get("/metrics")
            other = await web.get(
                "/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"}
            )
        await listener.stop()
        return plain, other

    plain, other = asyncio.run(ask())
    assert Scrape.of(plain.text).value("attempts_sent_total", channel="sms", provider="smsc") == 3
    assert other.headers["content-type"].startswith("application/openmetrics-text")
    samples = [sample for family in open_metrics(other.text) for sample in family.samples]
    assert [one.value for one in samples if one.name == "duecourse_attempts_sent_total"] == [3]


def test_prometheus_itself_reads_it_and_loads_the_alerts(figures: FiguresCollector, tmp_path: Path) -> None:
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("prometheus, of Debian's package of that name, is not installed")
    meters = Meters()
    meters.registry.register(figures)
    meters.sent.labels("sms", "smsc").inc(3)

    async def run() -> tuple[dict[str, Any], dict[str, Any]]:
        listener, port = await served(meters.registry, figures)
        (tmp_path / "prometheus.yml").write_text(
            f"global: {{scrape_interval: 1s}}\nrule_files: ['{RULES}']\nscrape_configs:\n"
            f"  - {{job_name: duecourse, static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}\n"
        )
        with subprocess.Popen(
            [program, f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data",
             "--web.listen-address=127.0.0.1:0", "--log.format=json"],
            stderr=subprocess.PIPE, text=True,
        ) as running:  # fmt: skip
            try:
                address = await asyncio.to_thread(listens, running)
                async with httpx2.AsyncClient(base_url=address, trust_env=False, timeout=60) as web:
                    limit = time.monotonic() + 120
                    found: list[Any] = []
                    while not found and time.monotonic() < limit:
                        asked = {"query": "sum by (provider) (duecourse_attempts_sent_total)"}
                        answer = await web.get("/api/v1/query", params=asked)
                        found = answer.json().get("data", {}).get("result", [])
                        await asyncio.sleep(0.2)
                    rules = (await web.get("/api/v1/rules")).json()
            finally:
                running.terminate()
        await listener.stop()
        return found[0], rules

    found, rules = asyncio.run(run())
    assert (found["metric"], found["value"][1]) == ({"provider": "smsc"}, "3")
    loaded = [rule for group in rules["data"]["groups"] for rule in group["rules"]]
    assert len(loaded) > 20 and {rule["health"] for rule in loaded} <= {"ok", "unknown"}


def listens(running: subprocess.Popen[str]) -> str:
    """Where it says that it listens."""
    assert running.stderr is not None
    for line in running.stderr:
        if '"Listening on"' in line:
            return "http://" + line.split('"address":"')[1].split('"')[0]
    raise AssertionError("it ended")
