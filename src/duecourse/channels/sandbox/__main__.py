"""`python -m duecourse.channels.sandbox`: far ends of providers on loopback.

Prints one JSON line with the bound port of each kind, then runs until SIGTERM, SIGINT or the end of standard input.
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

from duecourse.channels.registry import KINDS
from duecourse.channels.sandbox.journal import Journal
from duecourse.channels.sandbox.room import Room
from duecourse.channels.sandbox.rules import SandboxRules


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m duecourse.channels.sandbox", description=__doc__)
    parser.add_argument(
        "--ports", default="{}", help="JSON: each kind to run and its port; 0 takes a free one"
    )
    parser.add_argument("--password", default="", help="of the SMSC; empty accepts any")
    parser.add_argument("--folder", type=Path, required=True, help="where bounces and print jobs are put")
    parser.add_argument("--log", type=Path, help="JSONL of all that was taken and said")
    parser.add_argument("--rules", default="{}", help="special addresses, as JSON")
    parser.add_argument("--callbacks-url", default="", help="where receipts are posted, before /NAME")
    return parser.parse_args()


async def _run(arguments: argparse.Namespace) -> None:
    rules = SandboxRules.model_validate_json(arguments.rules)
    journal = Journal(arguments.log)
    room = Room(rules, journal, arguments.folder, arguments.callbacks_url, arguments.password)
    far_ends = {kind: KINDS[kind].far_end.of(room) for kind in json.loads(arguments.ports)}
    ports = {
        kind: await far_ends[kind].start(port=port) for kind, port in json.loads(arguments.ports).items()
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
    for far_end in far_ends.values():
        await far_end.stop()
    journal.close()


def _until_end(loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
    # Not sys.stdin: its lock, held by this thread at exit, would end the interpreter with a fatal error.
    while os.read(0, 4096):
        pass
    with contextlib.suppress(RuntimeError):  # the loop has ended first
        loop.call_soon_threadsafe(ended.set)


if __name__ == "__main__":
    asyncio.run(_run(_arguments()))
