"""Whether the process lives, and whether it can serve: for supervisors and load balancers."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
from psycopg_pool import PoolTimeout
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from duecourse.domain.problems import DuecourseError
from duecourse.store.migrate import is_current

from .answers import problem
from .site import Site

ANSWERS_WITHIN_SECONDS = 2.0


def routes(site: Site) -> Sequence[BaseRoute]:
    """/healthz asks nothing of anybody; /readyz asks the database."""

    async def healthz(_: Request) -> Response:
        return JSONResponse({"status": "lives"})

    def readyz(_: Request) -> Response:
        try:
            with site.pool.connection(timeout=ANSWERS_WITHIN_SECONDS) as conn:
                current = is_current(conn)
        except (psycopg.Error, PoolTimeout):
            return problem(503, "S030", "the database does not answer")
        except DuecourseError:
            current = False
        if not current:
            return problem(503, "S031", "the database holds no book of this version; run: duecourse init")
        return JSONResponse({"status": "ready"})

    return [Route("/healthz", healthz, methods=["GET"]), Route("/readyz", readyz, methods=["GET"])]
