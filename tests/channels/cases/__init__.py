"""A module for each family: its `CASES`."""

from __future__ import annotations

from ..conformance import Case
from . import smpp, smtp

CASES: tuple[Case, ...] = (*smpp.CASES, *smtp.CASES)
