"""The two servers of a soak: a standby is made again after it could not be."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from soak.misfortunes import Misfortune, What
from soak.run import COMMITS_END
from soak.servers import Servers
from soak.strikes import Strikes

from workers import wait_for


@pytest.fixture
def servers() -> Iterator[Servers]:
    """A primary that goes alone: no standby could be made."""
    folder = Path(tempfile.mkdtemp(prefix="dc-", dir="/tmp"))
    servers = Servers([folder / "one", folder / "two"])
    servers.failed = psycopg.OperationalError("the primary was struck meanwhile")
    yield servers
    servers.stop()
    shutil.rmtree(folder)


def _ask(servers: Servers, query: str) -> object:
    with psycopg.connect(servers.conninfo, autocommit=True) as conn:
        row = conn.execute(query).fetchone()
    return row[0] if row else None


@pytest.mark.slow
def test_a_promotion_that_finds_no_standby_has_one_made_which_the_primary_then_waits_for(
    servers: Servers,
) -> None:
    stage: Any = SimpleNamespace(
        servers=servers,
        disk="none",
        far_ends=SimpleNamespace(all=[]),
        workers=SimpleNamespace(count=1),
    )
    strikes = Strikes(stage, lambda seconds, act: None)
    assert strikes.strike(Misfortune(0.0, What.PROMOTE, 0.0, 0.0, 0.0)) == "the primary"
    servers.wait()
    assert (servers.standby_ready, servers.failed) == (True, None)
    servers.kill()
    servers._servers[1].stop()
    servers.revive()
    assert not _ask(servers, COMMITS_END)  # what it waits for is gone
    servers.go_alone()
    wait_for(lambda: _ask(servers, COMMITS_END) is True, seconds=60)
