"""A lender for planning tests."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from duecourse.privacy.keyring import Keyring

from lender import Lender


@pytest.fixture
def lender(database: psycopg.Connection, keyring: Keyring, tmp_path: Path) -> Lender:
    """An empty book."""
    return Lender(database, keyring, tmp_path)
