"""Which payment gateways are used: gateways.toml of the home, or the practice bank of a simulated book."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg_pool import ConnectionPool, PoolTimeout
from starlette.routing import BaseRoute

from duecourse.domain.problems import DuecourseError, Problem
from duecourse.gateways.contract import Fact, Gateway
from duecourse.gateways.registry import build
from duecourse.gateways.sandbox.adapter import SandboxGateway
from duecourse.gateways.till import Till
from duecourse.portal.notified import notify_routes
from duecourse.portal.page import Page
from duecourse.portal.paying import pay_pages
from duecourse.responses.asking import ask_about_due
from duecourse.responses.sandbox_bank import bank_tells
from duecourse.web.site import Site

from .context import Context
from .providers import read_providers

FILE = "gateways.toml"
PRACTICE = "practice"
"""The bank of a simulated book without a gateways.toml."""
ASK_SECONDS = 15.0
"""Between two looks for orders that nobody has told us of."""


def configured_gateways(home: Path, *, simulated: bool) -> list[Gateway]:
    """Those of gateways.toml, checked against the kind of book.

    Raises DuecourseError with every fault: C110, C111, D011, D012, D210.
    """
    path = home / FILE
    if not path.exists():
        return [build("sandbox", PRACTICE, {})] if simulated else []
    found: list[Gateway] = []
    problems: list[Problem] = []
    for one in read_providers(path, os.environ):
        practice = one.kind == "sandbox" or one.sandbox
        try:
            gateway = build(one.kind, one.name, one.config)
        except DuecourseError as error:
            problems += error.problems
            continue
        if practice != simulated or (simulated and not _stays_here(gateway)):
            why = (
                'the book is simulated, and no real money may move for it: use kind = "sandbox", or sandbox = true '
                "with addresses of this machine"
                if simulated
                else "the book is live, and a practice bank would say that debts are paid"
            )
            problems.append(Problem("D210", f"gateway {one.name}", why, "Nobody can pay."))
        found.append(gateway)
    if problems:
        raise DuecourseError(problems)
    return found


def _stays_here(gateway: Gateway) -> bool:
    """Whether every address of its settings is of this machine."""
    written = gateway.settings.model_dump()
    addresses = [value for value in written.values() if isinstance(value, str) and "://" in value]
    return all(urlsplit(one).hostname in ("localhost", "127.0.0.1", "::1") for one in addresses)


def till_of(here: Context, public_url: str) -> Till:
    """The configured gateways. The practice bank needs no address of ours: its page is beside the others.

    Raises DuecourseError as configured_gateways, or D211: nobody knows our address, and gateways must call it.
    """
    gateways = configured_gateways(here.settings.home, simulated=here.simulated)
    if not public_url and not all(isinstance(one, SandboxGateway) for one in gateways):
        missing = "gateways call us and send payers back: they must know our address"
        raise DuecourseError(Problem("D211", "DUECOURSE_PUBLIC_URL", missing, "Nobody can pay."))
    return Till({one.name: one for one in gateways}, public_url.rstrip("/"))


class Paying:
    """What `serve` adds so that borrowers can pay."""

    def __init__(self, here: Context, site: Site) -> None:
        """Raises DuecourseError as till_of."""
        self._site = site
        self._till = till_of(here, site.public_url)
        for one in self._till.gateways.values():
            if isinstance(one, SandboxGateway):
                one.ledger = self._tells

    def _tells(self, order_no: str, wall: datetime) -> Sequence[Fact]:
        with self._site.pool.connection() as conn:
            return bank_tells(conn, order_no, wall)

    @property
    def pages(self) -> tuple[Page, ...]:
        """For the portal."""
        return pay_pages(self._till)

    @property
    def routes(self) -> list[BaseRoute]:
        """What gateways call."""
        return notify_routes(self._site, self._till)

    async def keep_asking(self, stopping: asyncio.Event) -> None:
        """Ask about orders that nobody has told us of, until stopped."""
        pool: ConnectionPool[psycopg.Connection] = self._site.pool
        while self._till.gateways and not stopping.is_set():
            with suppress(psycopg.Error, PoolTimeout, DuecourseError):  # asked again later
                await asyncio.to_thread(ask_about_due, pool, self._till, self._site.now, stopping.is_set)
            with suppress(TimeoutError):
                async with asyncio.timeout(ASK_SECONDS):
                    await stopping.wait()
