"""The providers of a soak: each far end a sandbox process of its own, to be killed, stopped and started again alone."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from duecourse.channels.sandbox.process import SandboxProcess
from duecourse.channels.sandbox.room import provider_name
from duecourse.channels.sandbox.rules import SandboxRules
from duecourse.cli.providers import Provider, sandbox_providers
from duecourse.cli.sandbox import as_toml

WINDOW: Final = 50
"""How much may be unanswered at one provider by one worker."""
RESPONSE_SECONDS: Final = 5
"""After so long without an answer a hand-over is unknown."""
WECHAT: Final = provider_name("wechat.service")
CAST: Final = (
    ("smsc-one", "sms.smpp", 3),
    ("smsc-two", "sms.smpp", 2),
    (provider_name("sms.twilio"), "sms.twilio", 2),
    (provider_name("sms.webhook"), "sms.webhook", 1),
    (WECHAT, "wechat.service", 1),
    ("post-office", "email.smtp", 1),
)
"""Name, kind and weight. Far ends over HTTP call back under the name that the sandbox gives their kind."""
_WINDOW_KEY: Final = {"email.smtp": "connections"}


@dataclass(slots=True)
class FarEnd:
    """One of them. stops: from when to when it stood still, seconds since 1970."""

    name: str
    kind: str
    weight: int
    process: SandboxProcess
    stops: list[tuple[float, float]] = field(default_factory=list)
    _stopped_at: float | None = None

    @property
    def channel(self) -> str:
        """What it carries."""
        return self.kind.partition(".")[0]

    @property
    def is_up(self) -> bool:
        """Whether it runs and is not stopped."""
        return bool(self.process.pid) and self._stopped_at is None

    def stand_still(self) -> None:
        """SIGSTOP: connections stay, and nothing is answered."""
        self._stopped_at = time.time()
        os.kill(self.process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """SIGCONT, where it stands still."""
        if self._stopped_at is not None:
            self.stops.append((self._stopped_at, time.time()))
            self._stopped_at = None
            os.kill(self.process.pid, signal.SIGCONT)

    def toml(self) -> str:
        """Its entry of providers.toml."""
        (provider,) = sandbox_providers(self.process)
        config = {key: value for key, value in provider.config.items() if key != "drain_url"}
        config |= {
            _WINDOW_KEY.get(self.kind, "window"): WINDOW,
            "response_seconds": RESPONSE_SECONDS,
            "weight": self.weight,
        }
        return as_toml(Provider(self.name, self.kind, True, config))


class FarEnds:
    """All of them, and the providers.toml that reaches them."""

    def __init__(self, home: Path, callbacks_url: str, rules: SandboxRules) -> None:
        self.all = [
            FarEnd(
                name,
                kind,
                weight,
                SandboxProcess(home / name, rules=rules, ports={kind: 0}, callbacks_url=callbacks_url),
            )
            for name, kind, weight in CAST
        ]
        self._home = home

    def start(self) -> None:
        """Start each, then say where they are."""
        for one in self.all:
            one.process.start()
        (self._home / "providers.toml").write_text("\n".join(one.toml() for one in self.all), "utf-8")

    def __iter__(self) -> Iterator[FarEnd]:
        return iter(self.all)

    def stop(self) -> None:
        """End every process."""
        for one in self.all:
            if one.process.pid:
                one.go_on()
                one.process.stop()
