"""What every page and endpoint is given by the entry point that serves it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import psycopg
from psycopg_pool import ConnectionPool

from duecourse.privacy.keyring import Keyring
from duecourse.responses.peers import Limits


@dataclass(frozen=True, slots=True)
class Site:
    """One installation as its web side sees it. Handlers are plain functions, which the server runs in threads."""

    pool: ConnectionPool[psycopg.Connection]
    keyring: Keyring
    now: Callable[[psycopg.Connection], datetime]
    """The installation's clock: the database's, or the simulated one of a replayed book."""
    public_url: str
    """Without a slash at its end; what links in messages begin with."""
    language: str = "en"
    """Of what staff and integrators read: en or zh."""
    limits: Limits = field(default_factory=Limits)
    """What stops guessing of codes and answers."""
