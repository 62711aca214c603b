"""`duecourse contact-point add`, `inbox` and `task` as a person uses them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from duecourse.domain.problems import DuecourseError
from lender import Lender
from prompt import Run, at_prompt, home_of


@pytest.fixture
def run(lender: Lender, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Run `duecourse ...` on a book of one borrower, and give what it printed."""
    lender.book("loan borrower due_on\nL-1 B 2126-03-10")
    lender.name_in_directory("B")
    lender.reindex_contact_points()
    with at_prompt(monkeypatch, home_of(lender, tmp_path / "home"), database_url=database_url) as run:
        yield run


def points(run: Run) -> list[tuple[str, str, str]]:
    found = json.loads(run("borrower", "show", "B", "--json"))["contact_points"]
    return sorted((one["channel"], one["address"], one["state"]) for one in found)


def test_an_address_of_any_channel_is_added_masked_and_replaced_by_the_next_of_its_rank(run: Run) -> None:
    run("contact-point", "add", "B", "voice", "-", typed="+8613900002222\n")
    run("contact-point", "add", "B", "letter", "San Zhang\\n1 High Street\\n100022 Beijing")
    run("contact-point", "add", "B", "app", "0123456789abcdef", "--platform", "apns")
    assert "Known already" in run(
        "contact-point", "add", "B", "app", "0123456789abcdef", "--platform", "apns"
    )
    run("contact-point", "add", "B", "app", "fedcba9876543210", "--platform", "fcm")
    assert points(run) == [
        ("app", "****3210", "active"), ("app", "****cdef", "retired"), ("email", "p***@example.com", "active"),
        ("letter", "S*** Z***", "active"), ("sms", "+86139****1111", "active"), ("voice", "+86139****2222", "active"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("channel", "address", "code"),
    [
        ("voice", "1299", "B019"),
        ("app", "0123456789abcdef", "B066"),
        ("webpush", "{}", "B067"),
        ("task", "x", "D069"),
    ],
)
def test_what_is_no_address_of_the_channel_is_refused(
    run: Run, channel: str, address: str, code: str
) -> None:
    with pytest.raises(DuecourseError) as caught:
        run("contact-point", "add", "B", channel, address)
    assert [one.code for one in caught.value.problems] == [code]


def test_without_a_message_inbox_and_tasks_are_empty_and_say_so(run: Run, tmp_path: Path) -> None:
    assert json.loads(run("inbox", "list", "--borrower", "B", "--json")) == []
    assert json.loads(run("task", "list", "--json")) == []
    assert "0 calls to make" in run("task", "export", "--out", tmp_path / "tasks.csv")
    (tmp_path / "results.csv").write_text("task,result\nabc,connected\n")
    assert "D030" in run("task", "import", tmp_path / "results.csv", code=1)
    for command in (("inbox", "read", "0123456789", "--borrower", "B"), ("task", "call", "0123456789")):
        with pytest.raises(DuecourseError) as caught:
            run(*command)
        assert [one.code for one in caught.value.problems] == ["D031"]
