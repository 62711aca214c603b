"""What `gateway` prints, English to Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SENTENCES: Final[Mapping[str, str]] = {
    "No gateway is configured: describe one in gateways.toml of the home folder.": (
        "尚未配置支付渠道：请在主目录的 gateways.toml 中说明。"
    ),
    "currencies": "币种",
    "gateway": "支付渠道",
    "notifications go to": "通知地址",
    "all it takes": "其支持的全部币种",
    "Payment gateways": "支付渠道",
    "{gateway}: {trouble} (C114)": "{gateway}：{trouble}（C114）",
    "{gateway}: well": "{gateway}：正常",
    "trade": "交易单号",
    "went back": "已退回",
    "why a person must look": "需人工核对的原因",
    "looked at by": "核对人",
    "Payments through gateways": "经支付渠道的还款",
    "{trade} has been looked at.": "{trade} 已核对。",
    "Put these into {file} of a simulated book; Ctrl-C stops.": "请将以上内容写入模拟账簿的 {file}；Ctrl-C 停止。",
    "Stopped practising.": "已停止演练。",
}

REASONS: Final[Mapping[str, str]] = {
    "no order of ours has this number; the money waits in suspense": "没有对应的订单；款项已挂账",
    "another amount was paid than was asked for; it was booked as what it is": "实付金额与订单不符；已按实付金额入账",
    "another currency was paid than was asked for; the money waits in suspense": "实付币种与订单不符；款项已挂账",
    "the loan is not in the book any more; the money waits in suspense": "贷款已不在账内；款项已挂账",
    "the order was paid more than once; every payment was booked": "同一订单重复付款；每笔均已入账",
    "the gateway has told two amounts for one payment; the first stands": "同一笔付款被告知两个金额；以先到为准",
    "the book had this payment already with another amount, which stands": "账内已有此笔付款且金额不同；以账内为准",
    "money went back to the payer that waits in suspense; it must not be placed whole": (
        "挂账款项已退回付款人；不得再全额入账"
    ),
}
