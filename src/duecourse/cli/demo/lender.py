"""A made-up lender: the files its core system would hand over, the same for the same seed.

Nobody here is real: names are put together at random and addresses reach the sandbox alone.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Final

from duecourse.domain.money import from_minor, to_minor
from duecourse.domain.schedule import Method, Terms, add_months, build_schedule, revolving_minimum

from .answers import ending_of_one_who_answers

FAMILY_ZH: Final = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"
GIVEN_ZH: Final = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰"
FAMILY_EN: Final = (
    "Santos",
    "Reyes",
    "Smith",
    "Jones",
    "Taylor",
    "Brown",
    "Wong",
    "Davies",
    "Evans",
    "Wilson",
)
GIVEN_EN: Final = ("Mei", "James", "Olivia", "Grace", "Daniel", "Priya", "Thomas", "Emma", "Wei", "Sarah")

STREETS: Final = {
    "CN": ("世纪大道", "中山路", "人民路", "解放路"),
    "PH": ("Rizal Avenue", "Mabini Street", "Quezon Avenue"),
    "GB": ("High Street", "Station Road", "Church Lane"),
}
TOWNS: Final = {
    "CN": ("上海市 200120", "杭州市 310000", "成都市 610000"),
    "PH": ("1000 Manila", "6000 Cebu City"),
    "GB": ("London N1 9GU", "Leeds LS1 4AP"),
}

# How a grade pays: share before the reminders, share up to the due day, share some days late; the rest do not.
HABITS: Final = {
    "A": (0.45, 0.53, 0.02),
    "B": (0.30, 0.60, 0.08),
    "C": (0.20, 0.50, 0.22),
    "D": (0.10, 0.38, 0.30),
}
GRADES: Final = "AAAABBBCCD"

# What the sandbox does with an ending, and how often a borrower's number has it.
ENDINGS: Final = (("0001", 0.02), ("0002", 0.01), ("0003", 0.02), ("0004", 0.04), ("0005", 0.01))
FOLLOWERS: Final = (("0001", 0.05), ("0002", 0.03), ("0004", 0.05))
MAILBOXES: Final = (("bounce-", 0.02), ("silent-", 0.05), ("full-", 0.01))


@dataclass(frozen=True, slots=True)
class Customer:
    """A borrower of the made-up lender."""

    number: str
    name: str
    language: str
    region: str
    zone: str
    grade: str
    mobile: str
    email: str
    openid: str
    street: str
    town: str
    currency: str

    @property
    def id_number(self) -> str:
        """Of the form of the place's, and nobody's: there is no district 999999."""
        index = int(self.number[1:])
        digits = f"{index:06d}{index * 7919 % 1_000_000:06d}"
        return f"999999{digits}" if self.region == "CN" else f"MADE-UP-{digits}"


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment that will come in on a day."""

    contract: str
    number: int
    amount_minor: int
    currency: str
    paid_on: date


class MadeUpLender:
    """Writes the files of a book of `borrowers` customers as it stands on the evening before `first_day`."""

    def __init__(self, borrowers: int, seed: int, first_day: date) -> None:
        self._random = Random(seed)
        self._answering = Random(seed)  # of its own: who answers changes nothing else of the lender
        self._first_day = first_day
        self._payments: list[Payment] = []
        self._customers = [self._customer(index) for index in range(borrowers)]

    def write(self, folder: Path) -> dict[str, Path]:
        """Write customers, contracts, statements and payments made so far; returns mapping name to file."""
        contracts: list[list[object]] = []
        lines: list[list[object]] = []
        statements: list[list[object]] = []
        for customer in self._customers:
            self._lend(customer, contracts, lines, statements)
        past = [payment for payment in self._payments if payment.paid_on < self._first_day]
        return {
            "customers": _csv(folder / "customers.csv", CUSTOMER_COLUMNS, self._customer_rows()),
            "contracts": _csv(folder / "contracts.csv", CONTRACT_COLUMNS, iter(contracts)),
            "credit-lines": _csv(folder / "credit-lines.csv", LINE_COLUMNS, iter(lines)),
            "statements": _csv(folder / "statements.csv", STATEMENT_COLUMNS, iter(statements)),
            "payments": write_payments(folder / "payments.csv", past),
        }

    def id_number_of(self, number: str) -> str:
        """Of a customer by their number."""
        return next(one.id_number for one in self._customers if one.number == number)

    def payments_on(self, day: date) -> list[Payment]:
        """What the lender's payment feed brings for a day."""
        return [payment for payment in self._payments if payment.paid_on == day]

    def _customer(self, index: int) -> Customer:
        random = self._random
        language, region, zone, currency, mobile = _place(random.random())
        ending = _pick(random, ENDINGS)
        if not ending:
            ending = f"{random.randrange(1000, 10_000)}"
            ending = ending_of_one_who_answers(self._answering, language) or ending
        if language == "zh-CN":
            name = random.choice(FAMILY_ZH) + "".join(random.sample(GIVEN_ZH, random.choice((1, 2))))
        else:
            name = f"{random.choice(GIVEN_EN)} {random.choice(FAMILY_EN)}"
        return Customer(
            number=f"C{index + 1:05d}",
            name=name,
            language=language,
            region=region,
            zone=zone,
            grade=random.choice(GRADES),
            mobile=""
            if random.random() < 0.03
            else mobile.format(index=index, last=index % 1000, ending=ending),
            email=""
            if random.random() < 0.15
            else f"{_pick(random, MAILBOXES) or 'c-'}{index + 1:05d}@mail.example",
            openid=f"oHarbour_{index:015d}{_pick(random, FOLLOWERS) or '_ok0'}"
            if language == "zh-CN" and random.random() < 0.7
            else "",
            street=f"{random.choice(STREETS[region])} {random.randrange(1, 400)}",
            town=random.choice(TOWNS[region]),
            currency=currency,
        )

    def _customer_rows(self) -> Iterator[list[object]]:
        for one in self._customers:
            yield [
                one.number, one.name, one.language, one.region, one.zone, one.grade, one.mobile, one.email,
                one.openid, one.street, one.town, one.id_number,
            ]  # fmt: skip

    def _lend(
        self,
        customer: Customer,
        contracts: list[list[object]],
        lines: list[list[object]],
        statements: list[list[object]],
    ) -> None:
        share = self._random.random()
        if share < 0.2:
            self._term_loan(
                customer, "mortgage", Method.ANNUITY, 120, (300_000, 1_500_000), "0.039", contracts
            )
        elif share < 0.5:
            self._term_loan(
                customer, "car-loan", Method.EQUAL_PRINCIPAL, 36, (60_000, 240_000), "0.055", contracts
            )
        if share >= 0.42:  # some hold a car loan and a credit line: their notices fall together
            self._credit_line(customer, lines, statements)

    def _due_day(self) -> date:
        """A due day near the week: most fall in it or just around it, so that every step has work."""
        return self._first_day + timedelta(days=self._random.randrange(-18, 15))

    def _term_loan(
        self,
        customer: Customer,
        product: str,
        method: Method,
        periods: int,
        principal: tuple[int, int],
        rate: str,
        contracts: list[list[object]],
    ) -> None:
        random = self._random
        paid_periods = random.randrange(1, 4)
        first_due = add_months(self._due_day(), -paid_periods)
        amount = Decimal(random.randrange(*principal, 1000))
        contract = f"{'M' if product == 'mortgage' else 'V'}-{customer.number[1:]}"
        autopay = random.random() < 0.25
        started = add_months(first_due, -1)
        contracts.append(
            [
                contract, customer.number, product, method.value, customer.currency, amount, rate, started,
                first_due, periods, "yes" if autopay else "no",
            ]
        )  # fmt: skip
        terms = Terms(to_minor(amount, customer.currency), Decimal(rate), periods, first_due)
        for due in build_schedule(method, terms)[: paid_periods + 1]:
            if due.due_on < self._first_day - timedelta(days=20):
                self._pay(customer, contract, due.number, due.due_minor, due.due_on)
            else:
                self._maybe_pay(customer, contract, due.number, due.due_minor, due.due_on, autopay)

    def _credit_line(
        self, customer: Customer, lines: list[list[object]], statements: list[list[object]]
    ) -> None:
        random = self._random
        contract = f"L-{customer.number[1:]}"
        lines.append([contract, customer.number, customer.currency])
        due_on = self._due_day()
        for number, due in ((1, add_months(due_on, -1)), (2, due_on)):
            balance = Decimal(random.randrange(800, 30_000))
            balance_minor = to_minor(balance, customer.currency)
            minimum = revolving_minimum(balance_minor, Decimal(10), to_minor(Decimal(100), customer.currency))
            statements.append([contract, customer.currency, number, due - timedelta(days=20), due, balance])
            if number == 1:
                self._pay(customer, contract, number, minimum, due)
            else:
                self._maybe_pay(customer, contract, number, minimum, due, autopay=False)

    def _maybe_pay(
        self, customer: Customer, contract: str, number: int, minor: int, due_on: date, autopay: bool
    ) -> None:
        """Pay as the borrower's grade does: early, about the due day, late, in part, or not."""
        random = self._random
        early, timely, late = HABITS[customer.grade]
        habit = random.random()
        if autopay and random.random() < 0.95:
            self._pay(customer, contract, number, minor, due_on)
        elif habit < early:
            self._pay(customer, contract, number, minor, due_on - timedelta(days=random.randrange(3, 12)))
        elif habit < early + timely:
            self._pay(customer, contract, number, minor, due_on - timedelta(days=random.randrange(0, 3)))
        elif habit < early + timely + late:
            self._pay(customer, contract, number, minor, due_on + timedelta(days=random.randrange(1, 10)))
        elif random.random() < 0.3:
            self._pay(customer, contract, number, minor // 3, due_on - timedelta(days=1))

    def _pay(self, customer: Customer, contract: str, number: int, minor: int, paid_on: date) -> None:
        if minor > 0:
            self._payments.append(Payment(contract, number, minor, customer.currency, paid_on))


CUSTOMER_COLUMNS: Final = (
    "customer_no", "name", "language", "region", "zone", "grade", "mobile", "email", "openid", "street", "town",
    "id_number",
)  # fmt: skip
CONTRACT_COLUMNS: Final = (
    "contract_no", "customer_no", "product", "method", "currency", "principal", "annual_rate", "started_on",
    "first_due_on", "periods", "autopay",
)  # fmt: skip
LINE_COLUMNS: Final = ("contract_no", "customer_no", "currency")
STATEMENT_COLUMNS: Final = ("contract_no", "currency", "number", "statement_on", "due_on", "balance")
PAYMENT_COLUMNS: Final = ("contract_no", "currency", "reference", "amount", "paid_on")


def write_payments(path: Path, payments: list[Payment]) -> Path:
    """A payment feed's file."""
    return _csv(
        path,
        PAYMENT_COLUMNS,
        (
            [
                payment.contract,
                payment.currency,
                f"{payment.contract}/{payment.number}/{payment.paid_on:%Y%m%d}",
                from_minor(payment.amount_minor, payment.currency),
                payment.paid_on,
            ]
            for payment in payments
        ),
    )


def _place(share: float) -> tuple[str, str, str, str, str]:
    """Language, region, zone, currency and the shape of a mobile number."""
    if share < 0.7:
        return "zh-CN", "CN", "Asia/Shanghai", "CNY", "+86139{index:04d}{ending}"
    if share < 0.9:
        return "en", "PH", "Asia/Manila", "PHP", "+63917{last:03d}{ending}"
    return "en", "GB", "Europe/London", "GBP", "+4478{index:04d}{ending}"


def _pick(random: Random, shares: tuple[tuple[str, float], ...]) -> str:
    """One of several with its share, or '' for the rest."""
    at = random.random()
    for value, share in shares:
        if at < share:
            return value
        at -= share
    return ""


def _csv(path: Path, columns: tuple[str, ...], rows: Iterator[list[object]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)
    return path
