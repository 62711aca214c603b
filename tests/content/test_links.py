"""Links and codes in templates: what a policy promises of them, and what cannot go out without an address."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from duecourse.content.check import Checked, check
from duecourse.content.links import publishing_faults
from duecourse.content.making import carries_code
from duecourse.content.render import Renderer, RenderError
from duecourse.content.samples import sample_facts
from duecourse.domain.messaging import Channel
from duecourse.policy.templates import TemplateText
from duecourse.policy.versions import TemplateRef

POLICY = """
policy: test
languages: [en]
creditors: {"*": {name: Harbour, contact_phone: "400"}}
steps:
  - id: soon
    when: due - 1d at 09:00
    purpose: reminder
    route: [sms, email, app, voice]
    template: soon
"""
LINK = "https://x.example/l/7hK2mQx9"
Made = Callable[..., Checked]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """A policy with one template, checked."""

    def write(template: str, policy: str = POLICY) -> Checked:
        (tmp_path / "templates").mkdir(exist_ok=True)
        (tmp_path / "templates" / "soon.en.yaml").write_text(template, "utf-8")
        (tmp_path / "policy.yaml").write_text(policy, "utf-8")
        return check(tmp_path / "policy.yaml")

    return write


NOTICE = "voice: {notice: Please pay.}\n"
PLAIN = "sms: Please pay.\nsubject: A date\nemail: Please pay.\n" + NOTICE
LINKED = "sms: 'Pay here {{ link }}'\nsubject: A date\nemail: 'See {{ link }}'\nlink: '{{ link }}'\n" + NOTICE
CODED = "sms: 'Code {{ code }}'\nsubject: A date\nemail: 'Code {{ code }}'\nlink: '{{ link }}'\n" + NOTICE
ASKED = (
    "sms: 'Please pay.{% if link %} {{ link }}{% endif %}'\nsubject: A date\n"
    "link: '{% if link %}{{ link }}{% endif %}'\n" + NOTICE
)


def said(checked: Checked, channel: str, link: str) -> tuple[str, str]:
    step = checked.policy.steps[0]
    facts = replace(sample_facts(checked.policy, step, "en")[0].facts, link=link)
    renderer = Renderer({TemplateRef("soon", 0): checked.templates.of("soon")})
    rendered = renderer.render("soon", 0, "en", channel, facts)
    return rendered.text, rendered.link


def test_the_link_stands_in_texts_and_is_what_a_push_opens(made: Made) -> None:
    checked = made(LINKED)
    assert said(checked, "sms", LINK) == (f"Pay here {LINK}", LINK)
    assert said(checked, "email", LINK)[0] == f"See {LINK}"
    assert said(checked, "app", LINK)[1] == LINK and LINK not in said(checked, "app", LINK)[0]
    assert LINK not in said(checked, "voice", LINK)[0]


def test_without_an_address_a_text_that_needs_one_is_not_made_and_one_that_asks_leaves_it_out(
    made: Made,
) -> None:
    checked = made(LINKED)
    for channel in ("sms", "email", "app"):
        with pytest.raises(RenderError, match="'link' is undefined"):
            said(checked, channel, "")
    assert said(made(ASKED), "sms", "") == ("Please pay.", "")
    assert said(made(ASKED), "sms", LINK) == (f"Please pay. {LINK}", LINK)
    assert said(made(ASKED), "app", "")[1] == ""


def codes(checked: Checked, public_url: str) -> list[str]:
    return [problem.code for problem in publishing_faults(checked.policy, checked.templates, public_url)]


def test_what_needs_a_link_is_not_published_without_an_address(made: Made) -> None:
    assert codes(made(LINKED), "") == ["P420"] and codes(made(LINKED), "https://x.example") == []
    assert codes(made(ASKED), "") == codes(made(PLAIN), "") == []


def test_where_every_notice_must_carry_its_code_a_written_text_without_is_refused(made: Made) -> None:
    required = POLICY.replace("creditors:", "authenticity: required\ncreditors:")
    found = made(PLAIN, required)
    assert [problem.code for problem in found.warnings] == ["P421", "P421", "P421"]  # by sms, email and app
    assert codes(found, "https://x.example") == ["P421", "P421", "P421"]
    for carrying in (LINKED, CODED):
        assert codes(made(carrying, required), "https://x.example") == []
    plain = CODED + "plain: {sms: Please pay.}\n"
    told = [problem.message for problem in made(plain, required).warnings if problem.code == "P421"]
    assert [message.split()[1] for message in told] == ["sms", "email"]  # of which it is the short text
    assert codes(made(PLAIN), "https://x.example") == []


def test_a_link_to_pay_without_a_link_is_told(made: Made) -> None:
    policy = POLICY.replace("creditors:", "pay_link: soon\ncreditors:")
    with_step = policy.replace("template: soon", "template: other")
    other = "sms: Please pay.\nsubject: A date\n" + NOTICE
    for text, told in (("sms: 'Pay: {{ link }}'\n", []), ("sms: Pay soon\n", ["P422"])):
        checked = made_with(made, text, other, with_step)
        assert [problem.code for problem in checked.warnings if problem.code == "P422"] == told


def made_with(made: Made, soon: str, other: str, policy: str) -> Checked:
    made(PLAIN)
    folder = Path(made(PLAIN).templates.of("soon")[0].file).parent
    (folder / "other.en.yaml").write_text(other, "utf-8")
    try:
        return made(soon, policy)
    finally:
        (folder / "other.en.yaml").unlink()


@pytest.mark.parametrize(
    ("parts", "channel", "linked", "carried"),
    [
        ({"sms": "x {{ code }}"}, Channel.SMS, False, True),
        ({"sms": "x {{ link }}"}, Channel.SMS, True, True),
        ({"sms": "x {{ link }}"}, Channel.SMS, False, False),
        ({"sms": "x", "link": "{{ link }}"}, Channel.SMS, True, False),
        ({"sms": "x", "link": "{{ link }}"}, Channel.APP, True, True),
        ({"sms": "x", "link": "https://x.example"}, Channel.APP, True, False),
        ({"wechat.thing1": "{{ code }}"}, Channel.WECHAT, True, True),
        ({"sms": "x {{ code }}"}, Channel.LETTER, True, True),
        ({"voice.notice": "x", "sms": "x {{ link }}"}, Channel.VOICE, True, False),
    ],
)
def test_a_code_is_made_for_what_carries_it(
    parts: dict[str, str], channel: Channel, linked: bool, carried: bool
) -> None:
    assert carries_code(TemplateText("t", "en", parts), channel, linked=linked) is carried


def test_links_are_counted_with_the_lender_s_own_address(tmp_path: Path, made: Made) -> None:
    made(LINKED, POLICY.replace("steps:", "sms_parts_max: 1\nsteps:"))
    long = "https://" + "x" * 140 + ".example"
    with pytest.raises(Exception, match="sms_parts_max is 1"):
        check(tmp_path / "policy.yaml", long)


def test_in_an_email_our_link_can_be_followed_and_no_other(made: Made) -> None:
    checked = made(LINKED.replace("'See {{ link }}'", "'{{ name }}: see {{ link }}'"))
    step = checked.policy.steps[0]
    facts = replace(
        sample_facts(checked.policy, step, "en")[0].facts, link=LINK, name="http://evil.example/x"
    )
    renderer = Renderer({TemplateRef("soon", 0): checked.templates.of("soon")})
    html = renderer.render("soon", 0, "en", "email", facts).html
    assert f'<a href="{LINK}">{LINK}</a>' in html and html.count("<a ") == 1
