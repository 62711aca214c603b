"""A policy with its templates, checked as a whole before anything is published or planned."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from duecourse.domain.problems import DuecourseError, Problem
from duecourse.policy.load import read_policy
from duecourse.policy.model import Policy
from duecourse.policy.reading import Faults, did_you_mean
from duecourse.policy.templates import Templates, read_templates, templates_folder

from .check_text import check_text
from .links import link_warnings


@dataclass(frozen=True, slots=True)
class Checked:
    """A policy and its templates, fit to publish. Warnings are worth a look and stop nothing."""

    policy: Policy
    templates: Templates
    source: str
    warnings: tuple[Problem, ...] = ()


def check(path: Path, public_url: str = "") -> Checked:
    """Read a policy file and the templates beside it. Raises DuecourseError with every fault of all files.

    public_url: with which the links of sample texts are counted; '' takes an address made up.
    """
    faults = Faults()
    policy = read_policy(path, faults)
    templates = read_templates(templates_folder(path), faults)
    if policy is not None:
        check_templates(policy, templates, str(path), faults, public_url)
    if policy is None or faults.problems:
        raise DuecourseError(faults.problems)
    return Checked(policy, templates, path.read_text("utf-8-sig"), tuple(faults.warnings))


def check_templates(
    policy: Policy, templates: Templates, file: str, faults: Faults, public_url: str = ""
) -> None:
    """Add every fault of the templates that the policy uses, and a warning for those it does not."""
    for name in policy.templates:
        for language in policy.wording.languages.known:
            text = templates.get(name, language)
            if text is None and policy.wording.languages.written(language, templates.languages(name)):
                continue  # the declared fallback stands in
            if text is None:
                _report_missing(policy, templates, file, name, language, faults)
            else:
                check_text(policy, text, list(policy.uses_of(name)), faults, public_url)
        for language in templates.languages(name):
            if language not in policy.wording.languages.known:
                text = templates.get(name, language)
                known = ", ".join(policy.wording.languages.known)
                where = text.where() if text else file
                faults.warn("P213", where, f"the policy does not know {language}; its languages: {known}")
    for name in templates.names():
        if name not in policy.templates:
            faults.warn("P212", templates.of(name)[0].where(), f"no step uses template '{name}'")
    faults.warnings += link_warnings(policy, templates)


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
