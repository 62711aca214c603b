"""Words of the model in Chinese, for rules told in words. A test holds that none is missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

ZH: Final[Mapping[str, str]] = {
    # purposes
    "reminder": "还款提醒", "collection": "催收", "confirmation": "还款确认", "status": "进度通知",
    "marketing": "营销", "legal": "法定通知",
    # channels
    "sms": "短信", "voice": "电话", "email": "邮件", "wechat": "微信", "app": "应用推送",
    "webpush": "网页推送", "letter": "信函", "inbox": "站内信", "task": "人工外呼任务",
    # who contacts, who is contacted, where
    "creditor": "债权人", "collector": "催收机构", "agency": "受托机构",
    "borrower": "借款人", "co-borrower": "共同借款人", "guarantor": "担保人", "third": "第三人",
    "home": "住宅", "work": "单位", "mobile": "手机",
    "card": "信用卡", "consumer-finance": "消费金融公司", "aliyun": "阿里云", "tencent": "腾讯云",
    # acts
    "bureau-report": "报送征信", "outsourcing": "委外催收", "placement": "委案", "enforcement": "强制执行",
    "criminal-report": "报案", "debt-sale": "债权转让", "data-export": "数据出境",
    # days
    "mon": "周一", "tue": "周二", "wed": "周三", "thu": "周四", "fri": "周五", "sat": "周六", "sun": "周日",
    # caps
    "attempt": "联系尝试", "message": "消息", "delivered": "送达", "connected": "接通", "conversation": "有效沟通",
    "per-person": "每人", "per-debt": "每笔债务", "per-number": "每个号码", "per-template": "同一号码每个模板",
    # grounds
    "consent": "同意", "contract": "合同", "texted-us": "对方曾发信", "number-check": "号码核查",
    "express-consent": "明示同意",
    "as-said": "按其表示", "channel": "整个渠道", "all-channels": "全部渠道",
    # holds
    "dispute": "争议", "complaint": "投诉", "hardship": "困难", "bankruptcy": "破产", "deceased": "身故",
    "lawyer": "律师代理", "calamity": "灾害", "cease-request": "停止联系请求", "moratorium": "缓债期",
    "promise": "还款承诺", "refusal": "拒绝", "identity-theft": "身份冒用", "serious-illness": "重病",
    "bereavement": "丧亲", "disability": "残障", "minor": "未成年", "says-paid": "称已还款", "distress": "情绪危机",
    # content
    "institution": "机构名称", "opt-out": "退订方式", "contact": "联系方式", "query-route": "查询和异议渠道",
    "name": "姓名", "balance": "余额", "reason": "事由", "rights": "权利", "seal": "公章", "agent-name": "催收机构名称",
    "debt-advice": "债务咨询途径", "postal-address": "邮寄地址", "limited-content": "有限内容",
    "text": "正文", "subject": "主题", "lock-screen": "锁屏", "envelope": "信封", "voicemail": "语音留言",
    "threats": "威胁", "insults": "侮辱", "impersonation": "冒充司法或政府机关", "blacklists": "虚构黑名单",
    "new-loan": "诱导新借贷", "extra-fees": "额外收费", "public-posting": "公开曝光", "inflated-sums": "夸大金额",
    "overdue": "逾期字样", "premium-rate": "收费号码", "amount": "金额", "lender-debt-line": "债务业务名称",
    # senders
    "signature": "签名", "header": "报头", "template": "模板", "category-suffix": "类别后缀", "licence": "牌照",
    # notices
    "notice-bureau": "征信报送告知", "notice-outsourcing": "委外告知", "notice-agent-named": "催收机构告知",
    "notice-new-controller": "新处理者告知", "notice-default": "违约通知", "notice-demand": "催收函",
    "notice-validation": "债务核实信息", "notice-arrears": "欠款通知", "notice-debt-advice": "债务咨询告知",
    "two-payments-short": "欠缴两期", "first-past-due": "首次逾期", "first-contact": "首次沟通",
    # records
    "messages": "消息", "recordings": "录音", "contacts": "联系记录", "assessments": "影响评估",
    # wishes
    "wish-hours": "时段", "wish-channel": "渠道", "wish-work-address": "不用工作地址", "wish-place": "场所",
    "wish-attorney": "仅联系律师",
}  # fmt: skip
