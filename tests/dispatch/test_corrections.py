"""A correction of a wrong batch reaches those whom the batch reached, and nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import psycopg
import pytest

from counter import Counter
from duecourse.dispatch.batches import close_corrected, find_batch, list_batches
from duecourse.domain.messaging import Refused
from duecourse.domain.problems import DuecourseError
from duecourse.planning.correcting import correct_batch, reached_by
from duecourse.store.lease import hold_fence
from lender import Lender
from post import TEXTS, Post

from .braked import NINE, T, planned, sent, states


@pytest.fixture
def correction_text(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(TEXTS, "sorry", "Test Bank: our last message was wrong, please ignore it.")
    yield


@pytest.mark.usefixtures("correction_text")
def test_a_correction_reaches_exactly_those_whom_the_wrong_batch_reached(lender: Lender, post: Post) -> None:
    planned(lender, "{canary: {size: 10, most_bad: 20%}}", more="correction: sorry\n")
    bad = Refused("x", "nobody has this number", permanent=True)
    counter = Counter(post, sms=[bad, bad, bad])
    counter.at(NINE, "2026-03-09T09:00:01+08:00", "2026-03-09T09:00:02+08:00")
    batch = find_batch(lender.conn, str(list_batches(lender.conn)[0]["batch_id"]))
    reached = {one.address for one in counter.ends["sms"].taken[3:]}
    assert [
        (one.channel, one.messages, one.borrowers) for one in reached_by(lender.conn, batch["batch_id"])
    ] == [("sms", 7, 7)]
    lender.conn.execute(
        "UPDATE installment SET settled_on = '2026-03-09'"
    )  # they are owed it though they paid
    policies = {one.policy.name: one for one in lender.plannables()}
    ten = datetime.fromisoformat("2026-03-09T10:00+08:00")
    assert [one.messages for one in correct_batch(lender.conn, batch, policies, now=ten, dry_run=True)] == [7]
    assert [one.messages for one in correct_batch(lender.conn, batch, policies, now=ten)] == [7]
    assert correct_batch(lender.conn, batch, policies, now=ten + timedelta(hours=1)) == []
    lender.conn.commit()
    lender.plan("2026-03-09T10:00+08:00")  # planning anew takes no correction back
    counter.at("2026-03-09T10:00+08:00", "2026-03-09T10:01+08:00")
    corrections = counter.ends["sms"].taken[10:]
    assert {one.address for one in corrections} == reached
    assert len(corrections) == 7
    assert all("was wrong" in one.text for one in corrections)


@pytest.mark.usefixtures("correction_text")
def test_a_correction_waits_for_no_debit_when_it_names_no_amount_and_is_kept_from_who_said_stop(
    lender: Lender, post: Post
) -> None:
    lender.silent_templates = {"sorry"}
    planned(lender, "{canary: {size: 10}}", count=2, more="correction: sorry\n")
    counter = Counter(post)
    counter.at(NINE, "2026-03-09T09:00:01+08:00", "2026-03-09T09:00:02+08:00")
    assert sent(counter) == 2
    batch = find_batch(lender.conn, str(list_batches(lender.conn)[0]["batch_id"]))
    (stopped,), (other,) = lender.conn.execute(
        """SELECT CASE loan_ref WHEN 'L-0' THEN borrower_key ELSE loan_ref END
           FROM loan JOIN borrower USING (lane, borrower_id) ORDER BY loan_ref"""
    ).fetchall()
    lender.debit(other, "2026-03-09", "2026-03-12")
    lender.opt_out(stopped)
    policies = {one.policy.name: one for one in lender.plannables()}
    ten = datetime.fromisoformat("2026-03-09T10:00+08:00")
    assert [one.messages for one in correct_batch(lender.conn, batch, policies, now=ten)] == [2]
    lender.conn.commit()
    counter.at("2026-03-09T10:00+08:00")
    assert lender.messages("rule", "tries", where="corrects IS NOT NULL AND rule IS NOT NULL") == [
        ("DEFAULT-OPT-OUT", 0)
    ]
    assert sent(counter) == 3


def test_a_batch_is_closed_for_a_correction_only_when_no_claim_of_it_is_under_way(
    lender: Lender, post: Post
) -> None:
    planned(lender, "{messages: {max: 30}}", more="correction: sorry\n")
    counter = Counter(post)
    counter.at(NINE)
    batch_id = list_batches(lender.conn)[0]["batch_id"]
    lender.conn.commit()
    with counter.conn.transaction():
        hold_fence(counter.conn, counter.desk.epochs)
        lender.conn.execute("SET lock_timeout = '100ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            close_corrected(lender.conn, batch_id, by="bob", now=T)
        lender.conn.rollback()
    close_corrected(lender.conn, batch_id, by="bob", now=T)
    lender.conn.commit()
    assert states(lender)[0][0] == "corrected"


def test_a_policy_without_a_correction_says_so(lender: Lender, post: Post) -> None:
    planned(lender, "{canary: {size: 10}}")
    Counter(post).at(NINE)
    batch = find_batch(lender.conn, str(list_batches(lender.conn)[0]["batch_id"]))
    policies = {one.policy.name: one for one in lender.plannables()}
    with pytest.raises(DuecourseError) as refused:
        correct_batch(lender.conn, batch, policies, now=T)
    assert refused.value.problems[0].code == "D092"
