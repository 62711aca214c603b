"""The audit of a soak sees a breach when there is one."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import psycopg
import pytest
from soak.audit import Findings, audit_hand_overs, audit_routes
from soak.decisions import Decisions, claims_of_former_owners
from soak.journals import HandOver, _written_at
from soak.lifecycle import steps_taken, strange
from soak.misfortunes import KILLS, What, misfortunes, seconds_until
from soak.workers import START_SECONDS, Workers

PHONE, MAILBOX, MESSAGE = UUID(int=1), UUID(int=2), UUID(int=3)
FAR_ENDS: Any = [
    SimpleNamespace(name="one", channel="sms"),
    SimpleNamespace(name="two", channel="sms"),
    SimpleNamespace(name="mail", channel="email"),
]
NEXT_SECONDS = 60.0


def at_once(at: float) -> HandOver:
    """Read as soon as it was written."""
    return HandOver(at, at)


def attempt(provider: str, state: str, **different: Any) -> SimpleNamespace:
    """Claimed and sent at 100, settled at 101, valid until 200; by mail it is the route's second channel."""
    mail = provider == "mail"
    usual = {
        "message_id": MESSAGE,
        "provider": provider,
        "point": MAILBOX if mail else PHONE,
        "route_at": 2 if mail else 1,
        "state": state,
        "claimed_at": 100.0,
        "sent_at": 100.0,
        "settled_at": 101.0,
        "valid_until": 200.0,
        "was_unknown": state == "unknown",
    }
    return SimpleNamespace(**usual | different)


@pytest.mark.parametrize(
    ("attempts", "taken", "breach"),
    [
        ([attempt("one", "delivered")], {("one", PHONE): [100.0]}, None),
        ([attempt("one", "unknown")], {}, None),
        ([attempt("one", "unknown")], {("one", PHONE): [100.0]}, None),
        ([attempt("one", "delivered")], {}, "lost"),
        ([attempt("one", "delivered")], {("one", PHONE): [100.0, 100.0]}, "doubled"),
        ([attempt("one", "released")], {("one", PHONE): [100.0]}, "unrecorded"),
        (
            [attempt("one", "unknown"), attempt("two", "sent")],
            {("one", PHONE): [100.0], ("two", PHONE): [100.0]},
            "doubled",
        ),
        ([attempt("one", "sent")], {("one", PHONE): [202.0]}, "late"),
    ],
)
def test_a_hand_over_that_is_lost_doubled_unrecorded_or_late_is_a_breach(
    attempts: list[Any], taken: dict[tuple[str, UUID], list[float]], breach: str | None
) -> None:
    found = Findings()
    audit_hand_overs(
        attempts, {key: [at_once(at) for at in read] for key, read in taken.items()}, FAR_ENDS, found
    )
    figures = {what: found.figures[what] for what in ("lost", "doubled", "unrecorded", "late")}
    assert bool(found.faults) is (breach is not None)
    assert breach is None or figures[breach] == 1


@pytest.mark.parametrize(
    ("first", "then_at", "allowed"),
    [
        (attempt("one", "unknown", sent_at=None), 103.0, True),
        (attempt("one", "refused"), 103.0, True),
        (attempt("one", "sent"), 161.0, True),
        (attempt("one", "sent"), 130.0, False),
        (attempt("one", "delivered"), 161.0, False),
        (attempt("one", "delivered", was_unknown=True, settled_at=110.0), 103.0, True),
        (attempt("one", "delivered", was_unknown=True, settled_at=102.0), 103.0, False),
        (attempt("one", "released"), 100.1, True),
    ],
)
def test_a_second_channel_without_a_reason_is_a_breach(
    first: SimpleNamespace, then_at: float, allowed: bool
) -> None:
    found = Findings()
    audit_routes([first, attempt("mail", "sent", claimed_at=then_at)], NEXT_SECONDS, found)
    assert (not found.faults) is allowed


def test_a_second_attempt_on_the_same_channel_is_a_breach_whatever_the_reason() -> None:
    found = Findings()
    audit_routes([attempt("one", "unknown"), attempt("two", "sent", claimed_at=110.0)], NEXT_SECONDS, found)
    assert found.faults


HELD_AT = 100.0
STOPPED = (100.0, 120.0)


@pytest.mark.parametrize(
    ("at", "after_hold", "during_stop"),
    [(99.0, 0, 0), (102.0, 0, 0), (104.0, 1, 1), (119.0, 1, 1), (121.0, 1, 0)],
)
def test_a_hand_over_after_a_hold_or_during_a_stop_is_a_breach(
    at: float, after_hold: int, during_stop: int
) -> None:
    borrower = UUID(int=9)
    decisions = Decisions(held={borrower: HELD_AT}, stops=[STOPPED])
    broken = decisions.broken({("one", PHONE): [at_once(at)]}, {PHONE: borrower}, {("one", PHONE): [at]})
    assert broken == {"after a hold": after_hold, "during a stop": during_stop}


@pytest.mark.parametrize(
    ("claims", "after", "read_at", "during_stop"),
    [
        ([], 119.0, 123.0, 0),
        ([120.5], 110.0, 123.0, 0),  # claimed once the stop was lifted
        ([110.0], 105.0, 123.0, 1),
        ([110.0], 90.0, 115.0, 1),  # claimed under the stop, though the far end stood still before it
        ([99.5], 90.0, 115.0, 0),  # written before the stop, perhaps
        ([99.5], 105.0, 115.0, 1),
        ([90.0, 120.5], 110.0, 123.0, 0),  # handed over again, under the id it was claimed by
        ([90.0, 130.0], 110.0, 115.0, 1),
    ],
)
def test_what_a_far_end_that_stood_still_reads_is_dated_by_its_claim(
    claims: list[float], after: float, read_at: float, during_stop: int
) -> None:
    taken = {("one", PHONE): [HandOver(after, read_at)]}
    broken = Decisions(stops=[STOPPED]).broken(taken, {PHONE: UUID(int=9)}, {("one", PHONE): claims})
    assert broken["during a stop"] == during_stop


def test_what_was_claimed_after_a_hold_is_a_breach_though_the_far_end_stood_still_before() -> None:
    borrower = UUID(int=9)
    taken = {("one", PHONE): [HandOver(90.0, 115.0)]}
    broken = Decisions(held={borrower: HELD_AT}).broken(taken, {PHONE: borrower}, {("one", PHONE): [110.0]})
    assert broken["after a hold"] == 1


@pytest.mark.parametrize(
    ("claims", "breaches"),
    [
        ([(1, 5.0, 0), (1, 6.0, 0), (2, 7.0, 0)], 0),
        ([(1, 5.0, 0), (2, 6.0, 0), (1, 7.0, 0)], 1),
        ([(3, 5.0, 1), (2, 6.0, 0)], 0),  # resent under a later epoch than it was claimed under
    ],
)
def test_a_claim_under_an_epoch_that_is_over_is_a_breach(
    claims: list[tuple[int, float, int]], breaches: int
) -> None:
    attempts: Any = [
        SimpleNamespace(lane=7, epoch=epoch, claimed_at=at, resends=resends) for epoch, at, resends in claims
    ]
    assert claims_of_former_owners(attempts) == breaches


def test_a_step_that_is_not_in_the_lifecycle_is_a_breach(database: psycopg.Connection) -> None:
    rows = [(1, "claimed"), (2, "released"), (3, "sent")]
    for version, state in rows:
        database.execute(
            """INSERT INTO history (lane, subject_id, version, subject, state, at)
               VALUES (1, %s, %s, 'attempt', %s, now())""",
            (PHONE, version, state),
        )
    assert strange(steps_taken(database)) == [("attempt", "released", "sent")]


def test_what_arrives_late_over_a_broken_wire_is_dated_to_when_it_broke() -> None:
    far_end: Any = SimpleNamespace(stops=[(100.0, 110.0), (108.0, 115.0)])
    assert _written_at(99.0, far_end) == 99.0
    assert _written_at(111.0, far_end) == 100.0
    assert _written_at(116.0, far_end) == 100.0  # the far end stood still when the wire was mended
    assert _written_at(120.0, far_end) == 120.0


def test_the_same_seed_has_the_same_misfortunes_and_every_kind_of_them() -> None:
    first, again, other = (list(islice(misfortunes(seed, 5, quick=True), 200)) for seed in (1, 1, 2))
    assert first == again != other
    assert {one.what for one in first} == set(What)
    kills = [one.at for one in first if one.what in KILLS]
    assert seconds_until(40, misfortunes(1, 5, quick=True)) == kills[39]


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Workers]:
    """One, at place 0, that has not said anything yet."""
    workers = Workers(tmp_path, [""], lease_seconds=5, callbacks="", seed=1)
    log = tmp_path / "worker.log"
    log.write_text("")
    with subprocess.Popen(["sleep", "600"]) as process:
        workers._running, workers._logs, workers._born = {0: process}, {0: log}, {0: time.monotonic()}
        yield workers
        process.kill()


def test_a_worker_can_work_from_when_it_says_so(workers: Workers) -> None:
    workers.tend()
    assert workers.at_work_seconds() == 0.0
    said_at = time.monotonic()
    workers._logs[0].write_text('{"desks": 2, "event": "working", "level": "info"}')
    workers.tend()
    assert 0.0 < workers.at_work_seconds() <= time.monotonic() - said_at
    workers.cut_off.add(0)
    assert workers.at_work_seconds() == 0.0


def test_a_worker_that_says_nothing_can_work_once_it_has_had_the_time_to_start(workers: Workers) -> None:
    workers._born[0] -= START_SECONDS
    workers.tend()
    assert workers.at_work_seconds() > 0.0
