"""What `batch` and `correct` print, and what `stop` and `resume` say of batches, English to Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SENTENCES: Final[Mapping[str, str]] = {
    "Batch {batch} is held.": "批次 {batch} 已暂停。",
    "Batch {batch} was held already.": "批次 {batch} 此前已暂停。",
    "Batches let go: {count}": "已放行批次：{count} 个",
    "HELD: batch {batch}, {step} of {day}, {waiting} messages wait: {why}": (
        "已暂停：批次 {batch}，{day} 的 {step}，{waiting} 条消息等待：{why}"
    ),
    "When it began: largest message {largest} {currency}, together {total} {currency}": (
        "开始时：单条最大金额 {largest} {currency}，合计 {total} {currency}"
    ),
    "{count} corrections would be planned.": "将计划更正消息 {count} 条。",
    "{count} corrections planned; the rest of the batch stays where it is.": (
        "已计划更正消息 {count} 条；该批次其余消息不再发送。"
    ),
    "Reached": "已触达",
    "people": "人数",
    "Batches": "批次",
    "batch": "批次",
    "tried": "已尝试",
    "waiting": "等待",
    "began": "开始时间",
    "resumed by": "放行人",
}
