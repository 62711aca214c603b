"""What changes between two versions of templates: which part of which language, what it names now, and its lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from liquid.exceptions import LiquidError

from duecourse.policy.diff import diff_templates
from duecourse.policy.templates import Templates, TemplateText

from .liquid_env import environment


@dataclass(frozen=True, slots=True)
class TemplateChange:
    """One part of one text."""

    template: str
    language: str
    part: str
    kind: Literal["new", "removed", "changed"]
    names_now: tuple[str, ...]
    """Variables that it names and did not before."""
    names_no_longer: tuple[str, ...]
    length_before: int
    """Characters of the Liquid; 0 for a part that is new."""
    length_now: int
    lines: tuple[str, ...]
    """Of a unified diff, without its head."""

    def as_row(self) -> dict[str, Any]:
        """Everything but the lines."""
        return {key: value for key, value in asdict(self).items() if key != "lines"}


def template_changes(old: Sequence[TemplateText], new: Sequence[TemplateText]) -> list[TemplateChange]:
    """Every part that differs, by template, language and the order of the parts."""
    before = {(text.template, text.language): text for text in old}
    after = {(text.template, text.language): text for text in new}
    names = list(dict.fromkeys(text.template for text in (*old, *new)))
    changes = []
    for change in diff_templates(old, Templates(new), names):
        key = (change.template, change.language)
        was = before[key].parts.get(change.part, "") if key in before else ""
        becomes = after[key].parts.get(change.part, "") if key in after else ""
        named, names_now = _named(change.language, was), _named(change.language, becomes)
        changes.append(
            TemplateChange(
                change.template,
                change.language,
                change.part,
                "new" if not was else "changed" if becomes else "removed",
                tuple(name for name in names_now if name not in named),
                tuple(name for name in named if name not in names_now),
                len(was),
                len(becomes),
                change.lines,
            )
        )
    return changes


def _named(language: str, source: str) -> list[str]:
    """The variables of a source, in order; of what is no Liquid none."""
    try:
        return list(environment(language, "text").parse_source(source).analyze().globals)
    except LiquidError:
        return []
