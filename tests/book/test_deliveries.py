"""Deliveries of several files: taken whole or refused whole, repeatable, completed after a crash."""

from __future__ import annotations

import importlib.util
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import psycopg
import pytest

from duecourse.book.delivering import DeliveryReport, deliver, find_deliveries, find_delivery
from duecourse.book.delivery import Definition, load_delivery
from duecourse.book.summary import summary
from duecourse.domain.problems import DuecourseError
from duecourse.privacy.keyring import Keyring

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "jianghe"
DAY = date(2026, 3, 10)
NOW = datetime(2026, 3, 10, 1, tzinfo=UTC)
KINDS = ("borrowers", "loans", "installments", "payments")
TABLES = ("borrower", "contact_point", "loan", "installment", "payment", "allocation", "book_history")


@pytest.fixture(scope="module")
def jianghe() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_delivery", EXAMPLE / "make_delivery.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


Sending = Callable[..., Path]


@pytest.fixture
def send(jianghe: ModuleType, tmp_path: Path) -> Sending:
    """send(day, faults): write the example's files of a day."""

    def sent(day: date = DAY, *, faults: bool = False, folder: str = "incoming", customers: int = 12) -> Path:
        made = jianghe.tables(day, customers)
        if faults:
            jianghe.spoil(made, day)
        jianghe.write(tmp_path / folder, day, made)
        return tmp_path / folder

    return sent


@pytest.fixture
def definition() -> Definition:
    return load_delivery(EXAMPLE / "delivery.toml")


@pytest.fixture
def take(store: Any, keyring: Keyring, definition: Definition) -> Callable[..., DeliveryReport]:
    """take(folder): deliver what is there."""

    def taken(
        folder: Path, *, day: date | None = None, by: Definition | None = None, **options: Any
    ) -> DeliveryReport:
        options = {"now": NOW, **options}
        with store.connect(autocommit=True, idle_in_transaction_seconds=0) as conn:
            return deliver(conn, keyring, find_delivery(folder, by or definition, day), **options)

    return taken


def book(conn: psycopg.Connection) -> dict[str, list[tuple[Any, ...]]]:
    found = {table: conn.execute(f"SELECT t::text FROM {table} t ORDER BY 1").fetchall() for table in TABLES}
    conn.commit()
    return found


def named(report: DeliveryReport) -> list[tuple[str, int, str]]:
    """(file, line, code) of every refused row."""
    return sorted(
        (
            where[0].split("_2026")[0] + where[0].split("20260310")[1].removesuffix(".dat"),
            int(where[1]),
            problem.code,
        )
        for one in report.reports
        for problem in one.problems
        for where in [problem.where.split(":")]
    )


# What `spoil` adds after the 12 sound customers, 8 contracts, 4 drawdowns, 144 installments.
NAMED = [
    ("CONT", 9, "B017"),  # a product nobody mapped
    ("CONT", 10, "B012"),  # no such day
    ("CONT", 11, "B015"),  # half a fen
    ("CONT", 12, "B013"),  # a rate with a comma
    ("CONT", 13, "B033"),  # of a customer who was refused
    ("CONT", 14, "B017"),  # a state nobody mapped
    ("CUST", 13, "B010"),  # too many cells
    ("CUST", 14, "B011"),  # bytes that are no GB18030
    ("CUST", 15, "B016"),  # no key
    ("CUST", 16, "B031"),  # says something else of a customer
    ("CUST", 17, "B014"),  # a spreadsheet cut the key
    ("DEBIT", 7, "B032"),  # of a loan nobody knows
    ("DRAW", 5, "B031"),  # contradicts an earlier row
    ("DRAW", 6, "B035"),  # another's loan
    ("PHONE", 13, "B019"),  # no number in use
    ("PHONE", 14, "B014"),  # a spreadsheet cut it
    ("PHONE", 15, "B033"),  # a customer nobody knows
    ("SCHED", 145, "B030"),  # the same row again
    ("SCHED", 146, "B031"),  # contradicts an earlier row
    ("SCHED", 147, "B026"),  # parts that do not add up
    ("SCHED", 148, "B032"),  # a loan nobody knows
    ("SCHED", 149, "B032"),  # a loan that was refused
    ("SCHED", 150, "B024"),  # number zero
    ("SCHED", 151, "B015"),  # a fee below zero
    ("SCHED", 152, "B012"),  # a day in another form
    ("TXN_2", 10, "B015"),  # a payment of nothing
    ("TXN_2", 11, "B030"),  # the same payment again
    ("TXN_2", 13, "B016"),  # reversed on no day
]


def test_a_chinese_lenders_delivery_is_imported_with_exactly_the_named_rejects(
    database: psycopg.Connection, take: Callable[..., DeliveryReport], send: Sending
) -> None:
    report = take(send(faults=True))
    assert (report.state, report.problems) == ("done", [])
    assert named(report) == NAMED
    assert report.rejected == len(NAMED)
    found = summary(database)
    assert [found[kind] for kind in ("borrowers", "loans", "installments", "payments")] == [12, 12, 144, 24]
    assert found["currencies"].keys() == {"CNY"}
    assert {(feed["source"], feed["complete_through"]) for feed in found["feeds"]} == {
        ("core", "2026-03-09"),
        ("debit", "2026-03-09"),
    }
    (last,) = found["deliveries"]
    assert (last["delivery"], last["delivered_on"], last["state"], last["rejected"]) == (
        "jianghe", "2026-03-10", "done", len(NAMED),
    )  # fmt: skip


def test_the_faults_change_nothing_else_in_the_book(
    database: psycopg.Connection, keyring: Keyring, take: Callable[..., DeliveryReport], send: Sending
) -> None:
    take(send(faults=True))
    count = "SELECT count(*), sum(due_minor) FROM installment"
    amounts = database.execute(count).fetchone()
    database.commit()
    clean = take(send(folder="clean"), again=True)
    assert clean.rejected == 0
    written = [f"{kind} {what}" for kind in KINDS for what in ("new", "changed")]
    assert all(not one.counts[what] for one in clean.reports for what in written)
    assert database.execute(count).fetchone() == amounts


def test_a_check_names_the_same_rows_and_writes_nothing(
    database: psycopg.Connection, take: Callable[..., DeliveryReport], send: Sending
) -> None:
    report = take(send(faults=True), check=True)
    assert (report.state, named(report)) == ("checked", NAMED)
    assert all(not rows for rows in book(database).values())
    assert database.execute("SELECT count(*) FROM delivery").fetchone() == (0,)


# -- totals ----------------------------------------------------------------------------------------------------------


def edit(path: Path, change: Callable[[str], str]) -> None:
    path.write_bytes(change(path.read_bytes().decode("gb18030")).encode("gb18030"))


LAST = "Nothing of the delivery was imported."


@pytest.mark.parametrize(
    ("file", "change", "says"),
    [
        ("TXN_20260310_1.dat", lambda text: text[: text.rstrip().rfind("\r\n") + 2],
         ["TXN_20260310_1.dat: rows: found 8, expected 9", "TXN_20260310_1.dat: sum 'fen': found "]),
        ("JH_20260310.flg", lambda text: text.replace("CUST_20260310.dat|@|12", "CUST_20260310.dat|@|13"),
         ["CUST_20260310.dat: rows: found 12, expected 13"]),
        ("SCHED_20260310.dat", lambda text: text.replace("TRL|@|144", "TRL|@|143"),
         ["SCHED_20260310.dat: rows: found 144, expected 143"]),
        ("SCHED_20260310.dat", lambda text: text[: text.index("TRL")],
         ["SCHED_20260310.dat, last line: is no trailer with totals"]),
        ("JH_20260310.flg", lambda text: "\r\n".join(line for line in text.split("\r\n") if "PHONE" not in line),
         ["PHONE_20260310.dat: nothing says how many rows it has"]),
        ("JH_20260310.flg", lambda text: text.replace("20260310|@|8", "20260311|@|8"),
         ["JH_20260310.flg: is named 2026-03-10, and says 2026-03-11"]),
        ("JH_20260310.flg", lambda text: text + "RATES_20260310.dat|@|1|@|\r\n",
         ["JH_20260310.flg: names 'RATES_20260310.dat', which is not a file of this delivery"]),
    ],
)  # fmt: skip
def test_totals_that_differ_refuse_the_delivery_and_nothing_is_written(
    database: psycopg.Connection,
    take: Callable[..., DeliveryReport],
    send: Sending,
    file: str,
    change: Callable[[str], str],
    says: list[str],
) -> None:
    folder = send()
    edit(folder / file, change)
    report = take(folder)
    assert report.state == "refused" and report.reports == []
    told = [str(problem) for problem in report.problems]
    assert all(any(text.startswith(one) for text in told) for one in says), told
    assert all(LAST in text for text in told)
    assert all(not rows for rows in book(database).values())
    assert database.execute("SELECT count(*) FROM book_import").fetchone() == (0,)
    assert [one["state"] for one in summary(database)["deliveries"]] == ["refused"]


def test_rows_that_cannot_be_split_are_counted_too(
    take: Callable[..., DeliveryReport], send: Sending
) -> None:
    folder = send()
    edit(folder / "PHONE_20260310.dat", lambda text: text.replace("\r\n", "|@|x\r\n", 3))
    report = take(folder)
    assert (report.state, report.rejected) == ("done", 3)
    assert report.reports[1].codes == {"B010": 3}


def test_a_sum_with_an_amount_that_cannot_be_read_is_not_proven(
    take: Callable[..., DeliveryReport], send: Sending
) -> None:
    folder = send()
    edit(
        folder / "DEBIT_20260310.dat",
        lambda text: text.replace("|@|00", "|@|00", 1).replace("|@|", "|@|x", 3),
    )
    (problem,) = take(folder).problems
    assert problem.code == "B083"
    assert "the amount of 1 rows could not be read" in problem.message


def test_a_missing_file_refuses_unless_it_is_optional(
    take: Callable[..., DeliveryReport], send: Sending
) -> None:
    folder = send()
    (folder / "CUST_20260310.dat").unlink()
    assert {problem.code for problem in take(folder).problems} == {"B081"}
    folder = send(folder="second")
    (folder / "DEBIT_20260310.dat").unlink()
    # The flag file speaks of it: it was sent and did not arrive.
    assert [problem.code for problem in take(folder).problems] == ["B081"]
    edit(folder / "JH_20260310.flg", lambda text: text[: text.index("DEBIT")])
    assert take(folder).state == "done"


def test_a_delivery_without_its_flag_file_is_not_there(definition: Definition, send: Sending) -> None:
    folder = send()
    (folder / "JH_20260310.flg").unlink()
    with pytest.raises(DuecourseError, match=r"no flag file JH_\{date\}.flg is there.*B085"):
        find_delivery(folder, definition)


# -- repeating, order, crash -----------------------------------------------------------------------------------------


def test_a_delivery_that_is_in_the_book_is_left_alone(
    database: psycopg.Connection, take: Callable[..., DeliveryReport], send: Sending
) -> None:
    folder = send()
    take(folder)
    before = book(database)
    assert take(folder).state == "known"
    assert take(folder, again=True).state == "done"
    assert book(database) == before


def test_an_older_delivery_is_refused_unless_told(take: Callable[..., DeliveryReport], send: Sending) -> None:
    folder = send(date(2026, 3, 10))
    send(date(2026, 3, 9))
    with pytest.raises(DuecourseError, match=r"several days are there \(2026-03-09, 2026-03-10\); say which"):
        take(folder)
    assert take(folder, day=date(2026, 3, 10)).state == "done"
    (problem,) = take(folder, day=date(2026, 3, 9)).problems
    assert problem.code == "B086" and "that of 2026-03-10 is in the book" in problem.message
    assert take(folder, day=date(2026, 3, 9), out_of_order=True).state == "done"


def test_a_delivery_of_a_day_to_come_is_refused(take: Callable[..., DeliveryReport], send: Sending) -> None:
    report = take(send(date(2026, 3, 12)), day=date(2026, 3, 12))
    assert [problem.code for problem in report.problems] == ["B086"]


def test_a_delivery_that_was_refused_is_taken_once_it_is_mended(
    database: psycopg.Connection, take: Callable[..., DeliveryReport], send: Sending
) -> None:
    folder = send()
    whole = (folder / "PHONE_20260310.dat").read_bytes()
    (folder / "PHONE_20260310.dat").write_bytes(whole[:-40])
    assert take(folder).state == "refused"
    (folder / "PHONE_20260310.dat").write_bytes(whole)
    assert take(folder).state == "done"
    assert sorted(one["state"] for one in summary(database)["deliveries"]) == ["done", "refused"]


KILLED = """
import os, signal, sys
from datetime import datetime
from pathlib import Path
import psycopg
from duecourse.book.delivering import deliver, find_delivery
from duecourse.book.delivery import load_delivery
from duecourse.privacy.keyring import Keyring

url, keys, rule, folder, now, file = sys.argv[1:]

def progress(part, position):
    if part.rule.name == file:
        os.kill(os.getpid(), signal.SIGKILL)

with psycopg.connect(url, autocommit=True) as conn:
    deliver(conn, Keyring.load(Path(keys)), find_delivery(Path(folder), load_delivery(Path(rule))),
            now=datetime.fromisoformat(now), progress=progress)
"""


@pytest.mark.parametrize("file", ["customers", "schedule", "debit-results"])
def test_a_killed_delivery_is_completed_by_taking_it_again(
    database_url: str, empty_book: str, tmp_path: Path, send: Sending, definition: Definition, file: str
) -> None:
    keyring = Keyring.new()
    keyring.save(tmp_path / "keys.json")
    folder = send(faults=True)
    arguments = [database_url, tmp_path / "keys.json", definition.path, folder, NOW.isoformat(), file]
    killed = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLED), *map(str, arguments)], check=False
    )
    assert killed.returncode == -signal.SIGKILL
    figures = """SELECT l.loan_ref, b.borrower_key, i.number, i.due_minor, i.settled_on,
        (SELECT sum(a.amount_minor) FROM allocation a
         WHERE (a.lane, a.loan_id, a.number) = (i.lane, i.loan_id, i.number))
        FROM installment i JOIN loan l USING (lane, loan_id)
        JOIN borrower b ON b.lane = l.lane AND b.borrower_id = l.borrower_id ORDER BY 1, 3"""
    with psycopg.connect(database_url, autocommit=True) as conn:
        assert conn.execute("SELECT state FROM delivery").fetchall() == [("running",)]
        report = deliver(conn, keyring, find_delivery(folder, definition), now=NOW)
        assert (report.state, named(report)) == ("done", NAMED)
        assert conn.execute("SELECT state FROM delivery").fetchall() == [("done",)]
        mended = conn.execute(figures).fetchall()
    with psycopg.connect(empty_book, autocommit=True) as conn:
        deliver(conn, keyring, find_delivery(folder, definition), now=NOW)
        assert conn.execute(figures).fetchall() == mended
        assert len(mended) == 144


# -- the language ----------------------------------------------------------------------------------------------------


def written(folder: Path, text: str) -> Definition:
    for mapping in EXAMPLE.glob("*.toml"):
        shutil.copy(mapping, folder / mapping.name)
    (folder / "mine.toml").write_text(textwrap.dedent(text), encoding="utf-8")
    return load_delivery(folder / "mine.toml")


ONE_FILE = """
    delivery = "one"
    [flag]
    file = "{date}.ok"
    totals = { regex = '^(?P<file>\\S+) has (?P<rows>[0-9]+) rows' }
    [[file]]
    name = "customers"
    file = "c-{date}.dat"
    mapping = "customers.toml"
"""


def test_totals_are_read_by_a_regex_and_other_lines_passed_over(
    tmp_path: Path, take: Callable[..., DeliveryReport], send: Sending
) -> None:
    folder = send()
    (folder / "CUST_20260310.dat").rename(folder / "c-20260310.dat")
    (folder / "20260310.ok").write_text("Good night.\nout/c-20260310.dat has 12 rows\n")
    assert take(folder, by=written(tmp_path, ONE_FILE)).rows == 12


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("{date}.ok", "ok"), "the day stands in the name ({date}) or in the flag file ('date')"),
        (("(?P<file>\\S+) has", "has"), "flag.totals needs 'file'"),
        (("(?P<rows>", "(?:"), "'regex' needs a group named rows"),
        (("customers.toml", "nowhere.toml"), "cannot be read"),
        (
            ('mapping = "customers', 'sums = { fen = { column = "x" } }\nmapping = "customers'),
            "nothing gives the sum",
        ),
        (
            ('mapping = "customers', 'complete_through = "date"\nmapping = "customers'),
            "its mapping has no [feed]",
        ),
        (("[flag]", "[flagg]"), "flagg: is not a key of a delivery file here"),
    ],
)
def test_a_delivery_file_that_cannot_hold_is_refused_with_its_reason(
    tmp_path: Path, change: tuple[str, str], says: str
) -> None:
    assert change[0] in ONE_FILE
    with pytest.raises(DuecourseError) as caught:
        written(tmp_path, ONE_FILE.replace(*change))
    assert any(says in str(problem) for problem in caught.value.problems), str(caught.value)


def test_a_mapping_that_does_not_fit_refuses_before_anything_is_imported(
    database: psycopg.Connection, tmp_path: Path, take: Callable[..., DeliveryReport], send: Sending
) -> None:
    by = written(tmp_path, (EXAMPLE / "delivery.toml").read_text("utf-8"))
    broken = (EXAMPLE / "debit-results.toml").read_text("utf-8").replace('"扣款日",', '"日",')
    (tmp_path / "debit-results.toml").write_text(broken, encoding="utf-8")
    by = load_delivery(by.path)
    report = take(send(), by=by)
    assert [problem.code for problem in report.problems] == ["B003"]
    assert database.execute("SELECT count(*) FROM borrower").fetchone() == (0,)


def test_deliveries_of_a_folder_come_in_order_of_their_days(definition: Definition, send: Sending) -> None:
    for day in (11, 9, 10):
        folder = send(date(2026, 3, day))
    found = find_deliveries(folder, definition)
    assert [one.delivered_on.day for one in found] == [9, 10, 11]
    assert [part.path.name for part in found[0].parts][-3:] == [
        "TXN_20260309_1.dat",
        "TXN_20260309_2.dat",
        "DEBIT_20260309.dat",
    ]
