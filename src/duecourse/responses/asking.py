"""Asking gateways what became of orders, because a payer looks or because nobody has told us for a while."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import psycopg
import structlog
from psycopg_pool import ConnectionPool

from duecourse.domain.problems import DuecourseError
from duecourse.gateways.contract import Trouble
from duecourse.gateways.till import Till

from .paying import PayRequest, take_due_questions, wall_clock
from .trades import Counter, take_facts

log = structlog.get_logger("duecourse.gateways")


def counter_of(till: Till, name: str) -> Counter:
    """Where the money of a configured gateway goes."""
    return Counter(name, till.gateways[name].settings.creditor)


def ask_about(conn: psycopg.Connection, till: Till, request: PayRequest, *, now: datetime) -> bool:
    """Ask an order's gateway and take what it says; whether it answered. Commits before asking: no transaction is open
    while a gateway is spoken to. now: the book's clock.
    """
    gateway = till.gateways.get(request.gateway)
    wall = wall_clock(conn)
    conn.commit()
    if gateway is None:  # taken out of gateways.toml
        return False
    heard = gateway.ask(request.order_no, request.reference, wall)
    if isinstance(heard, Trouble):
        log.warning("a gateway did not answer", gateway=gateway.name, reason=heard.reason, code="C114")
        return False
    take_facts(conn, counter_of(till, gateway.name), heard, now=now)
    conn.commit()
    return True


def ask_about_due(
    pool: ConnectionPool[psycopg.Connection],
    till: Till,
    clock: Callable[[psycopg.Connection], datetime],
    stopped: Callable[[], bool] = lambda: False,
) -> int:
    """Ask about every order that is due for it; how many were. Several processes may do so: each order is asked about
    by one. One whose answer cannot be stored is asked about again later and keeps no other waiting. clock: the book's;
    stopped: whether to leave the rest to later, since a gateway may take its time over each.
    """
    with pool.connection() as conn:
        due = take_due_questions(conn, wall=wall_clock(conn))
    for request in due:
        if stopped():
            break
        try:
            with pool.connection() as conn:
                ask_about(conn, till, request, now=clock(conn))
        except (psycopg.Error, DuecourseError) as error:
            reason = type(error).__name__
            log.error(
                "what a gateway answered was not stored", gateway=request.gateway, reason=reason, code="C115"
            )
    return len(due)
