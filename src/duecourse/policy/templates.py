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
    "sms": "the short text: of an SMS, and of every channel that has no longer one",
    "subject": "subject of an e-mail, heading of a letter, title of a message in the lender's app: shown on a lock "
    "screen, so no amount, no name, nothing overdue",
    "email": "the long text: of an e-mail, of an inbox message, and of a letter that has none of its own",
    "html": "the HTML of an e-mail and of an inbox message; values are escaped. Made from the long text without it",
    "letter": "the body of a letter",
    "voice.greeting": "what a call says first: who calls, that it is recorded, and whether this is the person",
    "voice.notice": "what a call says once the person has confirmed: the only part that may name a debt",
    "voice.voicemail": "what a machine hears: who called and a number to call back",
    "voice.keys": "what the keys mean, spoken after the notice",
    "push.title": "title of a push notification",
    "push.body": "body of a push notification: shown on a lock screen",
    "link": "what a push, an inbox message or WeChat opens: `{{ link }}`, the borrower's own page, or an https address "
    "that is the same for everybody",
    "picture": "`bill` sends the bill along as a picture",
}
"""Parts of a template, each Liquid source; `link` and `picture` stand as they are. WeChat's fields come beside them."""

WECHAT: Final = "wechat."
"""Prefix of WeChat's fields, which have the keywords of the template registered there: `wechat.thing1`."""
PLAIN: Final = "plain."
"""Prefix of the large-type, plain-words form of a part: `plain.sms`."""

_GROUPS: Final = ("voice", "push")
_NOT_IN_PLAIN: Final = ("link", "picture")
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
        text = read_template(path, faults)
        if text:
            texts.append(text)
    return Templates(texts)


def read_template(path: Path, faults: Faults) -> TemplateText | None:
    """One file; None and faults P101 to P103 or P201 where it is no template."""
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
    parts: dict[str, str] = {}
    lines: dict[str, int] = {}
    _take_parts(section, "", PARTS, parts, lines)
    fields = section.section("wechat", "wechat")
    if fields is not None:
        _take_part(fields, WECHAT, list(fields.content), parts, lines)
        fields.finish()
    plain = section.section("plain", "plain")
    if plain is not None:
        _take_parts(plain, PLAIN, [part for part in PARTS if part not in _NOT_IN_PLAIN], parts, lines)
        plain.finish()
    section.finish()
    if not parts:
        faults.add("P201", str(path), f"the template has no text; its parts are {', '.join(PARTS)}")
        return None
    return TemplateText(match["template"], match["language"], parts, about, str(path), lines)


def _take_parts(
    section: Section, prefix: str, known: Iterable[str], parts: dict[str, str], lines: dict[str, int]
) -> None:
    """The known parts of a mapping, those of a group under the group's key."""
    names = list(known)
    _take_part(section, prefix, [part for part in names if "." not in part], parts, lines)
    for group in _GROUPS:
        under = section.section(group, f"{prefix}{group}")
        if under is not None:
            members = [part.partition(".")[2] for part in names if part.startswith(f"{group}.")]
            _take_part(under, f"{prefix}{group}.", members, parts, lines)
            under.finish()


def _take_part(
    section: Section, prefix: str, keys: Iterable[str], parts: dict[str, str], lines: dict[str, int]
) -> None:
    for key in keys:
        source = section.text(key)
        if source is not None:
            parts[f"{prefix}{key}"] = source.strip()
            lines[f"{prefix}{key}"] = _first_line(section.content, key)


def _first_line(document: CommentedMap, part: str) -> int:
    line: int = document.lc.value(part)[0] + 1
    source = document[part]
    # Of a block scalar ruamel gives the line of its indicator; leading blank lines are stripped.
    block = isinstance(source, (LiteralScalarString, FoldedScalarString))
    return line + block + (len(source) - len(source.lstrip("\n")))
