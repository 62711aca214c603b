"""What `serve` and `api-key` print, English to Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SENTENCES: Final[Mapping[str, str]] = {
    "Keys of the API": "API 密钥",
    "Serving on {address}; Ctrl-C stops.": "服务地址：{address}；按 Ctrl-C 停止。",
    "Stopped serving.": "服务已停止。",
    "The key of {name}, shown only now:": "{name} 的密钥，仅此一次显示：",
    "last used on": "最近使用",
    "made by": "创建人",
    "may": "权限",
    "key name": "密钥名称",
    "refused, 30 days": "30 天内拒绝次数",
    "{count:,} requests of the last 30 days showed no key of ours.": "最近 30 天有 {count:,} 次请求未出示有效密钥。",
    "{name} holds no more.": "{name} 已失效。",
}
