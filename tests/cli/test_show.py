"""A borrower's portrait keeps the counters of lateness apart."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from duecourse.cli.context import Context
from duecourse.cli.settings import Settings
from duecourse.cli.show import borrower_facts
from duecourse.store.migrate import put_setting
from lender import Lender, lane_of


def test_the_three_counters_of_days_past_due_are_shown_apart(
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
    assert (found["days_past_due"], found["strategy_days"], found["bureau_days"]) == (5, 2, 5)
    each = [(one["ref"], one["days_past_due"], one["strategy_days"], one["bucket"]) for one in found["loans"]]
    assert each == [("L-1", 5, 2, "1-7"), ("L-2", 1, 0, "1-7")]
    assert [one["days_past_due"] for one in found["installments"]] == [5, 1]
    assert found["lane"] == lane_of("B")
