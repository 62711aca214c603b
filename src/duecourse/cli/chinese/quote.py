"""What `arrangement quote` prints, English to Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SENTENCES: Final[Mapping[str, str]] = {
    "Nothing is open.": "没有未结清的款项。",
    "{loan}: a person computes it, because {why}.": "{loan}：需人工核算，因为{why}。",
    "due until then": "截至当日到期未还",
    "principal that falls due later": "尚未到期的本金",
    "interest on it for {count} days": "其 {count} 天的利息",
    "fee": "提前结清费用",
    "all together": "合计",
    "saved against paying to the end": "比按期还完少付",
    "{loan}: what ends it on {day}, through which this holds": "{loan}：{day} 当日有效的提前结清金额",
}

REASONS: Final[Mapping[str, str]] = {
    "the book does not know its rate, or since when interest runs": "账内没有其利率，或不知利息从何日起算",
    "the book does not know of every installment what is principal and what interest, or more is in one": (
        "账内有分期未分列本金与利息，或还含其他费用"
    ),
    "it is a revolving credit, which falls due by statements": "属循环信用，按账单到期",
    "something of it is past its day, and what was added to it since is the lender's to say": (
        "有款项已过到期日，其后新增的金额以贷款机构为准"
    ),
    "something that falls due later has been paid on": "未到期的分期已有还款",
    "the interest that the lender lists for this period is not what its rate and its days give": (
        "贷款机构列出的本期利息与利率和天数不符"
    ),
    "nothing of it is open": "没有未结清的款项",
    "no policy in force that applies to it has early_settlement": "适用的生效策略均无 early_settlement",
    "a debit is under way": "扣款正在进行",
}
