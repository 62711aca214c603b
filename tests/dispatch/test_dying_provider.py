"""A provider that dies for good in the middle of the work costs no message, and none arrives twice."""

from __future__ import annotations

import os
import time
from collections import Counter
from pathlib import Path

import pytest

from duecourse.channels.sandbox.process import SandboxProcess
from duecourse.channels.sandbox.rules import SandboxRules
from duecourse.dispatch.providers import provider_changes
from duecourse.privacy.keyring import Keyring
from duecourse.store.connect import Store
from lender import Lender
from post import Post
from workers import (
    STEP,
    WINDOW,
    fill,
    last_states,
    noon_zone,
    start_worker,
    submits,
    wait_for,
    write_providers,
)

MESSAGES = int(os.environ.get("DUECOURSE_TEST_MESSAGES", "600"))
"""`make soak` asks for 10,000."""
PLAIN = SandboxRules(numbers={})
"""No number is special: whatever does not arrive is the dying provider's doing."""
STEPS = STEP.replace("route: [sms]", "route: [sms, task]")
TASKS = '[desk]\nkind = "task.book"\n\n'


@pytest.mark.slow
def test_a_provider_killed_in_the_middle_costs_no_message_and_none_arrives_twice(
    lender: Lender, home: Path, tmp_path: Path, database_url: str, store: Store, keyring: Keyring
) -> None:
    fill(lender, MESSAGES, noon_zone(), steps=STEPS)
    with (
        SandboxProcess(tmp_path / "one", rules=PLAIN) as first,
        SandboxProcess(tmp_path / "two", rules=PLAIN) as second,
    ):
        write_providers(home, first, second, beside=TASKS)
        one, two = (Post(store, keyring, lender, smsc) for smsc in (first, second))
        worker = start_worker(home, database_url, "--until-idle")
        wait_for(lambda: bool(submits(one)) and bool(submits(two)), 60, worker, home)
        first.kill()
        # What was unanswered when it died stays open until its validity ends: that hour is brought forward.
        limit = time.monotonic() + 120 + MESSAGES / 20
        while worker.poll() is None and time.monotonic() < limit:
            lender.conn.execute(
                """UPDATE message SET next_at = now() + interval '2 s'
                   WHERE state = 'in_flight' AND next_at > now() + interval '2 s'
                     AND changed_at < now() - interval '10 s'"""
            )
            lender.conn.commit()
            time.sleep(1)
        assert worker.poll() == 0, str(post_standing(lender)) + (home / "worker.log").read_text()[-2000:]
        handed = submits(one) + submits(two)
    assert max(handed.values()) == 1, "nobody was sent it by both, nor twice by one"
    standing = Counter(
        dict(
            lender.conn.execute(
                "SELECT coalesce(outcome, state), count(*) FROM message GROUP BY 1"
            ).fetchall()
        )
    )
    assert sum(standing.values()) == MESSAGES
    # The hand-over that nobody answered is told as unknown, and the reminder went on to the next channel: a call task.
    unknown = {number for number, state in last_states(lender).items() if state == "unknown"}
    assert len(unknown) <= WINDOW * 2
    given = lender.conn.execute("SELECT count(*) FROM attempt WHERE channel = 'task'").fetchone()
    assert set(last_states(lender)) - set(handed) <= unknown
    print(
        f"{len(submits(one))} by the first, {len(submits(two))} by the second, {len(unknown)} unknown, {given}"
    )
    assert given is not None and given[0] == len(unknown)
    reasons = [each["reason"] for each in provider_changes(lender.conn, "smsc", 50)]
    assert any(reason.startswith("it took nothing") for reason in reasons)
    assert submits(two).total() > MESSAGES / 2


def post_standing(lender: Lender) -> list[object]:
    """Messages by state and rule, for whoever reads a failure."""
    query = "SELECT state, outcome, rule, route_at, count(*) FROM message GROUP BY 1, 2, 3, 4"
    return list(lender.conn.execute(query))
