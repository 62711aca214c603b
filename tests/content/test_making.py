"""What each channel is made of: a template's own part, one that may stand in, ours, or nothing and why."""

# ruff: noqa: E501
# The tables of cases are read across.

from __future__ import annotations

from datetime import date

import pytest

from duecourse.content.check_text import unknown_variables
from duecourse.content.liquid_env import environment
from duecourse.content.making import can_say, pieces
from duecourse.content.refusals import amount_in, overdue_words
from duecourse.content.render import Renderer, RenderError
from duecourse.content.rendered import Rendered
from duecourse.content.shipped import BILL_WORDS, bill_words, debt_words, shipped_languages, shipped_text
from duecourse.content.variables import Facts, Item
from duecourse.domain.messaging import Channel
from duecourse.policy.model import Creditor, Languages, Wording
from duecourse.policy.templates import TemplateText
from duecourse.policy.versions import TemplateRef

SHORT = "【Harbour】Pay {{ total | money }} by {{ due_on | date }}."
QUIET = "【Harbour】A date is near: {{ due_on | date }}."
OURS = "You have a new message. Open the app to read it."


def text(language: str = "en", **parts: str) -> TemplateText:
    return TemplateText("t", language, {name.replace("__", "."): source for name, source in parts.items()})


def facts(name: str = "Ann Lee", phone: str = "400-1", language: str = "en", currency: str = "USD") -> Facts:
    creditor = Creditor(name={language: "Harbour"}, contact_phone=phone)
    wording = Wording(languages=Languages(known=(language,)), creditors={"*": creditor})
    return Facts(name, "any", currency, (Item("L-1", date(2026, 3, 10), 123450, "car"),), wording)


def made(of: TemplateText, channel: Channel, about: Facts | None = None, *, plain: bool = False) -> Rendered:
    about = about or facts(language=of.language)
    renderer = Renderer({TemplateRef("t", 1): [of]})
    return renderer.render("t", 1, of.language, channel, about, plain=plain)


@pytest.mark.parametrize(
    ("parts", "channel", "subject", "said"),
    [
        ({"sms": SHORT}, Channel.EMAIL, "A note about your account", "Pay $1,234.50 by 10 March."),
        ({"sms": SHORT, "subject": "Soon", "email": "Long."}, Channel.EMAIL, "Soon", "Long."),
        ({"sms": SHORT}, Channel.LETTER, "A note about your account", "Pay $1,234.50 by 10 March."),
        ({"sms": SHORT, "email": "Long."}, Channel.LETTER, "A note about your account", "Long."),
        ({"email": "Long.", "letter": "On paper."}, Channel.LETTER, "A note about your account", "On paper."),
        ({"sms": SHORT, "subject": "Soon"}, Channel.INBOX, "Soon", "Pay $1,234.50 by 10 March."),
        ({"sms": SHORT}, Channel.APP, "A note about your account", OURS),
        ({"sms": QUIET}, Channel.APP, "A note about your account", "A date is near: 10 March."),
        ({"sms": "Dear {{ name }}, soon."}, Channel.APP, "A note about your account", OURS),
        ({"sms": "Pay $5 now."}, Channel.APP, "A note about your account", OURS),
        ({"sms": "It is overdue."}, Channel.APP, "A note about your account", OURS),
        ({"subject": "Soon", "push.title": "T", "push.body": "B"}, Channel.WEBPUSH, "T", "B"),
        ({"subject": "Soon", "push.body": "B"}, Channel.WEBPUSH, "Soon", "B"),
    ],
)  # fmt: skip
def test_what_a_channel_says_without_a_part_of_its_own(
    parts: dict[str, str], channel: Channel, subject: str, said: str
) -> None:
    rendered = made(TemplateText("t", "en", parts), channel)
    assert (rendered.subject, rendered.text) == (subject, said)


def test_a_call_asks_who_is_there_before_it_names_a_debt_and_tells_a_machine_only_whom_to_call() -> None:
    rendered = made(text(sms=SHORT), Channel.VOICE)
    assert rendered.script is not None
    assert rendered.script.greeting == (
        "Hello. This is an automated call from Harbour. The call is recorded. Are you Ann Lee? "
        "For yes, press 1. If not, press 2."
    )
    assert rendered.script.notice == "Pay 1,234.50 US dollars by 10 March."
    assert rendered.script.voicemail == "Hello. This is Harbour. Please call us back on 400-1. Thank you."
    assert rendered.text == "\n".join(
        (rendered.script.greeting, rendered.script.notice, rendered.script.repeat)
    )
    nameless = made(text(sms=SHORT), Channel.VOICE, facts(name=""))
    assert nameless.script and "Are you the holder of this number?" in nameless.script.greeting


@pytest.mark.parametrize(
    ("of", "channel", "part", "why"),
    [
        (text(email="x"), Channel.SMS, "sms", "a long text does not become a short one by itself"),
        (text(subject="x"), Channel.EMAIL, "email", "an SMS text may stand in for it, and there is none"),
        (text(subject="x"), Channel.VOICE, "voice.notice", "an SMS or e-mail text without link and code may stand in for it, and there is none"),
        (text(subject="x", sms="See {{ link }}"), Channel.VOICE, "voice.notice", "an SMS or e-mail text without link and code may stand in for it, and there is none"),
        (text(sms="x"), Channel.WECHAT, "wechat", "its fields have the keywords registered there, which no text can give"),
        (text("fr", sms="x"), Channel.VOICE, "voice.greeting", "whoever answers hears it, so nothing that could name a debt may stand in, and none is shipped in fr"),
        (text("fr", sms=SHORT), Channel.APP, "push.title", "none is shipped in fr"),
    ],
)  # fmt: skip
def test_what_may_not_be_derived_is_missing_and_says_why(
    of: TemplateText, channel: Channel, part: str, why: str
) -> None:
    lacks = pieces(of, channel)[1][0]
    assert (lacks.part, lacks.why) == (part, why)
    with pytest.raises(RenderError, match=f"P401.*|{part}: this part is missing for {channel}"):
        made(of, channel)


def test_the_plain_form_is_taken_part_by_part_and_set_large() -> None:
    of = text(sms="short", email="long", html="<b>long</b>", subject="s", plain__email="plain long")
    assert made(of, Channel.EMAIL, plain=True).text == "plain long"
    assert "<p>plain long</p>" in made(of, Channel.EMAIL, plain=True).html
    assert "font-size:22px" in made(of, Channel.EMAIL, plain=True).html
    assert "<b>long</b>" in made(of, Channel.EMAIL).html and "font-size:16px" in made(of, Channel.EMAIL).html
    assert made(of, Channel.SMS, plain=True).text == "short"
    assert (
        made(of, Channel.LETTER, plain=True).text == "plain long"
        and made(of, Channel.LETTER, plain=True).large
    )


@pytest.mark.parametrize("language", ["en", "zh-CN", "zh-TW", "zh-HK", "hi", "id", "vi", "pt-BR", "es", "ar"])
def test_one_short_text_reaches_every_channel_but_wechat_in_nine_languages(language: str) -> None:
    of = text(language, sms="x {{ total | money }}")
    assert set(Channel) - set(can_say(of)) == {Channel.WECHAT}
    for channel in can_say(of):
        made(of, channel)


@pytest.mark.parametrize("key", shipped_languages())
def test_what_we_ship_names_no_debt_and_only_what_it_may(key: str) -> None:
    language = {"zh-Hans": "zh-CN", "zh-Hant": "zh-TW"}.get(key, key)
    allowed = {"subject": set(), "push": set(), "keys": set(), "voicemail": {"creditor", "contact_phone"}}
    for which in ("subject", "push", "greeting", "voicemail", "keys"):
        source = shipped_text(language, which)
        assert source
        parsed = environment(language, "text").parse_source(source)
        assert list(unknown_variables(parsed)) == []
        assert set(parsed.analyze().globals) <= allowed.get(which, {"creditor", "name"})
        assert (
            not debt_words(source.replace("message", ""))
            and not overdue_words(source)
            and not amount_in(source)
        )
    assert set(bill_words(language)) == set(BILL_WORDS)


def test_traditional_characters_are_used_where_they_are_read() -> None:
    assert [shipped_text(tag, "subject") for tag in ("zh-CN", "zh-SG", "zh", "zh-TW", "zh-HK", "zh-Hant")] == [
        "账户提醒", "账户提醒", "账户提醒", "帳戶提醒", "帳戶提醒", "帳戶提醒",
    ]  # fmt: skip
    assert shipped_text("fr", "subject") is None


def test_the_variables_of_a_registered_template_are_written_as_the_text_writes_them() -> None:
    of = text(sms='{{ name }}: {{ total | money }} by {{ due_on | date: "weekday" }}')
    rendered = made(of, Channel.SMS)
    assert rendered.text == "Ann Lee: $1,234.50 by Tuesday 10 March"
    assert rendered.values == {
        "name": "Ann Lee", "creditor": "Harbour", "product": "car", "count": "1", "total": "$1,234.50",
        "due_on": "Tuesday 10 March", "days_past_due": "0", "contact_phone": "400-1",
    }  # fmt: skip


def test_wechat_gets_its_fields_and_a_field_it_would_refuse_is_refused_here() -> None:
    of = TemplateText("t", "zh-CN", {
        "wechat.thing1": "{{ product }}", "wechat.amount2": "{{ total | money }}",
        "wechat.date3": '{{ due_on | date: "year" }}',
    })  # fmt: skip
    about = facts(language="zh-CN", currency="CNY")
    rendered = made(of, Channel.WECHAT, about)
    assert rendered.fields == (("thing1", "car"), ("amount2", "¥1234.50"), ("date3", "2026年3月10日"))
    long = Facts("", "any", "CNY", (Item("L", date(2026, 3, 10), 1, "x" * 21),), about.wording)
    with pytest.raises(RenderError, match=r"wechat.thing1: thing1 takes at most 20 characters.*P411"):
        made(of, Channel.WECHAT, long)
