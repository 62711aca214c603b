"""What `policy` prints, English to Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SENTENCES: Final[Mapping[str, str]] = {
    # policy
    "ok: {policy}, {steps} steps, {texts} texts.": "检查通过：{policy}，{steps} 个步骤，{texts} 份文案。",
    "{policy}: version {version} says the same; nothing published.": (
        "{policy}：与第 {version} 版内容相同，未发布新版本。"
    ),
    "{policy}: version {version} would be published; new templates: {templates}.": (
        "{policy}：将发布第 {version} 版；新模板：{templates}。"
    ),
    "{policy}: version {version} published; new templates: {templates}.": (
        "{policy}：已发布第 {version} 版；新模板：{templates}。"
    ),
    "none": "无",
    "Policies": "策略",
    "version": "版本",
    "steps": "步骤数",
    "published": "发布时间",
    "by": "发布人",
    "retired": "停用时间",
    "version {version}, in force, published {at} by {who}": "第 {version} 版，生效中，{at} 由 {who} 发布",
    "version {version}, retired, published {at} by {who}": "第 {version} 版，已停用，{at} 由 {who} 发布",
    "warning: {problem}": "警告：{problem}",
    "{policy}: {condition}": "{policy}：{condition}",
    "grace: {grace}": "宽限期：{grace}",
    "languages: {languages}": "语言：{languages}",
    "by {route}": "渠道：{route}",
    "where {condition}": "条件：{condition}",
    "to {condition}": "对象：{condition}",
    "what is sent": "发送内容",
    "In time order, for a borrower without grace": "按时间顺序（以没有宽限期的借款人为例）",
    "{count} SMS": "短信 {count} 条",
    "version {version}, in force": "生效中的第 {version} 版",
    "nothing published": "尚无已发布版本",
    "against {older}:": "与{older}比较：",
    "nothing changes": "没有变化",
    "- template {template}, {language}, {part}:": "- 模板 {template}，{language}，{part}：",
}
