"""A soak of seconds: the standby is promoted under load and wires break; then the whole audit."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from soak.lender import Wishes
from soak.misfortunes import Misfortune, What
from soak.run import Run
from soak.stage import Stage

OFFERED = 120
HASTEN = """
    UPDATE message SET next_at = least(next_at, now() + interval '1 s') WHERE state = 'in_flight'
    AND NOT EXISTS (SELECT 1 FROM attempt a WHERE a.lane = message.lane AND a.message_id = message.message_id
                                              AND a.state = 'claimed')
    RETURNING 1"""
"""What is unknown waits until it has lost its use: that hour is brought forward."""
TO_DATABASE, TO_FAR_END = 0.0, 0.9


@pytest.fixture
def run() -> Iterator[Run]:
    """One message centre, two servers, one worker."""
    folder = Path(tempfile.mkdtemp(prefix="dc-", dir="/tmp"))
    wishes = Wishes(OFFERED, timedelta(seconds=8), timedelta(seconds=900), seed=1, plain=True)
    run = Run(Stage(folder, wishes, 1, standby=True, cast=[("smsc-one", "sms.smpp", 1)]))
    yield run
    run.close()
    shutil.rmtree(folder)


@pytest.mark.slow
def test_nothing_is_lost_or_doubled_when_the_standby_is_promoted_and_wires_break(run: Run) -> None:
    def strike(what: What, which: float, lasts: float = 0.0) -> None:
        assert run.strikes.strike(Misfortune(0.0, what, 0.0, lasts, which)) is not None, what
        run.until(run.elapsed() + 1)

    run.begin()
    while run._query("SELECT count(*) FROM attempt") == 0:
        run.until(run.elapsed() + 0.1)
    strike(What.CUT, TO_DATABASE)
    strike(What.PROMOTE, 0.0)
    strike(What.CUT, TO_FAR_END)
    strike(What.HALF_OPEN, TO_DATABASE, 1.0)
    run.finish(hasten=HASTEN)
    found = run.findings(costs_none=False)
    assert found.faults == []
    assert found.figures["workers"] == {}  # it outlived all of that
    handed = found.figures["handed over"]
    assert isinstance(handed, dict)
    assert handed["smsc-one"] > OFFERED / 2
