"""Ways from one channel to the next, the inbox, call tasks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SENTENCES: Final[Mapping[str, str]] = {
    "{route} if not {state} by {time}": "{route}（{time} 前未达到“{state}”则换下一渠道）",
    "Added: {point}": "已添加：{point}",
    "Known already: {point}": "此前已登记：{point}",
    "Calls to make": "待拨电话任务",
    "Inbox": "站内信",
    "name": "姓名",
    "number": "号码",
    "opened": "已打开",
    "permit": "许可",
    "sent at": "发送时间",
    "subject": "标题",
    "{count:,} calls to make in {file}": "{file} 中有 {count:,} 个待拨电话任务",
    "{rows:,} results: {new:,} new, {known:,} known, {left:,} left out": (
        "{rows:,} 条结果：新 {new:,}，已知 {known:,}，剔除 {left:,}"
    ),
}
REASONS: Final[Mapping[str, str]] = {
    "answered": "已有回应",
    "overtaken since it was claimed": "领取后已有新情况",
    "again, under the same id": "以同一标识重新提交",
    "the person asked for it": "应本人要求",
}
