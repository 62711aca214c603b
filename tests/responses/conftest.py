"""A book whose borrowers answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import fresh_database

from answering import Answers
from duecourse.channels.sandbox.process import SandboxProcess
from duecourse.channels.sandbox.rules import SandboxRules
from duecourse.privacy.keyring import Keyring
from duecourse.store.connect import Store
from hardship import CARDS, Bank, Household, offer
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


@pytest.fixture(scope="module")
def bank(
    server_conninfo: str, _template: str, keyring: Keyring, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bank]:
    """One book for the module whose policies offer help; every test has borrowers of its own."""
    with (
        fresh_database(server_conninfo, _template) as url,
        Store(url, None) as store,
        store.connect(idle_in_transaction_seconds=0) as conn,
    ):
        bank = Bank(Lender(conn, keyring, Path(tmp_path_factory.mktemp("lender"))), store)
        offer(bank.lender, CARDS)
        offer(bank.lender)
        yield bank


@pytest.fixture
def home(bank: Bank) -> Household:
    """A household that owes twelve payments of 1,066.19 from 15 March on, and has said that it cannot pay."""
    return bank.household()


@pytest.fixture(scope="module")
def everyone(bank: Bank) -> Household:
    """Twelve payments, the first of which is overdue."""
    return bank.household(first="2026-02-15")
