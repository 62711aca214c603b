"""A desk with several providers of a channel, each answering as the test says."""

from __future__ import annotations

from collections import Counter as Tallied
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from counter import Counter, Scripted
from duecourse.dispatch.lines import Registration, Routing
from duecourse.domain.messaging import Channel, Outcome
from lender import Lender
from post import Post

NINE = "2026-03-09T09:00+08:00"
NOW = datetime.fromisoformat(NINE)
SMS = """
  - id: due-in-1
    when: due - 1d at 09:00
    purpose: reminder
    route: [sms]
    template: due-soon
"""


def due(lender: Lender, many: int = 1, route: str = "[sms]", **row: str) -> None:
    """So many borrowers with a message due at nine."""
    lender.book("loan due_on\n" + "\n".join(f"L-{n} 2026-03-10" for n in range(many)), **row)
    lender.policy(SMS.replace("[sms]", route))
    lender.plan("2026-03-09T00:00+08:00")


class Exchange(Counter):
    """A Counter whose SMS go through the providers given; e-mail through one of its own."""

    def __init__(self, post: Post, **routings: Routing) -> None:
        super().__init__(post)
        del self.ends["sms"], self.switchboard.adapters["sms"]
        for name, routing in routings.items():
            self.add(name, routing)

    def rounds(self, instant: str, times: int = 4) -> None:
        """All that is due at an instant, also what comes back at once."""
        self.at(*[instant] * times)

    def add(self, name: str, routing: Routing, registration: Registration | None = None) -> Scripted:
        """One more provider of SMS."""
        end = Scripted(Channel.SMS, [])
        end.name, end.window = name, 1000
        self.ends[name] = end
        self.switchboard.adapters[name] = end  # type: ignore[assignment]
        self.switchboard.routings[name] = routing
        self.switchboard.registrations[name] = registration or Registration()
        return end

    def answer(self, name: str, *answers: Outcome) -> None:
        """What the provider answers next; after that it accepts."""
        self.ends[name].answers = list(answers)

    def taken(self) -> Tallied[str]:
        """How many messages each provider was handed."""
        return Tallied({name: len(end.taken) for name, end in self.ends.items() if end.taken})

    def walked(self, columns: str = "provider, state") -> list[Sequence[Any]]:
        """Every attempt in order."""
        rows = self.post.lender.conn.execute(
            f"SELECT {columns} FROM attempt ORDER BY claimed_at, message_id, seq"  # type: ignore[arg-type]
        ).fetchall()
        self.post.lender.conn.commit()
        return rows
