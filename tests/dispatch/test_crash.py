"""Workers killed in the middle: nothing lost, nothing sent twice, and what may have gone is told."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from pathlib import Path

import psycopg
import pytest

from duecourse.channels.sandbox.process import SandboxProcess
from duecourse.channels.smpp.codes import THROTTLED
from lender import Lender
from post import Post
from workers import WINDOW, fill, last_states, noon_zone, start_worker, submits, wait_for, write_providers

MESSAGES = 5000
KILLS = 20


@pytest.mark.slow
def test_twenty_kills_lose_nothing_and_send_nothing_twice(
    lender: Lender, home: Path, smsc: SandboxProcess, database_url: str, store: object, keyring: object
) -> None:
    zone = noon_zone()
    fill(lender, MESSAGES, zone)
    write_providers(home, smsc)
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")
    chance = random.Random(seed)
    post = Post(store, keyring, lender, smsc)  # type: ignore[arg-type]
    kills = 0
    while kills < KILLS:
        before = sum(submits(post).values())
        assert before < MESSAGES, f"all was sent after {kills} kills: the kills must fall into the work"
        worker = start_worker(home, database_url)
        wait_for(lambda before=before: sum(submits(post).values()) > before, 60, worker, home)
        time.sleep(chance.uniform(0, 0.15))
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        kills += 1
    wait_for(
        lambda: others_at_work(lender.conn) == 0, 10
    )  # a killed worker's last statement may still be running
    # What is unknown stays open until its validity ends: that hour is brought forward rather than waited for.
    last = start_worker(home, database_url, "--until-idle")
    limit = time.monotonic() + 120
    while last.poll() is None and time.monotonic() < limit:
        lender.conn.execute(
            """UPDATE message SET next_at = now() + interval '5 s'
               WHERE state = 'in_flight' AND next_at > now() + interval '5 s'
                 AND changed_at < now() - interval '15 s'"""
        )
        # What its message centre defers whenever it is asked is tried as long as it is of use.
        lender.conn.execute(
            """UPDATE message SET useful_until = now() + interval '5 s'
               WHERE state = 'planned' AND rule = 'DEFERRED' AND useful_until > now() + interval '5 s'"""
        )
        lender.conn.commit()
        time.sleep(1)
    assert last.poll() == 0, (home / "worker.log").read_text()[-2000:]

    handed_over = submits(post)
    assert max(handed_over.values()) == 1
    standing = Counter(
        dict(
            lender.conn.execute(
                "SELECT coalesce(outcome, state), count(*) FROM message GROUP BY 1"
            ).fetchall()
        )
    )
    assert sum(standing.values()) == MESSAGES
    assert set(standing) <= {"delivered", "unknown", "failed", "sent", "expired"}
    assert standing["expired"] <= 1, (
        "the one number of which the message centre always says that it has trouble"
    )
    attempts = Counter(dict(lender.conn.execute("SELECT state, count(*) FROM attempt GROUP BY 1").fetchall()))
    assert attempts["claimed"] == 0
    assert attempts["unknown"] <= WINDOW * KILLS
    # What is still unknown was never handed over, or its person's phone never says a word; nothing else is.
    states = last_states(lender)
    unknown = {number for number, state in states.items() if state == "unknown"}
    behaviour = {line["to"]: line["behaviour"] for line in post.journal()}
    silent = {number for number in unknown if behaviour.get(number) in ("silent", "unanswered")}
    refused = {line["to"] for line in post.journal("refused") if line["status"] != THROTTLED}
    print(
        f"{len(handed_over)} of {MESSAGES} handed over; {told_by_receipt(lender.conn)} whose answer was lost "
        f"told by their receipt; {len(unknown)} unknown: {len(unknown - set(handed_over))} not handed over, "
        f"{len(silent)} of silent numbers; outcomes {dict(standing)}"
    )
    # A refusal is the one answer that no receipt repeats: lost in a kill, the attempt stays unknown.
    assert unknown - silent - refused == set(states) - set(handed_over) - refused
    assert standing["unknown"] == len(unknown)
    assert over_cap(lender.conn) == 0


def test_receipt_of_a_submit_whose_worker_was_killed_before_it_settled_is_found_at_the_takeover(
    lender: Lender, home: Path, smsc: SandboxProcess, database_url: str, store: object, keyring: object
) -> None:
    fill(lender, 1, noon_zone(), first="+8613800000009")  # taken and delivered; the answer never comes
    write_providers(home, smsc)
    post = Post(store, keyring, lender, smsc)  # type: ignore[arg-type]
    worker = start_worker(home, database_url)
    wait_for(lambda: bool(post.journal("answered")), 60, worker, home)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    assert post.attempts() == [("sms", "claimed", "")]
    last = start_worker(home, database_url, "--until-idle")
    assert last.wait(timeout=60) == 0, (home / "worker.log").read_text()[-2000:]
    assert post.attempts() == [("sms", "delivered", "DELIVRD")]
    assert post.outcomes() == [("L-0", "delivered", None)]
    assert sum(submits(post).values()) == 1


def told_by_receipt(conn: psycopg.Connection) -> int:
    """How many attempts were unknown and are so no more."""
    row = conn.execute(
        """SELECT count(*) FROM attempt a JOIN history h ON h.lane = a.lane AND h.subject_id = a.attempt_id
           WHERE h.state = 'unknown' AND a.state <> 'unknown'"""
    ).fetchone()
    return int(row[0]) if row else 0


def others_at_work(conn: psycopg.Connection) -> int:
    """How many other sessions of this database are in a transaction."""
    row = conn.execute(
        """SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
           AND backend_type = 'client backend' AND xact_start IS NOT NULL"""
    ).fetchone()
    conn.commit()
    return int(row[0]) if row else 0


def over_cap(conn: psycopg.Connection) -> int:
    """Borrowers with more than one counted message on one of their days."""
    row = conn.execute(
        """SELECT count(*) FROM (
               SELECT 1 FROM (SELECT lane, borrower_id, local_on, group_id FROM contact
                              GROUP BY 1, 2, 3, 4 HAVING sum(weight) > 0) AS counted
               GROUP BY lane, borrower_id, local_on HAVING count(*) > 1) AS over"""
    ).fetchone()
    return int(row[0]) if row else 0
