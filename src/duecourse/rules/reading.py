"""A YAML file of rules turned into a model, or into faults that name the line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from duecourse.domain.problems import Problem

MAX_BYTES = 1_000_000
M = TypeVar("M", bound=BaseModel)
Step = str | int


@dataclass(frozen=True, slots=True)
class Document:
    """A file's text with the lines of its keys, for faults found after it was read."""

    name: str
    text: str
    content: CommentedMap
    kept: tuple[int, ...] = ()
    """Where the faulty rules were left out: the place in the file of each that is left."""

    def where(self, *steps: Step) -> str:
        """`file:line`, with the rule or key in question. steps: keys and indexes from the top; unknown ones end it."""
        line, here, told = 1, self.content, ""
        if self.kept and len(steps) > 1 and steps[0] == "rules" and isinstance(steps[1], int):
            steps = ("rules", self.kept[steps[1]], *steps[2:])
        for step in steps:
            if isinstance(here, CommentedMap) and step in here:
                line = here.lc.key(step)[0] + 1
                here = here[step]
            elif isinstance(here, CommentedSeq) and isinstance(step, int) and step < len(here):
                line = here.lc.item(step)[0] + 1
                here = here[step]
                if isinstance(here, CommentedMap) and steps[0] == "rules" and "id" in here:
                    told = f" rule {here['id']}"
        return f"{self.name}:{line}{told}"


def read_document(path: Path, faults: list[Problem]) -> Document | None:
    """The file, or None and fault R001."""
    try:
        if path.stat().st_size > MAX_BYTES:
            faults.append(Problem("R001", str(path), f"the file is larger than {MAX_BYTES} bytes"))
            return None
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = "not UTF-8" if isinstance(error, UnicodeDecodeError) else error.strerror
        faults.append(Problem("R001", str(path), f"the file cannot be read: {why}"))
        return None
    return read_text(text, str(path), faults)


def read_text(text: str, name: str, faults: list[Problem]) -> Document | None:
    """As read_document, for text already at hand. YAML 1.2: `08:00` is text, `on` is no truth value."""
    try:
        content = YAML(typ="rt").load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        why = (error.problem or error.context or "unreadable").strip().splitlines()[0]
        faults.append(Problem("R001", f"{name}{line}", f"not YAML: {why}"))
        return None
    except (YAMLError, ValueError, RecursionError) as error:
        faults.append(Problem("R001", name, f"not YAML: {str(error).strip().splitlines()[0]}"))
        return None
    if not isinstance(content, CommentedMap):
        faults.append(Problem("R001", name, "expected a mapping of keys to values at the top of the file"))
        return None
    return Document(name, text, content)


def validated(
    model: type[M], content: object, document: Document, faults: list[Problem], prefix: Sequence[Step] = ()
) -> M | None:
    """The model, or None and a fault R002 for everything in it that is not as it should be.

    prefix: where in the document the content stands.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        details = error.errors(include_url=False)
        for detail in details:
            if detail["type"] == "too_short" and any(_is_within(each, detail) for each in details):
                continue  # a list is called too short for an entry that is wrong, and told already
            steps = _steps((*prefix, *detail["loc"]))
            faults.append(Problem("R002", document.where(*steps), _told(detail)))
        return None


def what_is_sound(model: type[BaseModel], document: Document) -> tuple[dict[str, Any], Document]:
    """The file's keys and rules without those that the model refuses, so that the rest can be checked too.

    The document given back finds the lines of the rules that are left.
    """
    content: dict[str, Any] = dict(document.content)
    try:
        model.model_validate(content)
    except ValidationError as error:
        faulty = [detail["loc"] for detail in error.errors(include_url=False)]
        refused = {loc[1] for loc in faulty if loc[0] == "rules" and len(loc) > 1}
        for key in {loc[0] for loc in faulty if loc[0] != "rules" or len(loc) == 1}:
            content.pop(str(key), None)
        rules = content.get("rules") or []
        kept = tuple(place for place in range(len(rules)) if place not in refused)
        content["rules"] = [rules[place] for place in kept]
        return content, replace(document, kept=kept)
    return content, document


def _is_within(inner: ErrorDetails, outer: ErrorDetails) -> bool:
    return inner is not outer and inner["loc"][: len(outer["loc"])] == outer["loc"]


def _steps(loc: Iterable[Step]) -> list[Step]:
    """Without what pydantic puts between, such as the tag of a primitive."""
    return [step for step in loc if not (isinstance(step, str) and _is_tag(step))]


def _is_tag(step: str) -> bool:
    return len(step) in (2, 3) and step[0] == "P" and step[1:].isdigit()


def _told(detail: ErrorDetails) -> str:
    key = (
        ".".join(str(step) for step in _steps(detail["loc"])[-2:] if not isinstance(step, int)) or "the file"
    )
    match detail["type"]:
        case "missing":
            return f"'{key}' is missing"
        case "extra_forbidden":
            return f"key '{key}' is unknown"
        case "union_tag_not_found":
            return f"'{key}' must name its primitive, P1 to P18"
        case "union_tag_invalid":
            return f"primitive {shown(detail['ctx'].get('tag'))} is unknown; known: P1 to P18"
        case _:
            return f"{key}: {detail['msg'][:1].lower()}{detail['msg'][1:]}, found {shown(detail['input'])}"


def did_you_mean(found: str, known: Iterable[str]) -> str:
    """The tail of an unknown-word message: the nearest known word if there is one, else all of them."""
    options = sorted(known)
    close = get_close_matches(found, options, n=1, cutoff=0.6)
    return f"did you mean '{close[0]}'?" if close else f"known: {', '.join(options) or 'none'}"


def shown(value: object) -> str:
    """A value as a message quotes it, cut at 60 characters."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    text = str(value)
    return f"'{text[:57]}...'" if len(text) > 60 else f"'{text}'"
