"""What answers mean: the gravest first, several at once, negation, and a person where nobody is sure."""

from __future__ import annotations

from datetime import date

import pytest

from duecourse.domain.messaging import Channel
from duecourse.responses.intents import GRAVE, Intent
from duecourse.responses.understanding import understand
from duecourse.responses.understanding.model import weigh
from duecourse.responses.understanding.plain import plain
from duecourse.responses.understanding.rules import found_by_rules
from duecourse.responses.understanding.understand import read

TODAY = date(2026, 3, 11)
ENGLISH = (
    "Thanks for the message. I was at work and saw it late. {}. I will look at the app tonight. Good night."
)
CHINESE = "信息看到了。今天一直在上班所以回得晚。{}。晚上我再看看app。先这样，祝好。"
"""Long answers with a place for a clause."""


def meant(text: str, **more: object) -> set[str]:
    return {one.value for one in understand(text, today=TODAY, currency="USD", **more).intents}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("STOP", "stop"),
        ("ＳＴＯＰ", "stop"),
        ("stop texting me", "stop"),
        ("退訂", "stop"),
        ("别再发了", "stop"),
        ("BAJA", "stop"),
        ("START", "start"),
        ("I already paid this morning", "paid"),
        ("昨天还了", "paid"),
        ("I'll pay on Friday", "will-pay"),
        ("下周五还", "will-pay"),
        ("15号", "will-pay"),
        ("lost my job, can't pay", "cannot-pay"),
        ("没钱还", "cannot-pay"),
        ("can I pay in installments?", "wants-plan"),
        ("可以分期嗎", "wants-plan"),
        ("I dispute this debt", "dispute"),
        ("金额不对", "dispute"),
        ("wrong number", "wrong-person"),
        ("打錯了", "wrong-person"),
        ("my husband passed away last week", "deceased"),
        ("借款人已去世", "deceased"),
        ("I filed for bankruptcy", "bankruptcy"),
        ("talk to my lawyer", "lawyer"),
        ("我要投诉你们", "complaint"),
        ("someone stole my identity and took this loan", "identity-theft"),
        ("I want to kill myself", "distress"),
        ("不想活了", "distress"),
        ("is this a scam?", "authenticity"),
        ("你是谁", "authenticity"),
        ("please call me", "call-me"),
        ("请回电", "call-me"),
        ("thanks", "thanks"),
        ("好的", "thanks"),
        ("fuck you", "abuse"),
        ("滚", "abuse"),
    ],
)
def test_each_intent_is_understood(text: str, intent: str) -> None:
    assert intent in meant(text)


@pytest.mark.parametrize(
    ("text", "intents"),
    [
        ("paid yesterday, stop texting me", {"paid", "stop"}),
        ("周五还，别发了", {"will-pay", "stop"}),
        ("没钱，能分期吗", {"cannot-pay", "wants-plan"}),
    ],
)
def test_several_intents_are_all_found(text: str, intents: set[str]) -> None:
    assert meant(text) >= intents


def test_the_gravest_stands_first() -> None:
    understood = understand("stop texting me, I want to die", today=TODAY, currency="USD")
    assert understood.intents[0] is Intent.DISTRESS
    assert Intent.STOP in understood.intents


@pytest.mark.parametrize(
    ("clause", "around", "intent"),
    [
        ("my little girl is on a ventilator", ENGLISH, "distress"),
        ("you added a fee that nobody told me about", ENGLISH, "dispute"),
        ("孩子还在监护室里", CHINESE, "distress"),
        ("这费用当初没有说过", CHINESE, "dispute"),
    ],
)
def test_one_grave_clause_in_a_long_answer_counts_as_if_it_stood_alone(
    clause: str, around: str, intent: str
) -> None:
    text, likely = around.format(clause), Intent(intent)
    diluted = weigh(plain(text), found_by_rules(plain(text))).chances[likely]
    alone, said = (read(one, today=TODAY, currency="USD").chances[likely] for one in (clause, text))
    assert diluted < 0.8 * alone
    assert said >= 0.95 * alone
    assert intent in meant(text)


@pytest.mark.parametrize(
    ("text", "not_meant"),
    [
        ("please don't stop the reminders", "stop"),
        ("不要停止提醒我", "stop"),
        ("别取消提醒", "stop"),
        ("i will stop by the branch", "stop"),
        ("my phone died, what did you write", "deceased"),
        ("累死了", "distress"),
        ("笑死我了", "distress"),
        ("app崩溃了", "distress"),
        ("不是不还，过几天", "cannot-pay"),
        ("没有异议", "dispute"),
        ("no complaints from me", "complaint"),
    ],
)
def test_what_is_denied_or_only_sounds_so_is_not_meant(text: str, not_meant: str) -> None:
    assert not_meant not in meant(text)


@pytest.mark.parametrize(
    "text",
    [
        "you never stop texting me, leave me alone",
        "STOP. you people never stop",
        "these messages never stop",
        "if you dont stop texting me I will sue",
        "I told you to stop and you do not stop",
        "you cant stop calling me can you. do not text me again",
        "i didnt want to opt out but now i do, unsubscribe me",
        "没有停过，天天发，退订",
        "说了退订还没停，别再发了",
        "我没退订过，现在要退订",
    ],
)
def test_who_reproaches_us_for_not_stopping_wants_a_stop_and_no_start(text: str) -> None:
    assert {"stop", "start"} & meant(text) == {"stop"}


@pytest.mark.parametrize(
    "text",
    [
        "please don't stop the reminders",
        "dont stop texting me please",
        "I didn't mean to unsubscribe",
        "please dont unsubscribe me",
        "别停止提醒我",
        "不要退订",
        "不小心退订了，请恢复",
        "我没有退订，继续发给我",
    ],
)
def test_who_wants_us_not_to_stop_wants_a_start(text: str) -> None:
    assert {"stop", "start"} & meant(text) == {"start"}


def test_a_start_undoes_a_stop_and_is_not_taken_where_it_is_less_likely_than_not() -> None:
    assert meant("I can't stop crying") == {"distress"}


def test_a_suspected_stop_hides_nothing_grave_from_a_person() -> None:
    assert meant("away from me") == {"distress", "stop"}


@pytest.mark.parametrize("text", ["", " ", "?", "asdfgh qwerty zxcv", "🤔", "\u200b", "." * 5000])
def test_what_nobody_understands_is_unclear_alone(text: str) -> None:
    understood = understand(text, today=TODAY, currency="USD")
    assert understood.intents == (Intent.UNCLEAR,)
    assert (understood.promised_on, understood.amount_minor) == (None, None)


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("quiero morir", "distress"),
        ("mi esposo falleció ayer", "deceased"),
        ("Saya sudah bayar, meninggal dunia istri saya", "deceased"),
        ("tôi muốn chết", "distress"),
        ("आत्महत्या", "distress"),
        ("mañana pago", "unclear"),
    ],
)
def test_other_languages_have_their_grave_words_and_a_person(text: str, intent: str) -> None:
    assert meant(text, languages=("es",)) == {intent}


def test_what_an_email_quotes_is_not_what_it_says() -> None:
    text = "Paid this morning.\n\nOn Tue, Mar 10, 2026 at 9:00 AM Lender <a@b.example> wrote:\n> Reply STOP to stop"
    assert meant(text, channel=Channel.EMAIL) == {"paid"}


def test_a_day_and_an_amount_belong_to_the_promise() -> None:
    understood = understand("I'll pay $50 by Friday", today=TODAY, currency="USD", region="US")
    assert (understood.promised_on, understood.amount_minor, understood.currency) == (
        date(2026, 3, 13),
        5_000,
        "USD",
    )


def test_a_day_without_a_promise_is_none() -> None:
    assert understand("I paid on Friday", today=TODAY, currency="USD").promised_on is None


def test_a_text_of_any_length_is_read() -> None:
    assert GRAVE & set(understand("i want to die " * 2_000, today=TODAY, currency="USD").intents)


@pytest.mark.parametrize("text", ["qwzx blorp", "asdfgh", "zzz xqq"])
def test_noise_is_unclear(text: str) -> None:
    assert meant(text) == {"unclear"}
