"""What this process has done, as Prometheus counts it: counters and histograms, from zero at its start.

Each event is counted by the process that committed it, after the commit, and by no other: the sum over all processes is
the whole, and `rate()` over it is right however many there are and however often one starts again.
"""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram

SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the histograms' buckets."""
PLAN_SECONDS: Final = (0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
_PROVIDER: Final = ("channel", "provider")


class Meters:
    """The counters of one process. Labels name channels, providers, rules and causes; never a message or a person."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        """registry: where they are read from; None: a registry of their own."""
        self.registry = registry or CollectorRegistry()
        self.planned = self._count("messages_planned", "Messages planned, of days and of events.")
        self.withheld = self._count(
            "messages_withheld",
            "Messages that a rule came to withhold when they were judged at a claim.",
            "rule",
        )
        self.expired = self._count("messages_expired", "Messages that lost their use before they went out.")
        self.claimed = self._count("attempts_claimed", "Attempts written down to be handed over.", *_PROVIDER)
        self.sent = self._count("attempts_sent", "Attempts that the provider took.", *_PROVIDER)
        self.delivered = self._count("attempts_delivered", "Attempts heard to be delivered.", *_PROVIDER)
        self.read = self._count("attempts_read", "Attempts heard to be read.", *_PROVIDER)
        self.failed = self._count(
            "attempts_failed",
            "Attempts refused at the hand-over or by a receipt, by cause.",
            *_PROVIDER,
            "cause",
        )
        self.unknown = self._count("attempts_unknown", "Attempts whose outcome became unknown.", *_PROVIDER)
        self.released = self._count(
            "attempts_released",
            "Attempts that nobody took; the message is planned again.",
            *_PROVIDER,
            "rule",
        )
        self.answers = self._count(
            "provider_answers",
            "Answers as a provider is weighed by them: good, bad, throttled, slow.",
            "provider",
            "answer",
        )
        self.receipts = self._count("receipts_stored", "Receipts of providers stored.", "provider")
        self.replies = self._count("replies_stored", "Replies and acts of people stored.", "provider")
        self.not_stored = self._count(
            "provider_sink_failures",
            "Times what a provider told could not be stored; it tells it again.",
            "provider",
        )
        self.claim = self._time("claim_seconds", "Judging, rendering and writing down a batch of messages.")
        self.render = self._time("render_seconds", "Making the texts of a batch, within its claim.")
        self.hand_over = self._time(
            "hand_over_seconds", "From giving a batch to a provider to its last answer.", "provider"
        )
        self.settle = self._time("settle_seconds", "Recording the answers to a batch.")
        self.plan = self._time("plan_seconds", "Planning the lanes held.", buckets=PLAN_SECONDS)

    def expect(self, provider: str, channel: str | None = None) -> None:
        """Begin a provider's counters at zero, so that its first event is an increase. channel: where we send by it."""
        for told in (self.receipts, self.replies, self.not_stored):
            told.labels(provider)
        if channel is not None:
            for attempts in (self.claimed, self.sent, self.delivered, self.read, self.unknown):
                attempts.labels(channel, provider)
            for answer in ("good", "bad", "throttled", "slow"):
                self.answers.labels(provider, answer)

    def _count(self, name: str, help_text: str, *labels: str) -> Counter:
        return Counter(f"duecourse_{name}", help_text, labels, registry=self.registry)

    def _time(
        self, name: str, help_text: str, *labels: str, buckets: tuple[float, ...] = SECONDS
    ) -> Histogram:
        return Histogram(f"duecourse_{name}", help_text, labels, registry=self.registry, buckets=buckets)
