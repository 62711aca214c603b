"""The sandbox as a process of its own, for whoever needs far ends: the demo, tests, a user's script."""

from __future__ import annotations

import json
import select
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from duecourse.channels.registry import KINDS
from duecourse.channels.sandbox.http_end import HttpEnd
from duecourse.channels.sandbox.room import provider_name
from duecourse.channels.sandbox.rules import SandboxRules
from duecourse.domain.problems import DuecourseError, Problem

START_SECONDS = 60.0
STOP_SECONDS = 5.0
SMS_AND_MAIL: Final[Mapping[str, int]] = {"sms.smpp": 0, "email.smtp": 0}


class SandboxProcess:
    """Start, know the ports, stop.

    It ends by itself when this process ends, since its standard input closes.
    """

    def __init__(
        self,
        folder: Path,
        *,
        rules: SandboxRules | None = None,
        ports: Mapping[str, int] = SMS_AND_MAIL,
        callbacks_url: str = "",
        password: str = "",
    ) -> None:
        """folder: made when missing; for journal.jsonl and what far ends keep. ports: each kind to run and its port;
        0 takes a free one, kept over a restart. callbacks_url: where receipts are posted, before /NAME.
        """
        self.folder = folder
        self.log = folder / "journal.jsonl"
        self.ports = dict(ports)
        self._rules = rules or SandboxRules()
        self._callbacks_url = callbacks_url
        self._password = password
        self._process: subprocess.Popen[str] | None = None

    @property
    def maildir(self) -> Path:
        """Where the mail server puts its bounces."""
        return self.folder / "bounces"

    def settings(self, kind: str) -> dict[str, Any]:
        """The adapter's settings that reach the running far end of this kind."""
        far_end = KINDS[kind].far_end
        called = bool(self._callbacks_url) and issubclass(far_end, HttpEnd) and far_end.given_callback_url
        callback = {"callback_url": f"{self._callbacks_url}/{provider_name(kind)}"} if called else {}
        return far_end.settings(self.ports[kind], self.folder) | callback

    @property
    def pid(self) -> int:
        """0 when it does not run."""
        return self._process.pid if self._process is not None else 0

    def start(self) -> SandboxProcess:
        """Run it; returns once every port accepts. A restart keeps the ports. Raises DuecourseError C030."""
        command = [sys.executable, "-m", "duecourse.channels.sandbox"]
        self.folder.mkdir(parents=True, exist_ok=True)
        command += ["--ports", json.dumps(self.ports), "--folder", str(self.folder), "--log", str(self.log)]
        command += ["--rules", self._rules.model_dump_json(), "--password", self._password]
        command += ["--callbacks-url", self._callbacks_url]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        ready, _, _ = select.select([process.stdout], [], [], START_SECONDS)
        line = process.stdout.readline() if ready else ""
        if not line:
            process.kill()
            process.wait()
            raise DuecourseError(
                Problem("C030", "sandbox", "It did not start within 60 s or could not bind its ports."),
                exit_code=3,
            )
        self.ports = json.loads(line)
        self._process = process
        return self

    def stop(self) -> None:
        """End it in good order; kill it if it does not end within STOP_SECONDS."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None and process.stdout is not None
        process.stdin.close()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()

    def kill(self) -> None:
        """End it as a crash would."""
        process, self._process = self._process, None
        if process is not None:
            assert process.stdin is not None and process.stdout is not None
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()

    def __enter__(self) -> SandboxProcess:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
