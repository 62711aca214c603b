"""A mapping proposed from a file: TOML that loads, with what is sure, what is likely, and what a person must say.

Nothing is guessed into the book: what stays open refuses every row until somebody writes it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from babel.core import get_global

from .guessing import Guess, guess_columns
from .sniffing import Sniffed, sniff
from .synonyms import unit_of

_PLACES = {"CN": ("zh-CN", "Asia/Shanghai", "CNY"), "TW": ("zh-TW", "Asia/Taipei", "TWD")}
_TRADITIONAL = re.compile("[應還號碼幣證戶貸數繳訊聯絡]")
_CURRENCIES = {
    "人民币": "CNY", "人民幣": "CNY", "RMB": "CNY", "156": "CNY", "美元": "USD", "840": "USD", "新台幣": "TWD",
    "台幣": "TWD", "NTD": "TWD", "港币": "HKD", "港幣": "HKD", "欧元": "EUR",
}  # fmt: skip
_METHODS = {
    "等额本息": "annuity",
    "等额本金": "equal-principal",
    "annuity": "annuity",
    "equal-principal": "equal-principal",
    "revolving": "revolving",
    "given": "given",
}
_STATES = {
    "正常": "open", "逾期": "open", "未结清": "open", "存续": "open", "结清": "closed", "已结清": "closed",
    "核销": "closed", "已核销": "closed", "open": "open", "active": "open", "Active": "open", "closed": "closed",
    "Closed": "closed", "ACTIVE": "open", "CLOSED": "closed",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Proposal:
    """toml: the mapping. open: what a person must say, a sentence each. source: how the file is read."""

    toml: str
    guesses: Sequence[Guess]
    open: Sequence[str]
    source: Mapping[str, Any]


def propose_mapping(path: Path) -> Proposal:
    """Look at a file and propose its mapping. Raises DuecourseError B005, B006 or B090."""
    sniffed = sniff(path)
    guesses = guess_columns(sniffed.columns, sniffed.samples)
    return _Writer(path, sniffed, guesses).write()


class _Writer:
    """Writes the TOML, line by line, and keeps what stays open."""

    def __init__(self, path: Path, sniffed: Sniffed, guesses: Sequence[Guess]) -> None:
        self._path = path
        self._sniffed = sniffed
        self._guesses = guesses
        self._by = {one.target: one for one in guesses if one.target}
        self._lines: list[str] = []
        self._lookups: dict[str, dict[str, str]] = {}
        self.open: list[str] = [*sniffed.open]
        self._place = self._where()

    def write(self) -> Proposal:
        """All of it."""
        name = re.sub(r"[^a-z0-9]+", "-", self._path.name.split(".")[0].lower()).strip("-") or "proposed"
        self._line(
            f"# Proposed from {self._path.name} by its column names and first rows. Go through every line."
        )
        self._line(f"mapping = {_text(name[:63])}")
        self._source()
        self._line("\n[money]")
        self._currency()
        has = self._by.keys()
        borrower = self._key() is not None and bool(
            has & {"borrower.name", "borrower.id_number", "contact.sms", "contact.email"}
        )
        if borrower:
            self._borrower()
        due = bool(has & {"installment.due", "installment.principal"}) and "installment.due_on" in has
        paid = {"payment.amount", "payment.paid_on"} <= has
        loan = "loan.ref" in has and self._key() is not None and (borrower or due or "loan.principal" in has)
        if loan:
            self._loan(borrower)
        if due and "loan.ref" in has:
            self._installment(loan)
        if paid and "loan.ref" in has:
            self._payment(loan)
        if not (borrower or loan or ((due or paid) and "loan.ref" in has)):
            self._nothing()
        for table, entries in self._lookups.items():
            self._line(f"\n[lookup.{table}]")
            self._lines += [f"{_text(key)} = {_text(value)}" for key, value in entries.items()]
        unused = [one.column for one in self._guesses if not one.target]
        if unused:
            self._line(f"\n# Not used: {_one_line(', '.join(unused))}")
        return Proposal("\n".join(self._lines) + "\n", self._guesses, self.open, self._sniffed.source)

    # -- parts -----------------------------------------------------------------------------------------------

    def _source(self) -> None:
        if self._sniffed.source:
            self._line("\n[source]")
            self._lines += [
                f"{key} = {json.dumps(value, ensure_ascii=False)}"
                for key, value in self._sniffed.source.items()
            ]
        if any(one.shape.thousands for one in self._guesses if one.target):
            self._line('\n[numbers]\nthousands = ","')

    def _currency(self) -> None:
        guess = self._by.get("loan.currency")
        if guess is not None:
            values = set(self._values(guess))
            if guess.shape.currency:
                self._field("currency", guess)
            elif values <= _CURRENCIES.keys():
                self._lookups["currencies"] = {value: _CURRENCIES[value] for value in sorted(values)}
                self._field("currency", guess, 'lookup = "currencies"')
            else:
                self._opened("currency", '"?"', f"'{guess.column}' holds no ISO 4217 codes; add a lookup")
        elif self._place:
            self._line(
                f'currency = "{_PLACES[self._place][2]}"  # likely: no column says it; by {self._evidence()}'
            )
        else:
            self._opened("currency", '"?"', "no column says in which currency amounts are")

    def _borrower(self) -> None:
        self._line("\n[borrower]")
        key = self._key()
        assert key is not None
        self._field("key", key)
        if key.target == "loan.ref":
            self._say_open(
                "no column is a customer number; the contract stands in, so that a person with two is two"
            )
        for target in ("name", "id_number", "grade"):
            if f"borrower.{target}" in self._by:
                self._field(target, self._by[f"borrower.{target}"])
        self._residence()
        for channel in ("sms", "email"):
            guess = self._by.get(f"contact.{channel}")
            if guess is not None:
                self._line(f'\n[[contact_point]]\nchannel = "{channel}"')
                self._field("address", guess)

    def _residence(self) -> None:
        """Language, region and zone: which law holds is not guessed from an amount or a name."""
        phone = self._by.get("contact.sms")
        region = self._place or (phone.shape.phone if phone and len(phone.shape.phone) == 2 else "")
        zones = get_global("territory_zones").get(region, []) if region else []
        for key in ("language", "region", "zone"):
            guess = self._by.get(f"borrower.{key}")
            if guess is not None:
                self._field(key, guess)
            elif self._place:
                value = {
                    "language": _PLACES[self._place][0],
                    "region": self._place,
                    "zone": _PLACES[self._place][1],
                }
                self._line(f'{key} = "{value[key]}"  # likely: by {self._evidence()}')
            elif key == "region" and region:
                self._line(f'region = "{region}"  # likely: by the country code of the phone numbers')
            elif key == "zone" and len(zones) == 1:
                self._line(f'zone = "{zones[0]}"  # likely: the one zone of {region}')
            elif key == "zone" and zones:
                self._line(
                    f"# no zone is stated: hours hold in every zone of {region} that the numbers leave"
                )
            elif key == "language":
                self._line('language = "en"  # likely: by the language of the column names')
            else:
                self._opened(key, '"?"', f"no column says the borrower's {key}")

    def _loan(self, borrower: bool) -> None:
        self._line("\n[loan]")
        self._field("ref", self._by["loan.ref"])
        if not borrower:
            key = self._key()
            assert key is not None
            self._field("borrower", key)
        self._line('creditor = "lender"  # name yourself as your policies do')
        if "loan.product" in self._by:
            self._field("product", self._by["loan.product"])
        else:
            self._line('product = "loan"  # no column says it; name it as your policies do')
        self._worded("method", "loan.method", _METHODS, "given")
        if "loan.state" in self._by:
            self._worded("state", "loan.state", _STATES, "open")
        if "loan.principal" in self._by:
            self._amount("principal", ["loan.principal"])
        rate = self._by.get("loan.annual_rate")
        if rate is not None:
            if rate.shape.percent:
                self._field("annual_rate", rate, "percent = true")
            elif rate.shape.fraction:
                self._field("annual_rate", rate)
            else:
                self._say_open(
                    f"'{rate.column}' is neither a fraction nor a percentage throughout; annual_rate is left out"
                )
        if "loan.started_on" in self._by:
            self._day("started_on", self._by["loan.started_on"], needed=False)
        autopay = self._by.get("loan.autopay")
        if autopay is not None:
            self._field(
                "autopay",
                autopay,
                'yes = ["是", "1", "Y", "y", "true", "yes"], no = ["否", "0", "N", "n", "false", "no"]',
            )

    def _installment(self, loan: bool) -> None:
        self._line("\n[[installment]]")
        self._owner(loan)
        number = self._by.get("installment.number")
        due_on = self._by["installment.due_on"]
        if number is not None:
            self._field("number", number)
        elif (
            due_on.shape.dates
            and due_on.shape.dates[0].startswith("YYYY")
            and "hh" not in due_on.shape.dates[0]
        ):
            self._field("number", due_on, "digits = true")
            self._say_open(
                "no column numbers the installments; the digits of the due day stand in, one a day and loan"
            )
        else:
            self._opened("number", '""', "no column numbers the installments")
        self._day("due_on", due_on, needed=True)
        if "installment.due" in self._by:
            self._amount("due", ["installment.due"])
        else:
            parts = [f"installment.{part}" for part in ("principal", "interest", "fee")]
            self._amount("due", [part for part in parts if part in self._by])
        for part in ("principal", "interest", "fee"):
            if f"installment.{part}" in self._by:
                self._amount(part, [f"installment.{part}"])

    def _payment(self, loan: bool) -> None:
        self._line("\n[[payment]]")
        self._owner(loan)
        self._line('source = "core"  # name the system the payments come from')
        reference = self._by.get("payment.reference")
        if reference is not None:
            self._field("reference", reference)
        else:
            ref, day = self._by["loan.ref"].column, self._by["payment.paid_on"].column
            value = "{" + ref + "}-{" + day + "}"
            simple = not re.search(r"[{}:]", ref + day)
            self._line(f"reference = {_text(value if simple else '')}")
            self._say_open(
                "no column names a payment; loan and day stand in, so that two on one day are refused"
            )
        self._amount("amount", ["payment.amount"])
        self._day("paid_on", self._by["payment.paid_on"], needed=True)

    def _owner(self, loan: bool) -> None:
        if not loan:
            self._field("loan", self._by["loan.ref"])
            self._line('creditor = "lender"  # as the loans were imported')

    def _nothing(self) -> None:
        self._line(
            "\n# What these columns are could not be told. This maps nothing yet: every row is refused."
        )
        self._line('[borrower]\nkey = ""\nlanguage = ""\nregion = ""\nzone = ""')
        self.open.append("neither people, loans, installments nor payments were found among the columns")

    # -- values ----------------------------------------------------------------------------------------------

    def _amount(self, key: str, targets: Sequence[str]) -> None:
        """An amount, or the sum of several; whole numbers of which nobody says whether yuan or fen stay open."""
        guesses = [self._by[target] for target in targets]
        units = {unit_of(one.column) for one in guesses} - {""}
        if not units:
            amounts = [
                one
                for one in self._guesses
                if one.target.split(".")[-1] in ("due", "principal", "interest", "fee", "amount")
            ]
            decimals = any(not one.shape.whole for one in amounts if one.shape.filled)
            units = {"major"} if decimals or not any(one.shape.filled for one in amounts) else units
        if len(units) != 1:
            names = ", ".join(f"'{one.column}'" for one in guesses)
            text = f'{names} holds whole numbers alone: say whether unit = "major" (yuan) or "minor" (fen)'
            self._opened(key, '"?"', text)
            columns = ", ".join(f"column = {_text(one.column)}" for one in guesses[:1])
            self._line(f'# {key} = {{ {columns}, unit = "…" }}')
            return
        minor = 'unit = "minor"' if units == {"minor"} else ""
        more = [f"{{ column = {_text(one.column)}{', ' + minor if minor else ''} }}" for one in guesses[1:]]
        plus = f"plus = [{', '.join(more)}]" if more else ""
        self._field(key, guesses[0], ", ".join(part for part in (minor, plus) if part))

    def _day(self, key: str, guess: Guess, *, needed: bool) -> None:
        formats = guess.shape.dates
        if len(formats) == 1 or not formats:
            written = f"formats = [{_text(formats[0])}]" if formats and formats[0] != "YYYY-MM-DD" else ""
            self._field(key, guess, written)
            return
        text = f"'{guess.column}' may be {' or '.join(formats)}: every day of the sample fits each"
        if needed:
            # A format that none of them has: rows are refused until somebody says which it is.
            self._line(f'{key} = {{ column = {_text(guess.column)}, formats = ["YYYY-MM-DD"] }}')
            self._say_open(text)
        else:
            self._line(f'# {key} = {{ column = {_text(guess.column)}, formats = ["…"] }}')
            self._say_open(text)

    def _worded(self, key: str, target: str, words: Mapping[str, str], otherwise: str) -> None:
        guess = self._by.get(target)
        if guess is None:
            self._line(f'{key} = "{otherwise}"')
            return
        values = sorted(set(self._values(guess)))
        unknown = [value for value in values if value not in words]
        if unknown or not values:
            self._line(f'{key} = "{otherwise}"')
            self._say_open(
                f"'{guess.column}' has words that are not known here ({len(unknown)}); add a lookup for {key}"
            )
            return
        table = f"{key}s"
        self._lookups[table] = {value: words[value] for value in values}
        self._field(key, guess, f'lookup = "{table}"')

    def _values(self, guess: Guess) -> list[str]:
        place = self._sniffed.columns.index(guess.column)
        return [value.strip() for value in self._sniffed.samples[place] if value.strip()]

    def _key(self) -> Guess | None:
        return self._by.get("borrower.key") or self._by.get("loan.ref")

    def _where(self) -> str:
        """CN or TW, when ID numbers, mobile numbers or the script of the column names say so; '' when nothing does."""
        for target in ("borrower.id_number", "contact.sms"):
            guess = self._by.get(target)
            if guess is not None:
                found = guess.shape.id_number if target == "borrower.id_number" else guess.shape.phone
                if found in _PLACES:
                    return found
                if found:
                    return ""
        heads = "".join(one.column for one in self._guesses)
        if not re.search("[\u4e00-\u9fff]", heads):
            return ""
        return "TW" if _TRADITIONAL.search(heads) else "CN"

    def _evidence(self) -> str:
        found = [
            one
            for one in self._guesses
            if one.shape.id_number == self._place or one.shape.phone == self._place
        ]
        return (
            f"the values of {', '.join(one.column for one in found)}"
            if found
            else "the script of the column names"
        )

    # -- lines -----------------------------------------------------------------------------------------------

    def _line(self, text: str) -> None:
        self._lines.append(text)

    def _field(self, key: str, guess: Guess, more: str = "") -> None:
        note = f"  # {guess.sure}: {_one_line(guess.why)}"
        rest = f", {more}" if more else ""
        self._line(f"{key} = {{ column = {_text(guess.column)}{rest} }}{note}")

    def _opened(self, key: str, value: str, text: str) -> None:
        self._line(f"{key} = {value}")
        self._say_open(f"{text}; until then every row is refused")

    def _say_open(self, text: str) -> None:
        self._line(f"# OPEN: {_one_line(text)}")
        self.open.append(text)


def _text(text: str) -> str:
    """A TOML string: JSON's escapes are TOML's."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _one_line(text: str) -> str:
    return re.sub(r"[\x00-\x1f\x7f]", " ", text)
