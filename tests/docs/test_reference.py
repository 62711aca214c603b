"""What the code can do is in the reference, and the reference names nothing that the code lacks."""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Iterable
from types import ModuleType

import pytest
from babel import Locale
from repository import DOCS, SOURCE, modules, problem_codes, shown

from duecourse.book import delivery, mapping, values
from duecourse.domain.calendars import UnknownRegionError, covered_years
from duecourse.policy.conditions import FIELDS

REFERENCE = DOCS / "reference"
FAMILIES = {
    "S": "store",
    "K": "privacy",
    "B": "book",
    "P": "policy",
    "C": "channels",
    "D": "cli",
    "R": "rules",
}
"""First letter of a code: the page of docs/reference/errors that explains it."""


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_pages_say_what_the_code_says(generate: ModuleType) -> None:
    for path, text in generate.pages().items():
        assert path.is_file() and path.read_text("utf-8") == text, f"{shown(path)} is out of date: make docs"


def test_every_command_says_what_it_does_and_gives_an_example(generate: ModuleType) -> None:
    for name, command in generate.commands():
        assert command.help, f"{name} has no help"
        if not getattr(command, "commands", {}):
            assert name in command.help, f"the help of '{name}' shows no example of it"


def test_every_option_and_argument_says_what_it_does(generate: ModuleType) -> None:
    silent = [
        f"{name} {parameter.name}"
        for name, command in generate.commands()
        for parameter in command.params
        if not getattr(parameter, "help", None)
    ]
    assert silent == []


def test_every_setting_says_what_it_is(generate: ModuleType) -> None:
    silent = [name for name, field in generate.Settings.model_fields.items() if not field.description]
    assert silent == []


def documented_codes() -> dict[str, str]:
    """Code to the page with its heading."""
    found: dict[str, str] = {}
    for page in sorted((REFERENCE / "errors").glob("*.md")):
        for code in re.findall(r"^## ([A-Z]\d{3})\b", page.read_text("utf-8"), re.MULTILINE):
            assert code not in found, f"{code} is explained in {found[code]} and in {page.name}"
            found[code] = page.name
    return found


def test_every_problem_code_is_explained_and_none_that_is_not_used() -> None:
    used, documented = problem_codes(), documented_codes()
    assert {code: shown(path) for code, path in used.items() if code not in documented} == {}
    assert {code: page for code, page in documented.items() if code not in used} == {}


def test_a_problem_code_is_explained_on_the_page_of_its_family() -> None:
    misplaced = {c: page for c, page in documented_codes().items() if page != f"{FAMILIES[c[0]]}.md"}
    assert misplaced == {}


def policy_keys() -> set[str]:
    """Keys that the policy room takes out of a file: first arguments of Section's readers, as literals."""
    readers = {"take", "text", "texts", "identifier", "integer", "choice", "section", "sections", "has"}
    return {
        node.args[0].value
        for tree in modules(SOURCE / "policy").values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in readers
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    }


def test_every_key_and_every_condition_field_of_a_policy_is_documented() -> None:
    page = "".join((REFERENCE / name).read_text("utf-8") for name in ("policy.md", "templates.md"))
    assert len(policy_keys()) > 15, "the policy room reads its keys in another way now; mend policy_keys()"
    missing = [key for key in sorted(policy_keys() | set(FIELDS)) if f"`{key}`" not in page]
    assert missing == []


def keys_of(models: Iterable[type]) -> set[str]:
    """Every key of these models, by the name it has in a file."""
    return {
        field.alias or name
        for model in models
        if issubclass(model, values.Strict)
        for name, field in model.model_fields.items()
    }


def mapping_keys() -> set[str]:
    """Every key the mapping language knows."""
    return keys_of(m for place in (mapping, values) for m in vars(place).values() if isinstance(m, type))


def test_every_key_of_a_mapping_file_is_documented() -> None:
    page = (REFERENCE / "mapping.md").read_text("utf-8")
    assert len(mapping_keys()) > 40
    missing = [key for key in sorted(mapping_keys()) if not re.search(rf"`[^`\n]*\b{re.escape(key)}\b", page)]
    assert missing == []


def test_every_key_of_a_delivery_file_is_documented() -> None:
    page = (REFERENCE / "delivery.md").read_text("utf-8")
    keys = keys_of(
        m for m in vars(delivery).values() if isinstance(m, type) and m.__module__ == delivery.__name__
    )
    missing = [key for key in sorted(keys) if not re.search(rf"`[^`\n]*\b{re.escape(key)}\b", page)]
    assert missing == []


def covers(country: str) -> bool:
    try:
        return bool(covered_years(country))
    except UnknownRegionError:
        return False


def test_the_countries_a_calendar_is_trusted_for_are_listed_with_their_last_year() -> None:
    page = (REFERENCE / "schedules.md").read_text("utf-8")
    named = {**Locale("en").territories, "HK": "Hong Kong", "MO": "Macau", "TR": "Turkey"}
    rows = [line for line in page.splitlines() if re.search(r"\| 20\d\d \|$", line)]
    listed = {
        name.strip(): int(row.split("|")[2])
        for row in rows
        for name in re.sub(r"^.*?:", "", row.split("|")[1]).split(",")
    }
    trusted = {
        named[country]: covered_years(country)[-1]
        for country in named
        if len(country) == 2 and country.isalpha() and country not in ("CN", "ZZ") and covers(country)
    }
    assert listed == trusted
