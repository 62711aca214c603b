"""Which seal is used: the file that the settings name, else the one of the home folder."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import psycopg

from duecourse.domain.typesetting import Typesetter
from duecourse.evidence.issuing import Issuer
from duecourse.evidence.seal import FILE, Seal, fault_of, own_password, read_seal

from .context import Context


def seal_of(here: Context, now: datetime) -> Seal:
    """The seal. Raises DuecourseError K010 to K012."""
    own = here.settings
    password = own.seal_password.get_secret_value().encode() if own.seal_file else own_password(here.keyring)
    return read_seal(_path(here), password, now=now)


def _path(here: Context) -> Path:
    return here.settings.seal_file or here.settings.home / FILE


def issuer(here: Context, conn: psycopg.Connection | None = None) -> Issuer:
    """Who issues certificates. The seal's file is read again when it was changed. conn: None takes one of its own."""
    return Issuer(
        conn or here.connect(autocommit=True),
        here.keyring,
        _Kept(here),
        Typesetter(),
        here.settings.public_url.rstrip("/"),
        here.settings.timestamp_url,
        here.user,
    )


class _Kept:
    """A seal that was read once: to read a key takes longer than to seal with it."""

    def __init__(self, here: Context) -> None:
        self._here = here
        self._seal: Seal | None = None
        self._changed_at = 0

    def __call__(self) -> Seal:
        """Raises DuecourseError as seal_of, and K012 for one that has expired since."""
        now = self._here.now()
        path = _path(self._here)
        changed_at = path.stat().st_mtime_ns if path.exists() else 0
        if self._seal is None or changed_at != self._changed_at or fault_of(self._seal, now=now):
            self._seal, self._changed_at = seal_of(self._here, now), changed_at
        return self._seal
