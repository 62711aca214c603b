"""From a template version and the facts of a message to the exact text for one channel and language."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from liquid import BoundTemplate
from liquid.exceptions import LiquidError, UndefinedError

from duecourse.domain.messaging import Channel
from duecourse.domain.money import MoneyError
from duecourse.domain.problems import DuecourseError, Problem
from duecourse.policy.model import NEEDED
from duecourse.policy.templates import TemplateText
from duecourse.policy.versions import TemplateRef

from .liquid_env import environment
from .sms_text import sms_parts
from .variables import Facts, template_values

_ODD_SPACES: Final = re.compile("[\u00a0\u2007\u2009\u202f]")
_LINE_BREAKS: Final = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Rendered:
    """A text as it will be handed over. Personal: stored sealed, never logged."""

    channel: str
    language: str
    """The known language it was written in, which may be a fallback of the borrower's."""
    text: str
    subject: str = ""
    html: str = ""
    parts: int = 1
    """SMS parts; 1 for an e-mail."""


class RenderError(DuecourseError):
    """A text cannot be made: P401 no template for it, P402 its Liquid fails. Holds no personal data."""


class Renderer:
    """Holds parsed templates. One per worker; not for several threads at once."""

    def __init__(self, templates: Mapping[TemplateRef, Iterable[TemplateText]] | None = None) -> None:
        self._texts: dict[TemplateRef, dict[str, TemplateText]] = {}
        self._parsed: dict[tuple[TemplateRef, str, str], BoundTemplate] = {}
        self.add(templates or {})

    def add(self, templates: Mapping[TemplateRef, Iterable[TemplateText]]) -> None:
        """Take in template versions. They are immutable: one already held is not looked at again."""
        for ref, texts in templates.items():
            if ref not in self._texts:
                self._texts[ref] = {text.language: text for text in texts}

    def missing(self, refs: Iterable[TemplateRef]) -> set[TemplateRef]:
        """Those not held yet, to be loaded and added before rendering."""
        return set(refs) - self._texts.keys()

    def render(self, template: str, version: int, language: str, channel: str, facts: Facts) -> Rendered:
        """The text in the borrower's language or its declared fallback.

        language: the borrower's, BCP 47. channel: 'sms' or 'email'. Raises RenderError.
        """
        ref = TemplateRef(template, version)
        known = facts.wording.languages.resolve(language)
        texts = self._texts.get(ref, {})
        if known is None or known not in texts:
            wanted = "has no text for this language" if texts else "is not loaded"
            raise RenderError(Problem("P401", f"template {template} version {version}", wanted))
        values = template_values(facts, known)
        if channel == Channel.SMS:
            text = self._part(ref, known, "sms", values)
            # A space outside GSM-7 would send the whole SMS as UCS-2, at twice the price.
            text = _ODD_SPACES.sub(" ", text)
            return Rendered(channel, known, text, parts=sms_parts(text))
        subject = _LINE_BREAKS.sub(" ", self._part(ref, known, "subject", values))
        html = self._part(ref, known, "html", values) if "html" in texts[known].parts else ""
        return Rendered(channel, known, self._part(ref, known, "email", values), subject, html)

    def _part(self, ref: TemplateRef, language: str, part: str, values: Mapping[str, object]) -> str:
        parsed = self._parsed.get((ref, language, part))
        where = f"template {ref.template} version {ref.version} {language} {part}"
        if parsed is None:
            source = self._texts[ref][language].parts.get(part)
            if source is None:
                raise RenderError(Problem("P401", where, "this part is missing"))
            parsed = self._parsed[ref, language, part] = environment(language, part).parse_source(source)
        try:
            return parsed.render(values).strip()
        except UndefinedError as error:
            raise RenderError(Problem("P402", where, f"{error.args[0]} for this message")) from None
        except (LiquidError, MoneyError, TypeError, ValueError) as error:
            # The message of an error may quote a value: the kind and the line are enough to find it.
            line = getattr(error, "context", lambda: None)()
            at = f", line {line[0]}" if line else ""
            raise RenderError(Problem("P402", where, f"{type(error).__name__}{at}")) from None


def needed_parts(channels: Iterable[Channel]) -> list[str]:
    """The template parts that a route's channels cannot do without."""
    return list(dict.fromkeys(part for channel in channels for part in NEEDED[channel]))
