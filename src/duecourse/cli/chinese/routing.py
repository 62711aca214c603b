"""What `provider`, `registration` and `carrier` print, English to Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SENTENCES: Final[Mapping[str, str]] = {
    "Providers": "通道",
    "part": "份额",
    "weight": "权重",
    "priority": "优先级",
    "taken": "已受理",
    "failed": "失败",
    "throttled": "被限速",
    "late": "迟缓",
    "ALERT {code}: {subject} since {at}: {why}": "告警 {code}：{subject}，自 {at} 起：{why}",
    "{provider}: {state}, weight {weight}, {part} of it": "{provider}：{state}，权重 {weight}，现用其 {part}",
    "carriers": "运营商",
    "regions": "地区",
    "senders": "发送号码",
    "must be approved": "须经批准",
    "{what}: {these}": "{what}：{these}",
    "Changes (the newest {count})": "变更记录（最近 {count} 条）",
    "{provider} is paused.": "{provider} 已暂停。",
    "{provider} was paused already.": "{provider} 此前已暂停。",
    "{provider} works again.": "{provider} 已恢复。",
    "{provider} was at work already.": "{provider} 本就正常。",
    "{provider} has another weight.": "{provider} 的权重已变更。",
    "{provider} had this weight already.": "{provider} 的权重本就如此。",
    "{entry}: {state}": "{entry}：{state}",
    "{rows:,} rows: {changed:,} new or changed, {rejected:,} not taken": (
        "{rows:,} 行：新增或变更 {changed:,}，未采用 {rejected:,}"
    ),
    "Registrations": "报备",
    "{what}: {state} by {who} at {at}: {evidence}": "{what}：{state}，{who} 于 {at}：{evidence}",
    "Numbers asked for": "已查询号码",
    "Numbers by carrier": "各运营商号码数",
    "carrier": "运营商",
    "language": "语言",
    "not known": "未知",
    "Did not arrive in the last {days} days": "近 {days} 天未送达",
}

REASONS: Final[Mapping[str, str]] = {
    "its rest is over": "暂歇期满",
    "it took nothing when it was tried": "试探未被受理",
    "it took what it was tried with": "试探已被受理",
    "it was tried and has not answered": "试探尚无答复",
    "it took nothing of {count}": "{count} 条均未受理",
    "{failed} of {count} failed, were late or throttled": "{count} 条中有 {failed} 条失败、迟缓或被限速",
    "it is well again": "已好转",
    "paused by hand": "人工暂停",
    "resumed by hand": "人工恢复",
    "weighed by hand": "人工调整权重",
    "not approved: {what}": "未获批准：{what}",
    "no provider serves the carrier {carrier}": "没有通道服务运营商 {carrier}",
    "no provider serves the region {region}": "没有通道服务地区 {region}",
    "a number check found no such number": "号码检测为空号",
    "off or barred for too long": "长期关机或停机",
}
