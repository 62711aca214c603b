"""An SMPP adapter bound to an SMSC that a test scripts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from duecourse.channels.smpp.adapter import SmppAdapter, SmppConfig
from duecourse.channels.smpp.codec import (
    EsmClass,
    ShortMessage,
)
from duecourse.channels.wire.frame import Frame

from .conformance import Sink
from .scripted import Handler, ScriptedPeer, ScriptedSmsc

NUMBER = "+8613800001111"
LONG = "您的车贷本期应还款将于三日后到期。" * 8
Body = Callable[[SmppAdapter, ScriptedSmsc, Sink], Awaitable[None]]


def against(handler: Handler, body: Body, **config: object) -> None:
    """Run `body` with an adapter bound to a scripted SMSC."""

    async def run() -> None:
        smsc, sink = ScriptedSmsc(handler), Sink()
        settings = {
            "host": "127.0.0.1",
            "port": await smsc.start(),
            "system_id": "lender",
            "password": "hush",
            "response_seconds": 0.3,
            "rebind_first_seconds": 0.05,
            "rebind_most_seconds": 0.2,
            "throttle_pause_seconds": 0.4,
        } | config
        adapter = SmppAdapter(
            "scripted", SmppConfig.model_validate(settings), sink.on_receipts, sink.on_reply
        )
        await adapter.open()
        try:
            await body(adapter, smsc, sink)
        finally:
            await asyncio.wait_for(adapter.close(), 10)
            await smsc.stop()

    asyncio.run(run())


def plain(peer: ScriptedPeer, frame: Frame) -> None:
    """A plain SMSC."""


def receipt_for(provider_id: str) -> ShortMessage:
    return ShortMessage(
        destination="10690",
        esm_class=EsmClass.RECEIPT,
        short_message=f"id:{provider_id} stat:DELIVRD".encode(),
    )
