"""The files a preview can be written to: for each ending and channel what makes it. A family adds a line to MAKERS."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

import numpy as np

from duecourse.channels.letter.layout import CharactersError, Page, letter_pdf
from duecourse.channels.voice.sound import silence, wav_of
from duecourse.channels.voice.speech import EspeakSpeech, SpeechError
from duecourse.content.bill import BillArtist
from duecourse.content.rendered import Rendered
from duecourse.content.variables import Facts
from duecourse.domain.messaging import Channel
from duecourse.domain.problems import DuecourseError, Problem
from duecourse.domain.typesetting import Typesetter


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
    """The HTML, its attached pictures put inside: a browser has no attachments."""
    html = shown.rendered.html
    for one in shown.rendered.attachments:
        inside = f"data:{one.media_type};base64,{b64encode(one.content).decode()}"
        html = html.replace(f"cid:{one.name}", inside)
    return html.encode()


def _picture(shown: Shown) -> bytes:
    return BillArtist()(shown.facts, shown.rendered.language, shown.rendered.large).content


def _letter(shown: Shown) -> bytes:
    """The letter, to an address made up: a preview is looked at, not posted."""
    one = shown.rendered
    creditor = shown.facts.wording.creditor(shown.facts.creditor)
    name = creditor.name.get(one.language, "") if creditor else ""
    sender = (name or shown.facts.creditor, "1 Sample Street, 00000 Sample")
    try:
        return letter_pdf(
            Typesetter(),
            Page(sender),
            reference="PREVIEW000000",
            address=f"{shown.facts.name or 'Sample'}\n1 Sample Street\n00000 Sample",
            heading=one.subject,
            text=one.text,
            language=one.language,
            at=shown.now,
            large=one.large,
        )
    except (CharactersError, ValueError) as error:
        raise DuecourseError(Problem("P412", "--out", str(error), "Nothing was written.")) from None


def _sound(shown: Shown) -> bytes:
    """What the right person hears: greeting, notice and keys, with a pause between."""
    script = shown.rendered.script
    assert script is not None, "only channels with a script make sound"
    speech = EspeakSpeech()
    if missing := speech.missing():
        message = f"{missing} is not installed: it needs {speech.needs}"
        raise DuecourseError(Problem("P413", "--out", message, "Nothing was written."), exit_code=3)
    try:
        said = [
            speech.say(part, shown.rendered.language)
            for part in (script.greeting, script.notice, script.repeat)
            if part
        ]
    except SpeechError as error:
        raise DuecourseError(
            Problem("P413", "--out", str(error), "Nothing was written."), exit_code=3
        ) from None
    pause = silence(1.0)
    return wav_of(np.concatenate([sound for part in said for sound in (part, pause)]))


MAKERS: Final[Mapping[tuple[str, Channel], Maker]] = {
    **{(".txt", channel): _text for channel in Channel},
    (".html", Channel.EMAIL): _html,
    (".html", Channel.INBOX): _html,
    (".png", Channel.EMAIL): _picture,
    (".png", Channel.INBOX): _picture,
    (".pdf", Channel.LETTER): _letter,
    (".wav", Channel.VOICE): _sound,
    (".wav", Channel.TASK): _sound,
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
