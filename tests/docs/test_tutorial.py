"""The tutorial's second to fourth parts, typed as they stand."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from repository import DOCS, ROOT

from shell import Shell

PAGE = (DOCS / "tutorial" / "first-week.md").read_text("utf-8")


def block(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def lines_of(heading: str) -> list[str]:
    """What the reader is told to type in a part: its duecourse commands without placeholders."""
    part = PAGE.partition(f"\n## {heading}")[2].partition("\n## ")[0]
    blocks = re.findall(r"^```sh\n(.*?)^```", part, re.MULTILINE | re.DOTALL)
    return [
        line
        for text in blocks
        for line in text.splitlines()
        if line.startswith("duecourse ") and "ID" not in line
    ]


class Reader:
    """Somebody at a shell in a folder with the tutorial's two files."""

    def __init__(self, folder: Path, database_url: str) -> None:
        settings = {"DUECOURSE_HOME": folder / "home", "DUECOURSE_DATABASE_URL": database_url}
        self.shell = Shell(folder, {**settings, "DUECOURSE_LANGUAGE": "en"})
        (folder / "book.csv").write_text(block("csv"), "utf-8")
        (folder / "mapping.toml").write_text(block("toml"), "utf-8")
        (folder / "examples").symlink_to(ROOT / "examples")

    def type(self, line: str) -> str:
        program, *words = shlex.split(line, comments=True)
        assert program == "duecourse"
        return self.shell.type(*words)

    def outcomes(self, key: str) -> list[tuple[str, str]]:
        shown = self.shell.json("borrower", "show", key)
        return [(message["step"], message["outcome"]) for message in shown["messages"]]


@pytest.mark.slow
def test_the_tutorial_does_what_it_says(tmp_path: Path, empty_database_url: str) -> None:
    reader = Reader(tmp_path, empty_database_url)
    for part in ("2. A book of your own", "3. What will be said", "4. Live through the week"):
        assert lines_of(part), part
        for line in lines_of(part):
            reader.type(line)

    # The day after is told by a call and by SMS.
    steps = ["due-in-7", "due-in-3", "due-in-1", "due-today", "day-after", "day-after"]
    told = ["delivered", "delivered", "delivered", "delivered", "read", "delivered"]
    assert reader.outcomes("C-1001") == list(zip(steps, told, strict=True))
    assert reader.outcomes("C-1002") == [("due-in-7", "failed"), *((step, "expired") for step in steps[1:])]
    assert reader.outcomes("C-1003") == [(step, "expired") for step in steps]

    again = reader.type("duecourse run --from 2026-03-03 --to 2026-03-12")
    assert "Handed over 0" in again

    with (tmp_path / "book.csv").open("a", encoding="utf-8") as book:
        book.write("C-1004,王芳,+8613812345679,zh-CN,L-1004,2026-03-10,1.00\n")
    reader.type("duecourse book import book.csv --mapping mapping.toml")
    assert "Handed over 6" in reader.type("duecourse run --from 2026-03-03 --to 2026-03-12")
