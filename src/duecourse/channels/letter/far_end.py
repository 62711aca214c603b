"""The sandbox's print house: takes folders that are whole, prints nothing, and tells what would have become of letters.

A postal address behaves by the beginning of its first line, as a mailbox by that of its local part.
"""

from __future__ import annotations

import asyncio
import csv
import hashlib
import io
from pathlib import Path
from typing import Any, Self

from pypdf import PdfReader

from duecourse.channels.sandbox.room import Room
from duecourse.channels.sandbox.rules import Behaviour

LOOK_SECONDS = 0.02


class PrintHouse:
    """Looks into the folder again and again."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._out = room.folder / "letters"
        self._returns = room.folder / "returns"
        self._seen: set[str] = set()
        self._looking: asyncio.Task[None] | None = None

    @classmethod
    def of(cls, room: Room) -> Self:
        """Not yet looking."""
        return cls(room)

    @staticmethod
    def settings(port: int, folder: Path) -> dict[str, Any]:
        """The adapter's settings that share its folders."""
        return {
            "out_dir": str(folder / "letters"),
            "returns_dir": str(folder / "returns"),
            "returns_poll_seconds": 1,
            "drain_seconds": 20,
            "sender": ["Far East Consumer Finance", "1 Nanjing East Road, Shanghai", "400-800-1234"],
        }

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Begin to look; the port is never used, a print house has a door."""
        self._returns.mkdir(parents=True, exist_ok=True)
        self._out.mkdir(parents=True, exist_ok=True)
        self._looking = asyncio.create_task(self._look())
        return port

    async def stop(self) -> None:
        """Look no more."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        self._room.journal.flush()

    async def _look(self) -> None:
        while True:
            for batch in sorted(self._out.glob("letters-*")):
                if batch.name not in self._seen and (batch / "DONE").exists():
                    self._seen.add(batch.name)
                    self._print(batch)
            await asyncio.sleep(LOOK_SECONDS)

    def _print(self, batch: Path) -> None:
        """Check the folder against its totals, note each letter, and write the list of what became of them."""
        table = (batch / "letters.csv").read_bytes()
        count, digest = (batch / "DONE").read_text().split()
        rows = list(csv.DictReader(table.decode().splitlines()))
        whole = int(count) == len(rows) and digest == hashlib.sha256(table).hexdigest()
        lines = ["reference,status,reason"]
        for row in rows:
            pdf = (batch / row["file"]).read_bytes()
            good = whole and hashlib.sha256(pdf).hexdigest() == row["sha256"] and pdf.startswith(b"%PDF-")
            self._room.journal.add(
                "taken", kind="letter.print", id=row["reference"], text_sha256=row["text_sha256"], whole=good
            )
            lines.append(f"{row['reference']},{self._becomes(pdf) if good else 'failed,not-printed'}")
        self._room.journal.flush()
        unnamed = self._returns / f".{batch.name}"
        unnamed.write_text("\n".join(lines) + "\n")
        unnamed.rename(self._returns / f"{batch.name}.csv")

    def _becomes(self, pdf: bytes) -> str:
        """Status and reason, by what stands in the window."""
        printed = PdfReader(io.BytesIO(pdf)).pages[0].extract_text().splitlines()
        behaviours = {self._room.rules.of_mailbox(line) for line in printed}
        if Behaviour.UNDELIVERABLE in behaviours:
            return "returned,unknown"
        return "posted," if Behaviour.SILENT in behaviours else "delivered,"
