"""The running server of a data directory, told apart from a file that a dead one left behind."""

from __future__ import annotations

import contextlib
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Postmaster:
    """A live server process, as its postmaster.pid describes it."""

    pid: int
    socket_dir: Path
    ready: bool
    """Takes connections, of which a standby's only read: neither starting, recovering nor stopping."""


def find_postmaster(data_dir: Path) -> Postmaster | None:
    """The server of data_dir, or None when there is none or only the pid file of one that died.

    Source of the file's lines: PostgreSQL's src/include/utils/pidfile.h.
    """
    try:
        lines = (data_dir / "postmaster.pid").read_text(encoding="utf-8", errors="replace").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not lines or not lines[0].strip().lstrip("-").isdigit():
        return None
    pid = abs(int(lines[0]))
    if not _is_server_of(pid, data_dir):
        return None
    socket_dir = Path(lines[4]) if len(lines) > 4 and lines[4] else data_dir
    return Postmaster(pid, socket_dir, ready=len(lines) > 7 and lines[7].strip() in ("ready", "standby"))


def remove_stale_lock_files(data_dir: Path, *more: Path) -> None:
    """Remove lock files whose process id now belongs to another program; PostgreSQL would wait for that one.

    Safe: files of ids that belong to no process are PostgreSQL's to judge, and its lock on the shared memory
    keeps a second server out even where no file is left.
    """
    for path in (data_dir / "postmaster.pid", *more):
        with contextlib.suppress(FileNotFoundError):
            first = path.read_text(encoding="utf-8", errors="replace").partition("\n")[0].strip().lstrip("-")
            if not first.isdigit() or not _is_server_of(int(first), data_dir):
                path.unlink()


def _is_server_of(pid: int, data_dir: Path) -> bool:
    words = _command_line(pid)
    return any("postgres" in Path(word).name for word in words) and str(data_dir) in words


def _command_line(pid: int) -> list[str]:
    """The words a process was started with; empty for a zombie or when there is no such process."""
    if Path("/proc/self/cmdline").exists():
        try:
            raw = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            return []
        return [os.fsdecode(word) for word in raw.split(b"\0") if word]
    shown = subprocess.run(
        ["/bin/ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout
    # Without /proc the words cannot be told apart where a path holds spaces, so look for the option itself.
    before, option, after = shown.strip().partition(" -D ")
    return [before, option.strip(), after.partition(" -k ")[0]] if option else []
