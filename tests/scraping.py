"""A scrape as Prometheus makes it: the text fetched over HTTP, parsed by its own client library."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx2
from prometheus_client.parser import text_string_to_metric_families


@dataclass(frozen=True, slots=True)
class Scrape:
    """The samples of one scrape."""

    samples: Mapping[tuple[str, frozenset[tuple[str, str]]], float]
    kinds: Mapping[str, str]
    """Family to counter, gauge or histogram."""

    @classmethod
    def of(cls, text: str) -> Scrape:
        """Read the exposition. No sample stands twice."""
        families = list(text_string_to_metric_families(text))
        every = [
            ((sample.name, frozenset(sample.labels.items())), sample.value)
            for family in families
            for sample in family.samples
        ]
        assert len(dict(every)) == len(every)
        return cls(dict(every), {family.name: family.type for family in families})

    def value(self, name: str, **labels: str) -> float:
        """One sample."""
        return self.samples[f"duecourse_{name}", frozenset(labels.items())]

    def total(self, name: str, **labels: str) -> float:
        """The sum of all samples of that name with at least these labels; 0 where there is none."""
        return sum(
            number
            for (sample, having), number in self.samples.items()
            if sample == f"duecourse_{name}" and labels.items() <= dict(having).items()
        )


def address_in(log: Path, before: str, running: Callable[[], bool]) -> str:
    """The http:// address that stands after `before` in what a process printed, once it does."""
    pattern = re.compile(re.escape(before) + r"(http://[^\s;/]+)")
    while running():
        if match := pattern.search(log.read_text("utf-8")):
            return match[1]
        time.sleep(0.02)
    raise AssertionError(log.read_text("utf-8"))


def scrape(address: str) -> Scrape:
    """What /metrics says now. address: as http://127.0.0.1:9464."""
    with httpx2.Client(trust_env=False, timeout=60) as client:
        answer = client.get(f"{address}/metrics")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return Scrape.of(answer.text)
