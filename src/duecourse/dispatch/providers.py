"""How providers stand, for every worker: what they answered, and what people decided."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import structlog
from psycopg.rows import dict_row

from duecourse.domain.messaging import AccountTrouble, Deferred, NotWritten, Outcome, Throttled, Unknown
from duecourse.store.sql import load

from .health import RECENT_SECONDS, WINDOW_SECONDS, Counts, Seen, Standing, State, reweigh

SQL = load("dispatch/providers")
log = structlog.get_logger("duecourse.dispatch")

BY_ITSELF = "duecourse"
ACCOUNT_TROUBLE = "C050"
_TRIES = 10


@dataclass(slots=True)
class Answers:
    """What one provider answered to a batch."""

    good: int = 0
    bad: int = 0
    throttled: int = 0
    slow: int = 0
    trouble: str = ""
    """What its account lacks, in its own words."""

    @classmethod
    def of(cls, outcomes: Sequence[Outcome], *, late: bool, in_time: bool = True) -> Answers:
        """late: they took longer than the provider's slow_seconds. in_time: it was given them well before they had to
        be written.

        What was not written is our own doing, except where in good time nothing of a batch was: then the line is down.
        """
        lost = sum(isinstance(outcome, (Unknown, Deferred)) for outcome in outcomes)
        unwritten = sum(isinstance(outcome, NotWritten) for outcome in outcomes)
        throttled = sum(isinstance(outcome, Throttled) for outcome in outcomes)
        trouble = next((each for each in outcomes if isinstance(each, AccountTrouble)), None)
        refused = sum(isinstance(outcome, AccountTrouble) for outcome in outcomes)
        good = len(outcomes) - lost - unwritten - throttled - refused
        bad = lost + (unwritten if in_time and lost + unwritten == len(outcomes) else 0)
        told = ": ".join(filter(None, (trouble.code, trouble.reason))) if trouble else ""
        return cls(good, bad, throttled, good if late else 0, told)

    def counts(self) -> dict[str, int]:
        """The answers by what they were; slow ones are among the good."""
        every = {"good": self.good, "bad": self.bad, "throttled": self.throttled, "slow": self.slow}
        return {word: number for word, number in every.items() if number}


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider's standing as it is stored. weight: a person's; None is that of providers.toml."""

    name: str
    standing: Standing
    weight: int | None
    changed_by: str
    changed_at: datetime | None
    version: int
    seen: Seen = field(default_factory=Seen)


def standings(conn: psycopg.Connection, names: Iterable[str], *, now: datetime) -> list[Provider]:
    """How these providers stand, in order of their names; one that never changed is working at full strength."""
    given = {
        "providers": sorted(set(names)),
        "now": now,
        "recent": timedelta(seconds=RECENT_SECONDS),
        "window": timedelta(seconds=WINDOW_SECONDS),
    }
    with conn.cursor(row_factory=dict_row) as cursor:
        return [_provider(row) for row in cursor.execute(SQL["standings"], given).fetchall()]


def _provider(row: Mapping[str, Any]) -> Provider:
    standing = Standing(
        State(row["state"]),
        row["share"],
        row["trips"],
        _seconds(row["changed_at"]),
        _seconds(row["retry_at"]),
        row["probes"],
        row["reason"],
    )
    words = ("good", "bad", "throttled", "slow")
    seen = Seen(Counts(*(row[each] for each in words)), Counts(*(row[f"recent_{each}"] for each in words)))
    return Provider(
        row["provider"], standing, row["weight"], row["changed_by"], row["changed_at"], row["version"], seen
    )


def _seconds(at: datetime | None) -> float:
    return at.timestamp() if at else 0.0


def see_answers(conn: psycopg.Connection, answers: Mapping[str, Answers], *, now: datetime) -> None:
    """Add what providers answered to what is known of them, and commit; in one short statement of its own."""
    with conn.transaction():
        conn.execute(
            SQL["see_answers"],
            {
                "providers": list(answers),
                "goods": [each.good for each in answers.values()],
                "bads": [each.bad for each in answers.values()],
                "throttleds": [each.throttled for each in answers.values()],
                "slows": [each.slow for each in answers.values()],
                "now": now,
            },
        )


def forget_answers(conn: psycopg.Connection, *, now: datetime) -> None:
    """Drop answers too old to count."""
    with conn.transaction():
        conn.execute(SQL["forget_answers"], {"now": now})


def weigh(conn: psycopg.Connection, channels: Mapping[str, str], *, now: datetime) -> list[str]:
    """Let the standing of providers follow what they answered; answers those that changed. channels: of each by name.

    Any worker may do it at any time: of two at once one changes nothing.
    """
    with conn.transaction():
        known = standings(conn, channels, now=now)
        at_work = {one.name for one in known if one.standing.state is State.WORKING}
        changes = []
        for one in known:
            rivals = {name for name in at_work - {one.name} if channels[name] == channels[one.name]}
            after = reweigh(now.timestamp(), one.standing, one.seen, alone=not rivals)
            if after is not None:
                changes.append(replace(one, standing=after, changed_by=BY_ITSELF))
        changed = _change(conn, changes, now)
    for one in changes:
        if one.name in changed and one.standing.state is not State.PROBING:
            log.warning(
                "a provider's part was changed",
                provider=one.name,
                state=one.standing.state.value,
                share=round(one.standing.share, 3),
                why=one.standing.reason,
                problem="C051",
            )
    return sorted(changed)


def _change(conn: psycopg.Connection, changes: Sequence[Provider], now: datetime) -> set[str]:
    if not changes:
        return set()
    given = {
        "providers": [one.name for one in changes],
        "states": [one.standing.state.value for one in changes],
        "shares": [one.standing.share for one in changes],
        "weights": [one.weight for one in changes],
        "trips": [one.standing.trips for one in changes],
        "retry_ats": [
            datetime.fromtimestamp(one.standing.retry_at, UTC) if one.standing.retry_at else None
            for one in changes
        ],
        "probes": [one.standing.probes for one in changes],
        "reasons": [one.standing.reason for one in changes],
        "bys": [one.changed_by for one in changes],
        "versions": [one.version + 1 for one in changes],
        "now": now,
    }
    return {row[0] for row in conn.execute(SQL["change_standings"], given)}


def _decide(
    conn: psycopg.Connection, name: str, change: Callable[[Provider], Provider | None], *, now: datetime
) -> bool:
    """Change one provider's standing by what it is at that moment; False where `change` wants none."""
    for _ in range(_TRIES):
        with conn.transaction():
            after = change(standings(conn, [name], now=now)[0])
            if after is None:
                return False
            if _change(conn, [after], now):
                return True
    raise RuntimeError("the standing of a provider changed under every attempt to change it")


def pause_provider(conn: psycopg.Connection, name: str, *, reason: str, by: str, now: datetime) -> bool:
    """Give the provider nothing until a person resumes it; False when it was paused already. Commits."""

    def change(one: Provider) -> Provider | None:
        if one.standing.state is State.PAUSED:
            return None
        return replace(one, standing=replace(one.standing, state=State.PAUSED, reason=reason), changed_by=by)

    return _decide(conn, name, change, now=now)


def resume_provider(conn: psycopg.Connection, name: str, *, reason: str, by: str, now: datetime) -> bool:
    """Take a provider back at full strength, whatever it stood at, and close its alerts; False when nothing was against
    it. Commits.
    """

    def change(one: Provider) -> Provider | None:
        if one.standing.state is State.WORKING and one.standing.share == 1.0:
            return None
        return replace(one, standing=Standing(since=now.timestamp(), reason=reason), changed_by=by)

    changed = _decide(conn, name, change, now=now)
    with conn.transaction():
        conn.execute(SQL["close_alerts"], {"subject": name, "by": by, "now": now})
    return changed


def weigh_by_hand(
    conn: psycopg.Connection, name: str, weight: int | None, *, reason: str, by: str, now: datetime
) -> bool:
    """Give a provider another weight, or with None that of providers.toml again; False when it has it. Commits."""

    def change(one: Provider) -> Provider | None:
        if one.weight == weight:
            return None
        return replace(one, weight=weight, standing=replace(one.standing, reason=reason), changed_by=by)

    return _decide(conn, name, change, now=now)


def stop_for_trouble(conn: psycopg.Connection, name: str, found: str, *, now: datetime) -> bool:
    """Stop a provider everywhere because its account takes nothing, and raise an alert; a person resumes it.

    False when it stood so already or was paused. found: the provider's words, nothing personal. Commits.
    """

    def change(one: Provider) -> Provider | None:
        if one.standing.state in (State.TROUBLE, State.PAUSED):
            return None
        return replace(
            one, standing=replace(one.standing, state=State.TROUBLE, reason=found), changed_by=BY_ITSELF
        )

    changed = _decide(conn, name, change, now=now)
    raise_alert(conn, ACCOUNT_TROUBLE, name, found, now=now)
    return changed


def raise_alert(conn: psycopg.Connection, code: str, subject: str, why: str, *, now: datetime) -> None:
    """Tell people, once until somebody has seen to it: a row that `duecourse status` shows, and a line in the log."""
    given = {"codes": [code], "subjects": [subject], "reasons": [why], "now": now}
    with conn.transaction():
        fresh = conn.execute(SQL["raise_alerts"], given).fetchall()
    if fresh:
        log.error("a person is needed", subject=subject, why=why, problem=code)


def open_alerts(conn: psycopg.Connection) -> list[dict[str, Any]]:
    """What people must see to, the oldest first."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(SQL["open_alerts"]).fetchall()


def provider_changes(conn: psycopg.Connection, name: str, take: int) -> list[dict[str, Any]]:
    """The latest changes of a provider's standing, the newest first."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(SQL["provider_changes"], {"provider": name, "take": take}).fetchall()
