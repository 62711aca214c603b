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
