"""The borrower's pages over a lender's book, and visitors of them: over HTTP, and served for a browser."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from ipaddress import ip_address
from itertools import count
from typing import Any

import uvicorn
from psycopg_pool import ConnectionPool
from starlette.applications import Starlette
from starlette.testclient import TestClient

from duecourse.planning.confirming import Confirmer
from duecourse.portal import routes
from duecourse.portal.page import Page
from duecourse.privacy.sealing import seal_value
from duecourse.responses.peers import Limits
from duecourse.responses.recording import Room
from duecourse.rules.compiling import shipped
from duecourse.web.site import Site
from lender import Lender
from sent_links import NINE, PHONE, send_link

PUBLIC = "https://pay.example"
ID_NUMBER = "11010519491231002X"
ANSWER = "31002X"
"""What the second factor asks for."""
NOW = NINE + timedelta(minutes=10)
_peers = count(1)
"""Every visitor comes from an address of their own."""


class Portal:
    """The pages of one book. `now` is the installation's clock."""

    def __init__(self, lender: Lender, pool: ConnectionPool, more: tuple[Page, ...] = ()) -> None:
        self.lender = lender
        self.pool = pool
        self.more = more
        self.now = NOW
        self.limits = Limits(unknown_codes_a_minute=5, wrong_answers_of_a_peer=50)

    def application(self, public_url: str = PUBLIC) -> Starlette:
        """The pages, mounted."""
        site = Site(self.pool, self.lender.keyring, lambda _conn: self.now, public_url)
        return Starlette(routes=routes(site, more=self.more, limits=self.limits, room=self.room))

    def room(self) -> Room:
        """What recording an answer works with, as a server has it."""
        policies = self.lender.plannables
        return Room(plannables=policies(), confirmer=Confirmer(shipped().packs, policies))

    def visitor(self, borrower: str = "", **headers: str) -> Visitor:
        """Somebody with a browser of their own; signed in where a borrower is named."""
        visitor = Visitor(self, {"user-agent": PHONE, "sec-fetch-site": "same-origin", **headers})
        if borrower:
            visitor.enter(borrower)
        return visitor

    def link(self, borrower: str, text: str = "Harbour Bank: please pay.") -> str:
        """The path of a link that was sent to a borrower by SMS, with a text."""
        self.now += timedelta(seconds=5)  # links opened at once are a program's
        sent = send_link(self.lender, borrower)
        said = json.dumps({"subject": "", "text": text, "html": "", "link": ""})
        sealed = seal_value(self.lender.keyring, said, "attempt", "text", sent.attempt_id)
        with self.lender.conn.transaction():
            self.lender.conn.execute(
                "UPDATE attempt SET text_sealed = %s WHERE attempt_id = %s", (sealed, sent.attempt_id)
            )
        return f"/l/{sent.code}"

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """What a query answers."""
        with self.lender.conn.transaction():
            return self.lender.conn.execute(query, values).fetchall()  # type: ignore[call-overload,no-any-return]


class Visitor:
    """One browser: cookies, the last page, and forms sent as they were shown."""

    def __init__(self, portal: Portal, headers: dict[str, str]) -> None:
        self.portal = portal
        peer = (str(ip_address("10.0.0.0") + next(_peers)), 50000)
        self.client = TestClient(
            portal.application(), base_url=PUBLIC, headers=headers, follow_redirects=False, client=peer
        )

    def enter(self, borrower: str) -> None:
        """By a link and the answer to its question."""
        path = self.portal.link(borrower)
        assert self.get(path).status_code == 200
        assert self.post(path, question="id-last-6", answer=ANSWER).headers["location"] == "/me"

    def get(self, path: str) -> Any:
        """A page."""
        return self.client.get(path)

    def post(self, path: str, **fields: Any) -> Any:
        """A form, with the token and id of its page as it is shown now; fields given here take their place."""
        page = self.client.get(path).text
        given = {name: hidden(page, name) for name in ("csrf", "request")} | fields
        return self.send(path, **{name: value for name, value in given.items() if value is not None})

    def send(self, path: str, **fields: Any) -> Any:
        """A form with just these fields, a moment after whatever was sent before it: no two come in one microsecond."""
        self.portal.now += timedelta(milliseconds=1)
        return self.client.post(path, data=fields)


def hidden(page: str, name: str) -> str | None:
    """The value of the last hidden field of a name on a page: the first form is the frame's own."""
    found: list[str] = re.findall(rf'type="hidden" name="{name}" value="([^"]*)"', page)
    return unescape(found[-1]) if found else None


@contextlib.contextmanager
def served(portal: Portal) -> Iterator[str]:
    """The pages on a port of this machine, by the server they run on; its address."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=64)
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    config = uvicorn.Config(portal.application(address), log_config=None, access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield address
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
