"""Far ends of gateways on this machine, and gateways that speak with them."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import uvicorn

from duecourse.domain.money import Money
from duecourse.gateways.alipay.far_end import AlipayFarEnd
from duecourse.gateways.contract import Order
from duecourse.gateways.far_end import FarEnd
from duecourse.gateways.generic.far_end import GenericFarEnd
from duecourse.gateways.registry import build
from duecourse.gateways.stripe.far_end import StripeFarEnd
from duecourse.gateways.wechatpay.far_end import WechatPayFarEnd

NOW = partial(datetime.now, UTC)
FAR_ENDS = {one.kind: one for one in (GenericFarEnd, StripeFarEnd, AlipayFarEnd, WechatPayFarEnd)}
NOTIFY = "https://lender.example/callbacks/pay/shop"
RETURN = "https://lender.example/me/pay/"
_order_numbers = iter(range(1, 1_000_000))


@contextlib.contextmanager
def serving(far_end: FarEnd) -> Iterator[FarEnd]:
    """The far end on a port of this machine."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=64)
    far_end.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    config = uvicorn.Config(far_end.application(), log_config=None, access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield far_end
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


def gateway_of(far_end: FarEnd, **other: Any) -> Any:
    """An adapter that speaks with it."""
    return build(far_end.kind, "shop", {**far_end.settings(), **other})


def an_order(minor: int = 123_456, currency: str = "CNY", *, phone: bool = True) -> Order:
    """An order of its own, made now."""
    order_no, now = f"{next(_order_numbers):032x}", datetime.now(UTC)
    return Order(
        order_no=order_no,
        amount=Money(minor, currency),
        return_url=RETURN + order_no,
        notify_url=NOTIFY,
        now=now,
        expires_at=now + timedelta(hours=1),
        language="zh-CN",
        phone=phone,
        peer="203.0.113.9",
    )
