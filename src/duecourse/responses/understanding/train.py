"""Make the model anew from the labelled answers: `python -m duecourse.responses.understanding.train`.

Ridge regression of every meaning at once on hashed features, solved exactly over the answers' likeness to each other,
so that nothing is random. What each answer would have scored had its family not been trained on follows from the same
inverse (leave-one-family-out): on these scores the thresholds and the confidence are set.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

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
"""How much is held back: chosen by the leave-one-family-out scores among 0.1, 0.3, 0.6 and 1."""
_SURE: Final = 0.80
"""Share of right among those taken as sure, by the scores of families left out."""
_SUSPECTED: Final = 0.985
"""Share of the grave that must be above the threshold of suspicion, by the same scores."""
_LEAST: Final = 0.05
"""No suspicion below this probability: it would be of everything."""
_SAMPLED: Final = 10
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
    texts = [plain(one.text) for one in answers]
    seen = [np.array(whole_columns(text), dtype=np.int64) for text in texts]
    wanted = np.array([[1.0 if m in one.intents else -1.0 for m in MEANINGS] for one in answers])
    likeness = _likeness(seen, seen)
    inverse = np.linalg.inv(likeness + RIDGE * np.eye(len(texts)))
    mean = wanted.mean(axis=0)
    dual = inverse @ (wanted - mean)
    left_out = _left_out(answers, np.asarray(inverse, dtype=np.float64), dual, wanted - mean) + mean
    weights = np.zeros((BUCKETS, len(MEANINGS)))
    for place, row in enumerate(seen):
        weights[row] += dual[place] / np.sqrt(len(row))
    scale = float(np.abs(weights).max()) / 127
    calibrations = {
        m.value: _calibrate(m, left_out[:, at], wanted[:, at] > 0)._asdict() for at, m in enumerate(MEANINGS)
    }
    facts = {
        "trained_on": len(answers),
        "digest": digest(answers),
        "scale": scale,
        "mean": [round(float(value), 6) for value in mean],
        "calibration": calibrations,
    }
    return np.rint(weights / scale).astype(np.int8), facts


def _likeness(some: Sequence[NDArray[np.int64]], others: Sequence[NDArray[np.int64]]) -> Floats:
    """Cosine of features, each of `some` to each of `others`."""
    made = np.zeros((len(some), len(others)))
    by_column: dict[int, list[int]] = {}
    for place, row in enumerate(others):
        for column in row:
            by_column.setdefault(int(column), []).append(place)
    holders = {column: np.array(places) for column, places in by_column.items()}
    for place, row in enumerate(some):
        for column in row:
            if (found := holders.get(int(column))) is not None:
                made[place, found] += 1
    sizes = np.sqrt([max(len(row), 1) for row in some])[:, None] * np.sqrt([max(len(r), 1) for r in others])
    return np.asarray(made / sizes)


def _left_out(answers: Sequence[Labelled], inverse: Floats, dual: Floats, wanted: Floats) -> Floats:
    """Scores of each answer by the model without its family."""
    families: dict[tuple[str, str], list[int]] = {}
    for place, one in enumerate(answers):
        families.setdefault((one.language, one.family), []).append(place)
    made = np.zeros_like(wanted)
    for members in families.values():
        made[members] = wanted[members] - np.linalg.solve(inverse[np.ix_(members, members)], dual[members])
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
