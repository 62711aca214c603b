"""`duecourse event` as a person uses it; what a dry run of planning shows; and events in a replay, at their moment."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from duecourse.book.importing import import_rows
from duecourse.book.mapping import parse_mapping
from duecourse.privacy.keyring import Keyring
from duecourse.store.migrate import put_setting

Run = Callable[..., Any]

MAPPING = """
mapping = "m"
[money]
currency = "CNY"
[borrower]
key = "C1"
language = "en"
region = "CN"
zone = "Asia/Shanghai"
[[contact_point]]
channel = "sms"
address = "+8613912345678"
[loan]
ref = "L-1"
creditor = "acme"
product = "cash-loan"
method = "given"
[[installment]]
repeat = [{ n = 1, day = "2026-01-10" }, { n = 2, day = "2026-02-10" }]
number = "{n}"
due_on = "{day}"
due = 120
"""
POLICY = """
policy: small
languages: [en]
creditors: {"*": {name: Acme, contact_phone: "400"}}
steps:
  - id: thanks
    on: payment.received
    purpose: confirmation
    route: [sms]
    template: thanks
  - id: decided
    on: application.decided
    if: {decision: declined}
    purpose: status
    route: [sms]
    template: decided
"""


@pytest.fixture
def run(type_in: Run, database: psycopg.Connection, keyring: Keyring, tmp_path: Path) -> Run:
    """Types a line at a simulated book with one loan and a policy."""
    put_setting(database, "simulated", True)
    import_rows(
        database, keyring, [{}], parse_mapping(MAPPING, "m"), columns=(), now=datetime(2026, 1, 1, tzinfo=UTC)
    )
    database.commit()
    (tmp_path / "templates").mkdir()
    (tmp_path / "policy.yaml").write_text(POLICY, "utf-8")
    for name, sms in {
        "thanks": "{{ creditor }}: thank you, {{ amount | money }} came on {{ happened_on | date }}.",
        "decided": "{{ creditor }}: we cannot approve {{ reference }}.",
    }.items():
        (tmp_path / "templates" / f"{name}.en.yaml").write_text(f'sms: "{sms}"\n', "utf-8")
    type_in("policy", "publish", tmp_path / "policy.yaml")
    return lambda line, code=None: type_in(*line.split(), code=code)


PAY = "payment add L-1 --amount 120.00 --on 2026-01-09 --source desk --reference R-7"
DECLINED = "event add C1 --kind application.decided --decision declined --creditor acme --reference A-7"


def test_events_of_a_customer_are_listed_with_what_was_said_of_them(run: Run) -> None:
    run(PAY)
    assert run(DECLINED + " --at 2026-01-09T12:00+08:00 --json")["new"]
    assert not run(DECLINED + " --at 2026-01-09T13:00+08:00 --json")["new"]
    run("plan --as-of 2026-01-10")
    found = run("event list --customer C1 --json")["events"]
    assert [(one["kind"], one["loan"], [m["step"] for m in one["messages"]]) for one in found] == [
        ("payment.received", "L-1", ["thanks"]),
        ("application.decided", None, ["decided"]),
    ]
    shown = run("event list --kind payment.received")
    assert "payment.received" in shown and "thanks: planned" in shown and "120.00 CNY" in shown


def test_a_dry_run_of_planning_shows_what_events_call_for_and_writes_nothing(run: Run) -> None:
    run(PAY)
    for _ in range(2):
        shown = run("plan --as-of 2026-01-10 --dry-run --json")
        assert [(line["step"], line["messages"]) for line in shown["preview"]] == [("thanks", 1)]
    assert run("event list --json")["events"][0]["planned_at"] is None


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("event add C1 --kind application.decided --creditor acme", "D220"),
        ("event add C1 --kind contract.signed --decision approved --creditor acme", "D220"),
        ("event add C1 --kind payout.made", "D221"),
        ("event add C1 --kind application.received", "D221"),
        ("event add C1 --kind application.received --creditor acme --amount 5", "D222"),
        ("event add C1 --kind payout.made --loan L-9", "D081"),
        ("event add nobody --kind payout.made --loan L-1", "D033"),
        ("event list --customer nobody", "D033"),
    ],
)
def test_what_is_wrong_with_an_event_is_said_and_nothing_written(run: Run, line: str, code: str) -> None:
    run(line, code)
    assert run("event list --json")["events"] == []


@pytest.mark.slow
def test_a_replay_tells_of_each_event_at_its_moment(run: Run, database: psycopg.Connection) -> None:
    run(PAY)
    run(DECLINED + " --at 2026-01-09T12:00+08:00")
    run("run --from 2026-01-08 --to 2026-01-11 --json")
    told = database.execute(
        """SELECT m.step, to_char(a.claimed_at AT TIME ZONE 'Asia/Shanghai', 'MM-DD HH24:MI')
           FROM message m JOIN attempt a USING (lane, message_id) ORDER BY a.claimed_at"""
    ).fetchall()
    # The day of a payment is over before it is known that it came that day: its thanks go the morning after.
    assert told == [("decided", "01-09 12:00"), ("thanks", "01-10 08:00")]
    run("run --from 2026-01-08 --to 2026-01-11 --json")
    assert database.execute("SELECT count(*) FROM attempt").fetchone() == (2,)
