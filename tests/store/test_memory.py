"""How much of the memory the embedded server keeps pages in."""

from __future__ import annotations

import os
from pathlib import Path

import psycopg
import pytest

from duecourse.store.embedded import EmbeddedServer
from duecourse.store.memory import memory_settings, usable_memory

GIB = 1 << 30


@pytest.mark.parametrize(
    ("memory", "buffers", "log"),
    [
        (GIB // 4, "128MB", "1024MB"),
        (2 * GIB, "512MB", "1024MB"),
        (8 * GIB, "2048MB", "2048MB"),
        (16 * GIB, "4096MB", "4096MB"),
        (512 * GIB, "4096MB", "4096MB"),
    ],
)
def test_pages_and_log_are_kept_in_a_quarter_of_the_memory_within_bounds(
    memory: int, buffers: str, log: str
) -> None:
    assert memory_settings(memory) == {"shared_buffers": buffers, "max_wal_size": log}


def test_a_container_has_the_memory_it_may_use(tmp_path: Path) -> None:
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit, none, wide = tmp_path / "limit", tmp_path / "none", tmp_path / "wide"
    limit.write_text("104857600\n")
    none.write_text("max\n")
    wide.write_text(f"{machine * 2}\n")

    assert usable_memory([none, limit, wide, tmp_path / "missing"]) == 104857600
    assert usable_memory([none, wide, tmp_path / "missing"]) == machine


def test_the_embedded_server_runs_with_it(short_home: Path, postgres_major: int) -> None:
    server = EmbeddedServer(short_home, postgres_major)
    try:
        with psycopg.connect(server.start()) as conn:
            shown = {
                name: f"{size >> 20}MB"
                for name, size in conn.execute(
                    """SELECT name, pg_size_bytes(current_setting(name)) FROM pg_settings
                       WHERE name IN ('shared_buffers', 'max_wal_size')"""
                )
            }
    finally:
        server.stop()
    assert shown == memory_settings(usable_memory())
