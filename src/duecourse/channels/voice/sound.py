"""Sound as a telephone carries it: 8000 samples a second, 16 bits, one channel, in a WAV file."""

from __future__ import annotations

import io
import wave
from functools import lru_cache
from math import gcd
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

RATE: Final = 8000
"""Samples a second of G.711, which every telephone network carries."""
LOUDEST: Final = 0.8
_PASS_HZ: Final = 3500.0
"""What lies above is taken out before it would fold back."""
_HALF_WIDTH: Final = 24
"""Samples of the source on each side that make one of ours, at the source's rate or ours, whichever is coarser."""

Samples: TypeAlias = npt.NDArray[np.float64]
"""Amplitudes between -1 and 1."""


class SoundError(ValueError):
    """A WAV file that cannot be used. Says why; quotes nothing of it."""


def samples_of(wav: bytes) -> Samples:
    """The sound of a WAV file in 16 bits at any rate, as one channel at RATE. Raises SoundError.

    A length that a program wrote before it knew it (a pipe cannot be rewound) is not believed: what is there counts.
    """
    if wav[:4] != b"RIFF" or wav[8:12] != b"WAVE":
        raise SoundError("not a WAV file")
    channels = rate = 0
    at = 12
    while at + 8 <= len(wav):
        name, length = wav[at : at + 4], int.from_bytes(wav[at + 4 : at + 8], "little")
        body = wav[at + 8 : at + 8 + length]
        if name == b"fmt ":
            kind, channels, rate = (int.from_bytes(body[a:b], "little") for a, b in ((0, 2), (2, 4), (4, 8)))
            if kind not in (1, 0xFFFE) or int.from_bytes(body[14:16], "little") != 16 or not channels:
                raise SoundError("not in 16 bits PCM")
        elif name == b"data":
            if not rate:
                break
            whole = len(body) - len(body) % (2 * channels)
            pcm = np.frombuffer(body[:whole], "<i2").reshape(-1, channels).mean(axis=1) / 32768
            return resampled(pcm, rate)
        at += 8 + length + length % 2
    raise SoundError("no sound in it")


def wav_of(*channels: Samples) -> bytes:
    """A WAV file at RATE; a shorter channel is silent at its end."""
    longest = max((len(each) for each in channels), default=0)
    padded = [np.pad(each, (0, longest - len(each))) for each in channels]
    pcm = (np.clip(np.stack(padded, axis=1), -1, 1) * 32767).astype("<i2")
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(len(channels))
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(pcm.tobytes())
    return file.getvalue()


def silence(seconds: float) -> Samples:
    """Nothing, for so long."""
    return np.zeros(round(seconds * RATE))


def levelled(samples: Samples) -> Samples:
    """As loud as it is, but no louder than LOUDEST: what goes beyond the range would be cut to a crackle."""
    peak = float(np.abs(samples).max(initial=0))
    return samples * min(1.0, LOUDEST / peak) if peak else samples


def seconds_of(samples: Samples) -> float:
    """How long it lasts."""
    return len(samples) / RATE


def resampled(samples: Samples, rate: int) -> Samples:
    """From `rate` samples a second to RATE, band-limited: each of ours is a windowed-sinc mean of its neighbours."""
    if rate == RATE or not len(samples):
        return np.asarray(samples, dtype=np.float64)
    taps, step, phases = _taps(rate)
    count = len(samples) * RATE // rate
    half = taps.shape[1] // 2
    padded = np.pad(samples, (half, half + 1))
    position = np.arange(count) * step
    start, phase = position // phases, position % phases
    made = np.zeros(count)
    # Tap by tap and not all at once: the table of all products would be a hundred times the sound.
    for tap in range(taps.shape[1]):
        made += padded[start + tap] * taps[phase, tap]
    return made


@lru_cache(maxsize=8)
def _taps(rate: int) -> tuple[Samples, int, int]:
    """(weights by phase and tap, source step in phases of one of ours, phases between two of the source)."""
    common = gcd(rate, RATE)
    step, phases = rate // common, RATE // common
    half = round(_HALF_WIDTH * max(1.0, rate / RATE))
    cut = min(1.0, 2 * _PASS_HZ / rate)
    distance = np.arange(-half, half + 1)[None, :] - (np.arange(phases) / phases)[:, None]
    taps = cut * np.sinc(cut * distance) * np.cos(np.pi * distance / (2 * (half + 1))) ** 2
    return taps / taps.sum(axis=1, keepdims=True), step, phases
