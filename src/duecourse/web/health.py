"""Whether the process lives, and whether it can serve: for supervisors and load balancers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import psycopg
from psycopg_pool import ConnectionPool
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from duecourse.domain.problems import DuecourseError
from duecourse.store.migrate import is_current

from .answers import problem

ANSWERS_WITHIN_SECONDS = 2.0
AWAY = "S030"
NO_BOOK = "S031"
NO_LANES = "D241"
NO_PROVIDER = "D242"
STOPPING = "D243"
_SAID = {
    AWAY: "the database does not answer",
    NO_BOOK: "the database holds no book of this version; run: duecourse init",
    NO_LANES: "this worker holds no lanes, or could not renew its leases",
    NO_PROVIDER: "no provider is connected",
    STOPPING: "it stops: what is in hand is finished, and nothing is begun",
}


def routes(
    pool: ConnectionPool[psycopg.Connection], own_trouble: Callable[[], str] = lambda: ""
) -> Sequence[BaseRoute]:
    """/healthz asks nothing of anybody; /readyz asks the process itself and then the database.

    own_trouble: why this process can do nothing, as a code; '' when it can.
    """
    readiness = _Readiness(pool)

    async def healthz(_: Request) -> Response:
        return JSONResponse({"status": "lives"})

    async def readyz(_: Request) -> Response:
        trouble = own_trouble() or await readiness.trouble()
        return problem(503, trouble, _SAID[trouble]) if trouble else JSONResponse({"status": "ready"})

    return [Route("/healthz", healthz, methods=["GET"]), Route("/readyz", readyz, methods=["GET"])]


class _Readiness:
    """Asks with one thread, however often it is asked itself: a database that hangs takes no further one."""

    def __init__(self, pool: ConnectionPool[psycopg.Connection]) -> None:
        self._pool = pool
        self._asking: asyncio.Task[str] | None = None

    async def trouble(self) -> str:
        """Why nothing can be served, as a code; '' when it can."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(run_in_threadpool(self._ask))
        await asyncio.wait([self._asking], timeout=ANSWERS_WITHIN_SECONDS)
        return self._asking.result() if self._asking.done() else AWAY

    def _ask(self) -> str:
        try:
            with self._pool.connection(timeout=ANSWERS_WITHIN_SECONDS) as conn:
                return "" if is_current(conn) else NO_BOOK
        except psycopg.Error:
            return AWAY
        except DuecourseError:
            return NO_BOOK
