"""What an answer means by the words to stop alone; all else a person reads."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from duecourse.domain.messaging import Channel
from duecourse.rules.word_lists import opt_out_scope

from .intents import Intent, Understood


def words_alone(
    text: str,
    *,
    today: date,
    currency: str,
    channel: Channel | None = None,
    languages: Sequence[str] | None = None,
) -> Understood:
    """STOP for nothing but a word to stop, in one of the languages of `rules/words/opt_out.toml`; else UNCLEAR."""
    if opt_out_scope(text) is not None:
        return Understood((Intent.STOP,), 1.0, "rule")
    return Understood((Intent.UNCLEAR,), 1.0, "rule")
