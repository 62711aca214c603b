"""Letters by way of a print house that takes folders of PDF files and gives back lists of what became of them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import ClassVar, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field

from duecourse.channels.configured import Configured
from duecourse.channels.letter.batches import Letter, Outbox
from duecourse.channels.letter.layout import (
    WINDOWS,
    AddressError,
    CharactersError,
    Page,
    letter_pdf,
    reference_of,
)
from duecourse.channels.letter.returns import read_returns
from duecourse.domain.messaging import (
    Accepted,
    Cause,
    Channel,
    Deferred,
    NotWritten,
    Outcome,
    Outgoing,
    ReceiptSink,
    Refused,
    ReplySink,
)
from duecourse.domain.typesetting import Typesetter

log = logging.getLogger(__name__)


class LetterConfig(BaseModel):
    """One print house."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    out_dir: Path
    """Made when missing; the print house takes the folders `letters-…` from it once they hold DONE."""
    returns_dir: Path | None = None
    """Lists of what became of letters, *.csv; one that was read moves to its `read` folder."""
    returns_poll_seconds: float = Field(default=60, gt=0, le=86_400)
    sender: tuple[str, ...] = Field(min_length=2, max_length=4)
    """Name, address and, if wanted, a number to call."""
    window: Literal["left", "right", "us-10"] = "left"
    zone: str = "UTC"
    """IANA; the date on a letter is the date there."""
    font_size: float = Field(default=11, ge=8, le=24)
    fonts_dir: Path | None = None
    """Fonts besides those that come with the program, for other scripts."""
    letters_at_once: int = Field(default=50, ge=1, le=1000)
    drain_seconds: float = Field(default=0, ge=0, le=60)
    """Of the sandbox: how long to wait, when asked to drain, for the lists of all folders handed over."""


class LetterAdapter(Configured):
    """Sets each letter and hands a batch over as one folder. Taken once by reference, however often it is sent."""

    kind: ClassVar[str] = "letter.print"
    settings_type = LetterConfig
    channel: ClassVar[Channel] = Channel.LETTER
    deduplicates: ClassVar[bool] = True

    def __init__(
        self,
        name: str,
        config: LetterConfig,
        on_receipts: ReceiptSink,
        on_reply: ReplySink,
        clock: Callable[[], datetime] | None,
    ) -> None:
        """on_reply: not used, nobody answers the machine by post. Raises OSError for folders that cannot be used."""
        self.name = name
        self.window = config.letters_at_once
        self._config = config
        self._on_receipts = on_receipts
        if clock is None:
            raise ValueError("a letter bears a date, so it needs a clock")
        self._clock = clock
        self._zone = ZoneInfo(config.zone)
        self._page = Page(config.sender, WINDOWS[config.window], config.font_size)
        self._typesetter = Typesetter([config.fonts_dir] if config.fonts_dir else [])
        self._outbox = Outbox(config.out_dir)
        self._turn = asyncio.Lock()
        self._awaited: set[str] = set()
        """Folders handed over whose lists have not come."""
        self._poll: asyncio.Task[None] | None = None
        self._open = False

    async def open(self) -> None:
        """Begin to look for returns."""
        self._open = True
        if self._config.returns_dir is not None:
            self._poll = asyncio.create_task(self._keep_reading(), name=f"returns {self.name}")

    async def send(self, batch: Sequence[Outgoing]) -> Sequence[Outcome]:
        """Set the letters and put them into one folder; one outcome each, in order."""
        if not self._open:
            return [NotWritten("closed")] * len(batch)
        async with self._turn:  # the typesetter is for one at a time
            return await asyncio.to_thread(self._send, batch)

    def _send(self, batch: Sequence[Outgoing]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        letters: dict[int, Letter] = {}
        at = self._clock()
        for place, outgoing in enumerate(batch):
            reference = reference_of(outgoing.attempt_id)
            outcomes.append(Accepted(reference))
            if outgoing.valid_for_seconds < 1:
                outcomes[place] = NotWritten("its validity had passed")
            elif not self._outbox.is_taken(reference):
                made = self._set(outgoing, reference, at)
                if isinstance(made, Letter):
                    letters[place] = made
                else:
                    outcomes[place] = made
        for place in [each for each in letters if time.monotonic() > batch[each].write_before]:
            del letters[place]
            outcomes[place] = NotWritten("it was too late to write it")
        if letters:
            try:
                self._awaited.add(self._outbox.put(list(letters.values()), at))
            except OSError as error:
                log.error("%s: letters could not be written (%s). (%s)", self.name, error.strerror, "C029")
                for place, letter in letters.items():
                    # Some may be taken all the same: the markers say which.
                    if not self._outbox.is_taken(letter.reference):
                        outcomes[place] = Deferred("write", "the folder of letters cannot be written", 60)
        return outcomes

    def _set(self, outgoing: Outgoing, reference: str, at: datetime) -> Letter | Outcome:
        try:
            pdf = letter_pdf(
                self._typesetter,
                self._page,
                reference=reference,
                address=outgoing.address,
                heading=outgoing.subject,
                text=outgoing.text,
                language=outgoing.language,
                at=at.astimezone(self._zone),
                large=outgoing.large,
            )
        except AddressError as error:
            return Refused("address", str(error), permanent=True, cause=Cause.DEAD)
        except CharactersError as error:
            return Refused("characters", str(error), permanent=False, cause=Cause.CONTENT)
        return Letter(reference, pdf, outgoing.text, outgoing.language)

    async def drain(self) -> None:
        """Commit the returns that lie there; of the sandbox also those that are still to come."""
        until = time.monotonic() + self._config.drain_seconds
        await self._read_returns()
        while self._awaited and time.monotonic() < until:
            await asyncio.sleep(0.01)
            await self._read_returns()

    async def close(self) -> None:
        """Commit the returns that lie there and stop looking."""
        self._open = False
        poll, self._poll = self._poll, None
        if poll is not None:
            poll.cancel()
            with suppress(asyncio.CancelledError):
                await poll
        await self._read_returns()

    async def _keep_reading(self) -> None:
        while True:
            await self._read_returns()
            await asyncio.sleep(self._config.returns_poll_seconds)

    async def _read_returns(self) -> None:
        """Each list in turn; it moves aside once its receipts are committed."""
        folder = self._config.returns_dir
        for path in sorted(folder.glob("*.csv")) if folder is not None and folder.is_dir() else ():
            with suppress(FileNotFoundError):  # another worker was faster
                told = read_returns(path.read_bytes(), path.name)
                for problem in told.problems:
                    log.warning("%s: %s", self.name, problem)
                try:
                    if told.receipts:
                        await self._on_receipts(self.name, told.receipts)
                except Exception as error:
                    log.error(
                        "%s: returns could not be stored (%s). They stay. (%s)",
                        self.name,
                        type(error).__name__,
                        "C026",
                    )
                    return
                (path.parent / "read").mkdir(exist_ok=True)
                path.rename(path.parent / "read" / path.name)
                self._awaited.discard(path.stem)
