"""What `response` prints, English to Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SENTENCES: Final[Mapping[str, str]] = {
    "Answers": "回复",
    "What borrowers answered": "借款人的回复",
    "What borrowers answered, the latest {count}": "借款人的回复（最近 {count} 条）",
    "The page of {key}: start the pages, open the link, and answer with the end of the ID number, {digits}.": (
        "{key} 的个人页面：先启动页面服务，再打开链接，并输入证件号后六位 {digits}。"
    ),
    "Answers that wait for a person": "待人工处理的回复",
    "Promises to pay": "还款承诺",
    "Read as {intents}. What follows now: {effects}.": "判读为：{intents}。当前后续处理：{effects}。",
    "It waits for a person: {why}.": "待人工处理：{why}。",
    "It was not in the queue.": "该回复不在待处理队列中。",
    "The answer is closed.": "该回复已办结。",
    "Readings": "判读记录",
    "What followed": "后续处理",
    "Who did what": "处理记录",
    "what followed": "处理",
    "taken back": "撤回时间",
    "taken back by": "撤回人",
    "waits for a person": "待人工处理",
    "did not pause": "未暂停催收",
    "hold: {kind}": "暂停：{kind}",
    "{what} (a person does it)": "{what}（由人工处理）",
    "{id}  {borrower}  {when}  {source}": "{id}  {borrower}  {when}  {source}",
    "(no words)": "（无文字）",
    "not known": "未知",
    "what is due": "到期应还",
    "paid in time": "按时已还",
    "promised": "承诺",
    "promised for": "承诺日期",
    "recorded by": "录入人",
    "read as": "判读为",
    "read by": "判读者",
    "said": "提出日期",
    "stands": "状态",
    "pause": "暂停",
    "sure": "把握",
    "undone": "已撤销",
    "age": "已等待",
    "note": "备注",
    "who": "经办人",
    "{count} d": "{count} 天",
    "{count} h": "{count} 小时",
    "{count} min": "{count} 分钟",
}

REASONS: Final[Mapping[str, str]] = {
    "an answer since it was planned": "计划之后收到回复",
    "follows from another answer": "由另一条回复决定",
    "read otherwise": "改判",
    "undone": "已撤销",
    "a person does it": "由人工处理",
    "wrong-person": "非本人",
}
