"""A command in a process of its own, and the most memory it ever held: `python -m bench.peak NOTE ARGUMENT …`."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from duecourse.cli import main as command

from .house import ROOT, House


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command took. peak_mib, processor_seconds: of the process itself, not of the database nor the sandbox."""

    seconds: float
    peak_mib: float
    processor_seconds: float
    said: Any


def run(house: House, database: str, *arguments: str, **settings: str) -> Ran:
    """Run `duecourse` with these arguments on a database of the house. Raises RuntimeError when it fails."""
    note = house.folder / "peak.json"
    environment = os.environ | {
        "DUECOURSE_HOME": str(house.folder),
        "DUECOURSE_DATABASE_URL": house.conninfo_of(database),
        **settings,
    }
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "bench.peak", str(note), *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    took = time.perf_counter() - began
    if done.returncode != 0:
        told = (done.stderr or done.stdout)[-2000:]
        raise RuntimeError(f"duecourse {arguments[0]} ended with {done.returncode}: {told}")
    said = json.loads(done.stdout) if "--json" in arguments else done.stdout
    noted = json.loads(note.read_text())
    return Ran(took, noted["peak_kib"] / 1024, noted["processor_seconds"], said)


def peak_kib() -> int:
    """The most this process has held since it was started.

    Linux's ru_maxrss begins with what the parent held when it forked, so the kernel's own mark is read there.
    """
    status = Path("/proc/self/status")
    if status.exists():
        return next(
            int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")
        )
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most // 1024 if sys.platform == "darwin" else most


def main() -> None:
    """Run the command in this process; note the peak, however it ends."""
    note, sys.argv = Path(sys.argv[1]), ["duecourse", *sys.argv[2:]]
    try:
        command.main()
    finally:
        used = resource.getrusage(resource.RUSAGE_SELF)
        noted = {"peak_kib": peak_kib(), "processor_seconds": used.ru_utime + used.ru_stime}
        note.write_text(json.dumps(noted))


if __name__ == "__main__":
    main()
