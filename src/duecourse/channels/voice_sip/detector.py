"""Machine or person, by the energy of what is heard.

Whoever picks up says a word or two and waits; a recorded greeting goes on. So speech that lasts longer than
`LONG_SPEECH_SECONDS` without a pause is a machine's, and so is a steady tone, its beep. A machine whose greeting is
short is taken for a person who presses no key, and hears what a machine may hear: the error costs a wait, never a debt
named. A person who talks for long is taken for a machine until they press a key.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

import numpy as np

from duecourse.channels.voice.sound import RATE, Samples

FRAME: Final = 160
LOUD: Final = 0.012
"""Root mean square of a frame with sound in it."""
LONG_SPEECH_SECONDS: Final = 2.4
PAUSE_SECONDS: Final = 0.6
"""Shorter gaps belong to the speech."""
ENDED_SECONDS: Final = 1.0
"""Silence after which a machine has said its words."""
BEEP_SECONDS: Final = 0.16
_PURE: Final = 0.85
"""Share of the energy at one frequency that makes a frame a tone."""


class Heard(Enum):
    """What the detector concludes, each once."""

    MACHINE = auto()
    MACHINE_WAITS = auto()
    """Its words or its beep are over: it records."""


class Detector:
    """Fed with sound as it comes in."""

    def __init__(self) -> None:
        self._rest: Samples = np.zeros(0)
        self._speech = 0.0
        self._silence = 0.0
        self._beep = 0.0
        self._is_machine = False
        self._waits = False

    def feed(self, samples: Samples) -> list[Heard]:
        """What follows from these further samples at RATE."""
        sound = np.concatenate([self._rest, samples])
        count = len(sound) // FRAME
        self._rest = sound[count * FRAME :]
        concluded: list[Heard] = []
        for frame in sound[: count * FRAME].reshape(count, FRAME):
            concluded += self._frame(frame)
        return concluded

    def _frame(self, frame: Samples) -> list[Heard]:
        seconds = FRAME / RATE
        concluded: list[Heard] = []
        if float(np.sqrt(np.mean(frame**2))) > LOUD:
            self._speech += seconds + (self._silence if self._speech else 0.0)
            self._silence = 0.0
            self._beep = self._beep + seconds if is_tone(frame) else 0.0
        else:
            self._silence += seconds
            beeped, self._beep = self._beep >= BEEP_SECONDS, 0.0
            if beeped and self._is_machine:
                concluded += self._now_waits()
        if not self._is_machine and (self._speech >= LONG_SPEECH_SECONDS or self._beep >= BEEP_SECONDS):
            self._is_machine = True
            concluded.append(Heard.MACHINE)
        if self._is_machine and self._silence >= ENDED_SECONDS:
            concluded += self._now_waits()
        if self._silence >= PAUSE_SECONDS:
            self._speech = 0.0
        return concluded

    def _now_waits(self) -> list[Heard]:
        if self._waits:
            return []
        self._waits = True
        return [Heard.MACHINE_WAITS]


def is_tone(frame: Samples) -> bool:
    """Whether nearly all the energy of a frame stands at one frequency."""
    power = np.abs(np.fft.rfft(frame * np.hanning(len(frame)))) ** 2
    total = float(power.sum())
    peak = int(power.argmax())
    return total > 0 and float(power[max(0, peak - 2) : peak + 3].sum()) > _PURE * total and peak * 50 >= 350
