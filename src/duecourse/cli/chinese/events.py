"""What `event` prints, English to Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SENTENCES: Final[Mapping[str, str]] = {
    "The event is in the book.": "事件已登记。",
    "What happened, by the borrower's clock": "发生的事件（借款人当地时间）",
    "Tells of": "告知内容",
    "happened": "发生时间",
    "event": "事件",
    "known since": "获知时间",
    "told": "告知情况",
    "not looked at yet": "尚未处理",
    "nobody is told": "无需告知",
}

REASONS: Final[Mapping[str, str]] = {"another event joined it": "另一事件并入同一条消息"}

KINDS: Final[Mapping[str, str]] = {
    "application.received": "收到申请",
    "application.decided": "申请审批",
    "contract.signed": "合同签署",
    "payout.made": "放款",
    "payment.received": "收到还款",
    "payment.reversed": "还款撤回",
    "debit.failed": "代扣失败",
    "rate.changed": "利率变更",
    "date.changed": "还款日变更",
    "loan.settled": "贷款结清",
    "promise.kept": "承诺已履行",
    "promise.broken": "承诺未履行",
}
"""Of events, as they are stored."""
