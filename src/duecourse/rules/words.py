"""What rules that stand in no pack say to the people who read a verdict. Ids are stored; these words are only shown.

Those of the packs carry their words with them (`Rule.says`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class RuleWords:
    """A rule in words. level: 'policy' for a convention of ours, 'book' for a fact of the lender's book."""

    en: str
    zh: str
    level: str


RULES: Final[dict[str, RuleWords]] = {
    "PAID": RuleWords("paid since it was planned", "计划之后已还款", "book"),
    "LOAN-CLOSED": RuleWords("the loan is closed", "贷款已结清", "book"),
    "SUPERSEDED": RuleWords("a newer statement took this one over", "已有新账单取代", "book"),
    "RESCHEDULED": RuleWords(
        "its date was moved, or the lender took it back", "到期日已变更或已撤销", "book"
    ),
    "NOT-PARTY": RuleWords(
        "no longer answers for this debt, or for the company that owes it",
        "已不再是该债务的当事人或企业联系人",
        "book",
    ),
    "REVERSED": RuleWords("the payment was taken back", "还款已被撤回", "book"),
    "REOPENED": RuleWords("something of the loan is open again", "贷款又有未还款项", "book"),
    "OVERTAKEN": RuleWords("something newer has come in its place", "已有新的结果", "book"),
    "IN-GRACE": RuleWords("still within the grace period", "仍在宽限期内", "policy"),
    "FEED-BEHIND": RuleWords(
        "payments are not known yet through the end of its grace", "还款数据尚未覆盖到宽限期结束", "book"
    ),
    "DEBIT-PENDING": RuleWords(
        "a debit is in process, so no amount is named", "代扣处理中，暂不提及金额", "book"
    ),
    "BOOK-STALE": RuleWords("the book is too old to name an amount", "台账数据过旧，暂不提及金额", "book"),
    "STOPPED": RuleWords("halted by the stop", "已被人工停止", "policy"),
    "BATCH-WAITS": RuleWords(
        "waits until the first of its batch have come back", "等待同批首发消息的结果", "policy"
    ),
    "BATCH-HELD": RuleWords(
        "its batch is held; another person resumes it", "所属批次已暂停，须由另一人恢复", "policy"
    ),
    "NO-CONTACT-POINT": RuleWords("no valid contact point on this route", "没有可用的联系方式", "book"),
    "SUPPRESSED": RuleWords(
        "the number, address or ID number is on a suppression list",
        "号码、地址或证件号在禁止联系名单上",
        "book",
    ),
    "SPECIAL-CARE": RuleWords(
        "special care is on record: a person contacts, no machine", "已记录需特别关怀：仅由人工联系", "book"
    ),
    "DAILY-CAP": RuleWords("daily limit of messages reached", "已达每日消息上限", "policy"),
    "PROVIDER-PAUSED": RuleWords("the provider is not taking messages now", "通道暂不可用", "policy"),
    "NOT-REGISTERED": RuleWords(
        "no provider has approved what it needs to carry this text",
        "没有通道批准承载此内容所需的报备",
        "policy",
    ),
    "NO-PROVIDER": RuleWords(
        "no provider serves the number's carrier or region", "没有通道服务该号码的运营商或地区", "policy"
    ),
    "UNREADABLE": RuleWords(
        "a sealed field of the borrower does not open; see the keys", "加密字段无法解开，请检查密钥", "book"
    ),
    "CONTENT": RuleWords("the text breaks a content rule", "内容不合规", "policy"),
    "THROTTLED": RuleWords("the provider asked to slow down", "通道要求放慢", "policy"),
    "DEFERRED": RuleWords(
        "the provider had trouble and did not take it; tried again", "通道暂时故障，未受理，将重试", "policy"
    ),
    "ACCOUNT-TROUBLE": RuleWords(
        "the provider's account needs a person: balance or credential",
        "通道账户异常（余额或凭证），需人工处理",
        "policy",
    ),
    "NOT-HANDED-OVER": RuleWords(
        "was not handed over in time; tried again", "未能及时提交，将重试", "policy"
    ),
    "EARLIER-WAITS": RuleWords(
        "an earlier step about the same installment still has a way to go",
        "同一期款项的前一步骤尚未走完",
        "policy",
    ),
    "STEP-SUPERSEDED": RuleWords("a later step took its place", "已由后续步骤取代", "policy"),
    "USE-LOST": RuleWords("its time had passed", "已过时效", "policy"),
}
