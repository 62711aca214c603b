"""Rules in words: what a primitive does with its parameters, in English and Chinese."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from .model import (
    EVERY_DAY,
    AppliesTo,
    Automated,
    Basis,
    Cap,
    ChannelLimit,
    ContactWindow,
    CoolOff,
    Hold,
    Language,
    Mandatory,
    MustNotSay,
    MustSay,
    Names,
    Opening,
    OptOut,
    Preference,
    Primitive,
    PriorNotice,
    Recipient,
    Resolution,
    Retention,
    Sender,
    Strict,
)
from .wording_zh import ZH

PRIMITIVES: Final[Mapping[str, Names]] = {
    "P1": Names(en="contact window", zh="联系时段"),
    "P2": Names(en="cap", zh="次数上限"),
    "P3": Names(en="cool-off", zh="冷静期"),
    "P4": Names(en="legal basis or consent", zh="法律依据或同意"),
    "P5": Names(en="opt-out", zh="退订"),
    "P6": Names(en="hold", zh="暂停"),
    "P7": Names(en="recipient gate", zh="联系对象"),
    "P8": Names(en="must be said", zh="必须载明"),
    "P9": Names(en="must not be said", zh="不得出现"),
    "P10": Names(en="sender's identity", zh="发送方身份"),
    "P11": Names(en="prior notice", zh="事先告知"),
    "P12": Names(en="mandatory notice", zh="法定通知"),
    "P13": Names(en="retention", zh="保存期限"),
    "P14": Names(en="recipient's wishes", zh="收件人意愿"),
    "P15": Names(en="automated decisions", zh="自动化决策"),
    "P16": Names(en="language and accessibility", zh="语言与无障碍"),
    "P17": Names(en="channel limits", zh="渠道限制"),
    "P18": Names(en="resolution", zh="适用说明"),
}


def primitive_in_words(does: Primitive) -> Names:
    """The parameters of a primitive in words; nothing of them is left out."""
    return _WORDS[type(does)](does)


def applies_in_words(applies: AppliesTo) -> Names:
    """What a rule looks at: purposes, channels, actors and so on; 'every contact' when it names nothing."""
    parts = [value for _, value in applies if value]
    shown = [listed(value) for value in parts]
    if applies.except_party:
        place = parts.index(applies.except_party)
        shown[place] = Names(en=f"not {shown[place].en}", zh=f"非{shown[place].zh}")
    return Names(
        en="; ".join(each.en for each in shown) or "every contact",
        zh="；".join(each.zh for each in shown) or "所有联系",
    )


def listed(words: Iterable[str]) -> Names:
    """Words of the model as a list in both languages."""
    chosen = [str(word) for word in words]
    return Names(en=", ".join(chosen), zh="、".join(ZH.get(word, word) for word in chosen))


def _opening(opening: Opening) -> Names:
    end = "24:00" if f"{opening.end:%H:%M}" == "00:00" else f"{opening.end:%H:%M}"
    hours = f"{opening.start:%H:%M}-{end}"
    if opening.days == EVERY_DAY:
        return Names(en=hours, zh=hours)
    days = listed(opening.days)
    return Names(en=f"{days.en} {hours}", zh=f"{days.zh}{hours}")


def _joined(*parts: Names | None) -> Names:
    given = [part for part in parts if part]
    return Names(en=", ".join(part.en for part in given), zh="，".join(part.zh for part in given))


def _when(condition: object, en: str, zh: str) -> Names | None:
    return Names(en=en, zh=zh) if condition else None


def _window(does: ContactWindow) -> Names:
    return _joined(
        Names(en="open", zh="开放时段"),
        *map(_opening, does.openings),
        _when(does.holidays == "closed", "closed on public holidays", "法定节假日关闭"),
        _when(does.overridden_by is None, "no consent lifts it", "同意亦不能排除")
        or Names(en="unless the recipient consented to other hours", zh="收件人同意其他时段的除外"),
    )


def _span(does: Cap) -> Names:
    for value, en, zh in (
        (does.days, "day", "日"),
        (does.hours, "hour", "小时"),
        (does.seconds, "second", "秒"),
    ):
        if value is not None:
            rolling = "consecutive " if en == "day" and value > 1 else ""
            return Names(en=f"{value} {rolling}{en}{'s' * (value > 1)}", zh=f"{value}{zh}")
    return Names(en="no span", zh="无期限")


def _cap(does: Cap) -> Names:
    span, unit, per = _span(does), listed([does.unit]), listed([f"per-{does.per}"])
    return _joined(
        Names(
            en=f"at most {does.most} ({does.unit}) in {span.en} per {does.per}",
            zh=f"{per.zh}{span.zh}内{unit.zh}不超过{does.most}次",
        ),
        _when(does.unanswered_only, "only unanswered ones count", "仅计未接通"),
        _counted(does.counts_channels),
        _counted(does.counts_purposes),
    )


def _counted(what: tuple[str, ...]) -> Names | None:
    words = listed(what)
    return _when(what, f"counting {words.en}", f"计入{words.zh}")


def _cool_off(does: CoolOff) -> Names:
    after, per = listed([does.after]), listed([f"per-{does.per}"])
    return _joined(
        Names(
            en=f"none for {does.days} days after a {does.after} per {does.per}, its day being day 1",
            zh=f"{per.zh}{after.zh}后{does.days}日内（当日为第1日）不再联系",
        ),
        _counted(does.counts_channels),
    )


def _basis(does: Basis) -> Names:
    kinds = listed(does.kinds)
    return _joined(
        Names(en=f"needs one of: {kinds.en}", zh=f"须有其一：{kinds.zh}"),
        _when(
            does.fresh_days,
            f"a number-check not older than {does.fresh_days} days",
            f"号码核查不早于{does.fresh_days}日",
        ),
    )


def _opt_out(does: OptOut) -> Names:
    scope = listed([does.scope])
    return _joined(
        Names(en=f"an opt-out holds for: {does.scope}", zh=f"退订范围：{scope.zh}"),
        _when(does.within_days, f"the law allows {does.within_days} days", f"法定期限{does.within_days}日"),
        _when(
            does.confirmation_minutes,
            f"one confirmation within {does.confirmation_minutes} minutes",
            f"{does.confirmation_minutes}分钟内可发送一次确认",
        ),
        _when(does.confirmation_minutes == 0, "no confirmation", "不得发送确认"),
    )


def _hold(does: Hold) -> Names:
    kinds, passing = listed(does.kinds), listed(does.lets_pass)
    return _joined(
        Names(en=f"nothing during: {kinds.en}", zh=f"以下期间不发送：{kinds.zh}"),
        _when(does.lets_pass, f"but {passing.en}", f"{passing.zh}除外"),
        _when(does.days, f"ends after {does.days} days", f"{does.days}日后自行结束"),
    )


def _recipient(does: Recipient) -> Names:
    parties = listed(does.parties)
    return _joined(
        Names(en=f"only: {parties.en}", zh=f"仅限：{parties.zh}"),
        _when(not does.after_refusal, "not after a refusal", "对方拒绝后不再联系"),
    )


def _must_say(does: MustSay) -> Names:
    says, parts = listed(does.says), listed(does.parts)
    return _joined(
        Names(en=f"says: {says.en} (in {parts.en})", zh=f"须载明：{says.zh}（{parts.zh}）"),
        _when(does.first_contact_only, "on the first contact", "首次联系时"),
    )


def _must_not_say(does: MustNotSay) -> Names:
    what, parts = listed((*does.words, *does.facts)), listed(does.parts)
    return Names(en=f"never says: {what.en} (in {parts.en})", zh=f"不得出现：{what.zh}（{parts.zh}）")


def _sender(does: Sender) -> Names:
    registered, series = listed(does.registered), listed(does.number_series)
    return _joined(
        _when(does.registered, f"registered: {registered.en}", f"须登记：{registered.zh}"),
        _when(does.number_series, f"numbers beginning with {series.en}", f"号段：{series.zh}"),
        _when(does.shown, "the number is shown", "号码不得隐藏"),
    )


def _prior_notice(does: PriorNotice) -> Names:
    notice = listed([f"notice-{does.notice}"])
    return _joined(
        Names(en=f"first a notice ({does.notice})", zh=f"须先发出{notice.zh}"),
        _when(does.times > 1, f"{does.times} times", f"{does.times}次"),
        _when(does.wait_days, f"then wait {does.wait_days} days", f"等待{does.wait_days}日"),
        _when(does.or_conversation, "or a conversation about it", "或已就此当面或电话沟通"),
    )


def _mandatory(does: Mandatory) -> Names:
    notice, trigger = listed([f"notice-{does.notice}"]), listed([does.trigger])
    return _joined(
        Names(
            en=f"a notice ({does.notice}) within {does.within_days} days of: {does.trigger}",
            zh=f"{trigger.zh}后{does.within_days}日内发出{notice.zh}",
        ),
        _when(does.again_months, f"again every {does.again_months} months", f"每{does.again_months}个月再发"),
    )


def _retention(does: Retention) -> Names:
    records = listed(does.records)
    return _joined(
        records,
        _when(does.least_years, f"kept at least {does.least_years} years", f"至少保存{does.least_years}年"),
        _when(does.most_years, f"at most {does.most_years} years", f"最多保存{does.most_years}年"),
        _when(does.storage_only, "after its purpose only stored", "目的实现后仅作存储"),
    )


def _preference(does: Preference) -> Names:
    honours = listed(f"wish-{wish}" for wish in does.honours)
    return Names(en=f"honours: {', '.join(does.honours)}", zh=f"尊重：{honours.zh}")


def _automated(does: Automated) -> Names:
    return _joined(
        _when(does.refusal, "who refused is reached by a person", "拒绝者由人工联系"),
        _when(does.assessment, "an assessment is on file", "影响评估须备案"),
    )


def _language(does: Language) -> Names:
    return _joined(
        _when(does.own_language, "in a language the recipient reads", "使用收件人能读懂的语言"),
        _when(does.special_care_to_person, "special care goes to a person", "特别关怀者由人工联系"),
    )


def _channel_limit(does: ChannelLimit) -> Names:
    figures = ", ".join(f"{name} {most}" for name, most in {**does.fields, **does.figures}.items())
    reserved = "".join(does.reserved)
    return _joined(
        _when(does.most_characters, f"{does.most_characters} characters", f"{does.most_characters}个字符"),
        _when(does.most_octets, f"{does.most_octets} octets", f"{does.most_octets}字节"),
        _when(figures, f"at most: {figures}", f"上限：{figures}"),
        _when(reserved, f"none of {reserved} in the body", f"正文不得使用{reserved}"),
    )


def _resolution(does: Resolution) -> Names:
    return does.note


_WORDS: Final[Mapping[type[Strict], Callable[[Any], Names]]] = {
    ContactWindow: _window,
    Cap: _cap,
    CoolOff: _cool_off,
    Basis: _basis,
    OptOut: _opt_out,
    Hold: _hold,
    Recipient: _recipient,
    MustSay: _must_say,
    MustNotSay: _must_not_say,
    Sender: _sender,
    PriorNotice: _prior_notice,
    Mandatory: _mandatory,
    Retention: _retention,
    Preference: _preference,
    Automated: _automated,
    Language: _language,
    ChannelLimit: _channel_limit,
    Resolution: _resolution,
}
