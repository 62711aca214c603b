"""What `keys` and `sandbox` print, English to Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SENTENCES: Final[Mapping[str, str]] = {
    # keys
    "{key}  primary: seals from now on": "{key}  主密钥：今后用于加密",
    "{key}  opens": "{key}  仅用于解密",
    "New primary key {key}; {count} keys in the ring. Back keys.json up.": (
        "新的主密钥为 {key}；密钥环中共 {count} 把。请备份 keys.json。"
    ),
    # sandbox
    "Journal {journal}  bounces {bounces}": "日志 {journal}  退信 {bounces}",
    "Special addresses; every other is delivered": "特殊地址；其余一律送达",
    "what happens": "结果",
    "Sandbox stopped.": "沙箱已停止。",
}
