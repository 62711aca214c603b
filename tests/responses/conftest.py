"""A book whose borrowers answer."""

from __future__ import annotations

import pytest

from answering import Answers
from lender import Lender


@pytest.fixture
def answers(lender: Lender) -> Answers:
    """An empty book; every test fills it."""
    return Answers(lender)
