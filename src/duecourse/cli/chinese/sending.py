"""What `plan`, `work`, `run`, `demo`, `status`, `stop` and `resume` print, English to Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SENTENCES: Final[Mapping[str, str]] = {
    # plan
    "What would go out, {day} and the two days after": "预演：{day} 及其后两天将发送的消息",
    "day": "日期",
    "policy": "策略",
    "step": "步骤",
    "purpose": "用途",
    "first by": "首选渠道",
    "messages": "消息数",
    "held by": "不发原因",
    "{rule}: {why}": "{rule}：{why}",
    "{messages} messages for {items} installments would be planned as of {day}.": (
        "截至 {day}，将计划消息 {messages} 条，涉及 {items} 期应还款。"
    ),
    "{messages} messages for {items} installments planned as of {day}.": (
        "截至 {day}，已计划消息 {messages} 条，涉及 {items} 期应还款。"
    ),
    "{count} unclaimed messages of earlier policy versions were planned anew.": (
        "旧版策略下尚未领取的 {count} 条消息已重新计划。"
    ),
    "Planning lanes": "正在计划各分道",
    # run and demo: tables
    "Messages by step": "各步骤消息",
    "due": "应发",
    "delivered": "已送达",
    "sent": "已提交",
    "failed": "未送达",
    "unknown": "结果未知",
    "withheld": "未发出",
    "open": "待处理",
    "Withheld, by reason": "未发出的消息，按原因",
    "rule": "规则",
    "why": "原因",
    "Attempts by channel (released: not handed over or asked to slow down, not counted)": (
        "各渠道发送尝试（已退回：未提交或被要求放慢，不计入触达次数）"
    ),
    "channel": "渠道",
    "refused": "被拒绝",
    "released": "已退回",
    "SMS parts": "短信条数",
    "Month by month (accounts and installments; amounts in currency units)": (
        "逐月情况（按账户和期数；金额单位为元等货币主单位）"
    ),
    "month": "月份",
    "fell\ndue": "应还\n期数",
    "amount due": "应还金额",
    "reminded": "已提醒",
    "met by\ndue day": "按期\n还足",
    "in\ngrace": "宽限期\n内还足",
    "overdue": "逾期",
    "contacted": "逾期\n触达",
    "met\nlate": "逾期后\n还足",
    "payers": "还款\n户数",
    "paid": "已还金额",
    "The lender's own state of the month (rows) beside what its payments show (columns)": (
        "机构自报的当月状态（行）与还款记录所示（列）对照"
    ),
    "{months} late": "逾期 {months} 个月",
    "no use": "未用卡",
    "paid duly": "按时还清",
    "revolving": "循环使用",
    "Where the two disagree: {some:,} of {every:,} account-months": (
        "两者不一致：共 {every:,} 个账户月，其中 {some:,} 个"
    ),
    "lender says": "机构状态",
    "payments show": "还款所示",
    "account-months": "账户月数",
    "an earlier minimum was still open: the bank counts it, this month's was met": (
        "以前月份的最低还款额仍未还足：银行将其计入，当月的已还足"
    ),
    "nothing was carried by the mapping's rule: likely the bank's minimum was larger, or it restated the state "
    "afterwards": "按映射规则并无结转欠款：可能是银行的最低还款额更高，或事后重述了状态",
    "no statement above zero fell due in the file; likely arrears the file does not show": (
        "文件中当月没有大于零的应还账单；可能有文件未体现的旧欠"
    ),
    "likely the bank's own minimum was smaller than the mapping's rule asks": (
        "可能是银行自定的最低还款额低于映射规则所算"
    ),
    "no payment in the file: likely a credit or a waiver, or a minimum of nil": (
        "文件中没有还款：可能为贷记或减免，或最低还款额为零"
    ),
    "no new use of the card; an old statement was still paid": "当月未用卡；旧账单已还足",
    "no new use of the card; the rest was paid in part": "当月未用卡；剩余欠款已还一部分",
    "no new use of the card; a rest stood on the statement and nothing was paid": "当月未用卡；账单仍有余额且未还款",
    "Handed over {sent:,}, receipts heard {receipts:,}, in this run.": (
        "本次运行共提交 {sent:,} 次，收到回执 {receipts:,} 份。"
    ),
    "Handed over {sent:,}, receipts heard {receipts:,}.": "共提交 {sent:,} 次，收到回执 {receipts:,} 份。",
    "Replaying": "正在回放",
    "{sent:,} sent, {rate:.0f}/s": "已提交 {sent:,} 次，每秒 {rate:.0f} 次",
    # work
    "Stopped. Judged {judged}, handed over {sent}, receipts {receipts}.": (
        "已停止。判定 {judged} 条，提交 {sent} 次，收到回执 {receipts} 份。"
    ),
    # demo
    "A made-up lender with {borrowers:,} borrowers, the week of {day} (seed {seed}).": (
        "虚构的贷款机构，借款人 {borrowers:,} 名，{day} 起的一周（随机种子 {seed}）。"
    ),
    "Importing {file}": "正在导入 {file}",
    "{rows:,} rows": "{rows:,} 行",
    "Imported {rows:,} rows of {file}": "已导入 {file}，共 {rows:,} 行",
    "Imported {rows:,} rows of {file}, {refused:,} refused": (
        "已导入 {file}，共 {rows:,} 行，拒收 {refused:,} 行"
    ),
    "Published policy {policy}, {steps} steps, in Chinese and English.": (
        "已发布策略 {policy}，共 {steps} 个步骤，含中英文文案。"
    ),
    "A message of each channel in full": "各渠道消息全文示例",
    "One borrower's week": "一名借款人的一周",
    "What to try next": "接下来可以试试",
    "Done in {seconds:.0f} s.": "完成，用时 {seconds:.0f} 秒。",
    # status, stop, resume
    "Book: simulated, lender's zone {zone}; database: {place}": (
        "模拟台账，机构所在时区 {zone}；数据库：{place}"
    ),
    "Book: live, lender's zone {zone}; database: {place}": "正式台账，机构所在时区 {zone}；数据库：{place}",
    "Messages": "消息",
    "embedded, {home}": "内置，{home}",
    "standing": "状态",
    "how many": "数量",
    "planned": "已计划",
    "  of these due now": "  其中现在应发",
    "in flight": "发送中",
    "attempts of unknown outcome": "结果未知的尝试",
    "Next due: {at}": "下一条应发时间：{at}",
    "Workers: {workers}, lanes held: {lanes} of 256": "工作进程：{workers} 个，持有分道：{lanes}/256",
    "everything": "全部",
    "STOPPED: {scope} by {who} at {at}: {why}": "已停止：{scope}；操作人 {who}，时间 {at}，原因：{why}",
    "Outcome unknown (the newest {count})": "结果未知（最近 {count} 条）",
    "message": "消息",
    "provider": "通道",
    "claimed": "领取时间",
    "Stopped. Lift it with: duecourse resume": "已停止。恢复发送：duecourse resume",
    "Stops lifted: {count}": "已解除停止：{count} 项",
    "interrupted; what was committed stays": "已中断；已写入的数据保留",
}
