"""Locks between processes that vanish with the process that held them."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from duecourse.domain.problems import DuecourseError, Problem


class FileLock:
    """flock on a file that is made once and never removed (removing one would split its holders)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._shared: int | None = None

    @property
    def held(self) -> bool:
        """Whether this handle shares the lock."""
        return self._shared is not None

    def share(self) -> None:
        """Hold the lock together with others until `leave` or the process's end.

        Waits for no one in practice: the exclusive lock is only ever tried, and behind the gate.
        """
        if self._shared is None:
            descriptor = self._open()
            try:
                fcntl.flock(descriptor, fcntl.LOCK_SH)
            except BaseException:
                os.close(descriptor)
                raise
            self._shared = descriptor

    def leave(self) -> None:
        """Give the shared lock back. A forked child that inherited it keeps its own hold."""
        if self._shared is not None:
            os.close(self._shared)
            self._shared = None

    def nobody_holds(self) -> bool:
        """Whether the lock is free at this moment. Through a fresh descriptor, so that our children count."""
        descriptor = self._open()
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(descriptor)
        return True

    @contextlib.contextmanager
    def exclusive(self, timeout_seconds: float) -> Iterator[None]:
        """Hold the lock alone. Raises S008 when others hold it for longer than timeout_seconds."""
        deadline = time.monotonic() + timeout_seconds
        descriptor = self._open()
        try:
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise DuecourseError(
                            Problem(
                                "S008",
                                str(self.path),
                                "another process has been starting or stopping the database for more than "
                                f"{timeout_seconds:.0f} s.",
                                "Nothing was done.",
                            ),
                            exit_code=3,
                        ) from None
                    time.sleep(0.02)
            yield
        finally:
            os.close(descriptor)

    def _open(self) -> int:
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        home = self.path.parent.stat()
        if os.geteuid() == 0 and home.st_uid != 0:
            os.fchown(descriptor, home.st_uid, home.st_gid)  # root acts in a user's home: the user's file
        return descriptor
