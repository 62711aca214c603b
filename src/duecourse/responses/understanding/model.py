"""The model: how likely each meaning is, by weights that `train` made of the labelled answers. numpy alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files
from typing import Any, Final, NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from duecourse.responses.intents import Intent

from .features import BUCKETS, columns, features
from .rules import Found

MEANINGS: Final = tuple(one for one in Intent if one is not Intent.UNCLEAR)
"""What the model weighs, in the order of its weights. UNCLEAR is what remains."""


class Calibration(NamedTuple):
    """From a score to a probability, and the least ones for a meaning to be taken."""

    slope: float
    offset: float
    sure: float
    suspected: float
    """Of grave meanings below `sure`; otherwise the same."""


@dataclass(frozen=True, slots=True)
class Weighed:
    """What the model says of a text."""

    chances: Mapping[Intent, float]
    """Probability of each meaning, the likeliest first."""
    sure: frozenset[Intent]
    suspected: frozenset[Intent]
    """Grave ones that are not sure, and too likely to let pass."""


@dataclass(frozen=True, slots=True)
class _Model:
    weights: NDArray[np.int8]
    scale: float
    mean: NDArray[np.float64]
    calibrations: tuple[Calibration, ...]


def weigh(text: str, found: Sequence[Found]) -> Weighed:
    """Weigh a plain text. found: what the rules say of it."""
    model = _model()
    scores = _score(model, columns(text, found)) + model.mean
    chances = {
        meaning: float(1 / (1 + np.exp(-(one.slope * score + one.offset))))
        for meaning, score, one in zip(MEANINGS, scores, model.calibrations, strict=True)
    }
    by_meaning = dict(zip(MEANINGS, model.calibrations, strict=True))
    sure = frozenset(m for m, chance in chances.items() if chance >= by_meaning[m].sure)
    suspected = frozenset(m for m, chance in chances.items() if chance >= by_meaning[m].suspected) - sure
    return Weighed(
        dict(sorted(chances.items(), key=lambda one: (-one[1], one[0]))),
        sure,
        suspected,
    )


def reasons(text: str, meaning: Intent, most: int = 5) -> Sequence[str]:
    """The features of a plain text that speak most for a meaning."""
    model = _model()
    at = MEANINGS.index(meaning)
    weights = {name: int(model.weights[crc32(name.encode()) % BUCKETS, at]) for name in features(text)}
    best = sorted((name for name, weight in weights.items() if weight > 0), key=lambda n: (-weights[n], n))
    return best[:most]


def _score(model: _Model, seen: list[int]) -> NDArray[np.float64]:
    total = model.weights[seen].astype(np.float64).sum(axis=0) * model.scale
    return np.asarray(total / np.sqrt(max(len(seen), 1)))


@cache
def _model() -> _Model:
    folder = files(__package__).joinpath("data")
    facts: dict[str, Any] = json.loads(folder.joinpath("model.json").read_text("utf-8"))
    with as_file(folder.joinpath("weights.npy")) as path:
        weights: NDArray[np.int8] = np.load(path)
    calibrations = tuple(Calibration(**facts["calibration"][meaning.value]) for meaning in MEANINGS)
    return _Model(weights, facts["scale"], np.array(facts["mean"]), calibrations)
