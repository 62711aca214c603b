"""The words of an audit report, English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from duecourse.rules.model import Names
from duecourse.rules.wording_zh import ZH


def _w(en: str, zh: str) -> Names:
    return Names(en=en, zh=zh)


WORDS: Final[Mapping[str, Names]] = {
    "title": _w("Audit of past contacts", "历史联系合规审计"),
    "about": _w(
        "{file}: {judged} contacts with {people} people, {first} to {last}",
        "{file}：{first} 至 {last}，{people} 人，{judged} 次联系",
    ),
    "about_none": _w("{file}: nothing to judge", "{file}：没有可判断的联系"),
    "judged": _w("contacts judged", "已判断的联系"),
    "law_breaches": _w("break a rule of law", "违反法律规则"),
    "policy_breaches": _w("break a convention only", "仅违反惯例"),
    "draft_breaches": _w("break a draft only", "仅违反草案"),
    "would_withhold": _w("Duecourse would have withheld", "Duecourse 本会拦截"),
    "share_of": _w("{share} of all", "占 {share}"),
    "no_breach": _w(
        "No rule would have refused any of these contacts.", "没有任何规则会拒绝其中的任何一次联系。"
    ),
    "reading": _w("How to read this", "阅读说明"),
    "reading_breach": _w(
        "A breach is a contact that a rule would have refused at its own instant, in the person's own time, given the "
        "contacts of the file that really came before it. A contact that several rules refuse is one breach in every "
        "total, and stands once under each of the rules.",
        "“违规”指：按当事人所在地时间、依据文件中此前实际发生的联系，规则在当时会拒绝的联系。"
        "被多条规则拒绝的联系在各项合计中只计一次，在每条规则下各列一次。",
    ),
    "reading_withheld": _w(
        "What would have been withheld is counted by going through the same past again, where a withheld contact does "
        "not happen and so fills no cap for the next. It is never more than the breaches.",
        "“本会拦截”按同一段历史重新推演：被拦截的联系不再发生，因而不占用后续的次数上限。该数不会超过违规数。",
    ),
    "reading_law": _w(
        "Rules are taken as they stood on the day of the contact; one that came into force later does not reach back.",
        "规则按联系当日的效力判断；之后才生效的规则不追溯。",
    ),
    "reading_advice": _w(
        "This is no legal advice. The level of a rule says how sure we are of it.",
        "本报告不构成法律意见。规则的“等级”表示其可靠程度。",
    ),
    "by_month": _w("By month", "按月"),
    "by_hour": _w("By weekday and hour of the person's own time", "按星期与钟点（当事人当地时间）"),
    "heat_note": _w(
        "The darker, the more breaches; the figure is their number.", "颜色越深违规越多；数字为违规数。"
    ),
    "by_rule": _w("By rule", "按规则"),
    "by_channel": _w("By channel", "按渠道"),
    "by_agent": _w("By who contacted", "按联系人员"),
    "agents_shown": _w(
        "The {shown} with the most breaches of {all}.", "违规最多的 {shown} 个，共 {all} 个。"
    ),
    "examples": _w("Examples", "示例"),
    "examples_note": _w(
        "The latest of each rule. Every breach stands in the breaches file.",
        "每条规则最近的几例。全部违规见违规明细文件。",
    ),
    "unproven": _w("Not shown to be right or wrong", "无法证明合规与否"),
    "unproven_note": _w(
        "These rules ask for a record, such as a consent or a notice, that a file of contacts cannot hold. They are "
        "counted in no figure above. With your book imported, audit again with --with-book.",
        "这些规则要求有记录（如同意或告知），联系文件无法提供。以上各数均未计入。"
        "导入账册后，可加 --with-book 重新审计。",
    ),
    "known": _w("What was known, and what was not judged", "已知信息与未判断事项"),
    "known_rows": _w(
        "{rows} rows read; {rejected} refused as faulty ({codes}).",
        "共读取 {rows} 行；{rejected} 行有误被拒收（{codes}）。",
    ),
    "known_rows_good": _w("{rows} rows read, none of them faulty.", "共读取 {rows} 行，无错误行。"),
    "known_no_region": _w(
        "{count} contacts were not judged because nobody knows the person's region. They count as contacts that were.",
        "{count} 次联系因不知当事人所在地区而未判断，但仍计为已发生的联系。",
    ),
    "known_no_pack": _w(
        "No rule pack speaks of {regions}: there only what holds everywhere was judged.",
        "{regions} 没有规则包：仅按通用规则判断。",
    ),
    "known_no_zone": _w(
        "Of {count} contacts the time zone is not known though the region has several: each of them had to allow it.",
        "{count} 次联系的时区未知，而该地区有多个时区：须各时区均允许。",
    ),
    "known_no_loan": _w(
        "{count} contacts name no loan: they count as about every loan of the person in the file, or else about one.",
        "{count} 次联系未注明贷款：视为涉及该人在文件中的每笔贷款；若无，则视为同一笔。",
    ),
    "known_no_product": _w(
        "{count} contacts name no product: the rules of every product looked at them.",
        "{count} 次联系未注明产品：按各类产品的规则一并判断。",
    ),
    "known_book": _w(
        "Of {people} people {found} stand in the book: their consents, stops, holds and wishes of then were judged.",
        "{people} 人中有 {found} 人在账册中：已按其当时的同意、退订、暂停和意愿判断。",
    ),
    "known_no_book": _w(
        "Consents, stops, holds and wishes were not known: the file alone was judged, without a book.",
        "未使用账册，仅依据文件判断：同意、退订、暂停和意愿均未知。",
    ),
    "known_texts": _w(
        "The texts of {count} messages were held to the rules of content.",
        "已按内容规则检查 {count} 条消息的文字。",
    ),
    "known_no_texts": _w(
        "The file has no texts: what was said was not judged.", "文件不含文字：未判断内容。"
    ),
    "known_never": _w(
        "Not judged: how long records are kept, notices that had to be planned, the sender's registration, and what "
        "was before the file begins (the first days have less to count than there was).",
        "未判断：记录保存期限、须计划的法定通知、发送方登记，以及文件起始日之前的联系（最初几日可计入的联系偏少）。",
    ),
    "level_law": _w(
        "law: V1 its own text was read, V2 a secondary source says so, K general knowledge",
        "法律：V1 已读原文，V2 据二手来源，K 据一般知识",
    ),
    "level_draft": _w("draft: not in force, turned on by the lender", "草案：尚未生效，由贷款机构启用"),
    "level_policy": _w(
        "policy: a convention of ours or the lender's, or the book's own word; no law",
        "惯例：本项目或贷款机构的惯例，或账册自身记录；非法律",
    ),
    "law": _w("law", "法律"),
    "draft": _w("draft", "草案"),
    "policy": _w("policy", "惯例"),
    "soft": _w("soft", "可放宽"),
    "rule": _w("rule", "规则"),
    "says": _w("what it says", "内容"),
    "level": _w("level", "等级"),
    "source": _w("source and clause", "来源与条款"),
    "contacts": _w("contacts", "联系"),
    "breaches": _w("breaches", "违规"),
    "share": _w("share", "占比"),
    "people": _w("people", "人数"),
    "withheld": _w("withheld", "本会拦截"),
    "month": _w("month", "月份"),
    "channel": _w("channel", "渠道"),
    "agent": _w("agent", "人员"),
    "no_agent": _w("not named", "未注明"),
    "line": _w("line", "行"),
    "person": _w("person", "当事人"),
    "at": _w("at", "时间"),
    "why": _w("why", "原因"),
    "first_allowed": _w("allowed from", "可联系时间"),
    "no_wait_helps": _w("no waiting helps", "等待无效"),
    "footer": _w("Rule set {digest}; packs: {packs}.", "规则集 {digest}；规则包：{packs}。"),
}

DAYS: Final[tuple[Names, ...]] = tuple(
    Names(en=day.title(), zh=ZH[day]) for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
)


def said(key: str, language: str, **values: object) -> str:
    """A sentence of the report. language: en or zh."""
    text = getattr(WORDS[key], language)
    return str(text.format(**values)) if values else str(text)


def stored(word: str, language: str) -> str:
    """A channel, purpose or actor in the reader's words."""
    return ZH.get(word, word) if language == "zh" else word
