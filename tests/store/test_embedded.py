"""The embedded server is shared by processes, outlives their deaths, and starts again after its own."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from duecourse.domain.problems import DuecourseError
from duecourse.store import server_user
from duecourse.store.embedded import EmbeddedServer
from duecourse.store.postmaster import find_postmaster

ROOT = os.geteuid() == 0

# A process that uses the server: says so, then waits for its stdin to end, and leaves.
USER = """
import sys
from pathlib import Path
from duecourse.store.embedded import EmbeddedServer
server = EmbeddedServer(Path(sys.argv[1]), int(sys.argv[2]))
server.start()
print(server.status().pid, flush=True)
sys.stdin.read()
server.stop()
"""

User = subprocess.Popen[str]


@pytest.fixture
def home(short_home: Path, postgres_major: int) -> Iterator[Path]:
    """A home whose server, if a test left one, is stopped at the end."""
    home = short_home / "home"
    yield home
    if postmaster := find_postmaster(home.resolve() / f"postgres-{postgres_major}"):
        os.kill(postmaster.pid, signal.SIGQUIT)
        wait_until(lambda: find_postmaster(home.resolve() / f"postgres-{postgres_major}") is None)


@pytest.fixture
def server(home: Path, postgres_major: int) -> EmbeddedServer:
    return EmbeddedServer(home, postgres_major)


@pytest.fixture
def user(home: Path, postgres_major: int) -> Iterator[Callable[[], User]]:
    """Starts processes that use the server of home."""
    started: list[User] = []

    def start() -> User:
        command = [sys.executable, "-c", USER, str(home), str(postgres_major)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def server_pid(process: User) -> int:
    """The postmaster's id, which a user says once it may use the server."""
    assert process.stdout is not None
    return int(process.stdout.readline())


def leave(process: User) -> None:
    process.communicate(timeout=30)
    assert process.returncode == 0


def kill(process: User) -> None:
    process.kill()
    process.communicate()


def problem_code(raised: pytest.ExceptionInfo[DuecourseError]) -> str:
    return raised.value.problems[0].code


def test_server_answers_between_start_and_stop(server: EmbeddedServer, postgres_major: int) -> None:
    assert not server.status().running
    conninfo = server.start()
    assert server.status().running
    with psycopg.connect(conninfo) as connection:
        assert connection.info.server_version // 10_000 == postgres_major
        shown = {
            name: connection.execute(f"SHOW {name}").fetchone()
            for name in ("listen_addresses", "fsync", "synchronous_commit", "timezone", "server_encoding")
        }
    assert shown == {
        "listen_addresses": ("",),
        "fsync": ("on",),
        "synchronous_commit": ("on",),
        "timezone": ("UTC",),
        "server_encoding": ("UTF8",),
    }
    server.stop()
    assert not server.status().running
    server.stop()


def test_only_the_owner_may_open_the_socket(server: EmbeddedServer, home: Path) -> None:
    server.start()
    try:
        socket = home / ".s.PGSQL.5432"
        assert stat.S_IMODE(socket.stat().st_mode) == 0o700
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
    finally:
        server.stop()


def test_server_hears_no_ctrl_c_of_the_process_that_started_it(server: EmbeddedServer) -> None:
    server.start()
    try:
        pid = server.status().pid
        assert pid is not None
        assert os.getsid(pid) != os.getsid(0)
    finally:
        server.stop()


def test_last_process_to_leave_stops_the_server(server: EmbeddedServer, user: Callable[[], User]) -> None:
    first, second = user(), user()
    assert server_pid(first) == server_pid(second)
    leave(first)
    assert server.status().running
    leave(second)
    assert not server.status().running


def test_handles_of_one_process_count_one_by_one(home: Path, postgres_major: int) -> None:
    first, second = EmbeddedServer(home, postgres_major), EmbeddedServer(home, postgres_major)
    first.start()
    conninfo = second.start()
    first.stop()
    psycopg.connect(conninfo).close()
    second.stop()
    assert not first.status().running


def test_killed_process_does_not_keep_the_server(server: EmbeddedServer, user: Callable[[], User]) -> None:
    first, second = user(), user()
    server_pid(first), server_pid(second)
    kill(first)
    assert server.status().running
    leave(second)
    assert not server.status().running


def test_after_everybody_was_killed_the_next_one_adopts_the_server(
    server: EmbeddedServer, user: Callable[[], User]
) -> None:
    first, second = user(), user()
    pid = server_pid(first)
    server_pid(second)
    kill(first)
    kill(second)
    assert server.status().running
    server.start()
    assert server.status().pid == pid
    server.stop()
    assert not server.status().running


def test_processes_that_start_at_once_share_one_server(
    server: EmbeddedServer, user: Callable[[], User]
) -> None:
    users = [user() for _ in range(5)]
    assert len({server_pid(process) for process in users}) == 1
    for process in users:
        leave(process)
    assert not server.status().running


def test_killed_server_starts_again_with_what_was_committed(server: EmbeddedServer) -> None:
    with psycopg.connect(server.start()) as connection:
        connection.execute("CREATE TABLE kept (n int)")
        connection.execute("INSERT INTO kept SELECT generate_series(1, 1000)")
    pid = server.status().pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    with psycopg.connect(server.start()) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (1000,)
    assert server.status().pid != pid
    server.stop()
    assert not server.status().running


@pytest.mark.parametrize("content", ["", "{pid}\n", "{pid}\n{data}\n1\n5432\n/nowhere\n\n0 0\nready   \n"])
def test_pid_file_of_another_program_is_not_believed(server: EmbeddedServer, content: str) -> None:
    server.start()
    server.stop()
    stale = content.format(pid=os.getpid(), data=server.data_dir)
    (server.data_dir / "postmaster.pid").write_text(stale)
    (server.home / ".s.PGSQL.5432.lock").write_text(stale)
    with psycopg.connect(server.start()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert server.status().pid not in (None, os.getpid())
    server.stop()


@pytest.mark.parametrize("after_seconds", [0.2, 0.3, 0.4, 0.6])
def test_process_killed_while_it_makes_the_database_leaves_it_startable(
    server: EmbeddedServer, user: Callable[[], User], after_seconds: float
) -> None:
    process = user()
    time.sleep(after_seconds)
    kill(process)
    psycopg.connect(server.start()).close()
    server.stop()
    assert not server.status().running
    time.sleep(0.5)  # an initdb that was orphaned may have written on; it ends, and the next start tidies up
    server.start()
    server.stop()
    assert list(server.home.glob("*.new-*")) == []


def test_home_reached_by_another_name_is_the_same_server(
    server: EmbeddedServer, home: Path, postgres_major: int
) -> None:
    server.start()
    link = home.parent / "link"
    link.symlink_to(home)
    other = EmbeddedServer(link, postgres_major)
    other.start()
    assert other.status().pid == server.status().pid
    other.stop()
    assert server.status().running
    server.stop()


def test_long_home_gets_a_private_socket_folder(short_home: Path, postgres_major: int) -> None:
    server = EmbeddedServer(short_home / ("long" * 30), postgres_major)
    with psycopg.connect(server.start()) as connection:
        folder = Path(connection.info.host)
        assert not folder.is_relative_to(short_home)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    server.stop()
    assert not folder.exists()


def test_socket_folder_that_others_may_open_is_refused(
    short_home: Path, postgres_major: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/tmp")
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    server = EmbeddedServer(short_home / ("long" * 30), postgres_major)
    with psycopg.connect(server.start()) as connection:
        folder = Path(connection.info.host)
    server.stop()
    folder.mkdir()
    folder.chmod(0o777)
    try:
        with pytest.raises(DuecourseError, match="open to other users") as raised:
            server.start()
    finally:
        folder.rmdir()
    assert problem_code(raised) == "S004"


def test_data_of_another_version_is_refused(server: EmbeddedServer) -> None:
    server.start()
    server.stop()
    (server.data_dir / "PG_VERSION").write_text("15\n")
    with pytest.raises(DuecourseError, match="made by PostgreSQL 15") as raised:
        server.start()
    assert problem_code(raised) == "S003"
    assert not server.status().running


def test_home_of_the_other_version_is_not_given_a_second_database(home: Path) -> None:
    (home / "postgres-16").mkdir(parents=True)
    with pytest.raises(DuecourseError, match="made by PostgreSQL 16") as raised:
        EmbeddedServer(home, 18).start()
    assert problem_code(raised) == "S003"


def test_version_that_the_wheel_does_not_carry_is_named(home: Path) -> None:
    with pytest.raises(DuecourseError) as raised:
        EmbeddedServer(home, 17).start()
    assert problem_code(raised) == "S001"


def test_home_that_cannot_be_written_is_named(short_home: Path, postgres_major: int) -> None:
    (short_home / "file").write_text("")
    for home in (short_home / "file", short_home / "file" / "below"):
        with pytest.raises(DuecourseError) as raised:
            EmbeddedServer(home, postgres_major).start()
        assert problem_code(raised) == "S002"


def test_failed_start_repeats_what_the_server_said(home: Path, postgres_major: int) -> None:
    server = EmbeddedServer(home, postgres_major, settings={"work_mem": "much"})
    with pytest.raises(DuecourseError, match="work_mem") as raised:
        server.start()
    assert problem_code(raised) == "S006"
    psycopg.connect(EmbeddedServer(home, postgres_major).start()).close()


@pytest.mark.skipif(not ROOT or shutil.which("unshare") is None, reason="needs root and unshare")
def test_full_disk_is_named(home: Path, postgres_major: int) -> None:
    home.mkdir()
    start = f"mount -t tmpfs -o size=30m tmpfs {home} && exec {sys.executable} -c '{USER}' {home} {postgres_major}"
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", start], capture_output=True, text=True, check=False
    )
    assert "(S005)" in done.stderr


@pytest.mark.skipif(not ROOT, reason="needs root")
@pytest.mark.parametrize("owner", [0, pwd.getpwnam("nobody").pw_uid])
def test_without_user_namespaces_root_runs_the_server_as_somebody_else(
    short_home: Path, postgres_major: int, owner: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_user, "_user_namespace", lambda *_: ())
    short_home.chmod(0o755)
    home = short_home / "home"
    home.mkdir(mode=0o700)
    os.chown(home, owner, owner)
    server = EmbeddedServer(home, postgres_major)
    with psycopg.connect(server.start()):
        pid = server.status().pid
        uid = Path(f"/proc/{pid}").stat().st_uid
    server.stop()
    assert uid not in (0,)
    assert owner in (0, uid)
    assert server.data_dir.stat().st_uid == uid
    psycopg.connect(server.start()).close()
    server.stop()


@pytest.mark.skipif(not ROOT or shutil.which("unshare") is None, reason="needs root and unshare")
def test_user_id_without_a_name_runs_the_server(short_home: Path, postgres_major: int) -> None:
    os.chown(short_home, 12345, 12345)
    # Changed to inside, since another user may not reach this Python.
    become = "import os; os.setgroups([]); os.setgid(12345); os.setuid(12345)\nserver = "
    command = [sys.executable, "-c", USER.replace("server = ", become), str(short_home), str(postgres_major)]
    done = subprocess.run(command, input="", capture_output=True, text=True, cwd="/", check=False)
    assert done.stderr == ""
    assert (short_home / f"postgres-{postgres_major}").stat().st_uid == 12345
    server = EmbeddedServer(short_home, postgres_major)  # and root in that user's home as that user
    psycopg.connect(server.start()).close()
    server.stop()
    assert {path.stat().st_uid for path in short_home.rglob("*")} == {12345}


@pytest.mark.skipif(not ROOT, reason="needs root")
def test_home_that_the_servers_user_cannot_reach_is_named(
    short_home: Path, postgres_major: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_user, "_user_namespace", lambda *_: ())
    short_home.chmod(0o700)
    with pytest.raises(DuecourseError) as raised:
        EmbeddedServer(short_home / "home", postgres_major).start()
    assert problem_code(raised) == "S007"
