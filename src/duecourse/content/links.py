"""Links and codes in templates: the address a code is opened at, and what a policy's texts must carry of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from duecourse.domain.messaging import Channel
from duecourse.domain.problems import Problem
from duecourse.policy.model import Policy
from duecourse.policy.templates import PLAIN, Templates, TemplateText

from .making import OWN_LINK, can_say, carries_code, says

PATH: Final = "/l/"
"""Between our public address and the code."""
SAMPLE_CODE: Final = "7hK2mQx9"
SAMPLE_URL: Final = "https://pay.example.com"
"""Stands in for our public address where none is set."""
SPOKEN: Final = (Channel.VOICE, Channel.TASK)
"""The channels on which nobody can follow an address."""


def address_of(public_url: str, code: str) -> str:
    """The address that a code is opened at."""
    return f"{public_url.rstrip('/')}{PATH}{code}"


def says_link(texts: Iterable[TemplateText]) -> bool:
    """Whether any part in any language, in any branch, says the borrower's link: it then needs our public address."""
    return any(
        OWN_LINK.match(text.parts.get("link", "")) or says(text.language, text.parts.values(), {"link"})
        for text in texts
    )


def link_warnings(policy: Policy, templates: Templates) -> Iterator[Problem]:
    """What a policy promises of links and codes and its texts do not keep: P421 a written notice without a code where
    `authenticity: required`, P422 an SMS with a link to pay that has none.
    """
    for name in policy.templates:
        channels = dict.fromkeys(channel for step in policy.uses_of(name) for channel in step.route)
        for text in templates.of(name):
            if policy.authenticity == "required":
                for channel in channels:
                    if channel not in SPOKEN and channel in can_say(text) and not _carries(text, channel):
                        message = f"by {channel} it says neither code nor link, and authenticity is required"
                        yield Problem("P421", text.where(), message)
            if name == policy.pay_link and not says_link([text]) and "://" not in text.parts.get("sms", ""):
                message = "pay_link is for whoever asks for a link, and this text has none: write {{ link }}"
                yield Problem("P422", text.where("sms"), message)


def publishing_faults(policy: Policy, templates: Templates, public_url: str) -> list[Problem]:
    """What stands against publishing a checked policy: P420 a text says `link` and we have no address; and P421."""
    faults = [problem for problem in link_warnings(policy, templates) if problem.code == "P421"]
    if not public_url:
        faults += [
            _no_address(text.where())
            for name in policy.templates
            for text in templates.of(name)
            if says_link([text])
        ]
    return faults


def no_address(names: Iterable[str]) -> list[Problem]:
    """P420 for each of these published templates."""
    return [_no_address(f"template {name}") for name in sorted(set(names))]


def _no_address(where: str) -> Problem:
    message = "it says link, and this installation has no public address: set DUECOURSE_PUBLIC_URL"
    return Problem("P420", where, message)


def _carries(text: TemplateText, channel: Channel) -> bool:
    """Whether a channel's text carries the code, in its plain form too where it has one."""
    forms = (False, True) if any(part.startswith(PLAIN) for part in text.parts) else (False,)
    return all(carries_code(text, channel, plain=plain) for plain in forms)
