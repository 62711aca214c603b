"""What deliveries and mappings print, English to Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SENTENCES: Final[Mapping[str, str]] = {
    "delivery": "供数",
    "of": "日期",
    "Last deliveries": "最近供数",
    "codes": "错误代码",
    "and {count:,} more": "另有 {count:,} 条",
    "{delivery} of {day}: refused, nothing was written": "{delivery} {day}：整批拒收，未写入任何数据",
    "{delivery} of {day}: in the book already, nothing to do": "{delivery} {day}：台账中已有，无需处理",
    "{delivery} of {day}: would go in, {rows:,} rows, {refused:,} refused, {seconds:.1f} s": (
        "{delivery} {day}：可以导入，{rows:,} 行，拒收 {refused:,} 行，用时 {seconds:.1f} 秒"
    ),
    "{delivery} of {day}: in the book, {rows:,} rows, {refused:,} refused, {seconds:.1f} s": (
        "{delivery} {day}：已入台账，{rows:,} 行，拒收 {refused:,} 行，用时 {seconds:.1f} 秒"
    ),
    "Watching {folder} every {every}": "正在监视 {folder}，间隔 {every}",
    "A delivery was broken off; the next start completes it": "一批供数中途停止；下次启动时会补完",
    "Stopped watching": "已停止监视",
    "Mappings": "自带映射",
    "for": "用途",
    "left out": "未采用",
    "column": "列",
    "taken for": "识别为",
    "how sure": "把握",
    "because": "依据",
    "Open: {what}": "待定：{what}",
    "Written: {file}. Go through it, then: duecourse book check {data} --mapping {file}": (
        "已写入：{file}。请逐项核对，然后执行：duecourse book check {data} --mapping {file}"
    ),
}

REASONS: Final[Mapping[str, str]] = {
    # why a column was taken for something
    "the book counts it itself, or does not keep it": "由台账自行计算，或不予保存",
    "its name says {target}, its values do not look so": "列名像 {target}，但取值不符",
    "also reads like {target}, as '{other}' does": "也像 {target}，已由列“{other}”充当",
    "its name": "列名",
    "part of its name": "列名的一部分",
    "its name and its values": "列名与取值",
    "part of its name and its values": "列名的一部分与取值",
    "its values have the check digit of ID numbers": "取值均通过身份证校验码",
    "its values are mobile numbers": "取值均为手机号码",
    "its values are e-mail addresses": "取值均为邮箱地址",
    "its values are currencies": "取值均为币种代码",
    "neither name nor values are known": "列名与取值都不认识",
    # what stays open
    "the file names no columns: c1, c2, … were judged by their values alone": (
        "文件没有列名：c1、c2……仅凭取值判断"
    ),
    "'{column}' holds no ISO 4217 codes; add a lookup; until then every row is refused": (
        "“{column}”不是 ISO 4217 币种代码，请添加对照表；在此之前每行都会被拒收"
    ),
    "no column says in which currency amounts are; until then every row is refused": (
        "没有哪一列说明币种；在此之前每行都会被拒收"
    ),
    "no column is a customer number; the contract stands in, so that a person with two is two": (
        "没有客户号一列，暂以合同号代替，因此有两份合同的人会算作两人"
    ),
    "no column says the borrower's {key}; until then every row is refused": (
        "没有哪一列说明借款人的 {key}；在此之前每行都会被拒收"
    ),
    "'{column}' is neither a fraction nor a percentage throughout; annual_rate is left out": (
        "“{column}”既不全是小数也不全是百分数，未采用为 annual_rate"
    ),
    "no column numbers the installments; the digits of the due day stand in, one a day and loan": (
        "没有期数一列，暂以应还日的数字代替，每笔贷款每天一期"
    ),
    "no column numbers the installments; until then every row is refused": (
        "没有期数一列；在此之前每行都会被拒收"
    ),
    "no column names a payment; loan and day stand in, so that two on one day are refused": (
        "没有流水号一列，暂以贷款与日期代替，因此同一天的第二笔会被拒收"
    ),
    "neither people, loans, installments nor payments were found among the columns": (
        "各列中未发现客户、贷款、期数或还款"
    ),
    '{names} holds whole numbers alone: say whether unit = "major" (yuan) or "minor" (fen); '
    "until then every row is refused": (
        '{names} 全为整数：请说明 unit = "major"（元）还是 "minor"（分）；在此之前每行都会被拒收'
    ),
    "'{column}' may be {formats}: every day of the sample fits each": (
        "“{column}”可能是 {formats}：样本中的每个日期都符合"
    ),
    "'{column}' has words that are not known here ({count}); add a lookup for {key}": (
        "“{column}”中有不认识的取值（{count} 个）；请为 {key} 添加对照表"
    ),
}
