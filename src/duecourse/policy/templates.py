"""Template files: one YAML file per template and language, `templates/<template>.<language>.yaml`.

Here they are read; what their Liquid says is the content room's to judge.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final

from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.scalarstring import FoldedScalarString, LiteralScalarString

from .load import is_language
from .reading import IDENTIFIER, Faults, Section, read_yaml

PARTS: Final[Mapping[str, str]] = {
    "sms": "the text of an SMS",
    "subject": "the subject of an e-mail: shown on a lock screen, so no amount, no name, nothing overdue",
    "email": "the plain text of an e-mail",
    "html": "the HTML of an e-mail; optional, values are escaped",
}
"""Parts of a template, each Liquid source."""

_FILE = re.compile(r"(?P<template>[^.]+)\.(?P<language>[^.]+)\.yaml\Z")


@dataclass(frozen=True, slots=True)
class TemplateText:
    """One template in one language."""

    template: str
    language: str
    parts: Mapping[str, str]
    about: str = ""
    """A note to reviewers; not part of what is published or compared."""
    file: str = ""
    lines: Mapping[str, int] = field(default_factory=dict)
    """Part to the line its Liquid begins on."""

    @property
    def digest(self) -> bytes:
        """SHA-256 of the parts; two texts with the same digest say the same."""
        return sha256(json.dumps(dict(self.parts), sort_keys=True, ensure_ascii=False).encode()).digest()

    def where(self, part: str | None = None, line: int = 1) -> str:
        """File and line; `line` counts from 1 within the part."""
        if part is None or part not in self.lines:
            return self.file
        return f"{self.file}:{self.lines[part] + line - 1} {part}"


class Templates:
    """The templates of a folder, by name and language."""

    def __init__(self, texts: Iterable[TemplateText] = ()) -> None:
        self._texts = {(text.template, text.language): text for text in texts}

    def get(self, template: str, language: str) -> TemplateText | None:
        """None if there is no such file."""
        return self._texts.get((template, language))

    def languages(self, template: str) -> list[str]:
        """The languages a template is written in, sorted."""
        return sorted(language for name, language in self._texts if name == template)

    def names(self) -> list[str]:
        """All templates, sorted."""
        return sorted({name for name, _ in self._texts})

    def of(self, template: str) -> list[TemplateText]:
        """All texts of a template, by language."""
        return [self._texts[template, language] for language in self.languages(template)]

    def __iter__(self) -> Iterator[TemplateText]:
        return (self._texts[key] for key in sorted(self._texts))


def templates_folder(policy_file: Path) -> Path:
    """Where a policy's templates stand: the folder `templates` beside it."""
    return policy_file.parent / "templates"


def read_templates(folder: Path, faults: Faults) -> Templates:
    """Every template of a folder; faults P201 (file or folder) and those of reading YAML."""
    if not folder.is_dir():
        faults.add("P201", str(folder), "the folder of templates is missing")
        return Templates()
    texts = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.is_dir():
            continue
        text = _read(path, faults)
        if text:
            texts.append(text)
    return Templates(texts)


def _read(path: Path, faults: Faults) -> TemplateText | None:
    match = _FILE.match(path.name)
    if match is None or not IDENTIFIER.match(match["template"]) or not is_language(match["language"]):
        expected = "<template>.<language>.yaml, e.g. due-soon.zh-CN.yaml"
        faults.add("P201", str(path), f"a template's file is named {expected}")
        return None
    document = read_yaml(path, faults)
    if document is None:
        return None
    section = Section(document, str(path), faults)
    about = section.text("about") or ""
    parts, lines = {}, {}
    for part in PARTS:
        source = section.text(part)
        if source is not None:
            parts[part] = source.strip()
            lines[part] = _first_line(document, part)
    section.finish()
    if not parts:
        faults.add("P201", str(path), f"the template has no text; its parts are {', '.join(PARTS)}")
        return None
    return TemplateText(match["template"], match["language"], parts, about, str(path), lines)


def _first_line(document: CommentedMap, part: str) -> int:
    line: int = document.lc.value(part)[0] + 1
    source = document[part]
    # Of a block scalar ruamel gives the line of its indicator; leading blank lines are stripped.
    block = isinstance(source, (LiteralScalarString, FoldedScalarString))
    return line + block + (len(source) - len(source.lstrip("\n")))
