"""TwiML: what Twilio does next in a call. Source: twilio.com/docs/voice/twiml (read 2026-11-25)."""

from __future__ import annotations

from typing import Self
from xml.sax.saxutils import escape, quoteattr

from duecourse.domain.messaging import RawResponse


class Twiml:
    """Verbs one after the other. language: BCP 47, '' leaves it to Twilio; so with voice."""

    def __init__(self, language: str, voice: str = "", key_seconds: int = 6) -> None:
        self._attributes = "".join(
            f" {name}={quoteattr(value)}"
            for name, value in (("language", language), ("voice", voice))
            if value
        )
        self._key_seconds = key_seconds
        self._verbs: list[str] = []

    def say(self, text: str) -> Self:
        """Speak; no key cuts it short."""
        self._verbs.append(self._said(text))
        return self

    def gather(self, action: str, text: str) -> Self:
        """Speak and wait for one key; the action is called with it, or with none."""
        self._verbs.append(
            f'<Gather input="dtmf" numDigits="1" timeout="{self._key_seconds}" actionOnEmptyResult="true"'
            f' method="POST" action={quoteattr(action)}>{self._said(text)}</Gather>'
        )
        return self

    def hang_up(self) -> Self:
        """End the call."""
        self._verbs.append("<Hangup/>")
        return self

    def response(self) -> RawResponse:
        """As an answer to Twilio."""
        document = f'<?xml version="1.0" encoding="UTF-8"?><Response>{"".join(self._verbs)}</Response>'
        return RawResponse(200, document.encode(), "text/xml")

    def _said(self, text: str) -> str:
        return f"<Say{self._attributes}>{escape(text)}</Say>" if text else ""
