"""What must not be said, judged on the rendered text."""

from __future__ import annotations

import pytest

from duecourse.content.refusals import overdue_words, refusals, signature_is_right
from duecourse.content.rendered import Rendered


def reasons(
    text: str = "ok", subject: str = "", channel: str = "sms", purpose: str = "reminder"
) -> list[str]:
    return [r.reason for r in refusals(Rendered(channel, "en", text, subject), purpose, name="Ann Lee")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("您的账单已逾期", ["逾期"]),
        ("請儘速繳清，以免產生滯納金與違約紀錄", ["滯納金", "違約"]),
        ("Your payment is OVERDUE and past-due", ["overdue", "past-due"]),
        ("in  arrears", ["arrears"]),
        ("a past\ndue amount", ["past\ndue"]),
        ("defaults are set; we collect stamps; my overdueness", []),
        ("应还¥100.00，3月10日到期", []),
    ],
)
def test_words_that_say_a_payment_is_late(text: str, words: list[str]) -> None:
    assert overdue_words(text) == words


def test_a_reminder_never_speaks_of_being_overdue_a_collection_notice_may() -> None:
    assert reasons("已逾期3天") == ["a reminder says '逾期'"]
    assert reasons("已逾期3天", purpose="collection") == []


@pytest.mark.parametrize(
    ("subject", "reason"),
    [
        ("Pay $5 now", "shows an amount"),
        ("应还 ¥1,234.50", "shows an amount"),
        ("Pay CNY 100.00", "shows an amount"),
        ("Pay 100.00 EUR", "shows an amount"),
        ("Hello Ann Lee", "shows the borrower's name"),
        ("Your overdue account", "says 'overdue'"),
    ],
)
def test_a_lock_screen_shows_no_amount_name_or_late_payment(subject: str, reason: str) -> None:
    [found] = reasons(subject=subject, channel="email", purpose="collection")
    assert found == f"the subject, which a lock screen shows, {reason}"


def test_a_plain_subject_passes() -> None:
    assert reasons(subject="A date to note: 10 March, 2 items", channel="email") == []


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("【海港】您好", True),
        ("您好", True),
        ("您好【海港】", False),
        ("【海港】您好【海港】", False),
        ("【海港您好", False),
        ("【】您好", False),
        ("海港】您好", False),
    ],
)
def test_the_signature_stands_once_at_the_start(text: str, right: bool) -> None:
    assert signature_is_right(text) is right
    assert bool(reasons(text)) is not right


def test_an_empty_text_is_refused() -> None:
    assert reasons("  ") == ["the text is empty"]
