"""The log: one form for our own lines and the libraries', and what is muted stays so at every level."""

from __future__ import annotations

import json
import logging

import pytest
import structlog

from duecourse.cli.logs import write_logs


def say(level: str) -> None:
    """A line of ours, one of an adapter, one of a library and one of a library that prints addresses."""
    log = structlog.get_logger("duecourse.test")
    getattr(log, level)("ours", message="m-1")
    logging.getLogger("duecourse.channels.test").log(
        logging.getLevelNamesMapping()[level.upper()], "adapter %s", 1
    )
    logging.getLogger("some.library").log(logging.getLevelNamesMapping()[level.upper()], "library")
    logging.getLogger("aiosmtplib").error("to li.lei@example.org")


def test_as_json_every_line_has_its_event_level_and_time(capsys: pytest.CaptureFixture[str]) -> None:
    write_logs("json", "info")
    say("warning")
    out, told = capsys.readouterr()
    lines = [json.loads(line) for line in told.splitlines()]
    assert [(one["event"], one["level"]) for one in lines] == [
        ("ours", "warning"),
        ("adapter 1", "warning"),
        ("library", "warning"),
    ]
    assert all(one["timestamp"] for one in lines) and lines[0]["message"] == "m-1" and out == ""


def test_as_text_it_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    write_logs("text", "info")
    say("warning")
    told = capsys.readouterr().err
    assert (
        "ours" in told and "m-1" in told and "adapter 1" in told and "{" not in told and "li.lei" not in told
    )


@pytest.mark.parametrize(("level", "lines"), [("debug", ["ours"]), ("info", []), ("error", [])])
def test_single_messages_are_told_at_level_debug_alone(
    level: str, lines: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """What libraries say at that level may hold anything: it is written at none."""
    write_logs("json", level)
    say("debug")
    assert [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()] == lines


def test_setting_it_twice_writes_each_line_once(capsys: pytest.CaptureFixture[str]) -> None:
    write_logs("json", "info")
    write_logs("json", "info")
    say("error")
    assert len(capsys.readouterr().err.splitlines()) == 3
