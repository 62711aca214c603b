"""Where templates are taken from: a file, a folder, the folder beside a policy, or what is published."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from duecourse.content.alone import policy_with
from duecourse.domain.problems import DuecourseError, Problem
from duecourse.policy.load import read_policy
from duecourse.policy.model import Policy
from duecourse.policy.reading import Faults
from duecourse.policy.templates import (
    Templates,
    TemplateText,
    read_template,
    read_templates,
    templates_folder,
)
from duecourse.policy.versions import load_templates, published_policies

from .context import Context


@dataclass(frozen=True, slots=True)
class Source:
    """Templates with the policy that uses them."""

    templates: Templates
    policy: Policy | None
    """None: no policy file stands beside them."""
    policy_file: str = ""
    chosen: TemplateText | None = None
    """The one text that a file's path named."""

    def using(self, language: str) -> Policy:
        """The policy with a step for every template; where there is none, one made up for a language."""
        return policy_with(self.templates, self.policy, language)


def source_of(path: Path, policy_file: Path | None, faults: Faults) -> Source:
    """The templates of a path: a template's file, a folder of them, a policy's file or its folder.

    The policy is the one given, else policy.yaml beside the folder of templates.
    """
    chosen = None
    if path.is_dir():
        own = path / "policy.yaml"
        folder = templates_folder(own) if own.is_file() else path
    elif path.parent.name == "templates" or len(path.name.split(".")) == 3:
        folder = path.parent
        chosen = read_template(path, faults)
    else:
        policy_file, folder = policy_file or path, templates_folder(path)
    file = policy_file or folder.parent / "policy.yaml"
    of_policy = Faults()
    policy = read_policy(file, of_policy) if policy_file or file.is_file() else None
    faults.problems += of_policy.problems  # its warnings are told by `policy check`
    if chosen is None:
        return Source(read_templates(folder, faults), policy, str(file))
    # A fault of another file is not the one's.
    rest = [text for text in read_templates(folder, Faults()) if text.template == chosen.template]
    return Source(Templates([*rest, chosen]), policy, str(file), chosen)


def published_source(here: Context, name: str) -> Source:
    """The published template of a name. Raises DuecourseError P415."""
    conn = here.connect()
    policies = published_policies(conn)
    for published in policies:
        version = published.template_versions.get(name)
        if version is not None:
            [texts] = load_templates(conn, [(name, version)]).values()
            return Source(Templates(texts), published.model)
    known = ", ".join(sorted({name for one in policies for name in one.template_versions})) or "none"
    raise DuecourseError(
        Problem("P415", "TEMPLATE", f"no file and no published template is called so; published: {known}")
    )
