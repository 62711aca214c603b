"""What the rules of the packs say of a text: P8 must say, P9 must not say, P16 language, P17 what a channel carries.

The same function judges the rendered text before hand-over and the text of a what-if scenario. Which rules look at a
contact is the judgement's word (`considered`), not decided again here.

A text message's own words are its `text`; of an e-mail the subject stands on a lock screen, of a push notice all of it.
What must be said is recognised by signs (the creditor's name, a number to call, a word to opt out): as sure as they
are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, assert_never

from duecourse.domain.messaging import Channel
from duecourse.rules.model import ChannelLimit, Language, MustNotSay, MustSay, Part, Rule
from duecourse.rules.packs import Packs
from duecourse.rules.scenarios import Scenario
from duecourse.rules.sentences import Reason, rule_says
from duecourse.rules.word_lists import words_found

from .opt_out_offer import opt_out_offered
from .refusals import amount_in, signature_is_right

_SIGNATURE: Final = re.compile(r"【[^【】]{1,40}】")
_NUMBER_TO_CALL: Final = re.compile(r"(?<![\d.,])\+?\d(?:[ \-()]{0,2}\d){4,14}(?![\d.,]\d)")
_ADDRESS: Final = re.compile(r"https?://|www\.|[\w.+-]+@[\w-]+\.\w")
_SIGNS: Final[Mapping[str, re.Pattern[str]]] = {
    "query-route": re.compile(
        r"\b(?:quer|question|dispute|ask|contact|call)\w*|查询|咨询|疑问|异议|联系", re.I
    ),
    "reason": re.compile(
        r"\b(?:due|owed?|unpaid|missed|arrears|overdue|payment)\b|应还|欠|逾期|未还|账单", re.I
    ),
    "rights": re.compile(r"\b(?:rights?|dispute|complain\w*)\b|权利|异议|投诉", re.I),
    "seal": re.compile(r"\bseal(?:ed)?\b|公章|盖章|印章", re.I),
    "agent-name": re.compile(r"\bon behalf of\b|\bagent\b|委托|受托|代理", re.I),
    "debt-advice": re.compile(
        r"debt advice|debt help|stepchange|moneyhelper|schuldnerberatung|债务咨询", re.I
    ),
    "postal-address": re.compile(r"\d+\s+[^\W\d][\w ,.]*\b\d{4,6}\b|P\.?\s?O\.? Box|[路街道]\d*号", re.I),
}
_DEBT_LINE: Final = re.compile(
    r"\b(?:collections?|debt|recover(?:y|ies)|arrears)\b|催收|清收|追讨|资产保全|债务", re.I
)


@dataclass(frozen=True, slots=True)
class Spoken:
    """A text with what is known of who says it to whom. '' and None: not known. Personal: never logged."""

    channel: str
    text: str
    subject: str = ""
    html: str = ""
    institution: str = ""
    contact: str = ""
    name: str = ""
    language: str | None = None
    reads: str | None = None
    """The recipient's language, BCP 47."""
    first: bool = True
    """Whether nothing was said to this person before."""
    voicemail: bool = False
    provider: str | None = None

    def part(self, part: Part) -> str:
        """What of it stands in one place; '' where the channel has none."""
        match part:
            case "text":
                return "" if self.voicemail else f"{self.text}\n{self.html}".strip()
            case "subject":
                return self.subject
            case "lock-screen":
                pushed = self.channel in (Channel.APP, Channel.WEBPUSH)
                return (
                    f"{self.subject}\n{self.text}"
                    if pushed
                    else self.subject
                    if self.channel == Channel.EMAIL
                    else ""
                )
            case "envelope":
                return self.subject if self.channel == Channel.LETTER else ""
            case "voicemail":
                return self.text if self.voicemail else ""
            case _:
                assert_never(part)


@dataclass(frozen=True, slots=True)
class TextRefusal:
    """A rule of a pack and what of the text it refuses, in both languages; quotes words of lists, never of the book."""

    rule: str
    primitive: str
    faults_en: tuple[str, ...]
    faults_zh: tuple[str, ...]

    @property
    def saw(self) -> dict[str, Any]:
        """As a verdict keeps it."""
        return {
            "rule": self.rule,
            "primitive": self.primitive,
            "saw": {"faults_en": self.faults_en, "faults_zh": self.faults_zh},
        }


def text_refusals(rules: Iterable[Rule], spoken: Spoken) -> list[TextRefusal]:
    """Every rule that the text breaks, in the rules' order."""
    found = []
    for rule in rules:
        faults = list(_faults(rule, spoken))
        if faults:
            en, zh = zip(*faults, strict=True)
            found.append(TextRefusal(rule.id, rule.does.primitive, en, zh))
    return found


def text_rules(packs: Packs, considered: Sequence[str]) -> tuple[Rule, ...]:
    """Of the rules that looked at a contact those that look at its text."""
    asked = (packs.rules[id_] for id_ in considered if id_ in packs.rules)
    return tuple(
        rule for rule in asked if isinstance(rule.does, MustSay | MustNotSay | Language | ChannelLimit)
    )


def text_reasons(packs: Packs, one: Scenario, considered: Sequence[str]) -> tuple[Reason, ...]:
    """What the rules of content say of a scenario's text."""
    spoken = Spoken(
        channel=one.channel,
        text=one.text or "",
        subject=one.subject,
        institution=one.institution,
        contact=one.contact,
        name=one.name,
        language=one.language,
        reads=one.recipient_language,
        first=not one.history,
        voicemail=one.voicemail,
        provider=one.provider,
    )
    reasons = []
    for refused in text_refusals(text_rules(packs, considered), spoken):
        en, zh = rule_says(packs, refused.rule)
        reasons.append(
            Reason(
                refused.rule,
                refused.primitive,
                f"{en}: {'; '.join(refused.faults_en)}",
                f"{zh}：{'；'.join(refused.faults_zh)}",
            )
        )
    return tuple(reasons)


def _faults(rule: Rule, spoken: Spoken) -> Iterable[tuple[str, str]]:
    match rule.does:
        case MustSay() as must:
            yield from _unsaid(must, spoken)
        case MustNotSay() as must_not:
            yield from _said(must_not, spoken)
        case Language() as language:
            if language.own_language and spoken.language and spoken.reads:
                wrote, reads = (tag.partition("-")[0].lower() for tag in (spoken.language, spoken.reads))
                if wrote != reads:
                    yield (
                        f"written in {spoken.language}, read: {spoken.reads}",
                        f"文字为 {spoken.language}，收件人使用 {spoken.reads}",
                    )
        case ChannelLimit() as limit:
            yield from _too_much(limit, spoken)
        case _:
            return


def _unsaid(must: MustSay, spoken: Spoken) -> Iterable[tuple[str, str]]:
    if must.first_contact_only and not spoken.first:
        return
    for part in must.parts:
        text = spoken.part(part)
        if not text:
            continue
        for what in must.says:
            if not _says(what, text, spoken):
                yield f"the {part} does not say: {what}", f"{part} 未包含：{what}"


def _says(what: str, text: str, spoken: Spoken) -> bool:
    """Whether a text shows the sign of what it must say."""
    match what:
        case "institution":
            return (bool(spoken.institution) and spoken.institution in text) or bool(_SIGNATURE.search(text))
        case "opt-out":
            return opt_out_offered(text)
        case "contact":
            return (
                spoken.contact in text
                if spoken.contact
                else bool(_NUMBER_TO_CALL.search(text) or _ADDRESS.search(text))
            )
        case "name":
            return not spoken.name or spoken.name in text
        case "balance":
            return amount_in(text)
        case "limited-content":
            return not amount_in(text) and not words_found("overdue", text)
        case _:
            return bool(_SIGNS[what].search(text))


def _said(must_not: MustNotSay, spoken: Spoken) -> Iterable[tuple[str, str]]:
    for part in must_not.parts:
        text = spoken.part(part)
        if not text:
            continue
        for name in must_not.words:
            for word in words_found(name, text):
                yield f"the {part} says '{word}' ({name})", f"{part} 含“{word}”（{name}）"
        for fact in must_not.facts:
            if _shows(fact, text, spoken):
                yield f"the {part} shows: {fact}", f"{part} 显示：{fact}"


def _shows(fact: str, text: str, spoken: Spoken) -> bool:
    match fact:
        case "name":
            return bool(spoken.name) and spoken.name in text
        case "amount":
            return amount_in(text)
        case _:
            return bool(_DEBT_LINE.search(text))


def _too_much(limit: ChannelLimit, spoken: Spoken) -> Iterable[tuple[str, str]]:
    characters, octets = len(spoken.text), len(spoken.text.encode())
    if limit.most_characters is not None and characters > limit.most_characters:
        most = limit.most_characters
        yield f"{characters} characters, at most {most}", f"{characters} 个字符，上限 {most}"
    if limit.most_octets is not None and octets > limit.most_octets:
        yield f"{octets} octets, at most {limit.most_octets}", f"{octets} 字节，上限 {limit.most_octets}"
    reserved = [mark for mark in limit.reserved if mark in spoken.text]
    if reserved and not ({"【", "】"} >= set(reserved) and signature_is_right(spoken.text)):
        marks = " ".join(reserved)
        yield f"these are for the signature at the start, once: {marks}", f"仅可用于开头签名一次：{marks}"
