"""What `duecourse wechat` prints, English to Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SENTENCES: Final[Mapping[str, str]] = {
    "Code {code}, until {until}": "绑定码 {code}，有效期至 {until}",
    "QR code, until {until}:": "二维码，有效期至 {until}：",
    "Bound: {borrower}": "已绑定：{borrower}",
    "Invitations to bind a WeChat account": "微信绑定邀请",
    "account": "账号",
    "way": "方式",
    "invited": "邀请时间",
    "Subscription messages": "订阅消息余量",
    "allowed": "已授权",
    "used": "已使用",
    "left": "剩余",
    "without end": "长期有效",
}
