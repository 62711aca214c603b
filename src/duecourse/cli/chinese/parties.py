"""What parties, merges and `contact-point` print, English to Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SENTENCES: Final[Mapping[str, str]] = {
    # borrower show
    "A company": "企业",
    "Data collected on {day}, on the basis of {basis}": "资料收集日 {day}，依据 {basis}",
    "Also known as {keys}": "已并入的客户号：{keys}",
    "Answers for": "对他人贷款的身份",
    "Beside the own loans": "本人贷款的其他当事人",
    "party": "当事人",
    "role": "身份",
    "verified": "核实时间",
    "how": "核实方式",
    # borrower merge
    "Rows moved": "移动的记录",
    "Nothing was changed: this was a dry run": "未作任何更改：这是试运行",
    "{other} is a record of its own again": "{other} 已恢复为独立记录",
    "{other} is part of {kept} now; both keys lead there": "{other} 已并入 {kept}，两个客户号都指向它",
    # contact-point
    "borrower": "借款人",
    "last seen": "最近确认",
    "times failed": "未送达次数",
    "Contact points due for verification": "待核实的联系方式",
    "Verified: {point}": "已核实：{point}",
    "Retired: {point}": "已停用：{point}",
}
