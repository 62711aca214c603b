"""Where the embedded server's socket lies: its path has a small limit, which a home folder may pass."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import sys
import tempfile
from pathlib import Path

from duecourse.domain.problems import DuecourseError, Problem

from .server_user import ServerUser

PATH_LIMIT = 103 if sys.platform == "darwin" else 107  # bytes of sun_path, less the closing zero


def choose_socket_dir(home: Path, port: int, user: ServerUser) -> Path:
    """home when the socket's path fits and the server may write there, else a private folder.

    That folder is made in the runtime or temporary directory.

    Private: owned by the server's user and closed to others, which is checked, since anyone may write where
    temporary files are. Raises S004 when no such folder can be had.
    """
    if _fits(home, port) and home.stat().st_uid == user.uid:
        return home
    runtime = None if user.switch else os.environ.get("XDG_RUNTIME_DIR")  # ours, not the server user's
    candidates = [Path(folder) for folder in (runtime, tempfile.gettempdir(), "/tmp") if folder]
    name = f"duecourse-{user.uid}-{hashlib.sha256(os.fsencode(home)).hexdigest()[:12]}"
    refused: list[str] = []
    for candidate in candidates:
        folder = candidate / name
        if not _fits(folder, port):
            refused.append(f"{candidate} is too long")
        elif fault := _make_private(folder, user):
            refused.append(f"{folder} {fault}")
        else:
            return folder
    raise DuecourseError(
        Problem(
            "S004",
            str(home),
            f"the socket's path would be longer than {PATH_LIMIT} bytes, and no other folder serves: "
            f"{'; '.join(refused)}. Choose a shorter DUECOURSE_HOME.",
            "The database was not started.",
        ),
        exit_code=3,
    )


def remove_socket_dir(socket_dir: Path, home: Path) -> None:
    """Take a private folder away after the server has stopped; leave home, and what holds anything else."""
    if socket_dir != home:
        with contextlib.suppress(OSError):
            socket_dir.rmdir()


def _fits(folder: Path, port: int) -> bool:
    return len(os.fsencode(folder / f".s.PGSQL.{port}")) <= PATH_LIMIT


def _make_private(folder: Path, user: ServerUser) -> str:
    """Make the folder, or check the one that is there. Returns what is wrong with it, or nothing."""
    try:
        folder.mkdir(mode=0o700)
        user.own(folder)
    except FileExistsError:
        pass
    except OSError as error:
        return f"cannot be made ({error.strerror})"
    found = folder.lstat()  # not through a link that somebody else put there
    if not stat.S_ISDIR(found.st_mode):
        return "is not a folder"
    if found.st_uid != user.uid:
        return f"belongs to user id {found.st_uid}"
    if found.st_mode & 0o077:
        return "is open to other users"
    return ""
