"""What `schedule` and `book differences` print, English to Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SENTENCES: Final[Mapping[str, str]] = {
    "{method}: {principal} {currency} at {rate} % a year": "{method}：本金 {principal} {currency}，年利率 {rate} %",
    "days": "天数",
    "principal": "本金",
    "interest": "利息",
    "payment": "应还",
    "balance": "剩余本金",
    "prepaid": "提前还款",
    "sum": "合计",
    "* provisional: no holiday calendar covers that year yet; the contract's day stands": (
        "* 暂定：尚无该年的节假日安排，暂按合同约定的日期"
    ),
    # book differences
    "Differences": "差异",
    "figure": "项目",
    "the lender's": "机构所列",
    "by the terms": "按条款计算",
    "{differing:,} of {compared:,} loans differ from their terms": (
        "比对 {compared:,} 笔贷款，{differing:,} 笔与条款不符"
    ),
    "Listed are the first {count:,}; --limit lists more": "仅列出前 {count:,} 笔；用 --limit 可列出更多",
    "Not compared: {count:,}, {why}": "未比对：{count:,} 笔，{why}",
    "{amount} {currency} settles the loan on {day}: principal {principal}, interest {interest}": (
        "{day} 提前结清应还 {amount} {currency}：本金 {principal}，利息 {interest}"
    ),
}
