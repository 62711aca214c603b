"""What a call says and when, as a machine of states without sound, sockets or clock.

No debt is named before the right party has confirmed with a key, and never to a machine: `NOTICE` is entered by key 1
alone. Everything else follows from that.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, auto
from typing import Final

CONFIRM: Final = "1"
NOT_ME: Final = "2"
HEARD: Final = "1"
STOP: Final = "0"
ANSWERS: Final = frozenset({"1", "2", "9", "0"})
"""Heard, pay link by SMS, call me, stop."""


class Part(StrEnum):
    """What can be said: a part of the script."""

    GREETING = auto()
    NOTICE = auto()
    VOICEMAIL = auto()
    REPEAT = auto()


class State(StrEnum):
    """Where the call is."""

    GREETING = auto()
    """Said, or waited for a key after it."""
    MACHINE = auto()
    """A machine speaks; it is waited out."""
    VOICEMAIL = auto()
    NOTICE = auto()
    MENU = auto()
    """The keys are explained, or one is waited for."""
    OVER = auto()


class Told(StrEnum):
    """What is known of the call that the lender must hear."""

    ANSWERED = auto()
    """Somebody picked up who never pressed a key."""
    CONFIRMED = auto()
    HEARD = auto()
    """The right party heard the notice out, or pressed a key that answers it."""
    WRONG_PARTY = auto()
    MACHINE = auto()
    STOPPED = auto()
    """Somebody who had not confirmed pressed 0."""


@dataclass(frozen=True, slots=True)
class Say:
    """Say a part from its beginning, whatever is being said."""

    part: Part


@dataclass(frozen=True, slots=True)
class BeQuiet:
    """Say nothing more for now."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait so long for a key, then call `waited`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Tell:
    """Tell the lender."""

    what: Told


@dataclass(frozen=True, slots=True)
class Pressed:
    """Tell the lender of an answer by key."""

    key: str


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the call."""


Action = Say | BeQuiet | Wait | Tell | Pressed | HangUp


@dataclass(frozen=True, slots=True)
class Manners:
    """How patient a call is. Seconds."""

    key_seconds: float = 6.0
    """How long a key is waited for after what was said."""
    greetings: int = 2
    repeats: int = 2
    """How often the keys are explained again to somebody who presses none."""
    guard_seconds: float = 1.0
    """A key so soon after the notice began is no answer to it, but the first one pressed twice."""


class Dialogue:
    """One call after it was answered. Each method returns what to do; times are seconds of a clock that only grows."""

    def __init__(self, manners: Manners, *, explains_keys: bool) -> None:
        """explains_keys: whether the script has a part for it."""
        self._manners = manners
        self._explains = explains_keys
        self._greetings = 0
        self._repeats = 0
        self._confirmed = False
        self._heard = False
        self._machine = False
        self._since = 0.0
        self.state = State.GREETING

    def answered(self) -> list[Action]:
        """Somebody or something picked up."""
        self._greetings = 1
        return [Say(Part.GREETING)]

    def said(self) -> list[Action]:
        """What was being said is at its end."""
        match self.state:
            case State.NOTICE:
                return [*self._now_heard(), *self._explain()]
            case State.VOICEMAIL:
                return self._end()
            case State.GREETING | State.MENU:
                return [Wait(self._manners.key_seconds)]
            case _:
                return []

    def waited(self) -> list[Action]:
        """No key came while one was waited for."""
        match self.state:
            case State.GREETING if self._greetings < self._manners.greetings:
                self._greetings += 1
                return [Say(Part.GREETING)]
            case State.GREETING:
                # Whoever it is has not said who they are: they hear what a machine may hear.
                self.state = State.VOICEMAIL
                return [Say(Part.VOICEMAIL)]
            case State.MENU if self._repeats < self._manners.repeats:
                self._repeats += 1
                return self._say_keys()
            case State.MENU:
                return self._end()
            case _:
                return []

    def key(self, key: str, now: float) -> list[Action]:
        """A key was pressed."""
        if self.state in (State.NOTICE, State.MENU):
            return self._answer(key, now)
        if self.state is State.OVER or self._confirmed:
            return []
        if key == CONFIRM:
            # Machines press no keys: whatever it sounded like, it is a person.
            self._machine = False
            self._confirmed = True
            self.state, self._since = State.NOTICE, now
            return [Tell(Told.CONFIRMED), Say(Part.NOTICE)]
        if key == NOT_ME:
            return [Tell(Told.WRONG_PARTY), *self._end(told=True)]
        if key == STOP:
            return [Pressed(STOP), Tell(Told.STOPPED), *self._end(told=True)]
        return []

    def machine(self) -> list[Action]:
        """What picked up sounds like a machine."""
        if self.state is not State.GREETING:
            return []
        self._machine = True
        self.state = State.MACHINE
        return [BeQuiet()]

    def machine_waits(self) -> list[Action]:
        """The machine has said its words, or beeped: it records now."""
        if self.state is not State.MACHINE:
            return []
        self.state = State.VOICEMAIL
        return [Say(Part.VOICEMAIL)]

    def closed(self) -> list[Action]:
        """The other side has hung up, or time is over."""
        return [] if self.state is State.OVER else [each for each in self._end() if isinstance(each, Tell)]

    def _answer(self, key: str, now: float) -> list[Action]:
        if self.state is State.NOTICE and now - self._since < self._manners.guard_seconds and key != STOP:
            return []
        if key not in ANSWERS:
            return self._say_keys() if self.state is State.MENU else []
        heard = [] if key == STOP else self._now_heard()
        return [Pressed(key), *heard, *self._end()]

    def _now_heard(self) -> list[Action]:
        if self._heard:
            return []
        self._heard = True
        return [Tell(Told.HEARD)]

    def _explain(self) -> list[Action]:
        self.state = State.MENU
        return self._say_keys()

    def _say_keys(self) -> list[Action]:
        return [Say(Part.REPEAT)] if self._explains else [Wait(self._manners.key_seconds)]

    def _end(self, *, told: bool = False) -> list[Action]:
        self.state = State.OVER
        if told or self._confirmed:
            return [HangUp()]
        return [Tell(Told.MACHINE if self._machine else Told.ANSWERED), HangUp()]
