"""Ways from one channel to the next, the inbox, call tasks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SENTENCES: Final[Mapping[str, str]] = {
    "{route} if not {state} by {time}": "{route}（{time} 前未达到“{state}”则换下一渠道）",
    "Added: {point}": "已添加：{point}",
    "Known already: {point}": "此前已登记：{point}",
}
REASONS: Final[Mapping[str, str]] = {
    "answered": "已有回应",
    "heard of an earlier attempt": "前一次尝试已有消息",
    "again, under the same id": "以同一标识重新提交",
}
