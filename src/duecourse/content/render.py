"""From a template version and the facts of a message to what one channel carries in one language."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from liquid import BoundTemplate
from liquid.exceptions import LiquidError, UndefinedError

from duecourse.domain.messaging import Attachment, Channel, VoiceScript
from duecourse.domain.money import MoneyError
from duecourse.domain.problems import DuecourseError, Problem
from duecourse.policy.model import Wording
from duecourse.policy.templates import WECHAT, TemplateText
from duecourse.policy.versions import TemplateRef

from .formats import formats
from .html import framed, html_from_text, with_picture
from .liquid_env import Kind, environment
from .making import OPENS, OWN_LINK, Missing, Output, Piece, carries_code, fields, pieces
from .rendered import Rendered
from .sms_text import sms_parts
from .variables import EVERY_VARIABLE, Facts, NoLink, template_values
from .wechat_fields import field_fault

_ODD_SPACES: Final = re.compile("[\u00a0\u2007\u2009\u202f]")
_LINE_BREAKS: Final = re.compile(r"\s+")
_DATE_STYLE: Final = re.compile(r"\bdue_on\s*\|\s*date\s*:\s*['\"](\w+)['\"]")
PICTURED: Final = (Channel.EMAIL, Channel.INBOX)
"""The channels that carry a picture beside the text."""

Draw = Callable[[Facts, str, bool], Attachment]
"""(facts, language, large): the bill as a picture."""


class RenderError(DuecourseError):
    """A text cannot be made: P401 no template for it, P402 its Liquid fails, P411 WeChat would refuse a field. Holds no
    personal data.
    """


@dataclass(frozen=True, slots=True)
class _Made:
    """What one channel carries of one text, parsed."""

    outputs: Mapping[Output, tuple[Piece, BoundTemplate]]
    fields: tuple[tuple[str, BoundTemplate], ...]
    missing: tuple[Missing, ...]
    date_style: str


class Renderer:
    """Holds parsed templates. One per worker; not for several threads at once.

    draw: makes the bill's picture for the templates that ask for one; without it none is sent along.
    """

    def __init__(
        self,
        templates: Mapping[TemplateRef, Iterable[TemplateText]] | None = None,
        draw: Draw | None = None,
    ) -> None:
        self._texts: dict[TemplateRef, dict[str, TemplateText]] = {}
        self._made: dict[tuple[TemplateRef, str, str, bool], _Made] = {}
        self._coded: dict[tuple[TemplateRef, str, str, bool, bool], bool] = {}
        self._draw = draw
        self.add(templates or {})

    def add(self, templates: Mapping[TemplateRef, Iterable[TemplateText]]) -> None:
        """Take in template versions. They are immutable: one already held is not looked at again."""
        for ref, texts in templates.items():
            if ref not in self._texts:
                self._texts[ref] = {text.language: text for text in texts}

    def missing(self, refs: Iterable[TemplateRef]) -> set[TemplateRef]:
        """Those not held yet, to be loaded and added before rendering."""
        return set(refs) - self._texts.keys()

    def carries_code(
        self,
        template: str,
        version: int,
        language: str,
        channel: str,
        wording: Wording,
        *,
        plain: bool = False,
        linked: bool = True,
    ) -> bool:
        """Whether what `render` would make of these says the code of its attempt; False where it can make nothing.

        linked: whether there is an address, without which no link is said.
        """
        ref = TemplateRef(template, version)
        texts = self._texts.get(ref, {})
        known = wording.languages.written(language, texts)
        if known is None:
            return False
        key = (ref, known, channel, plain, linked)
        if key not in self._coded:
            self._coded[key] = carries_code(texts[known], Channel(channel), plain=plain, linked=linked)
        return self._coded[key]

    def render(
        self, template: str, version: int, language: str, channel: str, facts: Facts, *, plain: bool = False
    ) -> Rendered:
        """What a channel carries, in the borrower's language or its declared fallback.

        language: the borrower's, BCP 47. channel: a word of Channel. plain: in the large-type, plain-words form.
        Raises RenderError.
        """
        ref = TemplateRef(template, version)
        texts = self._texts.get(ref, {})
        known = facts.wording.languages.written(language, texts)
        if known is None:
            wanted = "has no text for this language" if texts else "is not loaded"
            raise RenderError(Problem("P401", f"template {template} version {version}", wanted))
        made = self._made.get((ref, known, channel, plain))
        if made is None:
            made = self._made[ref, known, channel, plain] = _make(texts[known], Channel(channel), plain)
        where = f"template {template} version {version} {known}"
        if made.missing:
            lacks = made.missing[0]
            why = f"this part is missing for {channel}: {lacks.why}"
            raise RenderError(Problem("P401", f"{where} {lacks.part}", why))
        values = template_values(facts, known)
        said = {
            output: _rendered(parsed, values, f"{where} {piece.part}")
            for output, (piece, parsed) in made.outputs.items()
        }
        found = self._assembled(made, said, Channel(channel), known, values, where, plain)
        return self._with_extras(found, texts[known], facts)

    def _assembled(
        self,
        made: _Made,
        said: Mapping[Output, str],
        channel: Channel,
        language: str,
        values: Mapping[str, Any],
        where: str,
        plain: bool,
    ) -> Rendered:
        """The pieces put together as the channel carries them."""
        text = said.get("text", "")
        if channel == Channel.SMS:
            # A space outside GSM-7 would send the whole SMS as UCS-2, at twice the price.
            text = _ODD_SPACES.sub(" ", text)
            written = _values(values, language, made.date_style)
            return Rendered(channel, language, text, parts=sms_parts(text), values=written, large=plain)
        subject = _LINE_BREAKS.sub(" ", said.get("subject", ""))
        if channel in (Channel.VOICE, Channel.TASK):
            script = VoiceScript(said["greeting"], said["notice"], said["voicemail"], said.get("keys", ""))
            spoken = "\n".join(part for part in (script.greeting, script.notice, script.repeat) if part)
            written = _values(values, language, made.date_style)
            return Rendered(channel, language, spoken, script=script, values=written, large=plain)
        if channel == Channel.WECHAT:
            filled = tuple(
                (keyword, _rendered(parsed, values, f"{where} {WECHAT}{keyword}"))
                for keyword, parsed in made.fields
            )
            for keyword, value in filled:
                fault = field_fault(keyword, value)
                if fault:
                    raise RenderError(Problem("P411", f"{where} {WECHAT}{keyword}", fault))
            return Rendered(
                channel, language, "\n".join(value for _, value in filled), fields=filled, large=plain
            )
        html = ""
        if channel in (Channel.EMAIL, Channel.INBOX):
            link = "" if isinstance(values["link"], NoLink) else values["link"]
            html = (
                framed(said["html"], language, title=subject, large=plain)
                if "html" in said
                else html_from_text(text, language, title=subject, large=plain, link=link)
            )
        return Rendered(channel, language, text, subject, html, large=plain)

    def _with_extras(self, found: Rendered, text: TemplateText, facts: Facts) -> Rendered:
        """The link, and the picture where the channel carries one."""
        link = text.parts.get("link", "")
        if own := OWN_LINK.match(link):
            if found.channel in OPENS and not facts.link and not own["asks"]:
                where = text.where("link") or f"template {text.template} {text.language} link"
                raise RenderError(Problem("P402", where, "'link' is undefined for this message"))
            link = facts.link
        pictured = self._draw and "picture" in text.parts and found.channel in PICTURED
        if not link and not pictured:
            return found
        if not self._draw or not pictured:
            return replace(found, link=link)
        drawn = self._draw(facts, found.language, found.large)
        html = with_picture(found.html, drawn.name) if found.channel == Channel.EMAIL else found.html
        return replace(found, html=html, link=link, attachments=(drawn,))


def _make(text: TemplateText, channel: Channel, plain: bool) -> _Made:
    made, missing = pieces(text, channel, plain=plain)
    sources = "\n".join(piece.source for piece in made)
    styles = set(_DATE_STYLE.findall(sources))
    wechat = fields(text) if channel == Channel.WECHAT else {}
    return _Made(
        {piece.output: (piece, _parsed(text.language, piece.kind, piece.source)) for piece in made},
        tuple((keyword, _parsed(text.language, "wechat", source)) for keyword, source in wechat.items()),
        tuple(missing),
        styles.pop() if len(styles) == 1 else "day",
    )


def _parsed(language: str, kind: Kind, source: str) -> BoundTemplate:
    return environment(language, kind).parse_source(source)


def _rendered(parsed: BoundTemplate, values: Mapping[str, object], where: str) -> str:
    try:
        return parsed.render(values).strip()
    except UndefinedError as error:
        raise RenderError(Problem("P402", where, f"{error.args[0]} for this message")) from None
    except (LiquidError, MoneyError, TypeError, ValueError) as error:
        # The message of an error may quote a value: the kind and the line are enough to find it.
        line = getattr(error, "context", lambda: None)()
        at = f", line {line[0]}" if line else ""
        raise RenderError(Problem("P402", where, f"{type(error).__name__}{at}")) from None


def _values(values: Mapping[str, Any], language: str, date_style: str) -> dict[str, str]:
    """The variables by name as an SMS writes them; a list and what is not there are left out."""
    own = formats(language, "sms")
    return {
        name: own.money(value)
        if EVERY_VARIABLE[name].type == "money"
        else own.date(value, date_style)
        if EVERY_VARIABLE[name].type == "date"
        else str(value)
        for name, value in values.items()
        if value is not None and EVERY_VARIABLE[name].type != "list" and not isinstance(value, NoLink)
    }
