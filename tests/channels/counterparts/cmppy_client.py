"""Somebody else's CMPP client: installs it once into the user's cache, and lets a test use it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType

from . import missing

PINNED = Path(__file__).parent / "cmppy.txt"


@contextmanager
def cmppy() -> Iterator[ModuleType]:
    """The package, importable for as long as the block runs."""
    folder = str(_installed())
    sys.path.insert(0, folder)
    try:
        yield import_module("cmppy")
    finally:
        sys.path.remove(folder)


def _installed() -> Path:
    key = hashlib.sha256(PINNED.read_bytes() + sys.version.encode()).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "duecourse-tests"
    folder = cache / f"cmppy-{key}"
    if folder.exists():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as made:
        target = Path(made) / "site"
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
        command += ["--target", str(target), "-r", str(PINNED)]
        run = subprocess.run(command, capture_output=True, text=True)
        if run.returncode:
            missing("pip could not install cmppy: is there a registry?")
        try:
            target.rename(folder)
        except OSError:  # another test process was quicker
            if not folder.exists():
                raise
    return folder
