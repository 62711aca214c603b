"""Handing over: each provider its part of what was claimed, all at once, and what their answers say of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from uuid import UUID

import structlog

from duecourse.domain.messaging import Outcome, Unknown

from .claimed import Claimed, latest_start
from .lines import Routing
from .meters import Meters
from .providers import Answers
from .switchboard import Switchboard

FAIR_TRIES = 4
"""How often a message counts in what is known of providers."""
log = structlog.get_logger("duecourse.dispatch")


async def hand_over(
    switchboard: Switchboard, meters: Meters, claimed: Sequence[Claimed]
) -> tuple[dict[UUID, Outcome], dict[str, Answers]]:
    """What became of each attempt, by its id, and what each provider answered, by its name."""
    outcomes: dict[UUID, Outcome] = {}
    heard: dict[str, Answers] = {}
    batches: dict[str, list[Claimed]] = {}
    for one in claimed:
        batches.setdefault(one.provider, []).append(one)

    async def give(provider: str, batch: list[Claimed]) -> None:
        answers: Sequence[Outcome]
        began = time.monotonic()
        try:
            answers = await switchboard.adapters[provider].send([one.outgoing for one in batch])
        except Exception as error:
            # A fault of the adapter: what it had written nobody knows, and the other providers go on.
            log.error("the adapter failed", provider=provider, error=type(error).__name__, problem="C031")
            answers = [Unknown(f"the adapter failed ({type(error).__name__})")] * len(batch)
        switchboard.ease(provider, answers)
        took = time.monotonic() - began
        meters.hand_over.labels(provider).observe(took)
        late = took > switchboard.routings.get(provider, Routing()).slow_seconds
        # A message that nobody takes says more of itself than of the next provider.
        judged = [a for a, one in zip(answers, batch, strict=True) if one.seq <= FAIR_TRIES]
        heard[provider] = Answers.of(judged, late=late, in_time=began < latest_start(batch))
        for word, number in heard[provider].counts().items():
            meters.answers.labels(provider, word).inc(number)
        outcomes.update(zip((one.attempt_id for one in batch), answers, strict=True))

    await asyncio.gather(*(give(provider, batch) for provider, batch in batches.items()))
    return outcomes, heard
