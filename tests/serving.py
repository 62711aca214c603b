"""A home on a test's database, and `duecourse serve` of it as a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import httpx2

from duecourse.api.keys import Scope, add_key
from duecourse.channels.webhook.signing import key_of, signed_headers
from duecourse.store.migrate import put_setting
from lender import LONG_AGO, Lender
from scraping import address_in

SECRET = "whsec_" + "c2VydmUtc2VydmUtc2VydmUtc2VydmUtc2VydmUt"
PROVIDERS = f"""[hook]
kind = "sms.webhook"
sandbox = true
url = "http://127.0.0.1:9/"
secret = "{SECRET}"
"""


class Installation:
    """A home on the test's database, its commands, and a server."""

    def __init__(self, home: Path, url: str, lender: Lender) -> None:
        self.home = home
        self.url = url
        self.lender = lender
        self.metrics = ""
        self.serving: subprocess.Popen[bytes] | None = None
        home.mkdir()
        lender.keyring.save(home / "keys.json")
        (home / "providers.toml").write_text(PROVIDERS, "utf-8")
        put_setting(lender.conn, "lender_zone", "Asia/Shanghai")
        put_setting(lender.conn, "simulated", True)
        lender.conn.commit()

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {"DUECOURSE_HOME": str(self.home), "DUECOURSE_DATABASE_URL": self.url}

    def key(self, *scopes: str) -> str:
        """A key of the API."""
        wanted = [Scope(scope) for scope in scopes]
        return add_key(
            self.lender.conn, self.lender.keyring, "k", wanted, expires_at=None, by="test", now=LONG_AGO
        )

    def serve(self, *options: str) -> str:
        """Serve; its address once it answers."""
        log = self.home / "serve.log"
        with log.open("wb") as out:
            self.serving = subprocess.Popen(
                [sys.executable, "-m", "duecourse.cli.main", "serve", "--listen", "127.0.0.1:0", *options],
                env=self.environment,
                stdout=out,
                stderr=out,
            )

        def runs() -> bool:
            assert self.serving is not None
            return self.serving.poll() is None

        address = address_in(log, "Serving on ", runs)
        if "--metrics" in options:
            self.metrics = address_in(log, "Metrics on ", runs)
        return address

    def stop(self) -> int:
        """As a supervisor does."""
        assert self.serving is not None
        self.serving.send_signal(signal.SIGTERM)
        return self.serving.wait(120)


def callback(
    attempt: UUID, *, secret: str = SECRET, at: int | None = None, status: str = "delivered", reply: str = ""
) -> httpx2.Request:
    """What the provider tells of an attempt, signed; with a reply to it where there is one."""
    replies = [{"attempt": attempt.hex, "text": reply}] if reply else []
    told = {"receipts": [{"attempt": attempt.hex, "status": status}], "replies": replies}
    body = json.dumps(told).encode()
    stamp = int(datetime.now(UTC).timestamp()) if at is None else at
    return httpx2.Request(
        "POST",
        "http://x/callbacks/hook",
        content=body,
        headers=signed_headers([key_of(secret)], "m", stamp, body),
    )


def send(client: httpx2.Client, request: httpx2.Request) -> int:
    """Make the call; the status of the answer."""
    signed = {name: value for name, value in request.headers.items() if name.startswith("webhook-")}
    return client.post(request.url.path, content=request.content, headers=signed).status_code
