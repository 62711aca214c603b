"""What `init` and `book` print, English to Chinese."""

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
}
