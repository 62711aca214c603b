"""What `consent`, `hold`, `preference`, `suppression`, `contact` and `permit` print, English to Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SENTENCES: Final[Mapping[str, str]] = {
    # what is in force
    "Holds, consents and wishes in force": "生效中的暂停、同意与联系偏好",
    "for what": "适用范围",
    # every change
    "A dry run: nothing was changed.": "试运行：未作任何更改。",
    "Borrowers concerned: {count}": "涉及借款人：{count} 名",
    "It stood there already.": "此前已有记录。",
    "Messages not handed over yet that this is about: {count}": "涉及尚未提交的消息：{count} 条",
    # consents
    "Consents of {borrower}": "{borrower} 的同意记录",
    "Recorded as agreed.": "已记录为同意。",
    "Recorded as taken back.": "已记录为撤回。",
    "agreed": "同意",
    "one address": "单一地址",
    "said": "表示",
    "expires": "到期",
    # holds
    "Holds of {borrower}": "{borrower} 的暂停记录",
    "The hold has ended.": "暂停已结束。",
    "The hold is in the book.": "暂停已登记。",
    "Waiting for a person": "等待人工联系",
    "messages waiting": "待发消息",
    "effect": "效果",
    "end reason": "结束原因",
    # preferences
    "The wish has ended.": "偏好已结束。",
    "The wish is in the book.": "偏好已登记。",
    "Wishes of {borrower}": "{borrower} 的联系偏好",
    "wish": "偏好",
    # suppressions
    "Asked. Another person has to agree: duecourse suppression end --confirm": (
        "已提出。须由另一人同意：duecourse suppression end --confirm"
    ),
    "Ended.": "已结束。",
    "Suppressed.": "已列入禁联名单。",
    "Suppressions": "禁联名单",
    "end asked by": "提出结束者",
    "ended by": "同意结束者",
    "entry": "条目",
    "{kind}: {count:,} in force": "{kind}：有效 {count:,} 条",
    "{rows:,} entries: {new:,} new, {known:,} known, {rejected:,} refused": (
        "{rows:,} 条：新增 {new:,}，已有 {known:,}，拒收 {rejected:,}"
    ),
    # contacts
    "Contacts of {borrower}": "{borrower} 的联系记录",
    "agent": "坐席",
    "by whom": "由谁联系",
    "counts": "计入上限",
    "known from": "来源",
    "outcome": "结果",
    "system": "系统",
    # permits
    "No permit before {opens}": "{opens} 之前不予许可",
    "No permit, and no waiting helps.": "不予许可，等待亦无济于事。",
    "Permit {permit}, until {until}": "许可 {permit}，有效至 {until}",
    "Reported.": "已登记。",
    # heads of columns
    "about": "事项",
    "all": "全部",
    "at": "时间",
    "ended": "结束",
    "evidence": "凭据",
    "in force": "有效",
    "kind": "类别",
    "no": "否",
    "since": "起始",
    "until": "截止",
}
