"""An import that is killed leaves whole batches, and the same import afterwards completes the book."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import psycopg
import pytest

from duecourse.book.importing import import_book
from duecourse.book.mapping import parse_mapping
from duecourse.privacy.keyring import Keyring

from .conftest import NOW

MAPPING = """
mapping = "cards"
[money]
currency = "CNY"
[borrower]
key = "C{row:04d}"
name = "N{row}"
id_number = "ID{who}"
language = "zh-CN"
region = "CN"
zone = "Asia/Shanghai"
[[contact_point]]
channel = "sms"
address = "+86139{row:08d}"
[loan]
ref = "L{row:04d}"
creditor = "bank"
product = "card"
method = "revolving"
[[installment]]
repeat = [{ month = "2026-01", bill = "B1" }, { month = "2026-02", bill = "B2" }]
number = "{i}"
statement_on = { month = "{month}", day = 20 }
due_on = { month = "{month}", plus_months = 1, day = 10 }
balance = { column = "{bill}" }
minimum = { percent = 10 }
[[payment]]
source = "core"
reference = "P{row}"
amount = { column = "paid" }
paid_on = "2026-02-15"
"""

IMPORT = """
import os, signal, sys
from datetime import datetime
from pathlib import Path
import psycopg
from duecourse.book.importing import import_book
from duecourse.book.mapping import load_mapping
from duecourse.privacy.keyring import Keyring

url, keys, mapping, path, now, batches = sys.argv[1:]
told = 0

def progress(position):
    global told
    told += 1
    if told == int(batches):
        os.kill(os.getpid(), signal.SIGKILL)

with psycopg.connect(url, autocommit=True) as conn:
    import_book(conn, Keyring.load(Path(keys)), Path(path), load_mapping(Path(mapping)),
                now=datetime.fromisoformat(now), batch_rows=50, progress=progress)
"""

FIGURES = """
SELECT l.loan_ref, b.borrower_key, b.lane, i.number, i.due_minor, i.settled_on, i.superseded_on, i.past_due_since,
       (SELECT sum(a.amount_minor) FROM allocation a
        WHERE (a.lane, a.loan_id, a.number) = (i.lane, i.loan_id, i.number)),
       (SELECT count(*) FROM contact_point c WHERE (c.lane, c.borrower_id) = (b.lane, b.borrower_id))
FROM installment i JOIN loan l USING (lane, loan_id)
JOIN borrower b ON b.lane = l.lane AND b.borrower_id = l.borrower_id
ORDER BY 1, 4
"""


@pytest.mark.parametrize("batches", [2, 5])
def test_a_killed_import_is_completed_by_the_next(
    database_url: str, empty_book: str, tmp_path: Path, batches: int
) -> None:
    keyring = Keyring.new()
    keyring.save(tmp_path / "keys.json")
    (tmp_path / "mapping.toml").write_text(MAPPING)
    rows = "".join(f"{i % 70},{100 + i},{50 + i % 80},{5 + i % 9}\n" for i in range(400))
    path = tmp_path / "cards.csv"
    path.write_text("who,B1,B2,paid\n" + rows)
    arguments = [
        database_url,
        tmp_path / "keys.json",
        tmp_path / "mapping.toml",
        path,
        NOW.isoformat(),
        batches,
    ]
    killed = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(IMPORT), *map(str, arguments)], check=False
    )
    assert killed.returncode == -signal.SIGKILL
    mapping = parse_mapping(MAPPING, "m")
    with psycopg.connect(database_url, autocommit=True) as conn:
        halfway = conn.execute("SELECT count(*) FROM loan").fetchone()
        assert halfway == (batches * 50,)
        assert conn.execute("SELECT state FROM book_import").fetchall() == [("running",)]
        report = import_book(conn, keyring, path, mapping, now=NOW, batch_rows=50)
        assert report.counts["loans same"] == batches * 50
        mended = conn.execute(FIGURES).fetchall()
    with psycopg.connect(empty_book, autocommit=True) as conn:
        import_book(conn, keyring, path, mapping, now=NOW)
        assert conn.execute(FIGURES).fetchall() == mended
