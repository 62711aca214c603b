"""Where payment gateways tell us what became of an order: `/callbacks/pay/NAME`."""

from __future__ import annotations

import psycopg
import structlog
from psycopg_pool import PoolTimeout
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from duecourse.domain.messaging import RawRequest, RawResponse
from duecourse.domain.problems import DuecourseError
from duecourse.gateways.contract import Gateway, NotGenuineError
from duecourse.gateways.till import Till
from duecourse.responses.asking import counter_of
from duecourse.responses.paying import wall_clock
from duecourse.responses.trades import take_facts
from duecourse.web.site import Site

MOST_BYTES = 65_536
"""Of a notification; the longest that the gateways document are a few kilobytes."""
log = structlog.get_logger("duecourse.gateways")


def notify_routes(site: Site, till: Till) -> list[BaseRoute]:
    """What gateways call; nothing where none is configured."""
    if not till.gateways:
        return []

    async def take(request: Request) -> Response:
        gateway = till.gateways.get(request.path_params["name"])
        if gateway is None:
            return Response(status_code=404)
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > MOST_BYTES:
                return Response(status_code=413)
        raw = RawRequest(
            method=request.method,
            query=request.url.query,
            headers={key.lower(): value for key, value in request.headers.items()},
            body=bytes(body),
            url=till.notify_url(gateway.name),
            peer=request.client.host if request.client else "",
        )
        answer = await run_in_threadpool(take_notification, site, till, gateway, raw)
        return Response(answer.body, answer.status, media_type=answer.media_type)

    return [Route("/callbacks/pay/{name}", take, methods=["POST"])]


def take_notification(site: Site, till: Till, gateway: Gateway, raw: RawRequest) -> RawResponse:
    """The answer to a notification: taken once what it says is committed, else the gateway sends it again."""
    try:
        with site.pool.connection() as conn:
            wall, now = wall_clock(conn), site.now(conn)
            conn.commit()
            notice = gateway.hear(raw, wall)
            take_facts(conn, counter_of(till, gateway.name), notice.facts, now=now)
    except NotGenuineError as error:
        log.warning("a notification is not genuine", gateway=gateway.name, reason=f"{error}", code="C112")
        return RawResponse(403, b"forbidden")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = type(error).__name__
        log.error("a notification is not understood", gateway=gateway.name, reason=reason, code="C113")
        return RawResponse(400, b"not understood")
    except (psycopg.Error, PoolTimeout, DuecourseError) as error:
        reason = type(error).__name__
        log.error("a notification was not stored", gateway=gateway.name, reason=reason, code="C115")
        return gateway.failed
    return notice.taken
