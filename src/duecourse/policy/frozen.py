"""What everything in a policy is made of: frozen models, and conditions over the book's fields."""

from __future__ import annotations

from decimal import Decimal

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """Base of everything in a policy."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")


class Test(Frozen):
    """One declared field and what is asked of it. Exactly one of `any_of`, `none_of` and a bound is given."""

    __test__ = False  # not a test case, whatever pytest thinks of the name

    field: str
    """A name in conditions.FIELDS, or `attributes.<name>`."""
    any_of: tuple[str, ...] = ()
    none_of: tuple[str, ...] = ()
    minimum: Decimal | None = None
    """Inclusive. For `amount` in units of `currency`; for `days_past_due` in days."""
    maximum: Decimal | None = None
    """Inclusive, as `minimum`."""
    currency: str = ""
    """ISO 4217; set for `amount` alone."""


class Condition(Frozen):
    """Holds when every test holds; with none it always holds."""

    tests: tuple[Test, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.tests)
