"""Vendors' own clients, each set in a virtual environment of its own: they are heavy, and pin what we do not.

Made on demand under ~/.cache/duecourse-tests, once for each list of requirements. Where no package index can be reached
the test is skipped by name, or fails under DUECOURSE_TEST_ALL=1.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from .counterparts import missing

FOLDER = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "duecourse-tests"
SCRIPTS = Path(__file__).parent / "vendor"
INSTALL_SECONDS = 600
RUN_SECONDS = 120


def environment(*requirements: str) -> Path:
    """The Python of an environment that holds exactly these, given with their versions."""
    name = hashlib.sha256("\n".join((sys.version, *sorted(requirements))).encode()).hexdigest()[:16]
    place = FOLDER / name
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several test processes may want the same one at once
        if not (place / "ready").exists():
            _make(place, requirements)
    return place / "bin" / "python"


def _make(place: Path, requirements: tuple[str, ...]) -> None:
    shutil.rmtree(place, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", place], check=True, capture_output=True)
    pip = [place / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    try:
        subprocess.run([*pip, *requirements], check=True, capture_output=True, timeout=INSTALL_SECONDS)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        missing(f"the vendors' clients cannot be installed: {', '.join(requirements)}")
    (place / "ready").touch()


def run(script: str, requirements: tuple[str, ...], given: dict[str, Any]) -> Any:
    """Run vendor/SCRIPT.py with this client; `given` goes in as JSON, what it prints comes back as JSON."""
    command = [environment(*requirements), SCRIPTS / f"{script}.py"]
    done = subprocess.run(
        command, input=json.dumps(given), capture_output=True, text=True, timeout=RUN_SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout)
