"""`template check`, `preview` and `diff` as people type them, with and without a book."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from repository import ROOT

from duecourse.content.check import check
from duecourse.policy.versions import publish
from duecourse.store.migrate import put_setting
from lender import Lender
from shell import Shell

POLICY = ROOT / "examples" / "consumer-lender" / "policy.yaml"
TEMPLATES = POLICY.parent / "templates"
NO_DATABASE = "postgresql://nobody@127.0.0.1:1/none"


class Workshop:
    """Types `template` commands."""

    def __init__(self, home: Path, url: str = NO_DATABASE) -> None:
        settings = {"DUECOURSE_HOME": home, "DUECOURSE_DATABASE_URL": url, "DUECOURSE_LANGUAGE": "en"}
        self._shell = Shell(home, settings)

    def type(self, *words: object) -> tuple[int, str]:
        """Exit code and everything it printed."""
        ran = self._shell.run("template", *words)
        return ran.code, ran.told

    def json(self, *words: object) -> Any:
        """What --json says."""
        return json.loads(self.type(*words, "--json")[1])


@pytest.fixture
def shell(tmp_path: Path) -> Workshop:
    """Without a database: nothing here needs one."""
    return Workshop(tmp_path)


@pytest.fixture
def booked(lender: Lender, tmp_path: Path, database_url: str) -> Workshop:
    """With one borrower who has two loans, in Chinese, and the example's policy in force."""
    lender.keyring.save(tmp_path / "keys.json")
    head = "loan borrower due_on language product amount name"
    lender.book(f"{head}\nL-1 B 2026-03-10 zh-CN car-loan 1234.50_CNY 王芳".replace("_CNY", ""))
    lender.book(f"{head}\nL-2 B 2026-04-20 zh-CN mortgage 99.00 王芳")
    lender.name_in_directory("B")
    put_setting(lender.conn, "simulated", True)
    put_setting(lender.conn, "lender_zone", "Asia/Shanghai")
    put_setting(lender.conn, "replayed_through", "2026-03-03")
    checked = check(POLICY)
    publish(lender.conn, checked.policy, checked.templates, "", now=datetime.now(UTC), user="test")
    lender.conn.commit()
    return Workshop(tmp_path, database_url)


def test_check_tells_what_each_text_can_be_said_by_and_what_an_sms_takes(shell: Workshop) -> None:
    told = shell.json("check", TEMPLATES)
    assert (told["ok"], told["faults"], told["warnings"]) == (True, [], [])
    by = {(one["template"], one["language"]): one for one in told["texts"]}
    hindi = by["due-soon", "hi"]
    assert hindi["sms"] == {"parts": 2, "characters": 126, "alphabet": "UCS-2"}
    assert "wechat" in by["due-soon", "zh-CN"]["channels"]


def test_check_says_what_is_missing_for_a_channel_and_why(shell: Workshop, tmp_path: Path) -> None:
    (tmp_path / "due.hi.yaml").write_text("sms: '{{ total | money }}'\n")
    [told] = shell.json("check", tmp_path / "due.hi.yaml")["texts"]
    assert list(told["missing"]) == ["wechat"]
    assert "keywords registered there" in told["missing"]["wechat"]["why"]


def test_check_of_a_file_looks_at_that_file_alone_and_needs_no_policy(
    shell: Workshop, tmp_path: Path
) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "good.en.yaml").write_text("sms: Hello {{ name }}\n")
    (folder / "bad.en.yaml").write_text("sms: '{{ nam }}'\n")
    assert shell.type("check", folder / "good.en.yaml")[0] == 0
    code, told = shell.type("check", folder)
    assert code == 1
    assert f"{folder}/bad.en.yaml:1 sms: variable 'nam' is unknown; did you mean 'name'?" in told.replace(
        "\n", ""
    )
    assert shell.json("check", folder)["faults"][0]["code"] == "P205"


@pytest.mark.parametrize(
    ("channel", "shown"),
    [
        ("sms", ["【海港消费金融】王小芳您好", "1 SMS parts, 63 characters, UCS-2, 0.045 CNY to +86"]),
        (
            "voice",
            [
                "Whoever answers hears",
                "请问您是王小芳吗",
                "应还1234.50元",
                "greeting: ours, for want of a part",
            ],
        ),
        ("app", ["lock screen", "账户日程提醒", "您有一项日程将于3月10日到来"]),
        ("wechat", ["thing1: 汽车贷款", "amount2: ¥1234.50", "date3: 2026年3月10日"]),
        ("email", ["账户日程提醒", "· 汽车贷款（合同尾号0000）", "attached: bill.png"]),
        ("letter", ["text: made of email"]),
        ("task", ["A machine hears"]),
    ],
)
def test_preview_shows_each_channel_as_it_is_there(
    shell: Workshop, tmp_path: Path, channel: str, shown: list[str]
) -> None:
    (tmp_path / "prices.toml").write_text('currency = "CNY"\n[[price]]\nprefix = "+86"\nper_part = "0.045"\n')
    code, told = shell.type("preview", TEMPLATES / "due-soon.zh-CN.yaml", "--channel", channel)
    assert code == 0
    assert [line for line in shown if line not in told] == []


@pytest.mark.parametrize(
    ("ending", "channel", "begins"),
    [
        (".txt", "sms", "【海港".encode()),
        (".html", "email", b"<!DOCTYPE html>"),
        (".png", "email", b"\x89PNG"),
        (".pdf", "letter", b"%PDF-"),
        (".wav", "voice", b"RIFF"),
    ],
)
def test_preview_writes_a_file_of_the_kind_its_ending_says(
    shell: Workshop, tmp_path: Path, ending: str, channel: str, begins: bytes
) -> None:
    out = tmp_path / f"shown{ending}"
    code, told = shell.type(
        "preview", "due-soon", "--policy", POLICY, "--language", "zh-CN", "--channel", channel, "--out", out
    )
    assert (code, told) == (0, f"{out}: {out.stat().st_size} bytes written\n")
    assert out.read_bytes().startswith(begins)
    if ending == ".html":
        assert b"cid:" not in out.read_bytes() and b"data:image/png;base64," in out.read_bytes()


def test_an_ending_that_nothing_makes_is_told_with_those_that_can_be(shell: Workshop, tmp_path: Path) -> None:
    code, told = shell.type(
        "preview", TEMPLATES / "due-soon.en.yaml", "--channel", "sms", "--out", tmp_path / "x.wav"
    )
    assert code == 2 and "nothing makes .wav for sms; it can be .txt" in told and "P413" in told
    assert not (tmp_path / "x.wav").exists()


def test_preview_for_a_borrower_of_the_book_says_what_that_one_would_get(booked: Workshop) -> None:
    code, told = booked.type("preview", "due-soon", "--borrower", "B", "--channel", "sms")
    assert code == 0
    assert "【海港消费金融】王芳您好，您的汽车贷款将于3月10日到期，应还¥1,234.50。" in told
    code, told = booked.type("preview", "due-soon", "--loan", "L-2", "--channel", "sms")
    assert "您的住房贷款将于4月20日到期，应还¥99.00" in told


def test_preview_follows_the_wish_for_large_type_and_another_language(
    booked: Workshop, lender: Lender
) -> None:
    for kind, wish in (("large-type", '{"wanted": true}'), ("language", '{"language": "en"}')):
        lender.conn.execute(
            """INSERT INTO preference (lane, borrower_id, preference_id, kind, wish, evidence, source, recorded_by,
                   effective_at, recorded_at)
               SELECT lane, borrower_id, gen_random_uuid(), %s, %s, 'call', 'test', 'test', '2026-01-01', '2026-01-01'
               FROM borrower WHERE borrower_key = 'B'""",
            (kind, wish),
        )
    lender.conn.commit()
    [shown] = booked.json("preview", "due-soon", "--borrower", "B", "--channel", "sms")["previews"]
    assert shown["text"].startswith("Harbour Finance: please pay CN¥1,234.50 by 10 March.") and shown["large"]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["due-soon", "--borrower", "nobody"], "D033"),
        (["due-soon", "--loan", "L-9"], "P414"),
        (["no-such", "--borrower", "B"], "P415"),
        (
            ["due-soon", "--language", "zh-CN", "--channel", "sms", "--borrower", "B", "--out", "x.pdf"],
            "P413",
        ),
    ],
)
def test_what_cannot_be_previewed_says_why(booked: Workshop, words: list[str], code: str) -> None:
    failed, told = booked.type("preview", *words)
    assert failed != 0 and f"({code})" in told.replace("\n", " ")


def test_diff_says_in_words_what_changes(shell: Workshop, tmp_path: Path) -> None:
    for name, source in (
        ("old", "sms: pay {{ total | money }}\n"),
        ("new", "sms: pay soon\nsubject: A date\n"),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "due.en.yaml").write_text(source)
    code, told = shell.type("diff", tmp_path / "old", tmp_path / "new")
    assert code == 0
    assert "- due, en: part sms says something else: it no longer names total, 23 characters become 8" in told
    assert "- due, en: part subject is new" in told and "    +pay soon" in told
    rows = shell.json("diff", tmp_path / "old" / "due.en.yaml", tmp_path / "new" / "due.en.yaml")["changes"]
    assert [(row["part"], row["kind"]) for row in rows] == [("sms", "changed"), ("subject", "new")]
    assert shell.type("diff", tmp_path / "new", tmp_path / "new")[1] == "nothing changes\n"
