"""An interpreter that has read the command line and forks for every command it is asked to run.

Run as a program: takes one request a line on its standard input, a JSON object of words, cwd, env, stdout and stderr
(paths) and seconds, and answers with the exit code on a line; -9 when the command did not end in time.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from typing import Any, NoReturn

from typer.main import get_command

from duecourse.cli.main import app, main

_STEP_SECONDS = 0.005


def become(request: dict[str, Any]) -> NoReturn:
    """In the child: take the place of a process that was started with these words."""
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    time.tzset()
    for number, path in ((1, request["stdout"]), (2, request["stderr"])):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(file, number)
        os.close(file)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.argv = ["duecourse", *request["words"]]
    code = 0
    try:
        main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1 if ended.code else 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def wait(child: int, seconds: float) -> int:
    """The exit code of a child; -9 for one that had to be killed."""
    limit = time.monotonic() + seconds
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > limit:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return -9
        time.sleep(_STEP_SECONDS)


if __name__ == "__main__":
    dict(get_command(app).commands)  # reads them all
    for line in sys.stdin:
        asked = json.loads(line)
        forked = os.fork()
        if forked == 0:
            become(asked)
        print(wait(forked, asked["seconds"]), flush=True)
