"""Who answers the sandbox's telephone, told by the number alone."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from duecourse.channels.sandbox.rules import Behaviour
from duecourse.channels.voice.sound import RATE, Samples, silence
from duecourse.channels.voice_sip.rtp import Telephone

PATIENCE_SECONDS: Final = 1.2
"""A caller silent for so long has said what there was to say: a synthetic voice's own silence at its end, a third of a
second, and then long enough that the caller knows it too before a key comes.
"""
_TICK: Final = 0.02


@dataclass(frozen=True, slots=True)
class Hear:
    """Wait until the caller has spoken and is silent again."""


@dataclass(frozen=True, slots=True)
class HearBeginning:
    """Wait for the caller's first sound."""


@dataclass(frozen=True, slots=True)
class Press:
    """Press a key."""

    key: str


@dataclass(frozen=True, slots=True)
class Say:
    """Say something, to its end."""

    sound: Samples


@dataclass(frozen=True, slots=True)
class HangUp:
    """Put the receiver down."""


@dataclass(frozen=True, slots=True)
class Listen:
    """Say nothing and wait for the caller to hang up."""


Step = Hear | HearBeginning | Press | Say | HangUp | Listen


def _tone(hertz: float, seconds: float) -> Samples:
    tone: Samples = 0.3 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)
    return tone


def _babble(seconds: float, seed: int) -> Samples:
    """Sound with the energy and rhythm of speech: noise of a voice's band in syllables, four a second."""
    count = round(seconds * RATE)
    noise = np.random.default_rng(seed).normal(0, 1, count)
    band = np.convolve(noise, np.hanning(12) * np.cos(np.arange(12)), "same")
    syllables = 0.55 + 0.45 * np.sin(2 * np.pi * 4 * np.arange(count) / RATE)
    babble: Samples = 0.15 * band / np.abs(band).max() * syllables
    return babble


HELLO: Final = _babble(0.5, 1)
MACHINE: Final = np.concatenate([_babble(4.0, 2), silence(0.2), _tone(1000, 0.4)])
"""A recorded greeting and its beep."""


@dataclass(frozen=True, slots=True)
class Persona:
    """What happens to a call."""

    rings: tuple[int, ...] = ()
    """Provisional answers, at once. Who is about to pick up lets it not ring: the first word is the answer."""
    ring_seconds: float = 0.0
    """From there to the final answer."""
    listens_early: bool = False
    """Whether sound flows before the answer, as networks do for their announcements."""
    final: int | None = 200
    """None: none ever comes."""
    steps: tuple[Step, ...] = ()
    """What whoever picked up does; at its end they wait for the caller to hang up."""


_RINGING: Final = (180,)
_PERSON: Final = Persona(steps=(Say(HELLO), Hear(), Press("1"), Hear(), Press("1"), Listen()))
"""The right one, who hears the notice out."""
_MUTE: Final = Persona(steps=(HearBeginning(), HangUp()))
_VOICES: Final[Mapping[str, Persona]] = {
    "0010": _MUTE,
    "0011": Persona(rings=_RINGING, final=486),
    "0012": Persona(rings=_RINGING, final=None),
    "0013": Persona(rings=_RINGING, final=603),
    "0014": Persona(steps=(Say(MACHINE), Listen())),
    "0015": Persona(steps=(Say(HELLO), Hear(), Press("2"), Listen())),
    "0016": Persona(steps=(Say(HELLO), Hear(), Press("1"), Hear(), Press("2"), Listen())),
    "0017": Persona(steps=(Say(HELLO), Hear(), Press("1"), Hear(), Press("9"), Listen())),
    "0018": Persona(rings=_RINGING, final=480),
    "0019": Persona(steps=(Say(HELLO), Hear(), Press("1"), HearBeginning(), HangUp())),
    "0020": Persona(steps=(Say(HELLO), Listen())),
    "0021": Persona(steps=(Say(HELLO), Hear(), Press("1"), Listen())),
    "0022": Persona(ring_seconds=1.0, listens_early=True, steps=(Hear(), HangUp())),
}
"""Last four digits of numbers that only a call can tell apart."""
_BEHAVIOURS: Final[Mapping[Behaviour, Persona]] = {
    Behaviour.UNDELIVERABLE: Persona(rings=(183,), final=404),
    Behaviour.REFUSED: Persona(final=404),
    Behaviour.THROTTLED: _PERSON,
    Behaviour.SILENT: Persona(rings=_RINGING, final=None),
    Behaviour.STOPS: Persona(steps=(Say(HELLO), Hear(), Press("1"), Hear(), Press("0"), Listen())),
    Behaviour.UNANSWERED: Persona(final=None),
    Behaviour.BROKEN: Persona(final=500),
    Behaviour.FULL: Persona(rings=_RINGING, final=486),
}


def persona_of(number: str, behaviour: Behaviour, late_seconds: float) -> Persona:
    """Who has this number."""
    if behaviour is Behaviour.DELIVERED and (voice := _VOICES.get(number[-4:])) is not None:
        return voice
    if behaviour is Behaviour.LATE:
        return Persona(rings=_RINGING, ring_seconds=late_seconds, steps=_MUTE.steps)
    if behaviour is Behaviour.LOST_ANSWER:
        return Persona(ring_seconds=late_seconds, steps=_MUTE.steps)
    return _BEHAVIOURS.get(behaviour, _PERSON)


async def act(telephone: Telephone, steps: tuple[Step, ...]) -> None:
    """Do the steps; returns when the person hangs up. Without a HangUp it waits to be cancelled."""
    for step in steps:
        match step:
            case Hear():
                while (quiet := telephone.quiet_for()) is None or quiet < PATIENCE_SECONDS:
                    await asyncio.sleep(_TICK)
            case HearBeginning():
                while (quiet := telephone.quiet_for()) is None or quiet > PATIENCE_SECONDS:
                    await asyncio.sleep(_TICK)
            case Press(key):
                telephone.press(key)
                await _until_said(telephone)
                # What was heard before the key is not the answer to it.
                telephone.forget_voice()
            case Say(sound):
                telephone.say(sound)
                await _until_said(telephone)
            case HangUp():
                return
            case Listen():
                await asyncio.Event().wait()
    await asyncio.Event().wait()


async def _until_said(telephone: Telephone) -> None:
    while telephone.is_saying:
        await asyncio.sleep(_TICK)
