"""A borrower's portrait keeps the counters of lateness apart."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from duecourse.cli.context import Context
from duecourse.cli.settings import Settings
from duecourse.cli.show import borrower_facts
from duecourse.store.migrate import put_setting
from lender import Lender, lane_of


def test_days_past_due_and_days_after_grace_are_shown_apart(
    lender: Lender, database_url: str, tmp_path: Path
) -> None:
    lender.keyring.save(tmp_path / "keys.json")
    lender.book("loan borrower due_on grade\nL-1 B 2026-03-05 A\nL-2 B 2026-03-09 A")
    lender.conn.execute("UPDATE installment SET grace_days = 3")
    lender.name_in_directory("B")
    put_setting(lender.conn, "simulated", True)
    put_setting(lender.conn, "lender_zone", "Asia/Shanghai")
    lender.conn.commit()
    here = Context(settings=Settings(home=tmp_path, database_url=database_url))  # type: ignore[arg-type]
    try:
        found = borrower_facts(here, "B", date(2026, 3, 10))
    finally:
        here.close()
    assert (found["days_past_due"], found["days_past_grace"]) == (5, 2)
    assert [one["days_past_due"] for one in found["installments"]] == [5, 1]
    assert found["lane"] == lane_of("B")
