"""Make the model anew from the labelled answers: `python -m duecourse.responses.understanding.train`.

Ridge regression of every meaning at once on hashed features, solved by conjugate gradients from nothing, so that
nothing is random and nothing depends on how many cores add up. Families of answers are dealt into folds; each fold is
scored by a model that was trained on the others, and on these scores the thresholds and the confidence are set.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any, Final
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from pypinyin import lazy_pinyin

from duecourse.responses.intents import GRAVE, Intent

from .features import BUCKETS, whole_columns
from .labelled import LANGUAGES, Labelled, shipped
from .model import MEANINGS, Calibration
from .plain import plain

Floats = NDArray[np.float64]

RIDGE: Final = 0.6
"""How much is held back: chosen by the scores of families left out among 0.1, 0.3, 0.6 and 1."""
_SURE: Final = 0.80
"""Share of right among those taken as sure, by the scores of families left out."""
_SUSPECTED: Final = 0.985
"""Share of the grave that must be above the threshold of suspicion, by the same scores."""
_LEAST: Final = 0.02
"""No suspicion below this probability: it would be of everything."""
_SAMPLED: Final = 10
_FOLDS: Final = 5
_CLOSE: Final = 1e-3
"""How near the exact solution the weights are, of the way to it: they are rounded to a 127th of the largest."""
SUSPECTS: Final = GRAVE | {Intent.STOP}
"""Meanings that are suspected before they are sure."""


def digest(answers: Sequence[Labelled]) -> str:
    """Of what the weights follow from: the answers, their order, and the features of every tenth."""
    made = sha256(str(BUCKETS).encode())
    for one in answers:
        made.update(f"{one.language}\t{one.family}\t{','.join(one.intents)}\t{one.text}\n".encode())
    for one in answers[::_SAMPLED]:
        made.update(repr(whole_columns(plain(one.text))).encode())
    return made.hexdigest()


def train(answers: Sequence[Labelled]) -> tuple[NDArray[np.int8], dict[str, Any]]:
    """The weights, a row a column of features, and what goes with them."""
    seen = _Seen([whole_columns(plain(one.text)) for one in answers])
    wanted = np.array([[1.0 if m in one.intents else -1.0 for m in MEANINGS] for one in answers])
    weights, mean = _fit(seen, wanted, np.ones(len(answers), dtype=bool))
    left_out = _left_out(answers, seen, wanted)
    scale = float(np.abs(weights).max()) / 127
    whole = np.zeros((BUCKETS, len(MEANINGS)), dtype=np.int8)
    whole[seen.used] = np.rint(weights / scale)
    calibrations = {
        m.value: _calibrate(m, left_out[:, at], wanted[:, at] > 0)._asdict() for at, m in enumerate(MEANINGS)
    }
    return whole, {
        "trained_on": len(answers),
        "digest": digest(answers),
        "scale": scale,
        "mean": [round(float(value), 6) for value in mean],
        "calibration": calibrations,
    }


class _Seen:
    """The features of all answers as a matrix of few entries: a row an answer, each of length 1."""

    def __init__(self, rows: Sequence[Sequence[int]]) -> None:
        self.used, self._at = np.unique(np.concatenate([np.array(row) for row in rows]), return_inverse=True)
        sizes = np.array([len(row) for row in rows])
        self._length = np.sqrt(sizes)[:, None]
        self._rows = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        by_column = np.argsort(self._at, kind="stable")
        self._holder = np.repeat(np.arange(len(rows)), sizes)[by_column]
        self._columns = np.searchsorted(self._at[by_column], np.arange(len(self.used)))

    def scores(self, weights: Floats) -> Floats:
        """Of each answer, by weights of the used columns."""
        return np.asarray(np.add.reduceat(weights[self._at], self._rows, axis=0) / self._length)

    def weights(self, shares: Floats) -> Floats:
        """Of the used columns, by what each answer adds to them."""
        return np.asarray(np.add.reduceat((shares / self._length)[self._holder], self._columns, axis=0))


def _fit(seen: _Seen, wanted: Floats, inside: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Weights of the used columns by the answers `inside`, and the means beside them."""
    mean = wanted[inside].mean(axis=0)
    left = np.where(inside[:, None], wanted - mean, 0.0)
    aim = (left**2).sum(axis=0)
    shares, step, now = np.zeros_like(left), left.copy(), aim
    while (now > _CLOSE**2 * aim).any():
        pushed = np.where(inside[:, None], seen.scores(seen.weights(step)), 0.0) + RIDGE * step
        far = now / (step * pushed).sum(axis=0)
        shares += far * step
        left -= far * pushed
        before, now = now, (left**2).sum(axis=0)
        step = left + now / before * step
    return seen.weights(shares), mean


def _left_out(answers: Sequence[Labelled], seen: _Seen, wanted: Floats) -> Floats:
    """Scores of each answer by a model that has seen no answer of its fold, nor of its family."""
    fold = np.array([crc32(f"{one.language}/{one.family}".encode()) % _FOLDS for one in answers])
    made = np.zeros_like(wanted)
    for each in range(_FOLDS):
        weights, mean = _fit(seen, wanted, fold != each)
        made[fold == each] = (seen.scores(weights) + mean)[fold == each]
    return made


def _calibrate(meaning: Intent, scores: Floats, right: NDArray[np.bool_]) -> Calibration:
    """A logistic curve through the scores (Platt 1999), and the thresholds on it."""
    slope, offset = _platt(scores, right)
    chance = 1 / (1 + np.exp(-(slope * scores + offset)))
    order = np.sort(chance)[::-1]
    sure = 0.95
    for least in order:
        taken = chance >= least
        if least < 0.30 or right[taken].mean() < _SURE:
            break
        sure = float(least)
    suspected = sure
    if meaning in SUSPECTS:
        suspected = min(sure, max(_LEAST, float(np.quantile(chance[right], 1 - _SUSPECTED, method="lower"))))
    return Calibration(round(slope, 5), round(offset, 5), round(sure, 4), round(suspected, 4))


def _platt(scores: Floats, right: NDArray[np.bool_]) -> tuple[float, float]:
    """Slope and offset by Newton's method, with Platt's smoothed targets."""
    held, missing = int(right.sum()), int((~right).sum())
    target = np.where(right, (held + 1) / (held + 2), 1 / (missing + 2))
    at = np.array([2.0, 0.0])
    design = np.stack([scores, np.ones_like(scores)], axis=1)
    for _ in range(50):
        chance = 1 / (1 + np.exp(-(design @ at)))
        slopes = design.T @ (chance - target) + 1e-6 * at
        bends = (design * (chance * (1 - chance))[:, None]).T @ design + 1e-6 * np.eye(2)
        at = at - np.linalg.solve(bends, slopes)
    return float(at[0]), float(at[1])


def sounds() -> str:
    """The readings of the characters of GB 2312 without tones, by pypinyin 0.55 (MIT)."""
    by_sound: dict[str, list[str]] = {}
    for high in range(0xB0, 0xF8):
        for low in range(0xA1, 0xFF):
            character = bytes((high, low)).decode("gb2312", "ignore")
            if character:
                by_sound.setdefault(lazy_pinyin(character)[0], []).append(character)
    return "".join(f"{sound}\t{''.join(by_sound[sound])}\n" for sound in sorted(by_sound))


def main() -> None:
    """Write the sounds, the weights and what goes with them into `data/`."""
    folder = Path(str(files(__package__).joinpath("data")))
    (folder / "sounds.tsv").write_text(sounds(), "utf-8", newline="\n")
    answers = shipped()
    weights, facts = train(answers)
    np.save(folder / "weights.npy", weights)
    (folder / "model.json").write_text(json.dumps(facts, indent=1) + "\n", "utf-8", newline="\n")
    by_language = ", ".join(f"{sum(one.language == lang for one in answers)} {lang}" for lang in LANGUAGES)
    print(f"trained on {len(answers)} answers ({by_language})")


if __name__ == "__main__":
    main()
