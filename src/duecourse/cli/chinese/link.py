"""What `duecourse link` prints, English to Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SENTENCES: Final[Mapping[str, str]] = {
    "{key}: {standing}, from {issued} to {expires}": "{key}：{standing}，{issued} 至 {expires}",
    "Handed over by {who}": "由 {who} 当面交付",
    "Message {id} ({purpose}) by {channel} to {address}": "消息 {id}（{purpose}），{channel}发往 {address}",
    "Taken back by {who}: {why}": "由 {who} 收回：{why}",
    "Opened": "打开记录",
    "told by": "判断依据",
    "It holds until {until} and is not shown again.": "有效期至 {until}，不再显示。",
    "Taken back: {count}": "已收回：{count}",
    "Locked until {until}: too many wrong answers": "锁定至 {until}：答错次数过多",
    "from": "自",
    "to": "至",
    "people": "人",
    "programs": "程序",
    "Links": "链接",
    "Wrong answers forgotten.": "答错记录已清除。",
    "There were no wrong answers.": "没有答错记录。",
}

WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "second factor": {"id-last-6": "证件号后六位", "contract-number": "合同编号"},
    "link": {"open": "有效", "expired": "已过期", "revoked": "已收回", "retired": "联系方式已停用"},
    "opened by": {
        "person": "本人或他人",
        "scanner": "扫描程序",
        "preview": "链接预览",
        "prefetch": "浏览器预取",
    },
    "told by": {
        "": "",
        "headers": "请求头",
        "agent": "客户端自称",
        "method": "请求方式",
        "burst": "短时间内打开多个链接",
        "haste": "发出后立即打开",
    },
}
"""Stored words that only links and visits have."""
