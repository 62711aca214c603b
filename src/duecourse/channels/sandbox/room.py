"""What every far end of the sandbox is, and what it is given."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

from cryptography.hazmat.primitives.asymmetric import ec

from duecourse.channels.sandbox.journal import Journal
from duecourse.channels.sandbox.rules import SandboxRules


@dataclass(frozen=True, slots=True)
class Room:
    """Shared by all far ends of one sandbox."""

    rules: SandboxRules
    journal: Journal
    folder: Path
    """Where a far end keeps what it hands on as files: bounces, print jobs."""
    callbacks_url: str = ""
    """Receipts are posted to this address followed by a slash and the provider's name; '': nowhere."""
    password: str = ""
    """'' lets everybody in."""


def provider_name(kind: str) -> str:
    """What the sandbox's provider of a kind is called in providers.toml and in the address of its callbacks."""
    return f"sandbox-{kind.replace('.', '-')}"


def wall_seconds() -> int:
    """Seconds since 1970 of this machine's clock: a far end checks by it how old a credential is."""
    return int(time.time())


def sandbox_key(purpose: str) -> ec.EllipticCurvePrivateKey:
    """A P-256 key that both sides of the sandbox derive. It is public knowledge and opens nothing real."""
    scalar = int.from_bytes(hashlib.sha256(f"duecourse sandbox: {purpose}".encode()).digest())
    return ec.derive_private_key(scalar % (2**255) + 1, ec.SECP256R1())


class FarEnd(Protocol):
    """The provider's side of one kind of adapter, on loopback. Speaks the real protocol and reaches nobody."""

    @classmethod
    def of(cls, room: Room) -> Self:
        """Not yet listening."""

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listen; returns the port. 0 takes a free one."""

    async def stop(self) -> None:
        """Close the listener and every connection."""

    @staticmethod
    def settings(port: int, folder: Path) -> dict[str, Any]:
        """The adapter's settings that reach it there, as providers.toml would hold them."""
