"""A watched folder: a delivery is taken once, when it is whole, across restarts."""

from __future__ import annotations

import json
import os
from datetime import date
from pathlib import Path

import pytest

from duecourse.book.delivering import Delivery, DeliveryReport
from duecourse.book.delivery import Definition, load_delivery
from duecourse.book.watching import Watcher

RULE = """
delivery = "night"
[flag]
file = "{date}.ok"
[[file]]
name = "loans"
file = "loans-{date}.csv"
mapping = "frappe-loan"
controlled = false
"""
SETTLE = 10.0
T0 = 1_773_100_000.0


def definition(folder: Path, more: str = "") -> Definition:
    path = folder.parent / "delivery.toml"
    path.write_text(RULE + more)
    return load_delivery(path)


def put(folder: Path, name: str, text: str = "x", at: float = T0) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    os.utime(folder / name, (at, at))


def days(found: list[Delivery]) -> list[int]:
    return [one.delivered_on.day for one in found]


def report(delivery: Delivery, state: str = "done") -> DeliveryReport:
    return DeliveryReport(delivery.name, delivery.delivered_on, state)  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "incoming").mkdir()
    return tmp_path / "incoming"


def test_nothing_is_taken_before_its_flag_file_is_there(folder: Path) -> None:
    watcher = Watcher(folder, definition(folder), SETTLE)
    put(folder, "loans-20260310.csv")
    assert watcher.look(T0 + 100) == []
    put(folder, "20260310.ok")
    assert days(watcher.look(T0 + 100)) == [10]


def test_a_file_that_still_grows_is_waited_for(folder: Path) -> None:
    watcher = Watcher(folder, definition(folder), SETTLE)
    put(folder, "loans-20260310.csv", "a", T0)
    put(folder, "20260310.ok", "", T0)
    assert watcher.look(T0 + 1) == [] and days(watcher.waiting) == [10]
    put(folder, "loans-20260310.csv", "ab", T0 + 2)
    assert watcher.look(T0 + 3) == []
    assert days(watcher.look(T0 + 4)) == [10]  # the same twice, a look apart


def test_a_later_day_does_not_overtake_one_that_still_grows(folder: Path) -> None:
    watcher = Watcher(folder, definition(folder), SETTLE)
    for day, at in ((10, T0 + 99), (11, T0)):
        put(folder, f"loans-202603{day}.csv", "a", at)
        put(folder, f"202603{day}.ok", "", at)
    assert watcher.look(T0 + 100) == [] and days(watcher.waiting) == [10, 11]


@pytest.mark.parametrize("state", ["done", "known", "refused"])
def test_what_was_taken_or_refused_is_remembered_across_restarts(folder: Path, state: str) -> None:
    rule = definition(folder)
    put(folder, "loans-20260310.csv")
    put(folder, "20260310.ok")
    watcher = Watcher(folder, rule, SETTLE)
    (found,) = watcher.look(T0 + 100)
    marker = watcher.mark(found, report(found, state))
    assert marker.name == "20260310.ok." + ("refused" if state == "refused" else "done")
    assert json.loads(marker.read_text())["state"] == state
    assert watcher.look(T0 + 200) == []
    assert Watcher(folder, rule, SETTLE).look(T0 + 200) == []
    put(folder, "loans-20260310.csv", "mended", T0 + 210)
    assert days(Watcher(folder, rule, SETTLE).look(T0 + 300)) == [10]
    put(folder, "loans-20260310.csv", "x", T0)
    marker.unlink()
    assert days(Watcher(folder, rule, SETTLE).look(T0 + 300)) == [10]


def test_a_taken_delivery_goes_to_its_folder_also_when_a_crash_came_between(folder: Path) -> None:
    rule = definition(folder, '[watch]\ndone = "taken"\nrefused = "bad"\n')
    put(folder, "loans-20260310.csv")
    put(folder, "loans-20260310.csv.rejects.csv")
    put(folder, "20260310.ok")
    watcher = Watcher(folder, rule, SETTLE)
    (found,) = watcher.look(T0 + 100)
    to = watcher.mark(found, report(found))
    whole = {"20260310.ok", "20260310.ok.done", "loans-20260310.csv", "loans-20260310.csv.rejects.csv"}
    assert to == folder / "taken" / "20260310" and {path.name for path in to.iterdir()} == whole
    assert {path.name for path in folder.iterdir()} == {"taken"}
    for name in ("loans-20260310.csv", "20260310.ok.done"):  # as if it had died before these two
        (to / name).rename(folder / name)
    assert Watcher(folder, rule, SETTLE).look(T0 + 200) == []
    assert {path.name for path in to.iterdir()} == whole and {path.name for path in folder.iterdir()} == {
        "taken"
    }


def test_a_second_delivery_of_the_day_does_not_overwrite_the_first(folder: Path) -> None:
    rule = definition(folder, '[watch]\ndone = "taken"\n')
    for text in ("first", "second"):
        put(folder, "loans-20260310.csv", text)
        put(folder, "20260310.ok")
        watcher = Watcher(folder, rule, SETTLE)
        (found,) = watcher.look(T0 + 100)
        assert found.delivered_on == date(2026, 3, 10)
        watcher.mark(found, report(found))
    read = {path.parent.name: path.read_text() for path in folder.glob("taken/*/loans-*.csv")}
    assert read == {"20260310": "first", "20260310-2": "second"}
