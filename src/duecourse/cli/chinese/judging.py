"""What `rules judge` and `rules explain` print, English to Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SENTENCES: Final[Mapping[str, str]] = {
    "Allowed now.": "现在可以联系。",
    "Refused now; allowed from {when} on.": "现在不可联系；{when} 起可以。",
    "Refused; no waiting within {days} days helps.": "不可联系；{days} 天内等待也不会改变。",
    "Looked at: {rules}": "已核对的规则：{rules}",
    "{id}  {step} ({purpose}) for {borrower}: every verdict, borrower's time": (
        "{id}  {step}（{purpose}），借款人 {borrower}：全部判定（借款人当地时间）"
    ),
    "Withheld, by rule": "各规则将扣留的消息数",
    "verdict": "判定",
    "allowed": "允许",
    "Rule set of the last verdict: {digest}; looked at: {rules}": "最后一次判定的规则集：{digest}；已核对：{rules}",
}
