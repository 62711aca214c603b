"""Everything commands print goes through the catalogue, and the catalogue has it in Chinese."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest
from repository import SOURCE, modules, shown

from duecourse.book.counting import COUNTERS
from duecourse.book.events import EVENT_KINDS
from duecourse.channels.sandbox.rules import Behaviour
from duecourse.channels.smpp.codes import STATUSES
from duecourse.channels.smtp.codes import MEANINGS
from duecourse.cli import reports
from duecourse.cli.chinese import REASONS, SENTENCES, WORDS
from duecourse.cli.context import Context, close_context, set_context
from duecourse.cli.demo.week import FILES
from duecourse.cli.settings import Settings, default_language
from duecourse.cli.words import reason, say, word
from duecourse.domain.messaging import Channel, Purpose, ReceiptStatus
from duecourse.rules.words import RULES

CLI = SOURCE / "cli"
SAID = {"say", "word", "reason", "listed", "sentences"}
"""Calls whose words are translated, so that the search need not look inside."""
SHOWS = {"print", "rule", "add_task"}
"""Methods that put their arguments on the screen; beside the functions table and TextColumn."""


def called(node: ast.AST) -> str:
    """The name a call goes by, without the object; empty for what is no call."""
    if not isinstance(node, ast.Call):
        return ""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def shown_arguments(function: ast.AST) -> Iterator[ast.expr]:
    """What is put on the screen, with what was assigned in the same function to the names it uses."""
    assigned: dict[str, list[ast.expr]] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    assigned.setdefault(target.id, []).append(node.value)
    for node in ast.walk(function):
        if called(node) in {*SHOWS, "table", "TextColumn"}:
            assert isinstance(node, ast.Call)
            for argument in node.args:
                yield from assigned.get(argument.id, []) if isinstance(argument, ast.Name) else [argument]


def unsaid(node: ast.AST) -> Iterator[str]:
    """Literals with letters that did not pass through the catalogue: keys, formats and comparisons apart."""
    if called(node) in {*SAID, "get", "strftime"} or isinstance(node, ast.Compare):
        return
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str) and re.search(r"[A-Za-z]{2}", re.sub(r"\{[^}]*\}", "", node.value)):
            yield node.value
    elif isinstance(node, (ast.Subscript, ast.FormattedValue)):
        yield from unsaid(node.value)
    elif isinstance(node, (ast.ListComp, ast.GeneratorExp)):
        yield from unsaid(node.elt)
    elif isinstance(node, ast.IfExp):
        yield from (*unsaid(node.body), *unsaid(node.orelse))
    else:
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, ast.keyword):
                yield from unsaid(child)


@pytest.mark.parametrize("path", sorted(modules(CLI)), ids=shown)
def test_nothing_is_printed_that_is_not_said(path: Path) -> None:
    functions = [node for node in ast.walk(modules(CLI)[path]) if isinstance(node, ast.FunctionDef)]
    functions += [node for node in ast.walk(modules(CLI)[path]) if isinstance(node, ast.AsyncFunctionDef)]
    assert [text for one in functions for argument in shown_arguments(one) for text in unsaid(argument)] == []


def test_the_search_finds_what_is_not_said() -> None:
    tree = ast.parse(
        "def f():\n"
        "    title = f'Messages of {day}'\n"
        "    console.print(table(title, [say('step'), 'purpose'], [(row['day'], f'{at:%Y} o clock')]))\n"
        "    progress.add_task('Planning' if dry else say('Replaying'), total=1)\n"
    )
    found = [text for argument in shown_arguments(tree) for text in unsaid(argument)]
    assert set(found) == {"Messages of ", "purpose", " o clock", "Planning"}


def placeholders(text: str) -> set[tuple[str, str]]:
    return {(field, spec or "") for _, field, spec, _ in Formatter().parse(text) if field}


def say_calls() -> Iterator[tuple[Path, ast.Call]]:
    for path, tree in modules(CLI).items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and called(node) == "say":
                yield path, node


def said_literals() -> Iterator[tuple[Path, ast.Call, str]]:
    for path, call in say_calls():
        if isinstance(call.args[0], ast.Constant):
            yield path, call, call.args[0].value


def test_every_sentence_has_its_chinese() -> None:
    assert [(shown(path), text) for path, _, text in said_literals() if text not in SENTENCES] == []


def test_a_sentence_is_given_the_values_it_asks_for() -> None:
    wrong = [
        (shown(path), call.lineno, text)
        for path, call, text in said_literals()
        if all(keyword.arg for keyword in call.keywords)
        and {keyword.arg for keyword in call.keywords} != {name for name, _ in placeholders(text)}
    ]
    assert wrong == []


@pytest.mark.parametrize("catalogue", [SENTENCES, REASONS], ids=["sentences", "reasons"])
def test_english_and_chinese_have_the_same_placeholders(catalogue: dict[str, str]) -> None:
    assert [text for text, said in catalogue.items() if placeholders(text) != placeholders(said)] == []


def vocabulary() -> set[str]:
    """Sentences that are said by way of a table of words."""
    standings = {name for name, _ in reports.STANDINGS}
    states = {"delivered", "sent", "refused", "unknown", "released"}  # the columns of attempts by channel
    return standings | states | set(reports.STATE_WORDS.values()) | set(reports.EXPLANATIONS.values())


def test_the_words_of_reports_have_their_chinese_and_no_entry_is_left_over() -> None:
    used = vocabulary() | {text for _, _, text in said_literals()}
    assert vocabulary() - set(SENTENCES) == set()
    assert set(SENTENCES) - used == set()


def states(constraint: str) -> set[str]:
    """The words that a CHECK of the schema allows."""
    schema = (SOURCE / "store" / "schema.sql").read_text("utf-8")
    found = re.search(rf"CONSTRAINT {constraint} CHECK \(\w+ IN\s*\(([^)]*)\)", schema)
    assert found is not None, constraint
    return set(re.findall(r"'(\w+)'", found[1]))


def test_every_stored_word_that_is_shown_has_its_chinese() -> None:
    message = states("message_state") | states("message_outcome_known")
    assert (message | states("attempt_state") | set(ReceiptStatus)) - set(WORDS["state"]) == set()
    assert states("contact_point_state") - set(WORDS["contact point"]) == set()
    assert states("book_import_state") - set(WORDS["import"]) == set()
    assert set(Channel) - set(WORDS["channel"]) == set()
    assert set(Purpose) - set(WORDS["purpose"]) == set()
    assert set(Behaviour) - set(WORDS["behaviour"]) == set()
    assert set(FILES) - set(WORDS["demo file"]) == set()
    assert set(COUNTERS) - set(WORDS["counter"]) == set()
    assert states("loan_due_day_source") - set(WORDS["due day"]) == set()
    assert set(EVENT_KINDS) - set(WORDS["event"]) == set()
    assert all(rule.zh for rule in RULES.values())


def test_every_kind_of_word_asked_for_exists() -> None:
    kinds = {
        node.args[0].value
        for tree in modules(CLI).values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and called(node) == "word" and isinstance(node.args[0], ast.Constant)
    }
    assert kinds == set(WORDS)


def test_what_message_centres_and_mail_servers_say_has_its_chinese() -> None:
    assert {status.meaning for status in STATUSES.values()} - set(REASONS) == set()
    assert set(MEANINGS.values()) - set(REASONS) == set()


@pytest.fixture
def chinese() -> Iterator[None]:
    set_context(Context(settings=Settings(language="zh")))
    yield
    close_context()


@pytest.mark.usefixtures("chinese")
def test_reasons_are_read_back_with_their_values_and_a_person_s_own_words_stay() -> None:
    assert reason("at most 1 a day; free from 2026-03-10 08:00") == "每日最多 1 条，2026-03-10 08:00 起可发"
    assert reason("the mailbox is full") == "信箱已满"
    assert reason("wrong sender name") == "wrong sender name"


@pytest.mark.usefixtures("chinese")
def test_a_word_that_nobody_translated_is_shown_as_it_is() -> None:
    assert word("state", "in_flight") == "发送中"
    assert word("state", "teleported") == "teleported"
    assert word("state", None) == ""
    assert say("Stops lifted: {count}", count=2) == "已解除停止：2 项"


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_MESSAGES": "en_GB.UTF-8"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "zh_TW.UTF-8"}, "zh"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
    ],
)
def test_the_machine_s_language_is_the_default(
    environment: dict[str, str], language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert default_language() == language
