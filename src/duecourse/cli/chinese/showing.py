"""What `borrower show` and `message show` print, English to Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SENTENCES: Final[Mapping[str, str]] = {
    # borrower show
    "{key}  {name}  grade {grade}  {language}  {zone}": "{key}  {name}  信用等级 {grade}  {language}  {zone}",
    "Contact points": "联系方式",
    "address": "地址",
    "Installments, as of {day}": "各期应还，截至 {day}",
    "loan": "贷款",
    "no.": "期次",
    "due on": "应还日",
    "to pay": "应还",
    "paid so far": "已还",
    "unpaid": "未还清",
    "yes": "是",
    "grace": "宽限天数",
    "days past due": "逾期天数",
    "Days past due: {days} by the contract, {after} after grace, {bureau} for the bureau": (
        "逾期天数：按合同{days}天，宽限期后{after}天，征信口径{bureau}天"
    ),
    "Payments": "还款记录",
    "paid on": "还款日",
    "Timeline, borrower's time": "时间线（借款人当地时间）",
    "when": "时间",
    "what": "对象",
    "which": "名称",
    "became": "变为",
    "One of the messages in full: duecourse message show ID": "查看某条消息全文：duecourse message show ID",
    "id": "编号",
    # message show
    "{id}  {step} ({purpose}) for {borrower}, {day}: {standing}": (
        "{id}  {step}（{purpose}），借款人 {borrower}，{day}：{standing}"
    ),
    "Policy {policy} version {policy_version}, template {template} version {template_version}, route {route}, "
    "useful until {until}": "策略 {policy} 第 {policy_version} 版，模板 {template} 第 {template_version} 版，"
    "渠道顺序：{route}，有效至 {until}",
    " then ": "，其次",
    "{route} if not {state} within {minutes} min": "{route}（{minutes} 分钟内未达到“{state}”则换下一渠道）",
    "Speaks of": "涉及的应还款",
    "Attempt {seq}: {channel} to {address} by {provider}: {state} {code} {why}": (
        "第 {seq} 次尝试：{channel}发往 {address}，经 {provider}：{state} {code} {why}"
    ),
    "Subject: {subject}": "主题：{subject}",
    "Receipts": "回执",
    "attempt": "尝试",
    "says": "回执状态",
    "code": "代码",
    "heard": "收到时间",
    "Verdicts and transitions, borrower's time": "判定与状态变化（借款人当地时间）",
}
