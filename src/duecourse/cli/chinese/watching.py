"""What is seen of a running installation, English to Chinese: metrics, and the figures of `status`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SENTENCES: Final[Mapping[str, str]] = {
    "Metrics on {address}": "监控指标：{address}",
    "Messages for {day}": "{day} 的消息",
    "Lag: none; nothing is due that is not claimed": "积压：无，到期消息均已领取",
    "Lag: {seconds:.0f} s, {due} messages due; lanes {lanes}": "积压：最久 {seconds:.0f} 秒，"
    "到期未领取 {due} 条；分道 {lanes}",
    "Leases: held {held}, expired {expired}, free {free}; the longest idle for {seconds:.0f} s": "租约：持有 {held}，"
    "过期 {expired}，空闲 {free}；最久无人持有 {seconds:.0f} 秒",
    "Providers, with their answers of the last minute": "通道及最近一分钟的应答",
    "Waiting: receipts {receipts}, replies {replies}, calls {tasks}, answers {answers}": "待处理：回执 {receipts}，"
    "回复 {replies}，外呼任务 {tasks}，待人工处理的答复 {answers}",
}
