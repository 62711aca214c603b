"""The database server of a soak, which crashes when told to: an immediate stop, and a start that recovers."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from duecourse.store.embedded import EmbeddedServer
from duecourse.store.postmaster import find_postmaster


class CrashingServer:
    """One embedded server on a disk, as durable as an installation."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._server = EmbeddedServer(home)
        self.conninfo = self._server.start()

    def crash(self) -> None:
        """SIGQUIT: every connection ends at once, nothing is written; then start and recover, same socket."""
        postmaster = find_postmaster(self._server.data_dir)
        if postmaster is not None:
            os.kill(postmaster.pid, signal.SIGQUIT)
        while find_postmaster(self._server.data_dir) is not None:
            time.sleep(0.02)
        # A second hold starts it; the first, whose lock is still ours, stops it in the end.
        again = EmbeddedServer(self._home)
        self.conninfo = again.start()
        again.stop()

    def stop(self) -> None:
        """End it in good order."""
        self._server.stop()
