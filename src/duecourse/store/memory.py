"""How much memory there is, and how much of it the embedded server keeps pages in."""

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


def usable_memory(limits: Sequence[Path] = LIMITS) -> int:
    """Bytes of memory that this machine has, or this container may use."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in limits:
        with contextlib.suppress(OSError, ValueError):
            memory = min(memory, int(path.read_text(encoding="utf-8")))
    return memory


def shared_buffers(memory: int) -> str:
    """The server's setting where there are so many bytes of memory: a quarter of them, as is the custom, within bounds.

    The memory is taken when pages come to fill it, not at the start.
    """
    return f"{min(max(memory // 4, LEAST_BUFFERS), MOST_BUFFERS) >> 20}MB"
