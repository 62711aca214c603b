"""A small model of message, attempt and lease, and a search through everything that can happen to it.

Two workers, one lane, two messages with a route of two channels. Between any two steps a worker may die, freeze (it
does nothing while the other goes on), lose its lease without knowing, or lose a claim whose commit it never hears of;
answers come late or never; receipts come at any time, in any order, and as often as they like. A frozen worker even
writes after its time: the residue that `how a message lives` names. Every change of a state is a step of
`soak.lifecycle`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from soak.lifecycle import STEPS

CHANNELS: Final = 2
WORKERS: Final = (0, 1)
EMPTY: Final = ("", 0)
BEST: Final = ("read", "delivered", "sent", "unknown", "refused")


class Attempt(NamedTuple):
    """taken: by the far end. written: how often it was handed over."""

    channel: int
    state: str
    epoch: int
    written: int = 0
    taken: bool = False


class Message(NamedTuple):
    """state: planned, in_flight or how it ended."""

    state: str = "planned"
    route_at: int = 0
    attempts: tuple[Attempt, ...] = ()


class World(NamedTuple):
    """epochs: which each worker believes to hold, 0 for none. doubts: whether it lost a claim. hands: per worker and
    message what it has in hand, and under which epoch. left: takeovers, deaths, lost claims and claims given back
    that may still happen.
    """

    messages: tuple[Message, ...]
    epoch: int = 0
    epochs: tuple[int, ...] = (0, 0)
    doubts: tuple[bool, ...] = (False, False)
    hands: tuple[tuple[tuple[str, int], ...], ...] = ((EMPTY, EMPTY), (EMPTY, EMPTY))
    left: tuple[int, int, int, int] = (3, 2, 1, 1)


def put(row: tuple, place: int, value: object) -> tuple:  # type: ignore[type-arg]
    return (*row[:place], value, *row[place + 1 :])


class StrangeStepError(Exception):
    """The model took a step that is not in the lifecycle."""


def step(subject: str, old: str, new: str) -> str:
    if (old, new) not in STEPS[subject]:
        raise StrangeStepError(subject, old, new)
    return new


def with_attempt(message: Message, place: int, state: str, **changed: object) -> Message:
    """An attempt's new state, and what follows from it for its message."""
    attempt = message.attempts[place]
    attempt = attempt._replace(state=step("attempt", attempt.state, state), **changed)  # type: ignore[arg-type]
    message = message._replace(attempts=put(message.attempts, place, attempt))
    current = place == len(message.attempts) - 1
    goes = message.state
    if state in ("delivered", "read"):
        if current or message.state == "planned" or message.state in ("sent", "unknown", "failed"):
            goes = state
    elif current and message.state == "in_flight":
        if state in ("released", "refused", "unknown") and any(
            one.state in ("delivered", "read") for one in message.attempts[:-1]
        ):
            goes = "delivered"  # an earlier one was delivered after all
        elif state == "released":
            goes = "planned"
        elif state in ("refused", "unknown") and message.route_at + 1 < CHANNELS:
            goes, message = "planned", message._replace(route_at=message.route_at + 1)
        elif state == "refused":
            goes = "failed"
    return message if goes == message.state else message._replace(state=step("message", message.state, goes))


def time_passes(message: Message) -> Message | None:
    """Its route moves on, or its use ends; None where nothing happens for the passing of time alone."""
    states = [one.state for one in message.attempts]
    if message.state == "planned" or (message.state == "in_flight" and states[-1] in ("sent", "unknown")):
        if message.state == "in_flight" and states[-1] == "sent" and message.route_at + 1 < CHANNELS:
            return message._replace(
                state=step("message", "in_flight", "planned"), route_at=message.route_at + 1
            )
        best = next((one for one in BEST if one in states), "expired")
        end = "failed" if best == "refused" else best
        return message._replace(state=step("message", message.state, end))
    return None


@dataclass(frozen=True)
class Rules:
    """recovered: what a dead owner's claims become. Anything but unknown must be found out."""

    recovered: str = "unknown"

    def steps(self, world: World) -> Iterator[tuple[str, World]]:
        """Everything that may happen next."""
        for worker in WORKERS:
            yield from self._of_worker(world, worker)
        if (
            world.epoch and world.epoch in world.epochs
        ):  # somebody alive holds the lane, and applies what is heard
            for at, message in enumerate(world.messages):
                later = time_passes(message)
                if later is not None:
                    yield f"time passes for {at}", world._replace(messages=put(world.messages, at, later))
                for place, attempt in enumerate(message.attempts):
                    heard = [("sent", "unknown", "refused"), ("sent", "unknown")]
                    for word, from_states in zip(("delivered", "refused"), heard, strict=True):
                        if attempt.taken and attempt.state in from_states:
                            moved = with_attempt(message, place, word)
                            yield (
                                f"{at}.{place} heard {word}",
                                world._replace(messages=put(world.messages, at, moved)),
                            )

    def _of_worker(self, world: World, worker: int) -> Iterator[tuple[str, World]]:
        mine, fenced = world.epochs[worker], world.epochs[worker] == world.epoch and world.epoch > 0
        takes, deaths, losses, backs = world.left
        nobody = world.epoch not in world.epochs
        if not fenced and (takes or nobody):  # the lease of whoever holds it has run out
            yield f"{worker} takes the lane", self._take(world, worker, "", takes - (not nobody))
        if mine and deaths:
            dead = world._replace(
                epochs=put(world.epochs, worker, 0),
                hands=put(world.hands, worker, (EMPTY,) * len(world.messages)),
                doubts=put(world.doubts, worker, False),
                left=(takes, deaths - 1, losses, backs),
            )
            yield f"{worker} dies", dead
        if fenced and world.doubts[worker]:
            taken = self._take(world, worker, "released", takes)
            yield f"{worker} takes back", taken._replace(doubts=put(world.doubts, worker, False))
        for at, message in enumerate(world.messages):
            hand, _ = world.hands[worker][at]
            free = not any(what for what, _ in world.hands[worker]) and not world.doubts[worker]
            if fenced and free and message.state == "planned":
                claimed = message._replace(
                    state=step("message", "planned", "in_flight"),
                    attempts=(
                        *message.attempts,
                        Attempt(message.route_at, step("attempt", "", "claimed"), mine),
                    ),
                )
                after = world._replace(messages=put(world.messages, at, claimed))
                yield (
                    f"{worker} claims {at}",
                    after._replace(hands=_hand(world, worker, at, ("claimed", mine))),
                )
                if losses:
                    lost = after._replace(
                        doubts=put(world.doubts, worker, True), left=(takes, deaths, losses - 1, backs)
                    )
                    yield f"{worker} loses its claim of {at}", lost
            if hand == "claimed":
                yield f"{worker} writes {at}", self._write(world, worker, at)
                if backs:
                    given = self._settle(world, worker, at, "released")
                    yield f"{worker} gives {at} back", given._replace(left=(takes, deaths, losses, backs - 1))
            if hand == "written":
                for answer in ("sent", "refused", "unknown"):
                    yield f"{worker} settles {at} as {answer}", self._settle(world, worker, at, answer)

    def _take(self, world: World, worker: int, as_state: str, takes: int) -> World:
        """A higher epoch; what is claimed under a lower one is recovered, or released by whoever knows better."""
        messages = tuple(
            with_attempt(message, len(message.attempts) - 1, as_state or self.recovered)
            if message.attempts and message.attempts[-1].state == "claimed"
            else message
            for message in world.messages
        )
        epoch = world.epoch + 1
        return world._replace(
            messages=messages,
            epoch=epoch,
            epochs=put(world.epochs, worker, epoch),
            left=(takes, *world.left[1:]),
        )

    def _write(self, world: World, worker: int, at: int) -> World:
        message = world.messages[at]
        _, epoch = world.hands[worker][at]
        place = _claimed_by(message, epoch)
        attempt = message.attempts[place]
        attempt = attempt._replace(written=attempt.written + 1, taken=True)
        moved = message._replace(attempts=put(message.attempts, place, attempt))
        return world._replace(
            messages=put(world.messages, at, moved), hands=_hand(world, worker, at, ("written", epoch))
        )

    def _settle(self, world: World, worker: int, at: int, answer: str) -> World:
        """Nothing, where the lane has another owner by now."""
        after = world._replace(hands=_hand(world, worker, at, EMPTY))
        message, (_, epoch) = world.messages[at], world.hands[worker][at]
        place = _claimed_by(message, epoch)
        taken = message.attempts[place].taken and answer not in ("refused", "released")
        message = message._replace(
            attempts=put(message.attempts, place, message.attempts[place]._replace(taken=taken))
        )
        if epoch == world.epoch and message.attempts[place].state == "claimed":
            message = with_attempt(message, place, answer)
        return after._replace(messages=put(world.messages, at, message))


def _hand(
    world: World, worker: int, at: int, what: tuple[str, int]
) -> tuple[tuple[tuple[str, int], ...], ...]:
    return put(world.hands, worker, put(world.hands[worker], at, what))


def _claimed_by(message: Message, epoch: int) -> int:
    return max(place for place, one in enumerate(message.attempts) if one.epoch == epoch)


def wrong(world: World) -> str | None:
    """What must never be."""
    for message in world.messages:
        for channel in range(CHANNELS):
            here = [one for one in message.attempts if one.channel == channel]
            if sum(one.written for one in here if one.taken) > 1:
                return "handed over twice"
            if any(one.taken and one.state == "released" for one in here):
                return "counts for nothing and was handed over"
        if sum(one.state == "claimed" for one in message.attempts) > 1:
            return "claimed twice"
    return None


def same(world: World) -> World:
    """One of the worlds that differ in nothing that matters: which worker or message is which, and the epochs of what
    nobody has in hand.
    """
    messages = tuple(
        message._replace(
            attempts=tuple(
                one
                if one.state == "claimed" or any(world.hands[who][at][1] == one.epoch for who in WORKERS)
                else one._replace(epoch=0)
                for one in message.attempts
            )
        )
        for at, message in enumerate(world.messages)
    )
    order = sorted(range(len(messages)), key=lambda at: (messages[at], [hand[at] for hand in world.hands]))
    hands = [tuple(hand[at] for at in order) for hand in world.hands]
    workers = sorted(zip(world.epochs, world.doubts, hands, strict=True))
    epochs, doubts, sorted_hands = zip(*workers, strict=True)
    return World(tuple(messages[at] for at in order), world.epoch, epochs, doubts, sorted_hands, world.left)


def has_ended(world: World) -> bool:
    """Whether nothing is to do any more."""
    return all(
        message.state not in ("planned", "in_flight")
        and all(one.state != "claimed" for one in message.attempts)
        for message in world.messages
    )


@dataclass
class Explored:
    """states: how many there are. stuck: those from which no end can be reached. found: what is wrong; way: to it."""

    states: int
    stuck: int
    found: str | None = None
    way: tuple[str, ...] = ()


def explore(start: World, rules: Rules = Rules()) -> Explored:
    """Every world that can be reached, breadth first; stops at the first that is wrong, with the shortest way there."""
    came: dict[World, tuple[World, str] | None] = {start: None}
    back: dict[World, list[World]] = {}
    queue = deque([start])
    while queue:
        world = queue.popleft()
        for what, after in ((what, same(after)) for what, after in rules.steps(world)):
            back.setdefault(after, []).append(world)
            if after in came:
                continue
            came[after] = (world, what)
            if fault := wrong(after):
                return Explored(len(came), 0, fault, _way(came, after))
            queue.append(after)
    ends = [world for world in came if has_ended(world)]
    good, queue = set(ends), deque(ends)
    while queue:
        for before in back.get(queue.popleft(), ()):
            if before not in good:
                good.add(before)
                queue.append(before)
    return Explored(len(came), len(came) - len(good))


def _way(came: dict[World, tuple[World, str] | None], world: World) -> tuple[str, ...]:
    way = []
    while (before := came[world]) is not None:
        world, what = before
        way.append(what)
    return tuple(reversed(way))


def main() -> None:
    """The large search, which takes minutes."""
    for left in ((2, 2, 2, 2), (1, 1, 1, 1)):
        messages = (Message(),) * (1 if left[0] > 1 else 2)
        explored = explore(World(messages, hands=((EMPTY,) * len(messages),) * 2, left=left))
        print(f"{len(messages)} messages, {left} of takeovers, deaths, lost claims, given back: {explored}")
        assert explored.found is None and not explored.stuck


if __name__ == "__main__":
    main()
