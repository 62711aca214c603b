"""A book whose messages are due at this very moment, and workers' configuration for the sandbox."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg


def noon_zone() -> str:
    """A zone in which the contact hours last for hours yet, whenever this runs."""
    now = datetime.now(UTC)
    zones = [f"Etc/GMT{offset:+d}" for offset in range(-12, 13)]
    return min(zones, key=lambda zone: abs(now.astimezone(ZoneInfo(zone)).hour - 12))


def today(zone: str) -> date:
    """The date there."""
    return datetime.now(ZoneInfo(zone)).date()


def make_due(conn: psycopg.Connection, *, over: timedelta, useful: timedelta) -> int:
    """Let what is planned fall due evenly over a while from now on; returns how many. useful: from its own instant."""
    count = conn.execute(
        """UPDATE message m SET not_before = at, useful_until = at + %(useful)s
           FROM (SELECT lane, message_id, now() + %(over)s * ((hashtext(message_id::text) & 65535) / 65536.0) AS at
                 FROM message WHERE state = 'planned') s
           WHERE m.lane = s.lane AND m.message_id = s.message_id""",
        {"over": over, "useful": useful},
    ).rowcount
    conn.commit()
    return count


def write_providers(home: Path, port: int, *, window: int) -> None:
    """providers.toml for the sandbox's SMSC."""
    (home / "providers.toml").write_text(
        f"""[smsc]
kind = "sms.smpp"
registered = ["signature"]
sandbox = true
host = "127.0.0.1"
port = {port}
system_id = "duecourse"
window = {window}
""",
        encoding="utf-8",
    )
