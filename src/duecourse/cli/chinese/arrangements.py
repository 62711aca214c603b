"""What `arrangement` prints, English to Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SENTENCES: Final[Mapping[str, str]] = {
    "{count:,} arrangements with borrowers end, since the file says something else": (
        "{count:,} 项与借款人的约定因文件内容不同而终止"
    ),
    "Arrangements": "还款安排",
    "Installments": "各期还款",
    "total": "合计",
    "exception": "例外",
    "next payment": "下期应还",
    "becomes": "变更后",
    "{id}  {borrower}  {loan}  {what}  {state}": "{id}  {borrower}  {loan}  {what}  {state}",
    "by policy {policy}, version {version}": "依据策略 {policy} 第 {version} 版",
    "What the borrower stated has been erased.": "借款人填报的收支信息已清除。",
    "What the borrower stated": "借款人填报的收支",
    "income": "收入",
    "household costs": "家庭支出",
    "other debts": "其他债务月供",
    "left in a month": "每月结余",
    "Before and after": "变更前后对比",
    "last due on": "最后到期日",
    "now": "现合同",
    "then": "变更后安排",
    "Agreed: the new days and amounts hold from now on.": "已达成：新的还款日和金额自即刻起生效。",
    "Approved by you; an exception ({why}) wants a second person.": "您已同意；例外情形（{why}）须由第二人复核。",
    "Declined. Call the borrower: duecourse response list --open": (
        "已拒绝。请联系借款人：duecourse response list --open"
    ),
    "{count:,} arrangements are written to {path}.": "已将 {count:,} 项还款安排写入 {path}。",
}

WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "arrangement": {"extension": "延期", "due-day": "变更还款日", "plan": "降低月供", "pause": "暂缓还款"},
    "state of an arrangement": {
        "proposed": "待审批",
        "seconded": "待第二人复核",
        "agreed": "已达成",
        "declined": "已拒绝",
        "withdrawn": "借款人已撤回",
        "broken": "未履行",
        "completed": "已履行完毕",
        "overruled": "以贷款方文件为准",
        "looked": "查看",
    },
    "exception": {"": "", "too-often": "次数超限", "beyond-means": "超出还款能力"},
    "trouble": {
        "late-income": "收入迟到",
        "less-income": "收入减少",
        "other-day": "还款日不合适",
        "emergency": "突发事件",
        "other": "其他",
    },
}
