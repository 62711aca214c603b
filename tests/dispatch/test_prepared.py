"""What judges takes longer to plan than to run, so a desk's connection keeps what the server has prepared for it."""

from __future__ import annotations

import asyncio
from datetime import datetime

from lender import Lender
from post import Post

NINE = datetime.fromisoformat("2026-03-09T09:00+08:00")


def test_a_desk_that_asks_what_is_due_keeps_its_prepared_statements(lender: Lender, post: Post) -> None:
    async def turns() -> list[str]:
        with post.store.connect() as conn:
            desk, switchboard = await post.open(conn, "sms.smpp")
            try:
                for _ in range(1 + (conn.prepare_threshold or 0)):
                    await desk.take_turn(NINE, 10)
                    await desk.has_due(NINE)
                    await desk.next_instant()
                    await desk.is_idle()
            finally:
                await switchboard.close()
            return [text for (text,) in conn.execute("SELECT statement FROM pg_prepared_statements")]

    kept = asyncio.run(turns())
    asked = ("claim_messages", "has_due", "next_instant", "count_open")
    assert [
        name for name in asked if not any(text.startswith(f"/* dispatch.{name} */") for text in kept)
    ] == []
