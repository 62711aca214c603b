"""The providers of a soak: each far end a sandbox process of its own, to be killed, stopped and started again alone."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from duecourse.channels.sandbox.process import SandboxProcess
from duecourse.channels.sandbox.room import provider_name
from duecourse.channels.sandbox.rules import SandboxRules
from duecourse.cli.providers import Provider, sandbox_providers
from duecourse.cli.sandbox import as_toml

from .wire import Wire, Wires

WINDOW: Final = 50
"""How much may be unanswered at one provider by one worker."""
RESPONSE_SECONDS: Final = 5
"""After so long without an answer a hand-over is unknown."""
WECHAT: Final = provider_name("wechat.service")
Cast = tuple[str, str, int]
"""Name, kind and weight of a far end."""
CAST: Final[tuple[Cast, ...]] = (
    ("smsc-one", "sms.smpp", 3),
    ("smsc-two", "sms.smpp", 2),
    (provider_name("sms.twilio"), "sms.twilio", 2),
    (provider_name("sms.webhook"), "sms.webhook", 1),
    (WECHAT, "wechat.service", 1),
    ("post-office", "email.smtp", 1),
)
"""Far ends over HTTP call back under the name that the sandbox gives their kind."""
_WINDOW_KEY: Final = {"email.smtp": "connections"}


@dataclass(slots=True)
class FarEnd:
    """One of them. stops: from when to when it stood still, or its wire was not whole; seconds since 1970.

    wire: over which workers reach it.
    """

    name: str
    kind: str
    weight: int
    process: SandboxProcess
    stops: list[tuple[float, float]] = field(default_factory=list)
    wire: Wire | None = None
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
        config = {key: self._by_wire(value) for key, value in provider.config.items() if key != "drain_url"}
        config |= {
            _WINDOW_KEY.get(self.kind, "window"): WINDOW,
            "response_seconds": RESPONSE_SECONDS,
            "weight": self.weight,
        }
        return as_toml(Provider(self.name, self.kind, True, config))

    def _by_wire(self, value: object) -> object:
        """A setting that names its port, with the wire's in its place."""
        port = self.process.ports[self.kind]
        if self.wire is None:
            return value
        if isinstance(value, str):
            return value.replace(f"127.0.0.1:{port}", f"127.0.0.1:{self.wire.port}")
        return self.wire.port if value == port else value


class FarEnds:
    """All of them, and the providers.toml that reaches them."""

    def __init__(
        self, home: Path, callbacks_url: str, rules: SandboxRules, cast: Iterable[Cast] = CAST
    ) -> None:
        self.all = [
            FarEnd(
                name,
                kind,
                weight,
                SandboxProcess(home / name, rules=rules, ports={kind: 0}, callbacks_url=callbacks_url),
            )
            for name, kind, weight in cast
        ]
        self._home = home

    def start(self, wires: Wires) -> None:
        """Start each, lay a wire to it, then say where they are."""
        for one in self.all:
            one.process.start()
            one.wire = wires.lay(one.name, ("127.0.0.1", one.process.ports[one.kind]))
        (self._home / "providers.toml").write_text("\n".join(one.toml() for one in self.all), "utf-8")

    def __iter__(self) -> Iterator[FarEnd]:
        return iter(self.all)

    def stop(self) -> None:
        """End every process."""
        for one in self.all:
            if one.process.pid:
                one.go_on()
                one.process.stop()
