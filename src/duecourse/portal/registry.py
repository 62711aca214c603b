"""Every page, one line for each module of pages. A page of another part is one more line here."""

from __future__ import annotations

from typing import Final

from . import (
    answers,
    bill,
    certificates,
    checking,
    contact,
    early,
    entering,
    export,
    helping,
    history,
    preferences,
)
from .page import Page

PAGES: Final[tuple[Page, ...]] = (
    *entering.PAGES,
    *bill.PAGES,
    *answers.PAGES,
    *helping.PAGES,
    *early.PAGES,
    *history.PAGES,
    *preferences.PAGES,
    *contact.PAGES,
    *export.PAGES,
    *checking.PAGES,
    *certificates.PAGES,
)
