"""How much memory there is, and what of it the embedded server is given."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""Where a container is told how much it may use: a number of bytes, or a word for no limit."""

LEAST_BUFFERS = 128 << 20
MOST_BUFFERS = 4 << 30
"""Bytes. Each GiB takes 25 MiB of bookkeeping that every start of the server has to fill in."""
LEAST_LOG = 1 << 30
"""Bytes."""


def usable_memory(limits: Sequence[Path] = LIMITS) -> int:
    """Bytes of memory that this machine has, or this container may use."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in limits:
        with contextlib.suppress(OSError, ValueError):
            memory = min(memory, int(path.read_text(encoding="utf-8")))
    return memory


def memory_settings(memory: int) -> dict[str, str]:
    """The server's settings where there are so many bytes of memory.

    shared_buffers: a quarter of them, as is the custom, within bounds; taken when pages come to fill it, not at the
    start. max_wal_size: as much log between two checkpoints, and no less than the server's own default of a gigabyte.
    A large book wrote half of that in six seconds: each checkpoint writes out what is about to change again, and to
    the log all of each page that changes next.
    """
    buffers = min(max(memory // 4, LEAST_BUFFERS), MOST_BUFFERS)
    return {"shared_buffers": f"{buffers >> 20}MB", "max_wal_size": f"{max(buffers, LEAST_LOG) >> 20}MB"}
