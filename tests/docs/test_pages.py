"""Pages hang together: links resolve, commands shown exist, nobody's machine shows through."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from repository import DOCS, ROOT, own_files, pages, shown

from duecourse.cli.main import app

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)|(?:src|srcset|href)=\"([^\"]+)\"")
FENCE = re.compile(r"^```[^\n]*\n.*?^```\s*$", re.MULTILINE | re.DOTALL)
SHELL = re.compile(r"^```(?:sh|bash|console)?\n(.*?)^```\s*$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^(?:\.venv/bin/)?(duecourse|make)\b(.*)$")


def anchors(page: Path) -> set[str]:
    """The anchors that headings of a page get, as GitHub makes them."""
    text = FENCE.sub("", page.read_text("utf-8"))
    found: set[str] = set()
    for heading in re.findall(r"^#{1,6}\s+(.*?)\s*$", text, re.MULTILINE):
        slug = re.sub(r"[^\w\- ]", "", re.sub(r"[`*]", "", heading).lower()).replace(" ", "-")
        count = 0
        unique = slug
        while unique in found:
            count += 1
            unique = f"{slug}-{count}"
        found.add(unique)
    return found


@pytest.mark.parametrize("page", pages(), ids=shown)
def test_links_within_the_project_resolve(page: Path) -> None:
    broken = []
    for match in LINK.finditer(FENCE.sub("", page.read_text("utf-8"))):
        target, _, anchor = (match[1] or match[2]).partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        path = (page.parent / target).resolve() if target else page
        if not path.exists() or not path.is_relative_to(ROOT):
            broken.append(target)
        elif anchor and path.suffix == ".md" and anchor not in anchors(path):
            broken.append(f"{target}#{anchor}")
    assert broken == []


def test_every_page_is_reached_from_the_index() -> None:
    seen: set[Path] = set()
    ahead = [DOCS / "README.md"]
    while ahead:
        page = ahead.pop()
        if page in seen or not page.is_file():
            continue
        seen.add(page)
        for match in LINK.finditer(page.read_text("utf-8")):
            target = (match[1] or match[2] or "").partition("#")[0]
            if target.endswith(".md") and ":" not in target:
                ahead.append((page.parent / target).resolve())
    lost = [shown(page) for page in pages() if page.is_relative_to(DOCS) and page not in seen]
    assert lost == []


def shell_lines(page: Path) -> Iterator[str]:
    """Commands a page tells its reader to run: in shell blocks, and in inline code."""
    text = page.read_text("utf-8")
    for block in SHELL.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            yield line.strip().removeprefix("$ ").partition("  #")[0]
    for code in re.findall(r"`([^`\n]+)`", FENCE.sub("", text)):
        yield code.strip()


def fault(words: list[str], command: Any) -> str:
    """What is wrong with the words after `duecourse`; empty when each subcommand and option exists."""
    while words and getattr(command, "commands", None):
        word = words.pop(0)
        if word.startswith("-"):
            words.insert(0, word)
            break
        choices = [command.commands.get(each) for each in word.split("|")]
        if None in choices:
            return f"no command '{word}'"
        command = choices[0]
    known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    unknown = [w for w in words if w.startswith("--") and w.partition("=")[0] not in {*known, "--help"}]
    return f"no option {unknown[0]}" if unknown else ""


@pytest.mark.parametrize("page", pages(), ids=shown)
def test_commands_shown_on_a_page_exist(page: Path) -> None:
    root = typer.main.get_command(app)
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    faults = []
    for line in shell_lines(page):
        match = COMMAND.match(re.sub(r"^(?:[A-Z_]+=\S+ )+", "", line))
        if match is None:
            continue
        words = shlex.split(re.sub(r"[\[\]]", " ", match[2]).replace("'", ""))
        if match[1] == "make":
            wrong = [w for w in words if "=" not in w and not w.startswith("-") and w not in targets]
            faults += [f"{line}: no make target '{word}'" for word in wrong[:1]]
        elif problem := fault(words, root):
            faults.append(f"{line}: {problem}")
    assert faults == []


def test_both_readmes_have_the_same_sections_and_commands() -> None:
    english, chinese = (ROOT / name for name in ("README.md", "README.zh-CN.md"))
    shapes = [
        (
            len(re.findall(r"^## ", page.read_text("utf-8"), re.MULTILINE)),
            [b for b in re.findall(r"^```sh\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)],
        )
        for page in (english, chinese)
    ]
    bare = [(count, [re.sub(r"\s*#.*", "", block) for block in blocks]) for count, blocks in shapes]
    assert bare[0] == bare[1]


def test_every_decision_has_context_decision_and_cost() -> None:
    records = sorted((DOCS / "decisions").glob("[0-9]*.md"))
    assert [int(path.name[:4]) for path in records] == list(range(1, len(records) + 1))
    for path in records:
        headings = re.findall(r"^## (.+)$", path.read_text("utf-8"), re.MULTILINE)
        assert headings == ["Context", "Decision", "Cost"], shown(path)


def test_no_file_names_a_folder_of_somebody_s_machine() -> None:
    folder = re.compile(r"(?<![\w.~$}/:)*-])/(?:home|root|work|Users|mnt|media)/\w[\w.-]*")
    found = []
    for path in own_files():
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{shown(path)}: {hit}" for hit in folder.findall(text)]
    assert found == []
