"""A book whose borrowers answer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from answering import Answers
from duecourse.channels.sandbox.process import SandboxProcess
from duecourse.channels.sandbox.rules import SandboxRules
from duecourse.privacy.keyring import Keyring
from duecourse.store.connect import Store
from lender import Lender
from post import Post

REPLIES = {"7001": "下周五还500", "7002": "I will pay 500 by Friday", "7003": "who is this"}
"""Last four digits of a number to what its person answers."""


@pytest.fixture
def answers(lender: Lender) -> Answers:
    """An empty book; every test fills it."""
    return Answers(lender)


@pytest.fixture(scope="session")
def far_ends(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    """One sandbox for the test process, where people answer what the test says."""
    folder = tmp_path_factory.mktemp("sandbox")
    with SandboxProcess(folder, rules=SandboxRules(late_seconds=0.3, replies=REPLIES)) as sandbox:
        yield sandbox


@pytest.fixture
def post(store: Store, keyring: Keyring, lender: Lender, far_ends: SandboxProcess) -> Post:
    """A desk at work on the lender's book."""
    return Post(store, keyring, lender, far_ends)
