"""The files a preview can be written to: for each ending and channel what makes it. A family adds a line to MAKERS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from duecourse.content.rendered import Rendered
from duecourse.content.variables import Facts
from duecourse.domain.messaging import Channel
from duecourse.domain.problems import DuecourseError, Problem


class Shown(NamedTuple):
    """What is written: the message, what it speaks of, and the day of it."""

    rendered: Rendered
    facts: Facts
    now: datetime


Maker: TypeAlias = Callable[[Shown], bytes]


def _text(shown: Shown) -> bytes:
    one = shown.rendered
    return f"{one.subject}\n\n{one.text}\n".lstrip("\n").encode()


def _html(shown: Shown) -> bytes:
    return shown.rendered.html.encode()


MAKERS: Final[Mapping[tuple[str, Channel], Maker]] = {
    **{(".txt", channel): _text for channel in Channel},
    (".html", Channel.EMAIL): _html,
    (".html", Channel.INBOX): _html,
}
"""Ending and channel to what makes the file. The first channel of an ending is the one a preview takes by itself."""


def channel_of(out: Path) -> Channel | None:
    """The channel whose files have this ending, where there is one that suggests itself."""
    if out.suffix.lower() == ".txt":
        return None
    return next((channel for ending, channel in MAKERS if ending == out.suffix.lower()), None)


def write_file(out: Path, shown: Shown) -> int:
    """Write a preview to a file; the number of bytes. Raises DuecourseError P413 for an ending nothing makes."""
    ending, channel = out.suffix.lower(), Channel(shown.rendered.channel)
    maker = MAKERS.get((ending, channel))
    if maker is None:
        known = ", ".join(made for made, of in MAKERS if of == channel)
        message = f"nothing makes {ending or 'a file without ending'} for {channel}; it can be {known}"
        raise DuecourseError(Problem("P413", "--out", message, "Nothing was written."), exit_code=2)
    content = maker(shown)
    out.write_bytes(content)
    return len(content)
