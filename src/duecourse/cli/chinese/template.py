"""What `template` prints, English to Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SENTENCES: Final[Mapping[str, str]] = {
    "ok: {texts} texts.": "检查通过：{texts} 份文案。",
    "Templates": "模板",
    "template": "模板",
    "language": "语言",
    "can be said by": "可用渠道",
    "not by": "不可用渠道",
    "SMS parts": "短信条数",
    "characters": "字符数",
    "alphabet": "编码",
    "- {template}, {language}: part {part} is new": "- {template}，{language}：新增 {part}",
    "- {template}, {language}: part {part} is gone": "- {template}，{language}：删除 {part}",
    "- {template}, {language}: part {part} says something else": "- {template}，{language}：{part} 有改动",
    "it now names {names}": "新引用 {names}",
    "it no longer names {names}": "不再引用 {names}",
    "{before} characters become {now}": "由 {before} 个字符变为 {now} 个",
    "it would be refused: {why}": "发送时将被拒绝：{why}",
    "{file}: {size} bytes written": "{file}：已写入 {size} 字节",
    "Whoever answers hears": "接听者听到",
    "After the right person has confirmed": "本人确认后",
    "Then the keys": "随后播报按键",
    "A machine hears": "语音信箱听到",
    "attached: {name}, {size} bytes": "附件：{name}，{size} 字节",
    "opens {link}": "打开 {link}",
    "{parts} SMS parts, {characters} characters, {alphabet}": "{parts} 条短信，{characters} 个字符，{alphabet}",
    "{cost} {currency} to {to}": "发往 {to} 费用 {cost} {currency}",
    "lock screen": "锁屏",
    "{output}: ours, for want of a part": "{output}：模板未写，使用内置文案",
    "{output}: made of {part}": "{output}：由 {part} 生成",
}
