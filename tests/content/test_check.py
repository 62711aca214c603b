"""Every fault of a template, at its line; and the examples that are shipped have none."""

# ruff: noqa: E501
# The tables of cases are read across.

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from duecourse.content.check import check
from duecourse.content.liquid_env import FILTERS, TAGS
from duecourse.content.preview import previews
from duecourse.content.refusals import refusals
from duecourse.content.rendered import Rendered
from duecourse.content.variables import EVERY_VARIABLE, ITEM_VARIABLES
from duecourse.domain.messaging import Channel
from duecourse.domain.problems import DuecourseError
from duecourse.policy.templates import PARTS

Told = Callable[..., list[str]]
EXAMPLES = Path(__file__).parents[2] / "examples"
POLICY = """\
policy: small
applies_to: {product: [car, boat]}
languages: [zh-CN, en]
sms_parts_max: 2
creditors: {"*": {name: Harbour, contact_phone: "400"}}
products: {car: car loan}
steps:
  - {id: soon, when: due at 09:00, purpose: reminder, route: [sms, email], template: soon}
  - {id: late, when: overdue + 1d at 09:00, purpose: collection, route: [sms], template: late}
"""
EMAIL = 'subject: A date\nemail: "hello"\n'

TEXTS = {
    "soon.zh-CN": 'sms: "应还{{ total | money }}"\nsubject: 账户提醒\nemail: "应还{{ total | money }}"\n',
    "soon.en": 'sms: "pay {{ total | money }}"\nsubject: A date\nemail: "pay {{ total | money }}"\n',
    "late.zh-CN": 'sms: "{{ total | money }}已逾期"\n',
    "late.en": 'sms: "{{ total | money }} is overdue"\n',
}


@pytest.fixture
def told(tmp_path: Path) -> Told:
    """Faults, else warnings, as 'file:line part code message', with some texts and the policy changed."""

    def run(texts: dict[str, str | None] | None = None, policy: str = POLICY) -> list[str]:
        folder = tmp_path / "templates"
        folder.mkdir(exist_ok=True)
        for name, source in {**TEXTS, **(texts or {})}.items():
            if source is not None:
                (folder / (name if name.endswith(".txt") else f"{name}.yaml")).write_text(source, "utf-8")
        file = tmp_path / "policy.yaml"
        file.write_text(policy, "utf-8")
        try:
            problems = check(file).warnings
        except DuecourseError as error:
            problems = error.problems
        return [
            f"{problem.where} {problem.code} {problem.message}".replace(f"{folder}/", "").replace(
                f"{tmp_path}/", ""
            )
            for problem in problems
        ]

    return run


@pytest.mark.parametrize(
    ("name", "source", "expected"),
    [
        ("soon.txt", "sms: x", "soon.txt P201 a template's file is named <template>.<language>.yaml"),
        ("soon.en", "about: nothing", "soon.en.yaml P201 the template has no text; its parts are sms, subject"),
        ("soon.en", None, "policy.yaml P202 template 'soon' of soon has no text in en; add soon.en.yaml"),
        ("soon.en", "subject: y", "soon.en.yaml P203 part 'email' is missing; soon go by email: an SMS text may stand in"),
        ("soon.en", 'sms: "{{ total |"\n' + EMAIL, "soon.en.yaml:1 sms P204 not Liquid: "),
        ("soon.en", "sms: |-\n  one\n  {% if count %}\n" + EMAIL, "soon.en.yaml:3 sms P204 not Liquid: expected tag"),
        ("soon.en", "sms: '{% include \"x\" %}'\n" + EMAIL, "soon.en.yaml:1 sms P204 not Liquid: unexpected tag"),
        ("soon.en", "sms: |-\n  one\n  {{ totl | money }}\n" + EMAIL, "soon.en.yaml:3 sms P205 variable 'totl' is unknown; did you mean 'total'?"),
        ("soon.en", "sms: '{{ total.minor }}'\n" + EMAIL, "soon.en.yaml:1 sms P205 variable 'total.minor' is unknown"),
        ("soon.en", "sms: '{% for i in items %}{{ i.amont | money }}{% endfor %}'\n" + EMAIL, "soon.en.yaml:1 sms P205 variable 'i.amont' is unknown; did you mean 'i.amount'?"),
        ("soon.en", "sms: '{{ items[0].foo }}'\n" + EMAIL, "soon.en.yaml:1 sms P205 variable 'items[0].foo' is unknown"),
        ("soon.en", "sms: '{{ total | mony }}'\n" + EMAIL, "soon.en.yaml:1 sms P206 filter 'mony' is unknown; did you mean 'money'?"),
        ("soon.en", "sms: '{{ name | upcase }}'\n" + EMAIL, "soon.en.yaml:1 sms P206 filter 'upcase' is unknown"),
        ("soon.en", "sms: '{{ total }}'\n" + EMAIL, "soon.en.yaml:1 sms P207 one installment: FilterArgumentError"),
        ("soon.en", "sms: '{{ balance | money }}'\n" + EMAIL, "soon.en.yaml:1 sms P207 one installment: FilterArg"),
        ("soon.en", "sms: |-\n  {% if count > 9 %}\n  overdue{% endif %}x\n" + EMAIL, "soon.en.yaml:3 sms P208 a reminder (soon) says 'overdue'"),
        ("soon.en", f"sms: '{'x' * 320}'\n" + EMAIL, "soon.en.yaml:1 sms P209 a sample takes 3 SMS parts; sms_parts_max is 2"),
        ("soon.en", "sms: x\nsubject: 'pay {{ total | money }}'\nemail: y\n", "soon.en.yaml:2 subject P210 a lock screen shows the subject: 'total' may"),
        ("soon.en", "sms: x\nsubject: An overdue bill\nemail: y\n", "soon.en.yaml:2 subject P210 a lock screen shows the subject, which says"),
        ("soon.en", "sms: x\nsubject: Pay $5\nemail: y\n", "soon.en.yaml:2 subject P210 a lock screen shows the subject, which shows an amount"),
        ("soon.en", "sms: 'x【Harbour】'\n" + EMAIL, "soon.en.yaml:1 sms P214 【】 is for the signature"),
        ("soon.en", "sms: 'your {{ product }}'\n" + EMAIL, "soon.en.yaml:1 sms P216 the text says the product, but products has no name for 'boat'"),
        ("soon.en", "sms: x\nvoice: {greeting: 'About your loan'}\n" + EMAIL, "soon.en.yaml:2 voice.greeting P220 whoever answers hears the greeting, which says 'loan'"),
        ("soon.en", "sms: x\nvoice: {greeting: '{{ total | money }}'}\n" + EMAIL, "soon.en.yaml:2 voice.greeting P220 whoever answers hears the greeting: 'total' may not stand there"),
        ("soon.en", "sms: x\nvoice: {greeting: 'It is $5'}\n" + EMAIL, "soon.en.yaml:2 voice.greeting P220 whoever answers hears the greeting, which shows an amount"),
        ("soon.en", "sms: x\nvoice: {voicemail: 'For {{ name }}'}\n" + EMAIL, "soon.en.yaml:2 voice.voicemail P220 anybody may hear a voicemail: 'name' may not stand there"),
        ("soon.zh-CN", "sms: x\nvoice:\n  voicemail: 您的贷款\n" + EMAIL, "soon.zh-CN.yaml:3 voice.voicemail P220 anybody may hear a voicemail, which says '贷款'"),
        ("soon.en", "sms: x\nvoice: {notice: x, notise: y}\n" + EMAIL, "soon.en.yaml:2 voice P102 key 'notise' is unknown; did you mean 'notice'?"),
        ("soon.en", "sms: \"{{ count | plural: other: 'x' }}\"\n" + EMAIL, "soon.en.yaml:1 sms P221 plural lacks what en needs: one (1)"),
        ("soon.en", "sms: |-\n  a\n  {% if count %}{{ count | plural: one: 'x', ones: 'z', other: 'y' }}{% endif %}\n" + EMAIL, "soon.en.yaml:3 sms P221 plural: form 'ones' is unknown; did you mean 'one'?"),
        ("soon.en", "sms: x\npush: {title: 'Pay {{ total | money }}'}\n" + EMAIL, "soon.en.yaml:2 push.title P223 a lock screen shows a push: 'total' may not stand there"),
        ("soon.en", "sms: x\npush: {body: It is overdue}\n" + EMAIL, "soon.en.yaml:2 push.body P223 a lock screen shows a push, which says 'overdue'"),
        ("soon.en", "sms: x\npush: {body: It is $5}\n" + EMAIL, "soon.en.yaml:2 push.body P223 a lock screen shows a push, which shows an amount"),
        ("soon.en", "sms: x\nwechat: {first: y}\n" + EMAIL, "soon.en.yaml:2 wechat.first P222 'first' is no field of WeChat's; known: thing1"),
        ("soon.en", "sms: x\nplain: {sms: '{{ totl }}'}\n" + EMAIL, "soon.en.yaml:2 plain.sms P205 variable 'totl' is unknown"),
        ("soon.en", "sms: x\nplain: {link: 'https://x.example'}\n" + EMAIL, "soon.en.yaml:2 plain P102 key 'link' is unknown"),
        ("soon.en", "sms: x\nlink: http://x.example\n" + EMAIL, "soon.en.yaml:2 link P225 a link is an https address"),
        ("soon.en", "sms: x\nlink: 'https://x.example/{{ name }}'\n" + EMAIL, "soon.en.yaml:2 link P225 a link is an https address"),
        ("soon.en", "sms: x\npicture: chart\n" + EMAIL, "soon.en.yaml:2 picture P226 picture 'chart' is unknown; known: bill"),
        ("soon.en", "sms: [x]\n" + EMAIL, "soon.en.yaml:1 P103 sms: expected text, found a list"),
        ("soon.en", "smss: x\n" + EMAIL, "soon.en.yaml:1 P102 key 'smss' is unknown; did you mean 'sms'?"),
    ],
)  # fmt: skip
def test_a_fault_of_a_template_is_told_with_its_line(
    told: Told, name: str, source: str | None, expected: str
) -> None:
    found = told({name: source})
    assert any(fault.startswith(expected) for fault in found), found


def test_a_template_that_no_file_has_is_told_once_with_what_is_known(told: Told) -> None:
    text = POLICY.replace("template: late", "template: lat")
    found = [fault for fault in told(policy=text) if " P202 " in fault]
    assert found == [
        "policy.yaml P202 template 'lat' of late is unknown; did you mean 'late'? known: late, soon"
    ]


def test_a_text_that_needs_a_telephone_needs_one_for_every_creditor(told: Told) -> None:
    text = POLICY.replace(', contact_phone: "400"', "")
    assert told({"late.en": "sms: 'call {{ contact_phone }}'\n"}, policy=text) == [
        "late.en.yaml:1 sms P211 contact_phone is used, but a creditor of the policy has none"
    ]


@pytest.mark.parametrize(
    ("texts", "warning"),
    [
        ({"other.en": "sms: x\n"}, "other.en.yaml P212 no step uses template 'other'"),
        ({"soon.fr": "sms: x\n"}, "soon.fr.yaml P213 the policy does not know fr; its languages: zh-CN, en"),
        ({"late.en": "sms: 'it’s overdue, please call us'\n"}, "late.en.yaml:1 sms P215 '’' forces UCS-2"),
    ],
)
def test_what_is_worth_a_look_is_a_warning(told: Told, texts: dict[str, str | None], warning: str) -> None:
    [found] = told(texts)
    assert found.startswith(warning)


EVERYWHERE = POLICY.replace(
    "route: [sms, email]", "route: [wechat, voice, app, letter, inbox, task, webpush]"
)


def test_a_text_for_all_channels_is_checked_for_each(told: Told) -> None:
    assert told(
        {"soon.en": "sms: x\n", "soon.zh-CN": "sms: x\nwechat: {thing1: y}\n"}, policy=EVERYWHERE
    ) == [
        "soon.en.yaml P203 part 'wechat' is missing; soon go by wechat: its fields have the keywords registered there, "
        "which no text can give"
    ]


def test_a_field_that_a_sample_overfills_is_told_once(told: Told) -> None:
    texts = {
        "soon.en": f"sms: x\nwechat: {{thing1: {'y' * 21}}}\n",
        "soon.zh-CN": "sms: x\nwechat: {thing1: y}\n",
    }
    [found] = told(texts, policy=EVERYWHERE)
    assert found.startswith(
        "soon.en.yaml:2 wechat.thing1 P222 one installment: thing1 takes at most 20 characters"
    )


def test_our_voicemail_needs_a_telephone_to_call_back(told: Told) -> None:
    texts = {"soon.en": "sms: x\nwechat: {thing1: y}\n", "soon.zh-CN": "sms: x\nwechat: {thing1: y}\n"}
    found = told(texts, policy=EVERYWHERE.replace(', contact_phone: "400"', ""))
    assert set(found) == {
        f"soon.{language}.yaml P211 our voicemail says contact_phone, but a creditor of the policy has none"
        for language in ("en", "zh-CN")
    }


def test_plain_words_that_are_not_plain_are_a_warning(told: Told) -> None:
    hard = "Notwithstanding previous correspondence, contractual obligations necessitate remittance."
    [fault, harder] = told({"late.en": f"sms: Pay us.\nplain: {{sms: '{hard}'}}\n"})
    assert fault.startswith("late.en.yaml:2 plain.sms P224 these words are not plain: LIX is ")
    assert harder.startswith("late.en.yaml:2 plain.sms P224 the plain form is harder")
    assert (
        told({"late.en": "sms: Please settle everything. It is overdue.\nplain: {sms: It is overdue.}\n"})
        == []
    )


def test_a_language_without_a_text_falls_back_as_declared_or_is_missing(told: Told) -> None:
    languages = "languages: {known: [zh-CN, en, hi], fallback: {hi: en}}"
    assert told(policy=POLICY.replace("languages: [zh-CN, en]", languages)) == []
    without = "languages: {known: [zh-CN, en, hi]}"
    assert [
        fault.split(";")[0] for fault in told(policy=POLICY.replace("languages: [zh-CN, en]", without))
    ] == [
        "policy.yaml P202 template 'soon' of soon has no text in hi",
        "policy.yaml P202 template 'late' of late has no text in hi",
    ]


def test_a_sound_policy_has_no_faults(told: Told) -> None:
    assert told() == []


def test_faults_of_policy_and_templates_are_told_together(told: Told) -> None:
    found = told(
        {"soon.en": "sms: '{{ x }}'\n" + EMAIL}, policy=POLICY.replace("route: [sms]", "route: [smz]")
    )
    assert [fault.split(" P")[1][:3] for fault in found] == ["104", "205"]


@pytest.mark.parametrize("example", ["consumer-lender", "uci"])
def test_the_shipped_policies_are_sound_and_say_nothing_that_is_refused(example: str) -> None:
    checked = check(EXAMPLES / example / "policy.yaml")
    assert checked.warnings == ()
    for one in previews(checked.policy, checked.templates):
        for step in checked.policy.uses_of(one.template):
            assert refusals(one.rendered, step.purpose) == []
        assert one.rendered.parts <= 2, one.rendered.text


def test_every_variable_filter_tag_and_part_is_documented() -> None:
    page = (EXAMPLES.parent / "docs" / "reference" / "templates.md").read_text("utf-8")
    names = [*EVERY_VARIABLE, *ITEM_VARIABLES, *FILTERS, *TAGS, *PARTS]
    assert [name for name in names if f"`{name}`" not in page] == []


EVENT_POLICY = (
    POLICY
    + """\
  - {id: thanks, on: payment.received, purpose: confirmation, route: [sms], template: thanks}
  - {id: rate, on: rate.changed, purpose: status, route: [sms], template: rate}
"""
)
EVENT_TEXTS = {
    f"{name}.{language}": f'sms: "{sms}"\n'
    for name, sms in {"thanks": "{{ amount | money }}", "rate": "{{ rate }}"}.items()
    for language in ("zh-CN", "en")
}


@pytest.mark.parametrize(
    ("name", "sms", "fault"),
    [
        ("thanks", "we have {{ amount | money }}, {{ remaining | money }} remain", None),
        ("thanks", "next {{ next_on | date }}", "P207 the last of a loan"),
        ("thanks", "{% if next_on %}{{ next_on | date }}{% else %}done{% endif %}", None),
        ("thanks", "{{ total | money }}", "P455 variable 'total' is not known of payment.received"),
        ("rate", "{{ amount | money }}", "P455 variable 'amount' is not known of rate.changed"),
        ("soon", "{{ remaining | money }}", "P455 variable 'remaining' is not known of an installment"),
        ("thanks", "{{ amuont | money }}", "P205 variable 'amuont' is unknown; did you mean 'amount'?"),
        (
            "thanks",
            "Thank you! You are eligible for a new loan",
            "P456 a confirmation or notice (thanks) offers",
        ),
        (
            "rate",
            "now {{ rate }}. Apply now for more",
            "P456 a confirmation or notice (rate) offers something: 'apply now'",
        ),
    ],
)
def test_a_text_of_an_event_says_what_its_event_knows_and_offers_nothing(
    told: Told, name: str, sms: str, fault: str | None
) -> None:
    more = EMAIL if name == "soon" else ""
    said = told({**EVENT_TEXTS, f"{name}.en": f"sms: '{sms}'\n{more}"}, policy=EVENT_POLICY)
    assert any(fault in one for one in said) if fault else not said, said


def test_a_correction_beside_steps_on_events_still_speaks_of_installments(told: Told) -> None:
    policy = EVENT_POLICY.replace("policy: small", "policy: small\ncorrection: fix")
    fix = {f"fix.{language}": f'sms: "not {{{{ total | money }}}}"\n{EMAIL}' for language in ("zh-CN", "en")}
    assert told({**EVENT_TEXTS, **fix}, policy=policy) == []


def test_a_rendered_thank_you_that_offers_something_is_refused() -> None:
    offer = Rendered(Channel.SMS, "zh-CN", "还款已到账，您可再借5000元")
    assert [one.reason for one in refusals(offer, "confirmation")] == [
        "a text that is to offer nothing says '再借'"
    ]
    assert refusals(offer, "marketing") == []


def test_the_text_to_a_new_address_says_its_code_and_nothing_of_the_loan(told: Told) -> None:
    policy = POLICY.replace("sms_parts_max: 2\n", "sms_parts_max: 2\nverify_address: new\n")
    sound = 'sms: "{{ creditor }}: {{ code }}"\nsubject: Your code\nemail: "{{ code }}"\n'
    assert told({"new.en": sound, "new.zh-CN": sound}, policy) == []
    bad = 'sms: "{{ creditor }}: {{ total | money }}"\nsubject: Your code\nemail: "{{ code }}"\n'
    assert told({"new.en": bad, "new.zh-CN": sound}, policy) == [
        "new.en.yaml:1 sms P220 a new address may be anybody's: 'total' may not stand there",
        "new.en.yaml:1 sms P203 does not say {{ code }}, by which a new address is verified",
    ]
