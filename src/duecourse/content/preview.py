"""What a sample borrower would get: every template of a policy, in every language and channel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from duecourse.policy.model import Policy
from duecourse.policy.templates import Templates
from duecourse.policy.versions import TemplateRef

from .render import Renderer
from .rendered import Rendered
from .samples import sample_facts


@dataclass(frozen=True, slots=True)
class Preview:
    """One text for one sample."""

    template: str
    step: str
    """The first step that uses it."""
    rendered: Rendered


def previews(policy: Policy, templates: Templates, public_url: str = "") -> Iterator[Preview]:
    """One for each template, language and channel that a step calls for. The policy has been checked.

    public_url: what links begin with; '' takes an address made up.
    """
    renderer = Renderer({TemplateRef(name, 0): templates.of(name) for name in policy.templates})
    for name in policy.templates:
        uses = list(policy.uses_of(name))
        written = templates.languages(name)
        for language in (known for known in policy.wording.languages.known if known in written):
            facts = sample_facts(policy, uses[0], language, public_url)[0].facts
            for channel in dict.fromkeys(channel for step in uses for channel in step.route):
                yield Preview(name, uses[0].id, renderer.render(name, 0, language, channel, facts))
