"""The judgement against the oracle: `make oracle ARGS="10000 1"` on a server of its own."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import psycopg

from duecourse.rules.compiling import RuleBook, shipped
from duecourse.rules.scenarios import Answer, Scenario, judge_scenarios
from duecourse.store.connect import Store
from duecourse.store.embedded import EmbeddedServer
from duecourse.store.migrate import migrate
from rule_oracle import MINUTE, Oracle
from rule_worlds import scenario

WALK_DAYS = 12
"""As far as the oracle walks; what the judgement puts beyond is looked at on both sides of its instant alone."""


def disagreements(
    conn: psycopg.Connection, seed: int, count: int, book: RuleBook | None = None
) -> tuple[list[str], Counter[str]]:
    """What differs, told in full, and how often each outcome and rule came up."""
    book = book or shipped()
    random = Random(seed)
    told = [scenario(random) for _ in range(count)]
    scenarios = [Scenario.model_validate(one) for one in told]
    tally: Counter[str] = Counter()
    wrong = []
    for given, one, answer in zip(told, scenarios, judge_scenarios(conn, book, scenarios), strict=True):
        tally["allowed" if answer.allow else "later" if answer.not_before else "never"] += 1
        tally.update(reason.rule for reason in answer.deciding)
        if fault := compare(Oracle(book.packs, one), answer):
            wrong.append(f"{fault}\n{json.dumps(given)}\n{json.dumps(answer.as_json())}")
    return wrong, tally


def compare(oracle: Oracle, answer: Answer) -> str:
    """What differs, or nothing."""
    refusing = set(oracle.refusing(oracle.now))
    deciding = {reason.rule for reason in answer.deciding}
    if refusing != deciding:
        return f"refusing now: oracle {sorted(refusing)}, judgement {sorted(deciding)}"
    if answer.allow != (not refusing):
        return f"oracle allows: {not refusing}"
    expected = oracle.first_allowed(WALK_DAYS)
    told = answer.not_before and _next_minute(answer.not_before.astimezone(UTC))
    if told is None or expected is not None:
        return "" if expected == told else f"first allowed: oracle {expected}, judgement {answer.not_before}"
    if oracle.refusing(told):
        return f"not allowed at {told}: {oracle.refusing(told)}"
    return "" if oracle.refusing(told - MINUTE) else f"already allowed the minute before {told}"


def _next_minute(at: datetime) -> datetime:
    """A walk by minutes meets a limit of seconds on the minute after it."""
    return at if not (at.second or at.microsecond) else at.replace(second=0, microsecond=0) + MINUTE


def main() -> None:
    """Judge so many random scenarios both ways; print what differs and how often each rule came up."""
    count, seed = (int(given) for given in [*sys.argv[1:], *("10000", "1")[len(sys.argv) - 1 :]])
    home = Path(tempfile.mkdtemp(prefix="dc-oracle-"))
    server = EmbeddedServer(home)
    differ: list[str] = []
    tally: Counter[str] = Counter()
    try:
        with Store(server.start(), None) as store, store.connect(idle_in_transaction_seconds=0) as conn:
            migrate(conn)
            for batch in range(0, count, 500):
                found, seen = disagreements(conn, seed * 1_000_003 + batch, min(500, count - batch))
                differ += found
                tally += seen
                print(f"{batch + 500} judged both ways, {len(differ)} differ", flush=True)
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)
    print("\n\n".join(differ[:5]))
    print(dict(tally.most_common()))
    sys.exit(bool(differ))


if __name__ == "__main__":
    main()
