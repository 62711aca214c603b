"""A book whose messages are due at this very moment, and workers' configuration for the sandbox."""

from __future__ import annotations

import subprocess
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg

from duecourse.planning.plan import plan_book

from .book import Shape, make_book, put_in_force, seal_book
from .house import House

PATIENCE_SECONDS = 900.0


def noon_zone() -> str:
    """A zone in which the contact hours last for hours yet, whenever this runs."""
    now = datetime.now(UTC)
    zones = [f"Etc/GMT{offset:+d}" for offset in range(-12, 13)]
    return min(zones, key=lambda zone: abs(now.astimezone(ZoneInfo(zone)).hour - 12))


def today(zone: str) -> date:
    """The date there."""
    return datetime.now(ZoneInfo(zone)).date()


def waiting_book(house: House, messages: int, seed: int, zone: str) -> tuple[str, Path]:
    """A book whose messages are all planned for later; its name, and its policy's file."""
    name = house.copy()
    day = today(zone)
    with house.open(name) as store, store.connect(idle_in_transaction_seconds=0) as conn:
        make_book(conn, Shape(messages, day, 1, 1, 1, shared=2**31 - 1), seed=seed, zone=zone)
        seal_book(conn, house.keyring)
        conn.execute("UPDATE setting SET value = to_jsonb(%s::text) WHERE key = 'lender_zone'", (zone,))
        plannables = put_in_force(conn, house.folder, {"due-today": "due"})
        clock = conn.execute("SELECT now()").fetchone()
        assert clock is not None
        plan_book(conn, plannables, as_of=day, now=clock[0] - timedelta(hours=12))
        conn.execute(
            "UPDATE message SET not_before = now() + interval '1 hour', useful_until = now() + interval '9 hours'"
        )
        conn.commit()
        conn.autocommit = True
        conn.execute("VACUUM (ANALYZE)")
    return name, house.folder / "policy.yaml"


def until(
    conn: psycopg.Connection,
    query: str,
    count: int,
    working: subprocess.Popen[bytes],
    log: Path | None = None,
) -> None:
    """Wait until the query counts so many. Raises RuntimeError when the worker ends before, or in PATIENCE_SECONDS."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        row = conn.execute(query).fetchone()  # type: ignore[call-overload]
        if row[0] >= count:
            return
        if working.poll() is not None or time.monotonic() > end:
            told = log.read_text("utf-8")[-2000:] if log else ""
            raise RuntimeError(f"{row[0]} of {count}: {query} {told}")
        time.sleep(0.05)


def make_due(
    conn: psycopg.Connection, *, over: timedelta, useful: timedelta, ahead: timedelta = timedelta(0)
) -> int:
    """Let what is planned fall due evenly over a while; returns how many. useful: from its own instant; ahead: until
    the first one falls due.
    """
    count = conn.execute(
        """UPDATE message m SET not_before = at, useful_until = at + %(useful)s
           FROM (SELECT lane, message_id,
                        now() + %(ahead)s + %(over)s * ((hashtext(message_id::text) & 65535) / 65536.0) AS at
                 FROM message WHERE state = 'planned') s
           WHERE m.lane = s.lane AND m.message_id = s.message_id""",
        {"over": over, "useful": useful, "ahead": ahead},
    ).rowcount
    conn.commit()
    return count


def write_providers(home: Path, port: int, *, window: int, per_second: int | None = None) -> None:
    """providers.toml for the sandbox's SMSC. per_second: its limit."""
    limit = f"rate_per_second = {per_second}\n" if per_second else ""
    (home / "providers.toml").write_text(
        f"""[smsc]
kind = "sms.smpp"
registered = ["signature"]
sandbox = true
host = "127.0.0.1"
port = {port}
system_id = "duecourse"
window = {window}
{limit}""",
        encoding="utf-8",
    )
