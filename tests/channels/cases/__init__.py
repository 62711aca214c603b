"""A module for each family of adapters: its `CASES`."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from ..conformance import Case

CASES: tuple[Case, ...] = tuple(
    case for module in iter_modules(__path__) for case in import_module(f"{__name__}.{module.name}").CASES
)
