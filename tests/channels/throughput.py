"""How many SMS a second one core submits and settles: python tests/channels/throughput.py [messages] [window]

The peer is the sandbox in its own process; each message is accepted and its receipt committed to a list.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

import psutil

from duecourse.channels.registry import build
from duecourse.channels.sandbox.process import SandboxProcess
from duecourse.domain.messaging import Accepted, Outgoing, Receipt, Reply

TEXT = "您好，您的贷款将于3月10日到期，应还1500.00元，请按时还款。"


async def measure(sandbox: SandboxProcess, messages: int, window: int) -> None:
    """Send, drain, and print."""
    receipts: list[Receipt] = []

    async def on_receipts(name: str, batch: Sequence[Receipt]) -> None:
        receipts.extend(batch)

    async def on_reply(reply: Reply) -> None:
        raise AssertionError("nobody replies here")

    settings = {
        "host": "127.0.0.1",
        "port": sandbox.ports["sms.smpp"],
        "system_id": "bench",
        "window": window,
    }
    adapter = build("sms.smpp", "bench", settings, on_receipts, on_reply)
    await adapter.open()
    batch = [
        Outgoing(uuid4(), f"+86138{1000 + at % 9000:04d}{1000 + at % 9000:04d}", TEXT)
        for at in range(messages)
    ]
    await adapter.send(batch[:1])
    peer = psutil.Process(sandbox.pid)
    ours, theirs, wall = time.process_time(), sum(peer.cpu_times()[:2]), time.perf_counter()
    accepted = sum(isinstance(outcome, Accepted) for outcome in await adapter.send(batch))
    await adapter.drain()
    wall = time.perf_counter() - wall
    ours, theirs = time.process_time() - ours, sum(peer.cpu_times()[:2]) - theirs
    await adapter.close()
    print(f"{messages} messages, window {window}: {accepted} accepted, {len(receipts) - 1} receipts")
    print(f"{messages / wall:8.0f} a second of wall time")
    print(f"{messages / ours:8.0f} a second of one core here, {messages / theirs:.0f} in the sandbox")


def main() -> None:
    messages, window = (*map(int, sys.argv[1:]), *(30_000, 50)[len(sys.argv) - 1 :])[:2]
    with (
        tempfile.TemporaryDirectory() as folder,
        SandboxProcess(Path(folder)) as sandbox,
    ):
        asyncio.run(measure(sandbox, messages, window))


if __name__ == "__main__":
    main()
