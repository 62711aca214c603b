"""`python -m duecourse.channels.sandbox`: an SMSC and a mail server on loopback.

Prints one JSON line with the bound ports, then runs until SIGTERM, SIGINT or the end of standard input.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import threading
from pathlib import Path

from duecourse.channels.sandbox.journal import Journal
from duecourse.channels.sandbox.mailbox import SandboxMailServer
from duecourse.channels.sandbox.rules import SandboxRules
from duecourse.channels.sandbox.smsc import SandboxSmsc


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m duecourse.channels.sandbox", description=__doc__)
    parser.add_argument("--smpp-port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--smtp-port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--smpp-password", default="", help="empty accepts any")
    parser.add_argument("--maildir", type=Path, required=True, help="where bounces are delivered")
    parser.add_argument("--log", type=Path, help="JSONL of all that was taken and said")
    parser.add_argument("--rules", default="{}", help="special addresses, as JSON")
    return parser.parse_args()


async def _run(arguments: argparse.Namespace) -> None:
    rules = SandboxRules.model_validate_json(arguments.rules)
    journal = Journal(arguments.log)
    smsc = SandboxSmsc(rules, journal, arguments.smpp_password)
    mail = SandboxMailServer(rules, journal, arguments.maildir)
    ports = {
        "smpp_port": await smsc.start(port=arguments.smpp_port),
        "smtp_port": await mail.start(port=arguments.smtp_port),
    }
    print(json.dumps(ports), flush=True)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    # Whoever started it holds the other end: when that process dies, however it dies, this reads the end.
    watch = threading.Thread(target=_until_end, args=(loop, ended), daemon=True)
    watch.start()
    await ended.wait()
    await smsc.stop()
    await mail.stop()
    journal.close()


def _until_end(loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
    # Not sys.stdin: its lock, held by this thread at exit, would end the interpreter with a fatal error.
    while os.read(0, 4096):
        pass
    with contextlib.suppress(RuntimeError):  # the loop has ended first
        loop.call_soon_threadsafe(ended.set)


if __name__ == "__main__":
    asyncio.run(_run(_arguments()))
