"""An answer's meaning, its day and its amount."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from duecourse.domain.messaging import Channel
from duecourse.responses.intents import Intent, Understood
from duecourse.rules.word_lists import opt_out_scope


def understand(
    text: str,
    *,
    today: date,
    currency: str,
    channel: Channel | None = None,
    languages: Sequence[str] | None = None,
    region: str = "",
) -> Understood:
    """What an answer means.

    today: the date where the borrower is, from which days in words count. currency: ISO 4217, of the debt.
    channel: by which it came; an e-mail is read without what it quotes. languages: BCP 47, those of the borrower.
    region: ISO 3166, where the borrower is: whether 3/12 is March or December.
    """
    if opt_out_scope(text):
        return Understood((Intent.STOP,), 1.0, "rule")
    return Understood((Intent.UNCLEAR,), 0.0, "rule")
