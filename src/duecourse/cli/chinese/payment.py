"""What `payment` and `book allocation` print, English to Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SENTENCES: Final[Mapping[str, str]] = {
    "Payments of {loan}, {currency}": "{loan} 的还款（{currency}）",
    "reference": "流水号",
    "met": "冲抵",
    "unallocated": "未分配",
    "reversed on": "冲正日",
    "no. {number} {part} {amount}": "第 {number} 期{part} {amount}",
    "{loan}: {outcome}": "{loan}：{outcome}",
    "Money without a loan": "待认领款项",
    "{amount} {currency} placed with {loan}.": "{amount} {currency} 已入账到 {loan}。",
    "{orders} orders set, {loans:,} loans allocated anew.": "已设定 {orders} 个冲抵顺序，重新分配贷款 {loans:,} 笔。",
    "for product": "适用产品",
    "holds from": "生效日",
    "order": "顺序",
    "across": "方式",
    "left over": "余款",
    "Orders of allocation": "还款冲抵顺序",
    "None is set: every payment meets whole installments, the oldest first.": (
        "未设定：每笔还款按期整体冲抵，最早到期者在先。"
    ),
    "reversed": "冲正",
    "Money without a loan: {count:,} payments; see: duecourse payment suspense": (
        "待认领款项 {count:,} 笔，查看：duecourse payment suspense"
    ),
}
