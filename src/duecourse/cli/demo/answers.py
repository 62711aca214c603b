"""What the demo's borrowers answer to an SMS, and the page of one of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Final

from duecourse.book.reading import find_borrower
from duecourse.content.addresses import address_of
from duecourse.responses.issuing import make_link
from duecourse.responses.queue import list_responses

from ..answers import print_answers
from ..context import Context
from ..words import say

SAID: Final[Mapping[str, tuple[str, ...]]] = {
    "zh-CN": (
        "下周五还", "明天发工资就还", "昨天已经还了", "没钱还，能分期吗", "我没借过这笔钱",
        "你打错了，我不是他", "请给我回电话", "真的是你们吗", "好的谢谢", "退订",
    ),
    "en": (
        "I will pay on Friday", "will pay tomorrow", "Already paid yesterday", "I lost my job and cannot pay",
        "I never took out this loan", "Wrong number, I am not her", "Please call me", "Is this really you?",
        "ok thanks", "STOP",
    ),
}  # fmt: skip
"""By the borrower's language."""
SHARE: Final = 0.06
"""Of the borrowers whose number takes messages at once."""
_FIRST_ENDING: Final = {"zh-CN": 100, "en": 200}
"""Below 1000, where every other number of theirs ends, and above what the sandbox's special endings take."""
ROWS: Final = 15
PAGE_DAYS: Final = 366


def ending_of_one_who_answers(random: Random, language: str) -> str:
    """The last four digits of a number whose person answers; '' for one who does not."""
    said = SAID.get(language, SAID["en"])
    if random.random() >= SHARE:
        return ""
    return f"{_FIRST_ENDING.get(language, _FIRST_ENDING['en']) + random.randrange(len(said)):04d}"


def replies() -> Mapping[str, str]:
    """Last four digits to what their person answers to an SMS."""
    return {
        f"{_FIRST_ENDING[language] + index:04d}": text
        for language, texts in SAID.items()
        for index, text in enumerate(texts)
    }


def show_answers(here: Context) -> None:
    """The latest answers of the week, as they were read and what waits for a person."""
    with here.store.connect() as conn:
        found = list_responses(conn, take=ROWS)
    print_answers(here, found, say("What borrowers answered, the latest {count}", count=len(found)))


def show_page(here: Context, home: Path, key: str, id_number: str, now: datetime) -> None:
    """How to open the page of a borrower of this key and ID number."""
    with here.store.connect() as conn:
        borrower = find_borrower(conn, here.keyring, key)
        assert borrower is not None  # whose facts they are
        code, _ = make_link(
            conn, here.keyring, borrower.lane, borrower.borrower_id, language=borrower.language, days=PAGE_DAYS,
            by="demo", now=now,
        )  # fmt: skip
    here.console.print(
        say(
            "The page of {key}: start the pages, open the link, and answer with the end of the ID number, {digits}.",
            key=key,
            digits=id_number[-6:],
        ),
        highlight=False,
    )
    for line in (
        "  duecourse serve",
        f"  {address_of(here.settings.public_url, code)}",
    ):
        here.console.print(line, highlight=False, markup=False, soft_wrap=True)
