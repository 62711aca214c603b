"""`duecourse work` as a process of its own, with a book whose messages are all due now."""

from __future__ import annotations

import subprocess
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import soak.workers
from bench.live import noon_zone

from duecourse.channels.sandbox.process import SandboxProcess
from duecourse.policy.templates import Templates, TemplateText
from duecourse.policy.versions import publish
from duecourse.privacy.sealing import open_many
from duecourse.store.migrate import put_setting
from lender import POLICY_HEAD, Lender
from post import Post

__all__ = ["fill", "last_states", "noon_zone", "start_worker", "submits", "wait_for", "write_providers"]
WINDOW = 50
LEASE_SECONDS = 2
USEFUL_SECONDS = 900

STEP = """
  - id: due-today
    when: due at 09:00
    purpose: reminder
    route: [sms]
    template: due-soon
"""


def fill(
    lender: Lender,
    count: int,
    zone: str,
    first: str = "+8613800000000",
    head: str = POLICY_HEAD,
    steps: str = STEP,
) -> None:
    """A book of borrowers with one loan and one number each, and their messages, due now. first: one number.

    head: of the policy; publishing it is the word of `test`.
    """
    today = datetime.now(ZoneInfo(zone)).date()
    lender.book(f"loan due_on zone phone email\nL-0 {today} {zone} {first} -")
    lender.reindex_contact_points()
    lender.policy(steps, head)
    policy = lender.policies[0]
    text = TemplateText(
        "due-soon", "en", {"sms": "Test Bank: {{ total | money }} is due on {{ due_on | date }}."}
    )
    publish(lender.conn, policy, Templates([text]), "", now=datetime.now(UTC), user="test")
    put_setting(lender.conn, "simulated", True)
    put_setting(lender.conn, "lender_zone", zone)
    if count > 1:
        lender.clone("L-0", count - 1)
    lender.plan(datetime.now(UTC).isoformat(), lender_zone=zone)
    lender.conn.execute(
        "UPDATE message SET not_before = now(), useful_until = now() + %s WHERE local_on = %s",
        (timedelta(seconds=USEFUL_SECONDS), today),
    )
    lender.conn.commit()


def write_providers(home: Path, *smscs: SandboxProcess, beside: str = "") -> None:
    """providers.toml for the sandbox: one provider for each message centre, and what is `beside` them."""
    (home / "providers.toml").write_text(beside + "".join(map(_smsc, smscs, ("smsc", "second"))))


def _smsc(smsc: SandboxProcess, name: str) -> str:
    return f"""[{name}]
kind = "sms.smpp"
sandbox = true
host = "127.0.0.1"
port = {smsc.ports["sms.smpp"]}
system_id = "duecourse"
window = {WINDOW}
registered = ["signature", "header", "template", "category-suffix"]
"""


def start_worker(home: Path, url: str, *options: str) -> subprocess.Popen[bytes]:
    """`duecourse work` as a process of its own, with a short lease."""
    return soak.workers.start_worker(home, url, *options, lease_seconds=LEASE_SECONDS)


def submits(post: Post) -> Counter[str]:
    """How often the SMSC was handed a message, by number."""
    return Counter(line["to"] for line in post.journal())


def wait_for(
    holds: Callable[[], bool],
    seconds: float,
    worker: subprocess.Popen[bytes] | None = None,
    home: Path | None = None,
) -> None:
    """Until something holds; fails when it does not in time, or when the worker ended."""
    limit = time.monotonic() + seconds
    while not holds():
        log = (home / "worker.log").read_text()[-2000:] if home else ""
        assert time.monotonic() < limit, log
        assert worker is None or worker.poll() is None, log
        time.sleep(0.02)


def last_states(lender: Lender) -> dict[str, str]:
    """The state of the last SMS to each number, written as the SMSC writes it."""
    rows = lender.conn.execute(
        """SELECT p.contact_point_id, p.address_sealed, a.state
           FROM attempt a JOIN contact_point p USING (lane, contact_point_id)
           WHERE a.channel = 'sms' ORDER BY a.seq"""
    ).fetchall()
    points, sealed, states = zip(*rows, strict=True)
    numbers = open_many(lender.keyring, sealed, "contact_point", "address", points)
    return {number.removeprefix("+"): state for number, state in zip(numbers, states, strict=True)}
