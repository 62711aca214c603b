"""A small disk for the database, that can be filled."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Final

SIZE_MB: Final = 1024
_PIECE: Final = b"\0" * (1 << 16)


class SmallDisk:
    """A file system of its own in memory, mounted at a folder. Only root can make one."""

    def __init__(self, folder: Path) -> None:
        """Raises OSError where it cannot be mounted."""
        self.folder = folder
        self._filler = folder / "filler"
        folder.mkdir(parents=True)
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m,mode=0755", "soak", str(folder)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise OSError(done.stderr.strip())

    def fill(self) -> None:
        """To the last byte."""
        with suppress(OSError), self._filler.open("ab", buffering=0) as filler:
            room = os.statvfs(self.folder)
            os.posix_fallocate(filler.fileno(), 0, room.f_bavail * room.f_frsize)
            while True:  # and what was freed or left meanwhile
                filler.write(_PIECE)

    def free(self) -> None:
        """Give the space back."""
        self._filler.unlink(missing_ok=True)

    def unmount(self) -> None:
        """Lose it with what it holds."""
        subprocess.run(["umount", "-l", str(self.folder)], check=False)


def small_disk(folder: Path) -> SmallDisk | str:
    """One, or why there can be none."""
    if os.geteuid() != 0:
        return "only root can mount a small disk"
    try:
        return SmallDisk(folder)
    except OSError as error:
        return f"no small disk can be mounted here ({error})"
