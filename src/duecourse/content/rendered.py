"""A text as it will be handed over, with all that its channel carries beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from duecourse.domain.messaging import Attachment, VoiceScript


@dataclass(frozen=True, slots=True)
class Rendered:
    """What one message says on one channel. Personal: stored sealed, never logged."""

    channel: str
    language: str
    """The known language it was written in, which may be a fallback of the borrower's."""
    text: str
    """All of it in plain words: of a call the greeting, the notice and what the keys mean, of WeChat its fields."""
    subject: str = ""
    html: str = ""
    parts: int = 1
    """SMS parts; 1 for what is no SMS."""
    script: VoiceScript | None = None
    """Of a call, and of a call task."""
    fields: tuple[tuple[str, str], ...] = ()
    """WeChat's: keyword to value, in the template's order."""
    values: Mapping[str, str] = field(default_factory=dict)
    """The template's variables by name, written as the text writes them: for templates registered with a provider."""
    link: str = ""
    attachments: tuple[Attachment, ...] = ()
    large: bool = False
    """In the large-type, plain-words form."""
