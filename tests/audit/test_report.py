"""The report and the files of an audit: whole in both languages, and nothing personal in them."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import fields
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import psycopg
import pytest
from repository import ROOT
from typer.testing import CliRunner

from duecourse.audit.figures import Breach
from duecourse.audit.files import as_json, write_breaches
from duecourse.audit.report import render
from duecourse.audit.words import WORDS
from duecourse.cli.context import Context, close_context, set_context
from duecourse.cli.main import app
from duecourse.cli.settings import Settings
from past import Audited, Past, row

NUMBER = "+8613900001111"


@pytest.fixture
def audited(past: Past) -> Audited:
    """A week with breaches of several kinds, by two agents."""
    rows = [row(n, f"2026-03-{n:02d} 10:00", number=NUMBER) for n in range(1, 8)]
    rows += [
        row(8, "2026-03-09 23:30", number=NUMBER, agent="a<b>&"),
        row(9, "2026-03-10 10:00", number=NUMBER, cust="", loan=""),
        row(10, "2026-04-11 10:00", party="third", number=NUMBER, cust="+8613900002222"),
        row(11, "2026-04-12 10:00", channel="sms", number=NUMBER, text="再不还款就去法院抓你"),
        row(12, "not an instant"),
    ]
    return past.audit("".join(rows))


class Page(HTMLParser):
    """Text, tags and links of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the tag and what it would load."""
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "action", "srcset")]

    def handle_data(self, data: str) -> None:
        """Keep the text."""
        self.text += data


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_report_loads_nothing_and_runs_nothing(audited: Audited, language: str) -> None:
    page = Page(render(audited.found, language))  # type: ignore[arg-type]
    assert page.links == [] and "script" not in page.tags
    assert page.tags.count("svg") == 5 and "url(" not in render(audited.found, language)  # type: ignore[arg-type]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_charts_are_drawn_and_show_the_figures(audited: Audited, language: str) -> None:
    html = render(audited.found, language)  # type: ignore[arg-type]
    for chart in re.findall(r"<svg.*?</svg>", html, re.DOTALL):
        drawn = ElementTree.fromstring(chart)
        assert any(each.tag == "rect" for each in drawn.iter())
    assert "CN-HOURS" in html and "2026-03" in html and "2026-04" in html


def test_the_report_is_said_in_the_language_asked_for(audited: Audited) -> None:
    english, chinese = (Page(render(audited.found, language)).text for language in ("en", "zh"))  # type: ignore[arg-type]
    for key in ("title", "reading_breach", "by_rule", "known_no_book"):
        assert WORDS[key].en in english and WORDS[key].zh in chinese
        assert WORDS[key].zh not in english and WORDS[key].en not in chinese
    assert "no contact from 22:00 to 08:00" in english and "22:00至次日08:00" in chinese


def test_every_sentence_of_the_report_is_used_and_has_both_languages() -> None:
    page = (ROOT / "src/duecourse/audit/report.html.j2").read_text("utf-8")
    code = (ROOT / "src/duecourse/audit/report.py").read_text("utf-8")
    kinds = {"law", "draft", "policy"} | {f"{k}_breaches" for k in ("law", "draft", "policy")}
    kinds |= {f"level_{k}" for k in ("law", "draft", "policy")}
    assert [key for key in WORDS if not re.search(f"[\"']{key}[\"']", page + code) and key not in kinds] == []
    places = re.compile(r"\{(\w+)\}")
    assert [k for k, w in WORDS.items() if set(places.findall(w.en)) != set(places.findall(w.zh))] == []


def test_no_number_name_or_text_stands_in_report_or_files(audited: Audited, tmp_path: Path) -> None:
    path = tmp_path / "breaches.csv"
    write_breaches(path, audited.breaches)
    whole = render(audited.found, "en") + path.read_text("utf-8-sig") + json.dumps(as_json(audited.found))
    assert not re.search(r"1390000\d{4}", whole) and "再不还款" not in whole
    third = next(one for one in audited.breaches if one.rule == "DEFAULT-PARTY")
    assert third.person.startswith("#")  # a key that is a number itself is not shown


def test_what_the_lender_wrote_is_shown_as_text(audited: Audited) -> None:
    assert "a&lt;b&gt;&amp;" in render(audited.found, "en")


def test_the_list_of_breaches_is_read_by_a_spreadsheet_and_computes_nothing(
    audited: Audited, tmp_path: Path, past: Past
) -> None:
    path = tmp_path / "breaches.csv"
    assert write_breaches(path, audited.breaches) == len(audited.breaches)
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [one.name for one in fields(Breach)]
    assert (rows[0]["line"], rows[0]["rule"], rows[0]["clause"], rows[0]["withheld"]) == (
        "9",
        "CN-HOURS",
        "",
        "yes",
    )
    evil = past.audit(row(1, "2026-03-09 23:30", agent="=1+1"))
    write_breaches(path, evil.breaches)
    assert ",'=1+1," in path.read_text("utf-8-sig")


def test_a_file_without_a_breach_has_a_report_that_says_so(past: Past) -> None:
    found = past.audit(row(1, "2026-03-09 10:00")).found
    assert WORDS["no_breach"].en in Page(render(found, "en")).text


def test_the_example_finds_what_was_planted_from_the_command_line(database_url: str, tmp_path: Path) -> None:
    set_context(Context(settings=Settings(home=tmp_path, database_url=database_url, language="en")))  # type: ignore[arg-type]
    folder = ROOT / "examples" / "audit"
    try:
        given = ["audit", str(folder / "contacts.csv"), "--mapping", str(folder / "contacts.toml")]
        ran = CliRunner().invoke(app, [*given, "--out", str(tmp_path / "out"), "--language", "zh", "--json"])
    finally:
        close_context()
    assert ran.exit_code == 0, ran.output
    said = json.loads((tmp_path / "out" / "summary.json").read_text("utf-8"))
    assert {one["rule"]: one["contacts"] for one in said["by_rule"]} == {
        "CN-HOURS": 5, "US-MA": 5, "CN-3P": 2, "CN-CALL-TRY": 2, "DEFAULT-PARTY": 2, "US-7IN7": 2, "US-HOURS": 2,
        "CN-CALL-EFF": 1, "CN-WORDS": 1, "DEFAULT-WORDS": 1, "US-COOL": 1,
    }  # fmt: skip
    assert (said["judged"], said["breaches"]["breaches"], said["withheld"], said["rejected"]) == (
        241,
        21,
        20,
        0,
    )
    assert WORDS["title"].zh in (tmp_path / "out" / "report.html").read_text("utf-8")
    assert not re.search(r"\+1617555|1390000", (tmp_path / "out" / "breaches.csv").read_text("utf-8-sig"))


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--region", "Narnia"], "R082"),
        (["--zone", "UTC+8"], "R082"),
        (["--with-book"], "R081"),
        (["--report", "."], "R083"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_read(
    empty_database_url: str, tmp_path: Path, options: list[str], code: str
) -> None:
    set_context(Context(settings=Settings(home=tmp_path, database_url=empty_database_url, language="en")))  # type: ignore[arg-type]
    folder = ROOT / "examples" / "audit"
    given = ["audit", str(folder / "contacts.csv"), "--mapping", str(folder / "contacts.toml")]
    try:
        ran = CliRunner().invoke(app, [*given, "--out", str(tmp_path / "out"), *options])
    finally:
        close_context()
    assert ran.exit_code != 0 and code in str(ran.exception)


def test_an_audit_leaves_nothing_in_the_database(empty_database_url: str, tmp_path: Path) -> None:
    set_context(Context(settings=Settings(home=tmp_path, database_url=empty_database_url, language="zh")))  # type: ignore[arg-type]
    folder = ROOT / "examples" / "audit"
    try:
        given = ["audit", str(folder / "contacts.csv"), "--mapping", str(folder / "contacts.toml")]
        ran = CliRunner().invoke(app, [*given, "--report", str(tmp_path / "r.html")])
    finally:
        close_context()
    assert ran.exit_code == 0 and "违规 21 次" in ran.output
    with psycopg.connect(empty_database_url) as conn:
        assert conn.execute(
            "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        ).fetchone() == (0,)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r.html"]
