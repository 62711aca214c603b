from __future__ import annotations

import asyncio
import csv
import io
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from pypdf import PdfReader

from duecourse.channels.letter.batches import Letter, Outbox
from duecourse.channels.letter.layout import (
    WINDOWS,
    AddressError,
    CharactersError,
    Page,
    letter_pdf,
    reference_of,
)
from duecourse.channels.letter.returns import REASONS, read_returns
from duecourse.channels.registry import build
from duecourse.domain.messaging import Accepted, Cause, Outgoing, Receipt, ReceiptStatus
from duecourse.domain.typesetting import Typesetter

from .conformance import Sink
from .counterparts import program

ATTEMPT = UUID("0af7651916cd43dd8448eb211c80319c")
REFERENCE = reference_of(ATTEMPT)
SENDER = ("远东消费金融有限公司", "上海市黄浦区南京东路1号", "400-800-1234")
ADDRESS = "张伟 先生\n上海市浦东新区世纪大道100号\n200120"
TEXT = "尊敬的张伟先生：\n\n本期应还款 ¥8,452.17，还款日为2026年12月1日。"
AT = datetime(2026, 11, 25, 9, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def typesetter() -> Typesetter:
    return Typesetter()


def a_letter(typesetter: Typesetter, page: Page | None = None, **changes: object) -> bytes:
    facts = {
        "reference": REFERENCE, "address": ADDRESS, "heading": "还款提醒", "text": TEXT, "language": "zh-CN", "at": AT,
    } | changes  # fmt: skip
    return letter_pdf(typesetter, page or Page(SENDER), **facts)  # type: ignore[arg-type]


def printed(pdf: bytes) -> str:
    return "".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages).replace(" ", "")


def test_letter_says_who_what_when_and_carries_its_reference(typesetter: Typesetter):
    said = printed(a_letter(typesetter))
    for each in (*SENDER, *ADDRESS.split("\n"), "还款提醒", "¥8,452.17", "2026年11月25日", REFERENCE):
        assert each.replace(" ", "") in said


@pytest.mark.parametrize("window", ["left", "right", "us-10"])
def test_address_stands_in_the_window_and_nothing_else_does(
    typesetter: Typesetter, tmp_path: Path, window: str
):
    where = WINDOWS[window]
    path = tmp_path / "letter.pdf"
    path.write_bytes(a_letter(typesetter, Page(SENDER, where)))
    boxes = subprocess.run(
        [program("pdftotext"), "-bbox", path, "-"], capture_output=True, text=True, check=True
    ).stdout
    seen = ""
    for box in re.finditer(r'xMin="(.+?)" yMin="(.+?)" xMax="(.+?)" yMax="(.+?)">(.*?)<', boxes):
        left, top, right, bottom = (float(each) / 72 * 25.4 for each in box.groups()[:4])
        if (
            right > where.x
            and left < where.x + where.width
            and bottom > where.y
            and top < where.y + where.height
        ):
            seen += box[5]
    assert seen == "".join([*SENDER[:1], "·", SENDER[1], "·", SENDER[2], *ADDRESS.split()]).replace(" ", "")


def test_same_letter_made_twice_is_the_same_file(typesetter: Typesetter):
    assert a_letter(typesetter) == a_letter(typesetter)


def test_words_that_look_like_markup_are_only_words(typesetter: Typesetter):
    said = printed(a_letter(typesetter, text='#panic("x") *bold* $1$ \\ <label>', language="en"))
    assert '#panic("x")*bold*$1$\\<label>' in said


@pytest.mark.parametrize("text", ["नमस्ते", "مرحبا", "繁體中文", "Xin chào"])
def test_letter_is_set_in_every_script_of_the_templates(typesetter: Typesetter, text: str):
    assert typesetter.missing(text) == ""
    assert a_letter(typesetter, text=text, language="ar" if text == "مرحبا" else "en").startswith(b"%PDF")


@pytest.mark.parametrize("text", ["สวัสดี", "😀", "𓀀"])
def test_character_that_no_font_has_is_refused_not_printed_as_a_box(typesetter: Typesetter, text: str):
    with pytest.raises(CharactersError) as caught:
        a_letter(typesetter, text=text)
    assert text not in str(caught.value)


@pytest.mark.parametrize("address", ["", "one line", "\n\n", "a\n" * 8, "a\n" + "b" * 61])
def test_what_is_no_postal_address_is_refused(typesetter: Typesetter, address: str):
    with pytest.raises(AddressError):
        a_letter(typesetter, address=address)


def test_letter_of_many_pages_numbers_them(typesetter: Typesetter):
    said = printed(a_letter(typesetter, text="\n\n".join([TEXT] * 40)))
    assert "1/3" in said or "1/4" in said


def letter(reference: str = REFERENCE) -> Letter:
    return Letter(reference, b"%PDF-1.7 ...", "text", "en")


@pytest.mark.parametrize("renamed", [False, True])
def test_letter_is_never_in_two_folders_wherever_the_worker_died(tmp_path: Path, renamed: bool):
    out = Outbox(tmp_path)
    name = out.put([letter()], AT)
    if not renamed:  # as a crash between the markers and the new name leaves it
        (tmp_path / name).rename(tmp_path / f".{name}")
    assert Outbox(tmp_path).is_taken(REFERENCE)
    assert [path.name for path in tmp_path.glob("letters-*")] == [name]


def test_folder_left_half_written_is_never_seen_and_its_letters_are_not_taken(tmp_path: Path):
    half = tmp_path / ".letters-20261125T093000Z-00000000"
    Outbox(tmp_path)
    half.mkdir()
    (half / f"{REFERENCE}.pdf").write_bytes(b"%PDF")
    assert not Outbox(tmp_path).is_taken(REFERENCE)
    assert list(tmp_path.glob("letters-*")) == []


def test_letter_sent_again_under_its_own_attempt_is_printed_once(tmp_path: Path):
    outgoing = Outgoing(ATTEMPT, ADDRESS, TEXT, "还款提醒", language="zh-CN")
    settings = {"out_dir": str(tmp_path), "sender": list(SENDER)}

    async def run() -> list[object]:
        sink = Sink()
        adapter = build("letter.print", "house", settings, sink.on_receipts, sink.on_reply, lambda: AT)
        await adapter.open()
        outcomes = [(await adapter.send([outgoing]))[0] for _ in range(2)]
        await adapter.close()
        return list(outcomes)

    assert asyncio.run(run()) == [Accepted(REFERENCE)] * 2
    (folder,) = tmp_path.glob("letters-*")
    (row,) = csv.DictReader((folder / "letters.csv").read_text().splitlines())
    assert row["reference"] == REFERENCE


def test_returns_tell_a_dead_address_from_one_that_was_not_in():
    told = read_returns(
        f"reference,status,reason,on\n{REFERENCE},returned,moved,2026-12-03\n{REFERENCE},returned,unclaimed,\n"
        f"{REFERENCE},delivered,,\n".encode(),
        "house.csv",
    )
    assert told.problems == ()
    assert [(r.status, r.cause, r.permanent) for r in told.receipts] == [
        (ReceiptStatus.FAILED, Cause.DEAD, True),
        (ReceiptStatus.FAILED, Cause.NO_ANSWER, False),
        (ReceiptStatus.DELIVERED, Cause.OTHER, False),
    ]
    assert all(receipt.provider_id == REFERENCE for receipt in told.receipts)


def test_bad_rows_of_a_list_are_named_and_good_ones_beside_them_go_in():
    told = read_returns(
        f"reference,status,reason,on\nXX,returned,,\n{REFERENCE},burnt,,\n{REFERENCE},returned,because,\n"
        f"{REFERENCE},returned,,tomorrow\n{REFERENCE},delivered,,\n".encode(),
        "house.csv",
    )
    assert [receipt.status for receipt in told.receipts] == [ReceiptStatus.DELIVERED]
    assert [problem.where for problem in told.problems] == [f"house.csv:{n}" for n in (2, 3, 4, 5)]
    assert {problem.code for problem in told.problems} == {"C028"}


@pytest.mark.parametrize("octets", [b"", b"\xff\xfe", b"a,b\n1,2\n", b"reference,status,name\n"])
def test_file_that_is_no_list_is_refused_whole(octets: bytes):
    told = read_returns(octets, "house.csv")
    assert told.receipts == () and [problem.code for problem in told.problems] == ["C027"]


def test_every_reason_has_a_cause():
    assert all(
        (isinstance(cause, Cause) and cause is not Cause.OTHER) or not permanent
        for cause, permanent in REASONS.values()
    )


def test_list_that_could_not_be_stored_stays(tmp_path: Path):
    returns = tmp_path / "returns"
    returns.mkdir()
    (returns / "1.csv").write_text(f"reference,status\n{reference_of(uuid4())},delivered\n")
    settings = {"out_dir": str(tmp_path / "out"), "returns_dir": str(returns), "sender": list(SENDER)}
    sink = Sink()
    sink.failures_left = 1

    async def run() -> list[Receipt]:
        adapter = build("letter.print", "house", settings, sink.on_receipts, sink.on_reply, lambda: AT)
        await adapter.drain()
        assert (returns / "1.csv").exists() and sink.failed == 1
        await adapter.drain()
        return sink.receipts

    assert len(asyncio.run(run())) == 1
    assert (returns / "read" / "1.csv").exists()
