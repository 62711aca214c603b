"""What WeChat Pay writes. Source: https://pay.weixin.qq.com/doc/v3/merchant (H5 and Native orders, query by
out_trade_no, payment and refund notifications, signatures, AEAD_AES_256_GCM); written from
knowledge of them, not held against their text again.
"""

from __future__ import annotations

from typing import Final

API: Final = "https://api.mch.weixin.qq.com"
PAGES: Final = "https://wx.tenpay.com"
"""Where a phone's browser is sent."""
SCHEMA: Final = "WECHATPAY2-SHA256-RSA2048"

PAID: Final = "SUCCESS"
REFUNDED: Final = "REFUND"
"""Paid, and some or all of it went back."""
CLOSED: Final = frozenset(("CLOSED", "REVOKED"))
"""NOTPAY, USERPAYING, PAYERROR (may be tried again): nothing yet."""

PAID_EVENT: Final = "TRANSACTION.SUCCESS"
REFUND_EVENT: Final = "REFUND.SUCCESS"
"""REFUND.ABNORMAL and REFUND.CLOSED: no money went back."""
