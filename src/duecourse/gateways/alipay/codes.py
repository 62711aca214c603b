"""What Alipay writes. Source: https://opendocs.alipay.com/open (alipay.trade.page.pay, alipay.trade.wap.pay,
alipay.trade.query, asynchronous notifications, common error codes); written from
knowledge of them, not held against their text again.
"""

from __future__ import annotations

from datetime import timedelta, timezone
from typing import Final

GATEWAY: Final = "https://openapi.alipay.com/gateway.do"
SOURCES: Final = ("https://*.alipay.com", "https://*.alipayobjects.com")
"""Where its pages send a payer on."""
BEIJING: Final = timezone(timedelta(hours=8))
"""Its times are written without a zone, and are Beijing's."""

PAID: Final = frozenset(("TRADE_SUCCESS", "TRADE_FINISHED"))
CLOSED: Final = "TRADE_CLOSED"
"""Not paid in time; or paid, and all of it went back."""

GOOD: Final = "10000"
BUSINESS: Final = "40004"
"""The question was understood and the answer is no: sub_code says why."""
NOT_THERE: Final = frozenset(("ACQ.TRADE_NOT_EXIST",))
"""Nobody has begun to pay the order yet."""
ITS_OWN: Final = "20000"
"""The gateway's own trouble. Every other code: keys, settings or rights of the account."""
