"""Audits of files written as rows."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from duecourse.privacy.keyring import Keyring
from past import Past


@pytest.fixture
def past(database: psycopg.Connection, keyring: Keyring, tmp_path: Path) -> Past:
    """Audits files on a fresh database."""
    return Past(database, keyring, tmp_path)
