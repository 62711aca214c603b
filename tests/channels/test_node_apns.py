"""The adapter for Apple's push service against an HTTP/2 and a TLS by other hands: Node's own."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from duecourse.channels.apns.far_end import SandboxApns
from duecourse.channels.registry import build
from duecourse.domain.messaging import Accepted, Cause, Outcome, Outgoing, Refused

from .certificates import self_signed
from .conformance import Sink, message_to
from .counterparts import program

HERE = Path(__file__).parent / "counterparts"


def exchange(
    folder: Path, messages: Sequence[Outgoing], **changes: Any
) -> tuple[list[Outcome], list[dict[str, Any]]]:
    """Outcomes of the messages, and what the server saw."""
    certificate, key = self_signed(folder)
    settings = (
        SandboxApns.settings(1, folder) | {"ca_file": str(certificate), "response_seconds": 20} | changes
    )
    signing = serialization.load_pem_private_key(SandboxApns.settings(1, folder)["key"].encode(), None)
    public = folder / "public.pem"
    public.write_bytes(
        signing.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    server = subprocess.Popen(
        [program("node"), HERE / "apns_server.js", certificate, key, public],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert server.stdout is not None
    settings["url"] = f"https://127.0.0.1:{json.loads(server.stdout.readline())['port']}"

    async def run() -> list[Outcome]:
        sink = Sink()
        adapter = build(
            "app.apns", "node", settings, sink.on_receipts, sink.on_reply, lambda: datetime.now(UTC)
        )
        await adapter.open()
        try:
            return list(await adapter.send(messages))
        finally:
            await adapter.close()

    try:
        outcomes = asyncio.run(run())
    finally:
        out, _ = server.communicate(timeout=20)
    return outcomes, [json.loads(line) for line in out.splitlines()]


def test_notifications_go_over_one_tls_connection_and_dead_tokens_are_told(tmp_path: Path):
    messages = [
        message_to(f"{at:060x}{'dead' if at % 5 == 0 else 'beef'}", f"请查看账单 {at}") for at in range(100)
    ]
    outcomes, seen = exchange(tmp_path, messages)
    for at, (message, outcome) in enumerate(zip(messages, outcomes, strict=True)):
        if at % 5 == 0:
            assert isinstance(outcome, Refused) and (outcome.permanent, outcome.cause) == (True, Cause.DEAD)
        else:
            assert outcome == Accepted(str(message.attempt_id))
    assert {one["alert"]["body"] for one in seen} == {message.text for message in messages}
    assert max(one["sessions"] for one in seen) == 1


def test_token_signed_by_another_key_is_refused(tmp_path: Path):
    other = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _, seen = exchange(tmp_path, [message_to("f" * 64)], key=other.decode())
    assert [one["refused"] for one in seen] == [[403, "InvalidProviderToken"]]
