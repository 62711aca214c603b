"""Every language of the pages says everything, with the same values, and no text is left over."""

from __future__ import annotations

import re
from string import Formatter

import pytest
from repository import SOURCE

from duecourse.content.formats import formats
from duecourse.portal.texts import LANGUAGES, Text, accepted, catalogue, closest, groups, say

PORTAL = SOURCE / "portal"


def values_of(text: Text) -> set[str]:
    """The names in braces, of all forms together."""
    forms = [text] if isinstance(text, str) else list(text.values())
    return {name for form in forms for _, name, _, _ in Formatter().parse(form) if name}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_every_text_with_the_same_values(language: str) -> None:
    english, own = catalogue("en"), catalogue(language)
    assert own.keys() == english.keys()
    different = {key for key in english if values_of(own[key]) != values_of(english[key])}
    assert different == set()


def test_every_group_is_written_in_the_languages_that_somebody_has_read() -> None:
    """A group without one of the others speaks English there."""
    read = [language for language, written in LANGUAGES.items() if written.read]
    assert read == ["zh-CN", "zh-TW", "en"]
    folders = [PORTAL / "texts" / group for group in groups()]
    assert [
        f"{folder.name}/{language}"
        for folder in folders
        for language in read
        if not (folder / f"{language}.toml").is_file()
    ] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_plural_has_the_forms_its_language_needs(language: str) -> None:
    needed = formats(language).categories()
    lacking = {
        key: needed - text.keys()
        for key, text in catalogue(language).items()
        if not isinstance(text, str) and needed - text.keys()
    }
    assert lacking == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_is_empty_or_holds_markup(language: str) -> None:
    for key, text in catalogue(language).items():
        for form in [text] if isinstance(text, str) else text.values():
            assert form.strip() == form and form, key
            assert "<" not in form and "&" not in form, key


def test_no_text_is_left_over() -> None:
    """A key stands somewhere in the portal, or where it is put together of parts its beginning or end does."""
    written = "\n".join(
        path.read_text("utf-8") for path in sorted(PORTAL.rglob("*")) if path.suffix in (".py", ".html")
    )
    said = set(re.findall(r"[a-z][a-z0-9_-]*\.[a-z][a-z0-9_-]*", written))
    beginnings = {part for part in said if part.endswith(("_", "-"))} | {
        f"{group}." for group in re.findall(r'"([a-z]+)\." ~', written)
    }
    endings = set(re.findall(r'~ "([_-][a-z_-]+)"', written))
    left = [
        key
        for key in catalogue("en")
        if key not in said
        and not any(key.startswith(begin) for begin in beginnings)
        and not any(key.endswith(end) and key.removesuffix(end) in said for end in endings)
    ]
    assert left == []


def test_a_reader_gets_the_language_of_their_script() -> None:
    assert closest("zh-HK") == "zh-TW"
    assert closest("zh") == "zh-CN"
    assert closest("en-GB") == "en"
    assert closest("tlh") is None and closest("../etc") is None


def test_the_browser_says_which_language_comes_first() -> None:
    assert accepted("fr;q=0.9, zh-TW;q=0.8, en;q=0.7") == "zh-TW"
    assert accepted("*") is None and accepted("en;q=x,,;") is None


def test_a_plural_follows_its_count() -> None:
    assert say("en", "bill.state_late", count=1) == "1 day overdue"
    assert say("en", "bill.state_late", count=3) == "3 days overdue"
