"""What `rules` prints, English to Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SENTENCES: Final[Mapping[str, str]] = {
    "Rule packs": "规则包",
    "pack": "规则包",
    "contents": "内容",
    "regions": "地区",
    "rules": "规则数",
    "levels": "可靠程度",
    "This rule set: {digest}": "当前规则集：{digest}",
    "what it says": "规则内容",
    "looks at": "适用于",
    "level": "可靠程度",
    "validity": "效力",
    "Rules of {region} on {day}": "{region} 的规则（{day}）",
    "No pack speaks of {region}: only what holds everywhere applies.": "没有针对 {region} 的规则包，仅适用通用规则。",
    "soft": "可放宽",
    "read on {day}": "{day} 查阅",
    "draft, turned on": "草案，已启用",
    "{rule}: {kind}": "{rule}：{kind}",
    "{key}: from {was} to {becomes}": "{key}：由 {was} 改为 {becomes}",
    "nothing": "无",
    "ok: {own} rules of its own, {changed} changed, {drafts} drafts turned on.": (
        "检查通过：自有规则 {own} 条，改动 {changed} 条，启用草案 {drafts} 条。"
    ),
}
