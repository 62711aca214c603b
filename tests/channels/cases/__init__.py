"""A module for each family: its `CASES`."""

from __future__ import annotations

from ..conformance import Case
from . import letter, smpp, smtp

CASES: tuple[Case, ...] = (*letter.CASES, *smpp.CASES, *smtp.CASES)
