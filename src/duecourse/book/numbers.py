"""Numbers and amounts of a mapping, compiled against one file."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from hashlib import blake2b

from duecourse.domain.money import MoneyError, to_minor

from .cells import Read, as_text
from .names import ROW_NUMBER, Names
from .parsing import FieldFault, native_number, number_parser, quoted, shape
from .rows import Row
from .values import AttributeRule, IntegerRule, MoneyRule, NumberRule


class Numbers(Names):
    """Names that may also be read as numbers, amounts and whole numbers."""

    def number(self, rule: NumberRule | MoneyRule | AttributeRule) -> Read:
        """A Decimal, or None when empty."""
        if not isinstance(rule, AttributeRule) and rule.choose is not None:
            return self._choose(rule.choose, self.number)
        raw = self._looked_up(rule, self.raw(rule))
        formats = self.mapping.numbers
        given = rule.scientific
        allowed = formats.scientific if given is None else given
        thousands, decimal = formats.thousands, str(formats.decimal)
        if not isinstance(rule, AttributeRule):
            thousands = thousands if rule.thousands is None else rule.thousands
            decimal = decimal if rule.decimal is None else rule.decimal
        try:
            parse = number_parser(thousands, decimal, allowed)
        except ValueError as error:
            return self.fault("B004", str(error))
        notes = self.notes
        percent = isinstance(rule, NumberRule) and rule.percent

        def read(row: Row) -> Decimal | None:
            found = raw(row)
            if found == "":
                return None
            number = native_number(found)
            if number is None:
                number, scientific = parse(as_text(found))
                notes.scientific += scientific
            return number / 100 if percent else number

        return read

    def money(self, rule: MoneyRule) -> Callable[[Row, str], int | None]:
        """Minor units in the currency given, or None when empty."""
        if rule.choose is not None:
            choices = [(self._test(choice.when), self.money(choice)) for choice in rule.choose]

            def chosen(row: Row, currency: str) -> int | None:
                for test, read in choices:
                    if test is None or test(row):
                        return read(row, currency)
                return None

            return chosen
        read_one = self._one_amount(rule)
        if not rule.plus and not rule.minus:
            return read_one
        parts = [(1, self.money(one)) for one in rule.plus] + [(-1, self.money(one)) for one in rule.minus]
        zero = rule.negative == "zero"

        def total(row: Row, currency: str) -> int | None:
            amount = read_one(row, currency)
            if amount is None:
                return None
            amount += sum(sign * (read(row, currency) or 0) for sign, read in parts)
            if amount < 0 and not zero:
                raise FieldFault("B015", "the sum is below zero", "expected zero or more")
            return max(amount, 0)

        return total

    def _one_amount(self, rule: MoneyRule) -> Callable[[Row, str], int | None]:
        number = self.number(rule)
        in_minor = (rule.unit or self.mapping.money.unit) == "minor"
        zero_below, negate = rule.negative == "zero", rule.negate

        def read_money(row: Row, currency: str) -> int | None:
            amount: Decimal | None = number(row)
            if amount is None:
                return None
            if negate:
                amount = -amount
            if amount < 0:
                if zero_below:
                    return 0
                raise FieldFault("B015", f"{shape(str(amount))} is below zero", "expected zero or more")
            if in_minor and amount == amount.to_integral_value() and amount.adjusted() <= 18:
                return int(amount)
            try:
                if in_minor:
                    raise MoneyError("is not a whole number of minor units")
                return to_minor(amount, currency)
            except MoneyError as error:
                raise FieldFault(
                    "B015", f"{shape(str(amount))} {error}", "expected an exact amount"
                ) from None

        return read_money

    def integer(self, rule: IntegerRule) -> Read:
        """An int, or None when empty."""
        if rule.choose is not None:
            return self._choose(rule.choose, self.integer)
        if rule.spread is not None or rule.base is not None:
            counted = self._spread(rule)
        else:
            counted = self._whole(rule)
        if rule.least is None and rule.most is None:
            return counted
        least = self.integer(rule.least) if rule.least is not None else None
        most = self.integer(rule.most) if rule.most is not None else None

        def clamp(row: Row) -> int | None:
            value: int | None = counted(row)
            if value is None:
                return None
            if least is not None and (low := least(row)) is not None:
                value = max(value, low)
            if most is not None and (high := most(row)) is not None:
                value = min(value, high)
            return value

        return clamp

    def _whole(self, rule: IntegerRule) -> Read:
        raw = self._looked_up(rule, self.raw(rule))
        picked, plus = rule.digits, rule.plus

        def read(row: Row) -> int | None:
            found = raw(row)
            if isinstance(found, int) and not isinstance(found, bool):
                return found + plus
            text = as_text(found)
            if not text:
                return None
            if picked:
                text = re.sub("[^0-9]", "", text)[-9:]
            if not re.fullmatch(r"[+-]?[0-9]{1,18}", text):
                raise FieldFault("B013", f"{quoted(text)} is not a whole number", "expected digits only")
            return int(text) + plus

        return read

    def _spread(self, rule: IntegerRule) -> Read:
        base = self.integer(rule.base) if rule.base is not None else (lambda row: 0)
        if rule.spread is None or rule.from_ is None or rule.to is None:
            return base
        low, width = rule.from_, rule.to - rule.from_ + 1
        if rule.spread == "row":
            self.used.add(ROW_NUMBER)

            def by_row(row: Row) -> int | None:
                start: int | None = base(row)
                return None if start is None else start + low + (row.number - 1) % width

            return by_row
        seed = self.template(rule.by if rule.by is not None else "{row}")
        mapping = self.mapping.mapping

        def hashed(row: Row) -> int | None:
            start: int | None = base(row)
            if start is None:
                return None
            digest = blake2b(f"{mapping}\0{as_text(seed(row))}".encode(), digest_size=8).digest()
            return start + low + int.from_bytes(digest, "big") % width

        return hashed
