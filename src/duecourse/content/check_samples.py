"""A text tried on made-up borrowers, on every channel its steps go by: what fails, says too much or costs too much."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from duecourse.domain.messaging import Channel, Purpose
from duecourse.policy.model import Policy, Step
from duecourse.policy.reading import Faults
from duecourse.policy.templates import PLAIN, WECHAT, TemplateText
from duecourse.policy.versions import TemplateRef

from .making import pieces
from .plainness import plainness
from .refusals import PUSHED, overdue_words, signature_is_right, subject_faults
from .render import Renderer, RenderError
from .rendered import Rendered
from .samples import sample_facts
from .sms_text import Costly, cheapened, cheaper, costly_places, not_gsm, sms_parts

_WARNINGS: Final = ("P215", "P224")
_OF_A_SAMPLE: Final = ("P207", "P222")
"""Codes whose message begins with the sample that showed the fault."""


def check_samples(
    policy: Policy,
    text: TemplateText,
    uses: Sequence[Step],
    channels: Sequence[Channel],
    faults: Faults,
    public_url: str = "",
) -> None:
    """Render the text for several sample borrowers (P207 to P210, P214, P222, P223; warnings P215, P224).

    public_url: with which links are counted; '' takes an address made up.
    """
    renderer = Renderer({TemplateRef(text.template, 0): [text]})
    told: set[str] = set()
    for channel in channels:
        for plain in (False, True) if _has_plain(text) else (False,):
            made, missing = pieces(text, channel, plain=plain)
            if missing:
                continue
            own = next((piece.part for piece in made if piece.output in ("text", "notice")), f"{WECHAT[:-1]}")
            for step in uses:
                for code, part, message in _tried(
                    policy, step, text, channel, plain, renderer, own, public_url
                ):
                    # The same of another sample is told once; so is a character, whatever it saves there.
                    key = message.partition(": ")[2] or message if code in _OF_A_SAMPLE else message
                    key = f"{part} {key.partition(';')[0]}"
                    if key not in told:
                        told.add(key)
                        record = faults.warn if code in _WARNINGS else faults.add
                        record(code, text.where(part), message)


def _has_plain(text: TemplateText) -> bool:
    return any(part.startswith(PLAIN) for part in text.parts)


def _tried(
    policy: Policy,
    step: Step,
    text: TemplateText,
    channel: Channel,
    plain: bool,
    renderer: Renderer,
    own: str,
    public_url: str,
) -> Iterator[tuple[str, str, str]]:
    for sample in sample_facts(policy, step, text.language, public_url):
        try:
            rendered = renderer.render(text.template, 0, text.language, channel, sample.facts, plain=plain)
            plainly = own.startswith(PLAIN)
            ordinary = (
                renderer.render(text.template, 0, text.language, channel, sample.facts) if plainly else None
            )
        except RenderError as error:
            [problem] = error.problems
            part = problem.where.rpartition(" ")[2]
            code = "P222" if problem.code == "P411" else "P207"
            yield code, part if part in text.parts else own, f"{sample.about}: {problem.message}"
            continue
        yield from _sample_faults(policy, step.purpose, text, rendered, sample.facts.name, own)
        if ordinary is not None:
            yield from _hard_words(text.language, rendered, ordinary, own)


def _sample_faults(
    policy: Policy, purpose: Purpose, text: TemplateText, rendered: Rendered, name: str, part: str
) -> Iterator[tuple[str, str, str]]:
    if purpose is Purpose.REMINDER:
        for word in overdue_words(rendered.text):
            yield "P208", part, f"a reminder says '{word}'; within grace nothing is late"
    pushed = rendered.channel in PUSHED
    for fault in subject_faults(rendered.subject, name):
        yield ("P223" if pushed else "P210"), "subject", f"a lock screen shows the subject, which {fault}"
    if pushed:
        for fault in subject_faults(rendered.text, name):
            yield "P223", part, f"a lock screen shows a push, which {fault}"
    if rendered.channel != Channel.SMS:
        return
    if not signature_is_right(rendered.text):
        yield "P214", part, "【】 is for the signature: once, at the very start of the SMS"
    if rendered.parts > policy.sms_parts_max:
        yield (
            "P209",
            part,
            f"a sample takes {rendered.parts} SMS parts; sms_parts_max is {policy.sms_parts_max}",
        )
    costly = not_gsm(rendered.text)
    if costly and sum(rendered.text.count(character) for character in costly) * 10 < len(rendered.text):
        for message in costly_characters(text.parts[part], rendered.text):
            yield "P215", part, message


def costly_characters(source: str, said: str) -> Iterator[str]:
    """A sentence for each character that makes an SMS the dearer kind: what to write instead, and where it stands.

    source: the Liquid. said: what a sample of it says, whose parts before and after are told when they differ.
    """
    places: dict[str, list[Costly]] = {}
    for place in costly_places(source):
        places.setdefault(place.character, []).append(place)
    now, then = sms_parts(said), sms_parts(cheapened(said))
    saving = f"; {now} SMS parts become {then}" if then < now else ""
    for character in not_gsm(said):
        shown = f"'{character}'" if character.isprintable() else f"U+{ord(character):04X}"
        equal = cheaper(character)
        instead = (
            "nothing else says the same"
            if equal is None
            else "leave it out"
            if not equal
            else f"write '{equal}'"
        )
        found = places.get(character, [])
        where = (
            "at " + ", ".join(f"line {place.line} column {place.column}" for place in found)
            if found
            else "it comes with a value"
        )
        yield (
            f"{shown} forces UCS-2, so a part holds 70 characters instead of 160; {instead} ({where})"
            f"{saving if equal is not None else ''}"
        )


def _hard_words(
    language: str, plain: Rendered, ordinary: Rendered, part: str
) -> Iterator[tuple[str, str, str]]:
    """Whether a plain-words form is plain, and plainer than the ordinary one."""
    measured, before = plainness(_said(plain), language), plainness(_said(ordinary), language)
    for fault in measured.faults:
        yield "P224", part, f"these words are not plain: {fault}"
    if measured.score > before.score:
        yield (
            "P224",
            part,
            f"the plain form is harder ({measured.score:.0f}) than the other ({before.score:.0f})",
        )


def _said(rendered: Rendered) -> str:
    return rendered.script.notice if rendered.script else rendered.text
