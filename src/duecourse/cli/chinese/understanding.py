"""What `response evaluate` and `response try` print, English to Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SENTENCES: Final[Mapping[str, str]] = {
    "99 %: met": "99 %：达到",
    "99 %: missed": "99 %：未达到",
    "How well answers are understood: {name}": "回复理解的准确程度：{name}",
    "Intents": "各类含义",
    "What is taken for what": "误判对照",
    "Why": "理由",
    "a rule: {words}": "规则：{words}",
    "answers": "回复数",
    "all intents right, no other, the gravest first": "含义全部正确、无多余且最严重者居首",
    "all languages": "全部语言",
    "amount: {amount} {currency}": "金额：{amount} {currency}",
    "bar": "下限",
    "because of": "依据",
    "day of a promise": "承诺的日期",
    "day: {day}": "日期：{day}",
    "first intent right": "首个含义正确",
    "harmless ones taken for a stop or for grave": "普通回复被误判为退订或严重情形",
    "intent": "含义",
    "invented": "凭空多出",
    "likely": "可能性",
    "meant": "实际含义",
    "missed": "漏读",
    "not meant, by a rule: {words}": "规则判定并非此意：{words}",
    "precision": "精确率",
    "read by a person: unclear or grave": "由人工阅读：未读懂或严重",
    "recall": "召回率",
    "right": "正确",
    "standing word by word in the training half": "与训练集逐字相同的条数",
    "the model: {features}": "模型：{features}",
    "unclear": "未读懂",
    "understood": "理解为",
    "understood or read by a person": "理解正确或由人工阅读",
    "wrong": "错误",
    "{intents}; certain to {confidence:.0%}, by the {by}": "{intents}；把握 {confidence:.0%}，由{by}判定",
}
