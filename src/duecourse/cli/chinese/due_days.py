"""What the commands about due days, cash and buckets print, English to Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SENTENCES: Final[Mapping[str, str]] = {
    # borrower show
    "Loans, with their days past due": "贷款及逾期天数",
    "due day": "还款日",
    "set by": "确定方式",
    "by the contract": "合同口径",
    "after grace": "宽限期后",
    "for the bureau": "征信口径",
    "bucket": "逾期区间",
    "paused": "暂停计日",
    "{day}, provisional": "{day}（暂定）",
    "{day}, by the contract {contract}": "{day}（合同日 {contract}）",
    # book cash
    "falls due": "当日应还",
    "expected": "预计到账",
    "Expected cash, as the book stood on {day}": "预计现金流，按 {day} 的台账",
    "product": "产品",
    "grade": "信用等级",
    "measured on": "统计范围",
    "by the due day": "到期日前已还",
    "by day 30": "到期后30天内已还",
    "never": "预计不还",
    "Lateness seen so far, by money": "迄今的还款迟延，按金额",
    # book buckets
    "Open loans by days past due, as of {day}": "未结清贷款按逾期天数分布，截至 {day}",
    # book allot
    "cash before": "原现金",
    "cash after": "新现金",
    "messages before": "原消息数",
    "messages after": "新消息数",
    "A month's load by day": "每月各日负荷",
    "{count:,} loans would get a due day.": "将为 {count:,} 笔贷款分配还款日。",
    "{count:,} loans got a due day.": "已为 {count:,} 笔贷款分配还款日。",
    # book move-due-day
    "Loan {loan}, due on day {day} of the month": "贷款 {loan}，每月 {day} 日还款",
    "was due on": "原应还日",
    "{days} odd days bear {interest} {currency} on installment {number}.": (
        "零头天数 {days} 天，计息 {interest} {currency}，计入第 {number} 期。"
    ),
    "{count} installments would move.": "将变更 {count} 期的应还日。",
    "{count} installments moved.": "已变更 {count} 期的应还日。",
    "{count:,} due days that were moved on request are again as the file says": (
        "有 {count:,} 个应客户要求变更的应还日，已按文件恢复"
    ),
    "{count:,} installments that terms would give stay as the lender lists them; "
    "compare with: duecourse book differences": (
        "有 {count:,} 期按条款可推算，仍以贷款机构所列为准；比对：duecourse book differences"
    ),
    # book recompute-dates
    "{count:,} due days from {day} on changed.": "自 {day} 起有 {count:,} 个应还日变更。",
    "{region}: {count:,} due days from {day} on wait for a calendar and are provisional.": (
        "{region}：自 {day} 起有 {count:,} 个应还日尚无节假日安排，暂按合同日。"
    ),
    # book pause
    "The pause of {loan} is withdrawn.": "贷款 {loan} 的暂停计日已撤销。",
    "{loan} is paused from {first} to {last}.": "贷款 {loan} 自 {first} 至 {last} 暂停计日。",
    "Grace of {count} installments is extended by it.": "因此延长了 {count} 期的宽限期。",
}
