"""A policy with its templates, checked as a whole before anything is published or planned."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from liquid import BoundTemplate
from liquid.exceptions import LiquidError

from duecourse.domain.messaging import Purpose
from duecourse.domain.problems import DuecourseError, Problem
from duecourse.policy.load import read_policy
from duecourse.policy.model import NEEDED, Policy, Step
from duecourse.policy.reading import Faults, did_you_mean
from duecourse.policy.templates import (
    Templates,
    TemplateText,
    read_templates,
    templates_folder,
)
from duecourse.policy.versions import TemplateRef

from .liquid_env import FILTERS, environment
from .refusals import overdue_words, signature_is_right, subject_faults
from .render import Rendered, Renderer, RenderError
from .samples import sample_facts
from .sms_text import not_gsm
from .variables import ITEM_VARIABLES, VARIABLES


@dataclass(frozen=True, slots=True)
class Checked:
    """A policy and its templates, fit to publish. Warnings are worth a look and stop nothing."""

    policy: Policy
    templates: Templates
    source: str
    warnings: tuple[Problem, ...] = ()


def check(path: Path) -> Checked:
    """Read a policy file and the templates beside it. Raises DuecourseError with every fault of all files."""
    faults = Faults()
    policy = read_policy(path, faults)
    templates = read_templates(templates_folder(path), faults)
    if policy is not None:
        check_templates(policy, templates, str(path), faults)
    if policy is None or faults.problems:
        raise DuecourseError(faults.problems)
    return Checked(policy, templates, path.read_text("utf-8-sig"), tuple(faults.warnings))


def check_templates(policy: Policy, templates: Templates, file: str, faults: Faults) -> None:
    """Add every fault of the templates that the policy uses, and a warning for those it does not."""
    for name in policy.templates:
        for language in policy.wording.languages.known:
            text = templates.get(name, language)
            if text is None:
                _report_missing(policy, templates, file, name, language, faults)
            else:
                _check_text(policy, text, faults)
        for language in templates.languages(name):
            if language not in policy.wording.languages.known:
                text = templates.get(name, language)
                known = ", ".join(policy.wording.languages.known)
                where = text.where() if text else file
                faults.warn("P213", where, f"the policy does not know {language}; its languages: {known}")
    for name in templates.names():
        if name not in policy.templates:
            faults.warn("P212", templates.of(name)[0].where(), f"no step uses template '{name}'")


def _report_missing(
    policy: Policy, templates: Templates, file: str, name: str, language: str, faults: Faults
) -> None:
    steps = ", ".join(step.id for step in policy.uses_of(name))
    if name not in templates.names():
        known = did_you_mean(name, templates.names())
        message = f"template '{name}' of {steps} is unknown; {known}"
        if not any(problem.message == message for problem in faults.problems):
            faults.add("P202", file, message)
    else:
        faults.add(
            "P202",
            file,
            f"template '{name}' of {steps} has no text in {language}; add {name}.{language}.yaml",
        )


def _check_text(policy: Policy, text: TemplateText, faults: Faults) -> None:
    uses = list(policy.uses_of(text.template))
    for channel in dict.fromkeys(channel for step in uses for channel in step.route):
        for part in NEEDED[channel]:
            if part not in text.parts:
                steps = ", ".join(step.id for step in uses if channel in step.route)
                faults.add("P203", text.where(), f"part '{part}' is missing; {steps} go by {channel}")
    sound = True
    for part, source in text.parts.items():
        sound = _check_words(uses, text, part, source, faults) and sound
        sound = _check_liquid(policy, text, part, source, faults) and sound
    if sound:
        _check_samples(policy, text, faults)


def _check_words(uses: list[Step], text: TemplateText, part: str, source: str, faults: Faults) -> bool:
    """Overdue words in the source, whatever branch of the Liquid they stand in (P208, P210)."""
    words = overdue_words(source)
    reminders = [step.id for step in uses if step.purpose is Purpose.REMINDER]
    if part != "subject" and not reminders:
        return True
    for word in words:
        where = text.where(part, _line_of(source, word))
        if part == "subject":
            faults.add("P210", where, f"a lock screen shows the subject, which says '{word}'")
        else:
            steps = ", ".join(reminders)
            faults.add("P208", where, f"a reminder ({steps}) says '{word}'; within grace nothing is late")
    return not words


def _check_liquid(policy: Policy, text: TemplateText, part: str, source: str, faults: Faults) -> bool:
    """Syntax, variables and filters (P204 to P206, P210, P211, P216); whether all is well."""
    try:
        parsed = environment(text.language, part).parse_source(source)
    except LiquidError as error:
        faults.add("P204", text.where(part, _error_line(error, source)), f"not Liquid: {error.args[0]}")
        return False
    before = len(faults.problems)
    for name, known, index in unknown_variables(parsed):
        message = f"variable '{name}' is unknown; {did_you_mean(name, known)}"
        faults.add("P205", text.where(part, _line_at(source, index)), message)
    analysis = parsed.analyze()
    for name, spans in analysis.filters.items():
        if name not in FILTERS:
            message = f"filter '{name}' is unknown; {did_you_mean(name, FILTERS)}"
            faults.add("P206", text.where(part, _line_at(source, spans[0].index)), message)
    for name, found in analysis.globals.items():
        where = text.where(part, _line_at(source, found[0].span.index))
        if part == "subject" and name in VARIABLES and not VARIABLES[name].in_subject:
            faults.add("P210", where, f"a lock screen shows the subject: '{name}' may not stand there")
        if name == "contact_phone" and not _has_phone(policy):
            faults.add("P211", where, "contact_phone is used, but a creditor of the policy has none")
        if name in ("product", "items"):
            _check_products(policy, name, where, source, faults)
    return len(faults.problems) == before


def unknown_variables(parsed: BoundTemplate) -> Iterator[tuple[str, list[str], int]]:
    """Each name that is no variable, what is known in its place, and where it stands."""
    analysis = parsed.analyze()
    for root, uses in analysis.variables.items():
        for use in uses:
            tail = [segment for segment in use.segments[1:] if isinstance(segment, str)]
            if root in analysis.globals and root not in VARIABLES:
                yield root, list(VARIABLES), use.span.index
            elif root in analysis.globals and root != "items" and tail:
                yield str(use), list(VARIABLES), use.span.index
            elif root not in ("forloop", *analysis.locals) and tail:
                entry = [segment for segment in tail if segment not in ("first", "last", "size")]
                if entry and (len(entry) > 1 or entry[0] not in ITEM_VARIABLES):
                    yield str(use), [f"{root}.{key}" for key in ITEM_VARIABLES], use.span.index


def _check_products(policy: Policy, name: str, where: str, source: str, faults: Faults) -> None:
    if name == "items" and ".product" not in source:
        return
    named = policy.wording.products
    for test in policy.applies_to.tests:
        for product in test.any_of if test.field == "product" else ():
            if product not in named:
                faults.add(
                    "P216", where, f"the text says the product, but products has no name for '{product}'"
                )


def _check_samples(policy: Policy, text: TemplateText, faults: Faults) -> None:
    """Render the text for several sample borrowers (P207 to P210, P214; warning P215)."""
    ref = TemplateRef(text.template, 0)
    renderer = Renderer({ref: [text]})
    uses = list(policy.uses_of(text.template))
    told: set[str] = set()
    for channel in dict.fromkeys(channel for step in uses for channel in step.route):
        if any(part not in text.parts for part in NEEDED[channel]):
            continue
        for step in uses:
            for sample in sample_facts(policy, step, text.language):
                try:
                    rendered = renderer.render(text.template, 0, text.language, channel, sample.facts)
                except RenderError as error:
                    found = [("P207", NEEDED[channel][-1], f"{sample.about}: {error.problems[0].message}")]
                else:
                    found = list(_sample_faults(policy, step.purpose, rendered, sample.facts.name))
                for code, part, message in found:
                    if message not in told:
                        told.add(message)
                        record = faults.warn if code == "P215" else faults.add
                        record(code, text.where(part), message)


def _sample_faults(
    policy: Policy, purpose: Purpose, rendered: Rendered, name: str
) -> Iterator[tuple[str, str, str]]:
    part = "sms" if rendered.channel == "sms" else "email"
    if purpose is Purpose.REMINDER:
        for word in overdue_words(rendered.text):
            yield "P208", part, f"a reminder says '{word}'; within grace nothing is late"
    for fault in subject_faults(rendered.subject, name):
        yield "P210", "subject", f"a lock screen shows the subject, which {fault}"
    if part != "sms":
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
        listed = " ".join(f"'{character}'" for character in costly)
        yield "P215", part, f"{listed} forces UCS-2, so a part holds 70 characters instead of 160"


def _has_phone(policy: Policy) -> bool:
    creditors = policy.wording.creditors.values()
    return bool(creditors) and all(creditor.contact_phone for creditor in creditors)


def _line_at(source: str, index: int) -> int:
    return source.count("\n", 0, max(index, 0)) + 1


def _line_of(source: str, word: str) -> int:
    return _line_at(source, source.lower().find(word))


def _error_line(error: LiquidError, source: str) -> int:
    context = error.context()
    return context[0] if context else source.count("\n") + 1
