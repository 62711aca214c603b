"""Write one night's delivery of a lender that does not exist: Jianghe Consumer Finance (江河消费金融).

    python make_delivery.py FOLDER [--day 2026-03-10] [--customers 40] [--faults]

Seven kinds of files in GB18030, without header lines, cells separated by |@|, days as YYYYMMDD, amounts in fen, and
a flag file with the day, the rows and the sums of each. The same arguments write the same bytes. With --faults it has
a fault of every kind that the import names. People, numbers and contracts are made up.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

SEPARATOR = "|@|"
SURNAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨"
GIVEN = ("伟", "芳", "娜", "秀英", "敏", "静", "丽", "强", "磊", "洋", "艳", "勇", "军", "杰", "娟", "涛")
PRODUCTS = ("XJ01", "CD02", "ZX03")
FILES = ("CUST", "PHONE", "CONT", "DRAW", "SCHED", "TXN_1", "TXN_2", "DEBIT")
INSTALLMENTS = 12
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)

Table = list[list[str]]


def id_number(n: int) -> str:
    """A made-up number with the right check digit (GB 11643)."""
    body = f"990000{1960 + n % 40}{1 + n % 12:02d}{1 + n % 28:02d}{n % 1000:03d}"
    check = sum(int(digit) * weight for digit, weight in zip(body, WEIGHTS, strict=True)) % 11
    return body + "10X98765432"[check]


def month_after(day: date, months: int) -> date:
    """The same day of a later month; days are at most 28 here."""
    month = day.month - 1 + months
    return date(day.year + month // 12, month % 12 + 1, day.day)


def tables(day: date, customers: int) -> dict[str, Table]:
    """Every file's rows, sound."""
    made: dict[str, Table] = {name: [] for name in FILES}
    for n in range(1, customers + 1):
        customer = f"K{n:06d}"
        name = SURNAMES[n % len(SURNAMES)] + GIVEN[n * 7 % len(GIVEN)]
        made["CUST"].append([customer, name, "01", id_number(n), "ABCD"[n % 4]])
        made["PHONE"].append([customer, "M", f"139{n:08d}", f"{day:%Y%m%d}"])
        drawn = n % 3 == 0
        reference = f"{'JJ' if drawn else 'HT'}{n:08d}"
        start = month_after(date(day.year, day.month, 1 + n % 28), -3)
        principal = 600_000 + n * 12_000  # fen
        if drawn:
            row = [reference, f"ED{n:06d}", customer, "XJ01", str(principal), "18.00", f"{start:%Y%m%d}", "1"]
            made["DRAW"].append(row)
        else:
            product = PRODUCTS[1 + n % 2]
            row = [reference, customer, product, f"{principal / 100:,.2f}", "7.20", f"{start:%Y%m%d}", "1"]
            made["CONT"].append(row)
        for number in range(1, INSTALLMENTS + 1):
            part, interest = principal // INSTALLMENTS, principal * (INSTALLMENTS + 1 - number) // 2000
            due_on = f"{month_after(start, number):%Y%m%d}"
            amounts = [str(part), str(interest), "0", str(part + interest)]
            made["SCHED"].append([reference, str(number), due_on, *amounts])
        for number in (1, 2):
            paid = principal // INSTALLMENTS + principal * (INSTALLMENTS + 1 - number) // 2000
            paid_on = f"{month_after(start, number) - timedelta(days=n % 3):%Y%m%d}"
            if n % 4 == 0:
                result = "00" if number == 1 or n % 8 else "51"
                made["DEBIT"].append([f"D{n:06d}{number}", reference, paid_on, str(paid), result])
            else:
                made[f"TXN_{number}"].append([f"T{n:06d}{number}", reference, paid_on, str(paid), "N", ""])
    return made


def spoil(made: dict[str, Table], day: date) -> None:
    """A fault of every kind; nothing here changes what the lender's own totals would say."""
    soon = f"{day:%Y%m%d}"
    made["CUST"] += [
        ["K900001", "多一格", "01", id_number(901), "A", "多余"],  # line n+1: too many cells
        ["K900002", "坏字节\udcff", "01", id_number(902), "A"],  # bytes that are no GB18030
        ["", "无客户号", "01", id_number(903), "A"],  # no key
        ["K000001", "同号异名", "01", id_number(1), "B"],  # says something else of a customer
        ["1.23457E+15", "科学计数", "01", id_number(904), "A"],  # a spreadsheet cut the key
    ]
    made["PHONE"] += [
        ["K000002", "M", "12345", soon],  # no number in use
        ["K000003", "M", "1.38E+10", soon],  # a spreadsheet cut it
        ["K999999", "M", "13900000099", soon],  # a customer nobody knows
    ]
    made["CONT"] += [
        ["HT90000001", "K000001", "ZZ99", "1,000.00", "7.20", soon, "1"],  # a product nobody mapped
        ["HT90000002", "K000001", "CD02", "1,000.00", "7.20", "20260231", "1"],  # no such day
        ["HT90000003", "K000001", "CD02", "1,000.005", "7.20", soon, "1"],  # half a fen
        ["HT90000004", "K000001", "CD02", "1,000.00", "7,2", soon, "1"],  # a rate with a comma
        ["HT90000005", "K900001", "CD02", "1,000.00", "7.20", soon, "1"],  # of a customer who was refused
        ["HT90000006", "K000001", "CD02", "1,000.00", "7.20", soon, "7"],  # a state nobody mapped
    ]
    made["DRAW"] += [
        [
            "JJ00000003",
            "ED000003",
            "K000004",
            "XJ01",
            "636000",
            "18.00",
            soon,
            "1",
        ],  # contradicts an earlier row
        ["HT00000001", "ED000001", "K000002", "XJ01", "612000", "18.00", soon, "1"],  # another's loan
    ]
    first = made["SCHED"][0]
    made["SCHED"] += [
        list(first),  # the same row again
        [first[0], "2", "20261231", "1", "1", "0", "2"],  # contradicts an earlier row
        ["HT00000001", "13", "20270410", "50000", "1000", "0", "51001"],  # parts that do not add up
        ["HT99999999", "1", "20260410", "50000", "1000", "0", "51000"],  # a loan nobody knows
        ["HT90000002", "1", "20260410", "50000", "1000", "0", "51000"],  # a loan that was refused
        ["HT00000001", "0", "20260410", "50000", "1000", "0", "51000"],  # number zero
        ["HT00000001", "14", "20260410", "50000", "1000", "-1000", "50000"],  # a fee below zero
        ["HT00000001", "15", "2026-04-10", "50000", "1000", "0", "51000"],  # a day in another form
    ]
    made["TXN_2"] += [
        ["T9000001", "HT00000001", soon, "0", "N", ""],  # a payment of nothing
        list(made["TXN_2"][0]),  # the same payment again
        ["T9000002", "HT00000002", soon, "51000", "Y", soon],  # reversed on the same day, and no fault
        ["T9000003", "HT00000002", soon, "51000", "Y", ""],  # reversed on no day
    ]
    made["DEBIT"] += [["D9000001", "HT88888888", soon, "51000", "00"]]  # a debit of a loan nobody knows


def total(table: Table, column: int) -> int:
    """The sum of a column, in fen."""
    return sum(int(row[column]) for row in table)


def write(folder: Path, day: date, made: dict[str, Table]) -> None:
    """The files, then the flag file: it comes last, and says that the rest is whole."""
    folder.mkdir(parents=True, exist_ok=True)
    stamp = f"{day:%Y%m%d}"
    flag = [f"{stamp}{SEPARATOR}{len(made)}"]
    sums = {"SCHED": 6, "TXN_1": 3, "TXN_2": 3, "DEBIT": 3}
    for name, table in made.items():
        kind, _, part = name.partition("_")
        file = f"{kind}_{stamp}{'_' + part if part else ''}.dat"
        lines = [SEPARATOR.join(row) for row in table]
        added = str(total(table, sums[name])) if name in sums else ""
        if name == "SCHED":
            lines.append(SEPARATOR.join(["TRL", str(len(table)), added]))
        _write(folder / file, lines)
        flag.append(SEPARATOR.join([file, str(len(table)), added]))
    _write(folder / f"JH_{stamp}.flg", flag)


def _write(path: Path, lines: Sequence[str]) -> None:
    path.write_bytes("".join(line + "\r\n" for line in lines).encode("gb18030", "surrogateescape"))


def main() -> None:
    """Read the arguments and write."""
    parser = argparse.ArgumentParser(description="Write a made-up lender's delivery.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--day", type=date.fromisoformat, default=date(2026, 3, 10))
    parser.add_argument("--customers", type=int, default=40)
    parser.add_argument("--faults", action="store_true")
    given = parser.parse_args()
    made = tables(given.day, given.customers)
    if given.faults:
        spoil(made, given.day)
    write(given.folder, given.day, made)


if __name__ == "__main__":
    main()
