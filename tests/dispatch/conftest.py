"""A sandbox for the test process, and a desk at work on the lender's book."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from duecourse.channels.sandbox.process import SandboxProcess
from duecourse.channels.sandbox.rules import SandboxRules
from duecourse.privacy.keyring import Keyring
from duecourse.store.connect import Store
from lender import Lender
from post import Post


@pytest.fixture(scope="session")
def far_ends(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    """One sandbox for the test process."""
    folder = tmp_path_factory.mktemp("sandbox")
    with SandboxProcess(folder, rules=SandboxRules(late_seconds=0.3)) as sandbox:
        yield sandbox


@pytest.fixture
def post(store: Store, keyring: Keyring, lender: Lender, far_ends: SandboxProcess) -> Post:
    """A desk at work on the lender's book."""
    return Post(store, keyring, lender, far_ends)


@pytest.fixture
def home(tmp_path: Path, lender: Lender) -> Path:
    """A home with the test's keys."""
    folder = tmp_path / "home"
    folder.mkdir()
    lender.keyring.save(folder / "keys.json")
    return folder


@pytest.fixture
def smsc(tmp_path: Path) -> Iterator[SandboxProcess]:
    """An SMSC that outlives the workers."""
    with SandboxProcess(tmp_path) as sandbox:
        yield sandbox
