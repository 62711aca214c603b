"""The stop: within two seconds nothing leaves any worker, and nothing is lost by it."""

from __future__ import annotations

import signal
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from duecourse.channels.sandbox.process import SandboxProcess
from duecourse.dispatch.brake import resume_sending, stop_sending
from lender import Lender
from post import Post
from workers import fill, noon_zone, start_worker, submits, wait_for, write_providers

MESSAGES = 3000
STOP_SECONDS = 2.0


@pytest.mark.slow
def test_a_stop_silences_every_worker_within_two_seconds_and_a_resume_sends_the_rest(
    lender: Lender, home: Path, smsc: SandboxProcess, database_url: str, store: object, keyring: object
) -> None:
    fill(lender, MESSAGES, noon_zone())
    write_providers(home, smsc)
    post = Post(store, keyring, lender, smsc)  # type: ignore[arg-type]
    workers = [start_worker(home, database_url) for _ in range(2)]
    wait_for(lambda: sum(submits(post).values()) > 100, 60, workers[0], home)

    stop_sending(lender.conn, reason="test", by="test", now=datetime.now(UTC))
    stopped_at = time.time()
    time.sleep(STOP_SECONDS + 2)
    submitted = post.journal()
    assert len(submitted) < MESSAGES, "all was sent before the stop: it showed nothing"
    assert max(line["at"] for line in submitted) <= stopped_at + STOP_SECONDS

    resume_sending(lender.conn, by="test", now=datetime.now(UTC))
    wait_for(
        lambda: len(submits(post)) >= MESSAGES - 5, 90, workers[0], home
    )  # a few numbers refuse or are silent
    for worker in workers:
        worker.send_signal(signal.SIGTERM)
    assert [worker.wait(30) for worker in workers] == [0, 0]
    assert max(submits(post).values()) == 1
