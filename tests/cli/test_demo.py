"""`duecourse demo` ends with commands to try: each of them works on what it left."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from sent_links import PHONE
from visiting import hidden

BEGINNINGS = (
    "borrower show",
    "rules explain",
    "rules show",
    "book cash",
    "book buckets",
    "plan",
    "run",
    "status",
    "serve",
)


@pytest.mark.slow
def test_every_command_that_the_demo_proposes_works(short_home: Path) -> None:
    keep = {name: value for name, value in os.environ.items() if not name.startswith("DUECOURSE_")}
    environment = {
        **keep,
        "DUECOURSE_LANGUAGE": "zh",
        "PATH": f"{Path(sys.executable).parent}:{keep['PATH']}",
    }

    def type_in(line: str) -> str:
        done = subprocess.run(
            line,
            shell=True,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            cwd=short_home.parent,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        return done.stdout

    told = type_in(f"duecourse demo --home {short_home} --borrowers 50")
    proposed = [line.strip() for line in told.splitlines() if line.startswith("  duecourse ")]
    assert all(any(line.startswith(f"duecourse {one}") for line in proposed) for one in BEGINNINGS), told
    (export,) = (line.strip() for line in told.splitlines() if line.startswith("  export "))
    environment["DUECOURSE_HOME"] = str((short_home.parent / export.partition("=")[2]).resolve())
    for line in proposed:
        if (
            line.startswith("duecourse run ") or line == "duecourse serve"
        ):  # a replay is what the demo did itself
            continue
        assert type_in(line), line
    page = next(line.strip() for line in told.splitlines() if line.startswith("  http://"))
    (digits,) = re.findall(r"证件号后六位 (\w+)。", told)
    assert "/me/pay" in opened(environment, page, digits)


def opened(environment: dict[str, str], page: str, digits: str) -> str:
    """What a borrower sees who follows the link and answers its question; the service is at a port of its own."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with subprocess.Popen(
        ["duecourse", "serve", "--listen", address], env=environment, stdout=subprocess.PIPE, text=True
    ) as serving:
        try:
            assert serving.stdout is not None
            assert address in serving.stdout.readline()
            phone = httpx2.Client(
                base_url=f"http://{address}", headers={"User-Agent": PHONE}, follow_redirects=True, timeout=60
            )
            with phone:
                path = urlsplit(page).path
                asked = phone.get(path).text
                given = {name: hidden(asked, name) for name in ("csrf", "request", "question")}
                return phone.post(path, data={**given, "answer": digits}).text
        finally:
            serving.terminate()
