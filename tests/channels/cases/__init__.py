"""A module for each family: its `CASES`."""

from __future__ import annotations

from ..conformance import Case
from . import apns, smpp, smtp

CASES: tuple[Case, ...] = (*smpp.CASES, *smtp.CASES, *apns.CASES)
