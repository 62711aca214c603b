"""Runs smpp_server.js: installs its pinned packages once into the user's cache, then starts it per test."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from . import missing, program

HERE = Path(__file__).parent


class NodeSmsc:
    """The process and the events it prints."""

    def __init__(self) -> None:
        folder = _installed()
        self._process = subprocess.Popen(
            [program("node"), "smpp_server.js"],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.port: int = json.loads(self._process.stdout.readline())["port"]

    def stop(self) -> list[dict[str, Any]]:
        """End it; returns everything it saw."""
        out, _ = self._process.communicate(timeout=10)
        return [json.loads(line) for line in out.splitlines()]


def _installed() -> Path:
    npm = program("npm")
    files = [HERE / name for name in ("package.json", "package-lock.json", "smpp_server.js")]
    key = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "duecourse-tests" / f"node-smsc-{key}"
    if not (folder / "complete").exists():
        folder.mkdir(parents=True, exist_ok=True)
        for path in files:
            shutil.copy(path, folder)
        run = subprocess.run(
            [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=folder,
            capture_output=True,
            text=True,
        )
        if run.returncode:
            missing("npm ci could not install the SMPP server: is there a registry?")
        (folder / "complete").touch()
    return folder
