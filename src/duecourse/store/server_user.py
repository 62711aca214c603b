"""Whose processes the embedded PostgreSQL runs as. PostgreSQL refuses uid 0, and containers often are uid 0.

An ordinary user runs it as themselves. For root there are three ways, taken in this order:

1. the files belong to an ordinary user (root acts in that user's home): as that user;
2. `unshare --user` gives a user namespace in which root's files belong to another id and the process is not
   root: nothing changes owner and every path root can reach works;
3. as the user `postgres`, or else `nobody`, who then owns the data directory.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from duecourse.domain.problems import DuecourseError, Problem

_FALLBACK_USERS = ("postgres", "nobody")


@dataclass(frozen=True, slots=True)
class ServerUser:
    """How to start a program of the server, and who owns what it writes."""

    prefix: tuple[str, ...]
    """Put before the program's own arguments."""
    uid: int
    gid: int
    """The owner of the server's files as this process sees them."""
    switch: bool
    """Whether the child process must change to uid and gid."""

    def run(self, command: list[str], *, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run a program to its end, in a session of its own so that Ctrl-C does not reach it."""
        return subprocess.run(
            [*self.prefix, *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            cwd=cwd or "/",  # the caller's folder may be closed to the server's user
            env=server_environment(),
            user=self.uid if self.switch else None,
            group=self.gid if self.switch else None,
            extra_groups=[] if self.switch else None,
            check=False,
        )

    def own(self, path: Path) -> None:
        """Make one path the server user's. Only root can and needs to."""
        if os.geteuid() == 0:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def own_tree(self, path: Path) -> None:
        """Make a folder and all in it the server user's, unless it already is."""
        if os.geteuid() != 0 or path.lstat().st_uid == self.uid:
            return
        for below in path.rglob("*"):
            self.own(below)
        self.own(
            path
        )  # last: a crash on the way leaves the folder itself unchanged, so that all is done again


def server_environment() -> dict[str, str]:
    """The environment of a server program: no PG* settings of the user's own, English messages, UTC."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return {**kept, "LC_ALL": "C", "TZ": "UTC"}


def choose_server_user(home: Path, data_dir: Path, postgres: Path) -> ServerUser:
    """Who runs the server whose data is, or will be, in data_dir. Raises S007 when nobody can.

    postgres: its program, to try who can run it.
    """
    uid, gid = os.geteuid(), os.getegid()
    found = (data_dir if data_dir.exists() else home).lstat()
    if uid != 0:
        if found.st_uid != uid:
            raise DuecourseError(
                Problem(
                    "S007",
                    str(data_dir),
                    f"belongs to user id {found.st_uid}; you are {uid}. "
                    "Run as its owner or choose another DUECOURSE_HOME.",
                    "The database was not started.",
                ),
                exit_code=3,
            )
        return _with_name(ServerUser((), uid, gid, switch=False), postgres)
    if found.st_uid != 0:
        user = _with_name(ServerUser((), found.st_uid, found.st_gid, switch=True), postgres)
    elif namespace := _user_namespace(postgres, None):
        return ServerUser(namespace, 0, 0, switch=False)
    else:
        user = _fallback_user()
    _require_reach(user, home, postgres)
    return user


def _with_name(user: ServerUser, postgres: Path) -> ServerUser:
    """initdb refuses a user id that has no name, as containers have; in a namespace the id gets one."""
    try:
        pwd.getpwuid(user.uid)
        return user
    except KeyError:
        namespace = _user_namespace(postgres, user.uid if user.switch else None)
    if not namespace:
        raise DuecourseError(
            Problem(
                "S007",
                f"user id {user.uid}",
                "has no name, which PostgreSQL needs, and user namespaces are not allowed here. "
                "Run as a user that has one.",
                "The database was not started.",
            ),
            exit_code=3,
        )
    return replace(user, prefix=namespace)


@cache
def _user_namespace(postgres: Path, run_as: int | None) -> tuple[str, ...]:
    """The words that run a program in a user namespace, or nothing where the system does not allow it.

    Inside, our files belong to an id that has a name and is not root: whose does not matter, there is only one.
    """
    unshare = shutil.which("unshare")
    named = sorted(entry.pw_uid for entry in pwd.getpwall() if entry.pw_uid > 0)
    if unshare is None or not named:
        return ()
    words = (unshare, "--user", f"--map-user={named[0]}", f"--map-group={named[0]}", "--")
    try:
        tried = subprocess.run(
            [*words, str(postgres), "--version"], capture_output=True, cwd="/", user=run_as, check=False
        )
    except OSError:
        return ()
    return words if tried.returncode == 0 else ()


def _fallback_user() -> ServerUser:
    for name in _FALLBACK_USERS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return ServerUser((), entry.pw_uid, entry.pw_gid, switch=True)
    raise DuecourseError(
        Problem(
            "S007",
            "root",
            "PostgreSQL does not run as root, user namespaces are not allowed here, and there is no user "
            f"{' or '.join(_FALLBACK_USERS)}. Run as an ordinary user.",
            "The database was not started.",
        ),
        exit_code=3,
    )


def _require_reach(user: ServerUser, home: Path, postgres: Path) -> None:
    """Raise S007 unless the user can enter home and run the program."""
    status = home.stat()
    if status.st_uid == 0:
        home.chmod(status.st_mode | 0o011)  # passing through is enough: each thing inside guards itself
    for what, command in (
        (home, ["/bin/sh", "-c", 'cd "$1"', "sh", str(home)]),
        (postgres, [str(postgres), "--version"]),
    ):
        try:
            reached = user.run(command).returncode == 0
        except OSError:
            reached = False
        if not reached:
            raise DuecourseError(
                Problem(
                    "S007",
                    str(what),
                    f"PostgreSQL does not run as root, and user id {user.uid} cannot reach this path. "
                    "Run as an ordinary user or choose another DUECOURSE_HOME.",
                    "The database was not started.",
                ),
                exit_code=3,
            )
