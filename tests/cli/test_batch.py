"""`batch`, `stop --batch`, `resume` and `correct` as people type them: two of them, where it takes two."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from duecourse.dispatch.batches import list_batches, open_batches
from duecourse.policy.templates import Templates, TemplateText
from duecourse.policy.versions import publish
from duecourse.store.migrate import put_setting
from lender import POLICY_HEAD, Lender
from shell import Shell

STEP = """
  - id: due-today
    when: due at 09:00
    purpose: reminder
    route: [sms]
    template: due-soon
"""


@pytest.fixture
def batch(lender: Lender, tmp_path: Path, database_url: str) -> str:
    """A batch of five that its band holds, published by alice; one message of it went out before that."""
    today = datetime.now(UTC).date()
    lender.book(f"loan due_on zone email\nL-0 {today} UTC -")
    lender.clone("L-0", 4)
    lender.policy(STEP, POLICY_HEAD + "brakes: {messages: {max: 3}}\ncorrection: sorry\n")
    texts = [TemplateText("due-soon", "en", {"sms": "Due."}), TemplateText("sorry", "en", {"sms": "Sorry."})]
    publish(lender.conn, lender.policies[0], Templates(texts), "", now=datetime.now(UTC), user="alice")
    put_setting(lender.conn, "simulated", True)
    put_setting(lender.conn, "lender_zone", "UTC")
    lender.plan(datetime.now(UTC).isoformat(), lender_zone="UTC")
    rows = lender.conn.execute(
        "SELECT DISTINCT batch_id FROM message WHERE local_on = %s", (today,)
    ).fetchall()
    lender.conn.commit()
    open_batches(lender.conn, [rows[0][0]], as_of=today, now=datetime.now(UTC))
    lender.conn.execute(
        """INSERT INTO attempt (lane, attempt_id, message_id, borrower_id, seq, route_at, channel, provider,
               contact_point_id, epoch, state, valid_until, claimed_at)
           SELECT lane, gen_random_uuid(), message_id, borrower_id, 1, 1, 'sms', 'p', gen_random_uuid(), 1, 'unknown',
                  now(), now() FROM message WHERE batch_id = %s LIMIT 1""",
        (rows[0][0],),
    )
    lender.conn.commit()
    lender.keyring.save(tmp_path / "keys.json")
    return str(rows[0][0])


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


def duecourse(home: Path, url: str, user: str, *words: str) -> tuple[int, str]:
    """Exit code and everything it printed."""
    settings = {"DUECOURSE_HOME": home, "DUECOURSE_DATABASE_URL": url, "DUECOURSE_USER": user}
    ran = Shell(home, {**settings, "DUECOURSE_LANGUAGE": "en"}).run(*words)
    return ran.code, ran.told


def state(lender: Lender) -> str:
    return str(list_batches(lender.conn)[0]["state"])


def test_resume_takes_a_second_person(lender: Lender, home: Path, database_url: str, batch: str) -> None:
    code, told = duecourse(home, database_url, "alice", "resume")
    assert (code, state(lender)) == (1, "held")
    assert "another person must resume it" in told and "D090" in told
    code, told = duecourse(home, database_url, "bob", "resume", "--batch", batch[:8])
    assert (code, state(lender)) == (0, "going")
    assert "Batches let go: 1" in told


def test_a_held_batch_shows_and_a_batch_can_be_held_by_hand(
    lender: Lender, home: Path, database_url: str, batch: str
) -> None:
    assert "5 messages; the policy allows at most 3" in duecourse(home, database_url, "bob", "status")[1]
    code, told = duecourse(home, database_url, "bob", "batch", "list", "--json")
    assert (code, json.loads(told)[0]["state"]) == (1, "held")
    assert duecourse(home, database_url, "bob", "resume")[0] == 0
    assert duecourse(home, database_url, "carol", "stop", "--batch", batch[:8], "--reason", "look")[0] == 0
    assert state(lender) == "held"
    assert duecourse(home, database_url, "bob", "batch", "show", "ffffff")[0] == 1


def test_correct_tells_first_and_then_does_it_once(
    lender: Lender, home: Path, database_url: str, batch: str
) -> None:
    code, told = duecourse(home, database_url, "bob", "correct", batch[:8], "--dry-run", "--json")
    assert (code, json.loads(told)["corrections"]) == (
        0,
        [{"channel": "sms", "messages": 1, "borrowers": 1}],
    )
    assert state(lender) == "held"
    assert "1 corrections planned" in duecourse(home, database_url, "bob", "correct", batch[:8])[1]
    assert state(lender) == "corrected"
    assert "0 corrections planned" in duecourse(home, database_url, "bob", "correct", batch[:8])[1]
    assert duecourse(home, database_url, "bob", "resume")[0] == 1
    assert lender.messages(
        "count(*)", where="corrects IS NOT NULL GROUP BY loans, local_on, step, leg, supplement"
    ) == [(1,)]
