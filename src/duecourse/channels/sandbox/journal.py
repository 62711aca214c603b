"""Append-only account of what the sandbox took and said: a JSON object a line, written before the answer
goes.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path
from typing import Any


class Journal:
    """`flush` writes the lines that `add` collected in one go, so a killed sandbox leaves whole lines."""

    def __init__(self, path: Path | None) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600) if path else None
        self._lines: list[str] = []

    def add(self, event: str, **fields: Any) -> None:
        """Note one event. Times are seconds since 1970 of this machine's clock."""
        if self._file is not None:
            self._lines.append(json.dumps({"at": time.time(), "event": event, **fields}))

    def flush(self) -> None:
        """Write what was collected."""
        if self._file is not None and self._lines:
            octets = ("\n".join(self._lines) + "\n").encode()
            self._lines.clear()
            while octets:
                octets = octets[os.write(self._file, octets) :]

    def close(self) -> None:
        """Write the rest and close."""
        self.flush()
        if self._file is not None:
            os.close(self._file)
            self._file = None


def digest(text: str) -> str:
    """What the journal keeps of a text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
