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
    "why": "依据",
    "Open: {what}": "待定：{what}",
    "Written: {file}. Go through it, then: duecourse book check {data} --mapping {file}": (
        "已写入：{file}。请逐项核对，然后执行：duecourse book check {data} --mapping {file}"
    ),
}
