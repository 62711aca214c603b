"""What is signed or dated for a provider follows the database's clock, whatever the machine's says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from counter import Counter
from duecourse.channels.sandbox.process import SandboxProcess
from duecourse.cli.providers import connect_providers, sandbox_providers
from duecourse.dispatch.carried_clock import CarriedClock
from duecourse.dispatch.switchboard import Switchboard
from post import Post


@pytest.fixture
def counter(post: Post) -> Iterator[Counter]:
    counter = Counter(post)
    yield counter
    counter.conn.close()


DATABASE_SAYS = datetime(2031, 5, 6, 7, 8, tzinfo=UTC)


def test_it_goes_on_from_what_was_heard_last(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = SimpleNamespace(monotonic=100.0)
    monkeypatch.setattr(time, "monotonic", lambda: machine.monotonic)
    clock = CarriedClock()
    with pytest.raises(RuntimeError):
        clock()
    clock.hear(DATABASE_SAYS)
    machine.monotonic += 90
    assert clock() == DATABASE_SAYS + timedelta(seconds=90)
    clock.hear(DATABASE_SAYS)
    assert clock() == DATABASE_SAYS


def test_adapters_date_with_the_databases_clock(post: Post, tmp_path: Path) -> None:
    far_end = SandboxProcess(tmp_path, ports={"sms.webhook": 1}, callbacks_url="http://127.0.0.1:1/callbacks")
    switchboard = Switchboard(post.lender.conn, post.keyring, desks=1)
    switchboard.clock.hear(DATABASE_SAYS)
    connect_providers(switchboard, sandbox_providers(far_end))
    (adapter,) = switchboard.adapters.values()
    dated: datetime = adapter.clock()  # type: ignore[attr-defined]
    assert DATABASE_SAYS <= dated < DATABASE_SAYS + timedelta(days=1)


def test_a_desk_that_asks_for_the_time_sets_it(counter: Counter) -> None:
    now = asyncio.run(counter.desk.clock())
    assert now <= counter.switchboard.clock() < now + timedelta(hours=1)
