"""The catalogue: what commands print, English to Chinese, in the trade's own words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SENTENCES: Final[Mapping[str, str]] = {
    # init
    "Ready: simulated book, lender's zone {zone}, home {home}": (
        "已就绪：模拟台账，机构所在时区 {zone}，数据目录 {home}"
    ),
    "Ready: live book, lender's zone {zone}, home {home}": (
        "已就绪：正式台账，机构所在时区 {zone}，数据目录 {home}"
    ),
    "Migrations applied: {names}": "已执行的数据库升级：{names}",
    "Next: duecourse book import FILE --mapping MAPPING": (
        "下一步：duecourse book import FILE --mapping MAPPING"
    ),
    # book
    "A simulated book: {borrowers:,} borrowers in {lanes} lanes, {points:,} contact points ({retired:,} retired), "
    "{opt_outs:,} opt-outs": "模拟台账：借款人 {borrowers:,} 名，分布于 {lanes} 个分道；"
    "联系方式 {points:,} 条（其中已停用 {retired:,} 条），退订 {opt_outs:,} 条",
    "A live book: {borrowers:,} borrowers in {lanes} lanes, {points:,} contact points ({retired:,} retired), "
    "{opt_outs:,} opt-outs": "正式台账：借款人 {borrowers:,} 名，分布于 {lanes} 个分道；"
    "联系方式 {points:,} 条（其中已停用 {retired:,} 条），退订 {opt_outs:,} 条",
    "Money": "金额",
    "currency": "币种",
    "loans": "贷款",
    "installments": "期数",
    "amount": "金额",
    "payments": "还款",
    "Payment feeds": "还款数据源",
    "complete through": "完整至",
    "creditor": "债权人",
    "source": "来源",
    "Last imports": "最近导入",
    "started": "开始时间",
    "file": "文件",
    "mapping": "映射",
    "state": "状态",
    "rows": "行数",
    "rejected": "拒收",
    "{rows:,} rows, {rate:,.0f}/s, {refused:,} refused": (
        "{rows:,} 行，每秒 {rate:,.0f} 行，拒收 {refused:,} 行"
    ),
    "left": "剩余",
    "new": "新增",
    "changed": "变更",
    "unchanged": "未变",
    "{rows:,} rows in {seconds:.1f} s ({rate:,.0f}/s), {refused:,} refused": "共 {rows:,} 行，用时 {seconds:.1f} 秒"
    "（每秒 {rate:,.0f} 行），拒收 {refused:,} 行",
    "By code: {codes}": "按错误代码：{codes}",
    "{count:,} numbers stood in scientific notation; the mapping allows it, but a spreadsheet may have rounded them": (
        "有 {count:,} 个数字采用科学计数法；映射允许这样写，但可能已被电子表格舍入"
    ),
    "Refused rows: {file}": "拒收的行：{file}",
    "Nothing was written: --strict refuses the whole file": "未写入任何数据：--strict 要求整个文件无误",
    "Nothing was written: this was a check": "未写入任何数据：本次仅为检查",
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
    "Three messages in full": "三条消息全文",
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
    "Past due for {days} days, for {after} after grace": "自应还日起已过{days}天，扣除宽限期后{after}天",
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
    # policy
    "ok: {policy}, {steps} steps, {texts} texts.": "检查通过：{policy}，{steps} 个步骤，{texts} 份文案。",
    "{policy}: version {version} says the same; nothing published.": (
        "{policy}：与第 {version} 版内容相同，未发布新版本。"
    ),
    "{policy}: version {version} would be published; new templates: {templates}.": (
        "{policy}：将发布第 {version} 版；新模板：{templates}。"
    ),
    "{policy}: version {version} published; new templates: {templates}.": (
        "{policy}：已发布第 {version} 版；新模板：{templates}。"
    ),
    "none": "无",
    "Policies": "策略",
    "version": "版本",
    "steps": "步骤数",
    "published": "发布时间",
    "by": "发布人",
    "retired": "停用时间",
    "version {version}, in force, published {at} by {who}": "第 {version} 版，生效中，{at} 由 {who} 发布",
    "version {version}, retired, published {at} by {who}": "第 {version} 版，已停用，{at} 由 {who} 发布",
    "warning: {problem}": "警告：{problem}",
    "{policy}: {condition}": "{policy}：{condition}",
    "grace: {grace}": "宽限期：{grace}",
    "languages: {languages}": "语言：{languages}",
    "by {route}": "渠道：{route}",
    "where {condition}": "条件：{condition}",
    "to {condition}": "对象：{condition}",
    "what is sent": "发送内容",
    "In time order, for a borrower without grace": "按时间顺序（以没有宽限期的借款人为例）",
    "{count} SMS": "短信 {count} 条",
    "version {version}, in force": "生效中的第 {version} 版",
    "nothing published": "尚无已发布版本",
    "against {older}:": "与{older}比较：",
    "nothing changes": "没有变化",
    "- template {template}, {language}, {part}:": "- 模板 {template}，{language}，{part}：",
    # keys
    "{key}  primary: seals from now on": "{key}  主密钥：今后用于加密",
    "{key}  opens": "{key}  仅用于解密",
    "New primary key {key}; {count} keys in the ring. Back keys.json up.": (
        "新的主密钥为 {key}；密钥环中共 {count} 把。请备份 keys.json。"
    ),
    # sandbox
    "SMSC 127.0.0.1:{smpp}  mail 127.0.0.1:{smtp}": "短信中心 127.0.0.1:{smpp}  邮件 127.0.0.1:{smtp}",
    "Journal {journal}  bounces {bounces}": "日志 {journal}  退信 {bounces}",
    "Special addresses; every other is delivered": "特殊地址；其余一律送达",
    "what happens": "结果",
    "Sandbox stopped.": "沙箱已停止。",
}

WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "state": {  # of messages, attempts and receipts
        "planned": "已计划",
        "in_flight": "发送中",
        "done": "已完成",
        "claimed": "已领取",
        "released": "已退回",
        "sent": "已提交",
        "delivered": "已送达",
        "read": "已读",
        "refused": "被拒绝",
        "failed": "未送达",
        "unknown": "结果未知",
        "expired": "已失效",
        "cancelled": "已取消",
        "buffered": "投递中",
    },
    "subject": {"message": "消息", "attempt": "尝试"},
    "purpose": {"reminder": "还款提醒", "collection": "催收"},
    "channel": {"sms": "短信", "email": "邮件"},
    "contact point": {"active": "有效", "retired": "已停用"},
    "import": {"running": "进行中", "done": "完成", "refused": "整份拒收"},
    "kind of row": {
        "borrowers": "借款人",
        "contact_points": "联系方式",
        "loans": "贷款",
        "installments": "期数",
        "payments": "还款",
    },
    "demo file": {
        "customers": "客户",
        "contracts": "合同",
        "credit-lines": "循环额度",
        "statements": "账单",
        "payments": "还款",
    },
    "lender's state": {"good": "正常", "late": "逾期", "unused": "未用卡"},
    "payments show": {"met": "已还足", "short": "未还足", "missed": "未还款", "nothing-due": "无应还"},
    "behaviour": {
        "delivered": "送达",
        "undeliverable": "接收后回执失败（空号）",
        "refused": "当即拒绝，永久有效",
        "throttled": "先要求放慢，其后送达",
        "silent": "接收后再无回执",
        "late": "送达，回执迟到",
        "stops": "送达，本人回复退订",
        "unanswered": "收下后始终不应答",
        "lost-answer": "送达且有回执，但提交未获应答",
        "broken": "当即拒绝，对方系统故障",
        "full": "暂时拒绝，信箱已满",
    },
}

REASONS: Final[Mapping[str, str]] = {
    # ours
    "stopped by hand": "人工停止",
    "replaced": "已被替换",
    "refused by the provider as permanent": "通道永久拒绝",
    "throttled": "通道要求放慢",
    "the worker stopped before the answer was recorded": "工作进程在记录应答前中止",
    "at most {count} a day; free from {at}": "每日最多 {count} 条，{at} 起可发",
    "08:00-21:00 {zone}; opens {at}": "{zone} 时间 08:00-21:00，{at} 开放",
    "payments known through {known}, needed through {needed}": "还款数据截至 {known}，需覆盖到 {needed}",
    "sms": "短信",
    "email": "邮件",
    # not written, or not answered
    "not bound": "尚未登录通道",
    "closed": "连接已关闭",
    "closing": "连接正在关闭",
    "its validity had passed": "已过有效期",
    "its time to be written had passed": "已过提交时限",
    "the relay is away or asked for a pause": "邮件中继不可用或要求暂停",
    "no response": "没有应答",
    "no answer to the text": "正文未获应答",
    "the answer to the text cannot be read": "正文的应答无法识别",
    "the connection is closed": "连接已关闭",
    "the connection was lost": "连接中断",
    "the connection failed": "连接失败",
    "the connection failed ({error})": "连接失败（{error}）",
    "no connection ({error})": "无法连接（{error}）",
    "the server refused the connection ({code})": "服务器拒绝连接（{code}）",
    "the peer broke the protocol": "对方违反协议",
    "the peer unbound": "对方已退出登录",
    "the peer stopped answering": "对方停止应答",
    "the bind was not answered": "登录未获应答",
    "the bind was refused": "登录被拒绝",
    "{accepted} of {parts} parts were accepted": "共 {parts} 段，仅 {accepted} 段被接收",
    # refused before the wire
    "not a number in E.164": "不是 E.164 格式的号码",
    "the server has no SMTPUTF8": "服务器不支持 SMTPUTF8",
    "the message cannot be built from this text and these headers": "无法用此正文和信头组成邮件",
    # mail servers (RFC 3463)
    "refused": "被拒绝",
    "reply {code}": "应答 {code}",
    "trouble with the address": "地址有问题",
    "no such mailbox": "信箱不存在",
    "no such mail domain": "邮件域不存在",
    "the address is malformed": "地址格式错误",
    "the mailbox has moved and left no address": "信箱已迁移且未留新地址",
    "the sender's address is malformed": "发件地址格式错误",
    "the sender's domain is not accepted": "发件域不被接受",
    "the domain takes no mail": "该域不接收邮件",
    "trouble with the mailbox": "信箱有问题",
    "the mailbox is disabled": "信箱已停用",
    "the mailbox is full": "信箱已满",
    "the message is longer than the mailbox takes": "邮件超出信箱限制",
    "trouble in the mail system": "邮件系统故障",
    "the mail system is full": "邮件系统已满",
    "the mail system takes no messages now": "邮件系统暂不接收",
    "the message is too big": "邮件过大",
    "the host does not answer": "主机无应答",
    "no route to the domain": "无法路由到该域",
    "the mail system is congested": "邮件系统拥塞",
    "the time to deliver ran out": "投递超时",
    "trouble with the protocol": "协议错误",
    "too many recipients": "收件人过多",
    "an address needs SMTPUTF8": "地址需要 SMTPUTF8",
    "refused by policy": "因对方策略被拒",
    "delivery is not authorised": "未获授权投递",
    "no DKIM signature passed": "DKIM 签名未通过",
    "SPF did not pass": "SPF 未通过",
    "reverse DNS did not pass": "反向解析未通过",
    "several authentication checks failed": "多项身份验证未通过",
    "too much mail": "邮件过多",
    # message centres (SMPP 3.4, 5.1.3)
    "no error": "无错误",
    "message length is invalid": "消息长度无效",
    "command length is invalid": "命令长度无效",
    "invalid command id": "命令编号无效",
    "incorrect bind status for the command": "登录状态不允许此命令",
    "already bound": "已登录",
    "invalid priority flag": "优先级无效",
    "invalid registered delivery flag": "回执标志无效",
    "system error": "系统错误",
    "invalid source address": "源地址无效",
    "invalid destination address": "目的号码无效",
    "message id is invalid": "消息编号无效",
    "bind failed": "登录失败",
    "invalid password": "密码错误",
    "invalid system id": "系统编号无效",
    "cancel_sm failed": "取消失败",
    "replace_sm failed": "替换失败",
    "message queue full": "消息队列已满",
    "invalid service type": "业务类型无效",
    "invalid number of destinations": "目的数量无效",
    "invalid distribution list name": "群发列表名无效",
    "destination flag is invalid": "目的标志无效",
    "invalid submit-with-replace request": "替换提交请求无效",
    "invalid esm_class": "esm_class 无效",
    "cannot submit to distribution list": "不能提交到群发列表",
    "submit failed": "提交失败",
    "invalid source address TON": "源地址 TON 无效",
    "invalid source address NPI": "源地址 NPI 无效",
    "invalid destination address TON": "目的地址 TON 无效",
    "invalid destination address NPI": "目的地址 NPI 无效",
    "invalid system type": "系统类型无效",
    "invalid replace_if_present flag": "replace_if_present 标志无效",
    "invalid number of messages": "消息数量无效",
    "message limits exceeded": "超出流量限制",
    "invalid scheduled delivery time": "定时投递时间无效",
    "invalid validity period": "有效期无效",
    "predefined message is invalid": "预定义消息无效",
    "receiver's temporary error": "接收方暂时错误",
    "receiver's permanent error": "接收方永久错误",
    "receiver rejected the message": "接收方拒收",
    "query_sm failed": "查询失败",
    "error in the optional parameters": "可选参数有误",
    "optional parameter not allowed": "不允许该可选参数",
    "invalid parameter length": "参数长度无效",
    "expected optional parameter missing": "缺少应有的可选参数",
    "invalid optional parameter value": "可选参数值无效",
    "delivery failure": "投递失败",
    "unknown error": "未知错误",
}
