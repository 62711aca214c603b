"""A module for each family: its `CASES`."""

from __future__ import annotations

from ..conformance import Case
from . import cmpp, sgip, smgp, smpp, smtp

CASES: tuple[Case, ...] = (*smpp.CASES, *cmpp.CASES, *sgip.CASES, *smgp.CASES, *smtp.CASES)
