"""The sandbox as a process of its own, for whoever needs far ends: the demo, tests, a user's script."""

from __future__ import annotations

import json
import select
import subprocess
import sys
from pathlib import Path
from types import TracebackType

from duecourse.channels.sandbox.rules import SandboxRules
from duecourse.domain.problems import DuecourseError, Problem

START_SECONDS = 20.0
STOP_SECONDS = 5.0


class SandboxProcess:
    """Start, know the ports, stop.

    It ends by itself when this process ends, since its standard input closes.
    """

    def __init__(
        self,
        maildir: Path,
        log: Path,
        *,
        rules: SandboxRules | None = None,
        smpp_port: int = 0,
        smtp_port: int = 0,
        smpp_password: str = "",
    ) -> None:
        self.maildir = maildir
        self.log = log
        self.smpp_port = smpp_port
        self.smtp_port = smtp_port
        self._rules = rules or SandboxRules()
        self._password = smpp_password
        self._process: subprocess.Popen[str] | None = None

    @property
    def pid(self) -> int:
        """0 when it does not run."""
        return self._process.pid if self._process is not None else 0

    def start(self) -> SandboxProcess:
        """Run it; returns once both ports accept. A restart keeps the ports. Raises DuecourseError C030."""
        command = [sys.executable, "-m", "duecourse.channels.sandbox"]
        command += ["--smpp-port", str(self.smpp_port), "--smtp-port", str(self.smtp_port)]
        command += ["--maildir", str(self.maildir), "--log", str(self.log)]
        command += ["--rules", self._rules.model_dump_json(), "--smpp-password", self._password]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        ready, _, _ = select.select([process.stdout], [], [], START_SECONDS)
        line = process.stdout.readline() if ready else ""
        if not line:
            process.kill()
            process.wait()
            raise DuecourseError(
                Problem("C030", "sandbox", "It did not start within 20 s or could not bind its ports."),
                exit_code=3,
            )
        ports = json.loads(line)
        self.smpp_port, self.smtp_port = ports["smpp_port"], ports["smtp_port"]
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
