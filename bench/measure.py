"""Repetitions, medians, and what a bench reports."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any

Seconds = list[float]


@dataclass(slots=True)
class Report:
    """One bench's outcome. rows: (what, figure, baseline, ratio) as they are printed; figures: everything, for JSON."""

    name: str
    sizes: dict[str, int]
    seed: int
    rows: list[tuple[str, str, str, str]] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)


def interleaved(repetitions: int, contenders: Mapping[str, Callable[[int], float]]) -> dict[str, Seconds]:
    """Run A B A B …: what the machine does meanwhile meets all of them. A contender answers the seconds it took."""
    taken: dict[str, Seconds] = {name: [] for name in contenders}
    for repetition in range(repetitions):
        for name, run in contenders.items():
            taken[name].append(run(repetition))
    return taken


def spread(seconds: Seconds, digits: int = 2) -> str:
    """Median with least and most."""
    return f"{median(seconds):.{digits}f} s ({min(seconds):.{digits}f}-{max(seconds):.{digits}f})"


def summary(seconds: Seconds) -> dict[str, float]:
    """The same for JSON."""
    return {
        "median": round(median(seconds), 6),
        "least": round(min(seconds), 6),
        "most": round(max(seconds), 6),
    }


def ratio(ours: Seconds, baseline: Seconds) -> float:
    """Median of the ratios within each repetition: a slow minute slows both."""
    return median(a / b for a, b in zip(ours, baseline, strict=True))
