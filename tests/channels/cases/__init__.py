"""A module for each family: its `CASES`."""

from __future__ import annotations

from ..conformance import Case
from . import cmpp, smgp, smpp, smtp

CASES: tuple[Case, ...] = (*smpp.CASES, *cmpp.CASES, *smgp.CASES, *smtp.CASES)
