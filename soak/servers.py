"""The database servers of a soak: one that crashes when told to, and a synchronous standby that takes its place."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Final

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from duecourse.domain.problems import DuecourseError
from duecourse.store.embedded import EmbeddedServer
from duecourse.store.postmaster import find_postmaster

SETTINGS: Final = {
    "max_wal_size": "256MB",
    "wal_keep_size": "128MB",
    "wal_receiver_timeout": "5s",
    "wal_sender_timeout": "5s",
}
"""As durable as an installation; with little WAL, so that a small disk holds it, and enough for a standby that was away
while its primary crashed: one that finds its place gone never comes back, and no commit ends without it."""


class Servers:
    """One or two embedded servers. The primary is as durable as an installation, and with a standby as two of them."""

    def __init__(self, homes: list[Path]) -> None:
        """homes: of the first server, and of the one that may stand by."""
        self._servers = [EmbeddedServer(home, settings=SETTINGS) for home in homes]
        self._conninfos = [self._servers[0].start()]
        self._primary = 0
        self._making: threading.Thread | None = None
        self.standby_ready = False
        self.failed: BaseException | None = None
        """Why no standby could be made."""

    @property
    def socket_files(self) -> list[Path]:
        """Where each server listens, known once it has run."""
        given = [conninfo_to_dict(each) for each in self._conninfos]
        return [Path(str(one["host"])) / f".s.PGSQL.{one['port']}" for one in given]

    @property
    def conninfo(self) -> str:
        """Of whichever server takes writes, for this process itself."""
        given = [conninfo_to_dict(each) for each in self._conninfos]
        hosts, ports = (",".join(str(one[key]) for one in given) for key in ("host", "port"))
        return make_conninfo(
            self._conninfos[0], host=hosts, port=ports, target_session_attrs="read-write", connect_timeout=5
        )

    @property
    def primary_home(self) -> Path:
        """The home of the server that takes writes."""
        return self._servers[self._primary].home

    def crash(self) -> None:
        """SIGQUIT: every connection ends at once, nothing is written; then start and recover."""
        self.kill()
        self.revive()

    def kill(self) -> None:
        """End the primary as a crash would; returns when it is gone."""
        data_dir = self._servers[self._primary].data_dir
        postmaster = find_postmaster(data_dir)
        if postmaster is not None:
            os.kill(postmaster.pid, signal.SIGQUIT)
        while find_postmaster(data_dir) is not None:
            time.sleep(0.02)

    def revive(self) -> None:
        """Start the primary if it does not run; it recovers, at the same socket."""
        self._servers[self._primary].start()

    def stand_by(self) -> None:
        """Make the other server a synchronous standby, in a thread; `standby_ready` says when it is."""
        self.failed = None
        self._making = threading.Thread(target=self._stand_by, name="standby")
        self._making.start()

    def _stand_by(self) -> None:
        try:
            primary, other = self._servers[self._primary], self._servers[1 - self._primary]
            source = self._conninfos[self._primary]
            self._go_alone()  # it may wait for one that was nearly ready when the primary was struck
            other.stop()
            shutil.rmtree(other.data_dir, ignore_errors=True)
            other.home.mkdir(parents=True, exist_ok=True)
            programs = primary._programs()
            backup = [str(programs / "pg_basebackup"), "--checkpoint=fast", "-R", "-D", str(other.data_dir)]
            subprocess.run(
                [*backup, "-d", make_conninfo(source, dbname="replication")], check=True, capture_output=True
            )
            conninfo = other.start()
            if len(self._conninfos) == 1:
                self._conninfos.append(conninfo)
            with psycopg.connect(source, autocommit=True) as conn:
                conn.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
                conn.execute("SELECT pg_reload_conf()")
                while not conn.execute(
                    "SELECT 1 FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum')"
                ).fetchone():
                    time.sleep(0.05)
            self.standby_ready = True
        except (psycopg.OperationalError, subprocess.CalledProcessError, DuecourseError) as error:
            self.failed = error  # the primary was struck meanwhile: it goes on alone

    def promote(self) -> None:
        """The primary is killed under load, the standby takes its place, and a new standby is made of the old one."""
        self.wait()
        self.kill()
        self._servers[self._primary].stop()
        self._primary, self.standby_ready = 1 - self._primary, False
        with psycopg.connect(self._conninfos[self._primary], autocommit=True) as conn:
            conn.execute("SELECT pg_promote(true, 60)")
        self.stand_by()

    def go_alone(self) -> None:
        """The primary waits for no standby any more, once the one that is being made is there or was given up."""
        self.wait()
        self._go_alone()

    def _go_alone(self) -> None:
        with psycopg.connect(self._conninfos[self._primary], autocommit=True) as conn:
            conn.execute("ALTER SYSTEM RESET synchronous_standby_names")
            conn.execute("SELECT pg_reload_conf()")

    def wait(self) -> None:
        """Until no standby is being made."""
        if self._making is not None:
            self._making.join()

    def stop(self) -> None:
        """End them in good order."""
        self.wait()
        for server in self._servers:
            server.stop()
