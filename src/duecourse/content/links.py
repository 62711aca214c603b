"""Links and codes in templates: what a policy's texts must carry of them, and what they cannot do without."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from duecourse.domain.messaging import Channel
from duecourse.domain.problems import Problem
from duecourse.policy.model import Policy
from duecourse.policy.templates import PLAIN, Templates, TemplateText
from duecourse.policy.versions import TemplateRef

from .making import can_say, carries_code, says
from .render import Renderer, RenderError
from .samples import sample_facts

SPOKEN: Final = (Channel.VOICE, Channel.TASK)
"""The channels on which nobody can follow an address."""


def link_warnings(policy: Policy, templates: Templates) -> Iterator[Problem]:
    """What a policy promises of links and codes and its texts do not keep: P421 a written notice without a code where
    `authenticity: required`, P422 an SMS with a link to pay that has none.
    """
    for name in policy.templates:
        channels = _channels(policy, name)
        for text in templates.of(name):
            if policy.authenticity == "required":
                for channel in channels:
                    if channel not in SPOKEN and channel in can_say(text) and not _carries(text, channel):
                        message = f"by {channel} it says neither code nor link, and authenticity is required"
                        yield Problem("P421", text.where(), message)
            if name == policy.pay_link and not _says_link(text) and "://" not in text.parts.get("sms", ""):
                message = "pay_link is for whoever asks for a link, and this text has none: write {{ link }}"
                yield Problem("P422", text.where("sms"), message)


def publishing_faults(policy: Policy, templates: Templates, public_url: str) -> list[Problem]:
    """What stands against publishing a checked policy: P420 a text needs a link and we have no address; and P421."""
    faults = [problem for problem in link_warnings(policy, templates) if problem.code == "P421"]
    if public_url:
        return faults
    for name in policy.templates:
        faults += [_no_address(text.where()) for text in need_address(policy, templates.of(name))]
    return faults


def need_address(policy: Policy, texts: Sequence[TemplateText]) -> list[TemplateText]:
    """Of one template's texts those that cannot be made without our public address: they say `link`, and not only where
    `if link` asks for it first.
    """
    return [text for text in texts if _says_link(text) and _fails_without(policy, text)]


def no_address(names: Iterable[str]) -> list[Problem]:
    """P420 for each of these published templates."""
    return [_no_address(f"template {name}") for name in sorted(set(names))]


def _no_address(where: str) -> Problem:
    message = "it says link, and this installation has no public address: set DUECOURSE_PUBLIC_URL"
    return Problem("P420", where, message)


def _channels(policy: Policy, name: str) -> list[Channel]:
    return list(dict.fromkeys(channel for step in policy.uses_of(name) for channel in step.route))


def _says_link(text: TemplateText) -> bool:
    return says(text.language, text.parts.values(), {"link"})


def _fails_without(policy: Policy, text: TemplateText) -> bool:
    renderer = Renderer({TemplateRef(text.template, 0): [text]})
    for step in policy.uses_of(text.template):
        for channel in step.route:
            for sample in sample_facts(policy, step, text.language):
                for plain in _forms(text):
                    facts = replace(sample.facts, link="")
                    try:
                        renderer.render(text.template, 0, text.language, channel, facts, plain=plain)
                    except RenderError:  # any other fault the check has told before
                        return True
    return False


def _carries(text: TemplateText, channel: Channel) -> bool:
    """Whether a channel's text carries the code, in its plain form too where it has one."""
    return all(carries_code(text, channel, plain=plain) for plain in _forms(text))


def _forms(text: TemplateText) -> tuple[bool, ...]:
    return (False, True) if any(part.startswith(PLAIN) for part in text.parts) else (False,)
