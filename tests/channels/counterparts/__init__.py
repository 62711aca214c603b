"""Far ends by other hands: what we believe of a protocol is checked against somebody else's reading of it."""

from __future__ import annotations

import os
import shutil

import pytest


def program(name: str) -> str:
    """Path of a system program. Without it the test is skipped, or fails under DUECOURSE_TEST_ALL=1."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin:/usr/local/sbin")
    if found is None:
        missing(f"{name} is not installed")
    return str(found)


def missing(why: str) -> None:
    """Skip, or fail where everything is to be tested."""
    if os.environ.get("DUECOURSE_TEST_ALL") == "1":
        pytest.fail(why)
    pytest.skip(why)
