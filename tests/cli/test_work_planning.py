"""What a worker plans with: as few sessions as will do, and a database that is away is no end of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from duecourse.cli.context import Context
from duecourse.cli.settings import Settings
from duecourse.cli.work_planning import WorkPlanner
from duecourse.dispatch.meters import Meters
from duecourse.domain.problems import DuecourseError, Problem
from duecourse.store.lease import LANES
from duecourse.store.lifeline import DatabaseLostError
from duecourse.store.migrate import put_setting
from duecourse.store.shards import Node, Shard
from lender import Lender

NOW = datetime.fromisoformat("2026-03-09T12:00+08:00")
EVERY_LANE = range(LANES)


@pytest.fixture
def here(database_url: str, lender: Lender, tmp_path: Path) -> Iterator[Context]:
    """A command's world on an empty book without policies."""
    put_setting(lender.conn, "lender_zone", "Asia/Shanghai")
    lender.conn.commit()
    one = Context(Settings(home=tmp_path, database_url=SecretStr(database_url)))
    yield one
    one.close()


def planner_of(here: Context) -> WorkPlanner:
    return WorkPlanner(here, here.rules, Meters(), by_carrier=False)


def sessions(conn: psycopg.Connection) -> int:
    """How many others there are on this database."""
    counted = conn.execute(
        """SELECT count(*) FROM pg_stat_activity
           WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()"""
    ).fetchone()
    conn.commit()
    return int(counted[0]) if counted else -1


def test_on_a_single_server_days_are_planned_in_one_session_and_events_told_in_another(
    here: Context, lender: Lender
) -> None:
    before = sessions(lender.conn)
    planner = planner_of(here)
    planner.plan(NOW, NOW.date(), EVERY_LANE)
    planner.tell(NOW, NOW.date(), EVERY_LANE)
    assert list(here.by_shard(planner._lines, EVERY_LANE)) == [(planner._line, list(EVERY_LANE))]
    assert sessions(lender.conn) == before + 2


def test_a_node_that_is_away_when_it_is_first_needed_is_tried_again_and_no_end_of_the_worker(
    here: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.__dict__["shards"] = [Shard(1, tuple(EVERY_LANE), Node("away", 5432))]
    planner = planner_of(here)

    def away(**_options: object) -> psycopg.Connection:
        raise DuecourseError(Problem("S010", "away", "the database cannot be reached"), exit_code=3)

    monkeypatch.setattr(here.store, "connect", away)
    with pytest.raises(DatabaseLostError):
        planner.plan(NOW, NOW.date(), EVERY_LANE)
