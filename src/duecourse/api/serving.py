"""A request of the API from its headers to its answer: key, rate, scope, name, fields, work, commit."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import psycopg
import structlog
from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from duecourse.domain.problems import DuecourseError
from duecourse.responses.recording import Room
from duecourse.store.sql import load
from duecourse.web.answers import Fault, problem
from duecourse.web.rates import Rates
from duecourse.web.site import Site

from .endpoint import PREFIX, Call, Endpoint, Nothing, Text
from .keys import ApiKey, known_key
from .refusing import Refusals, Refused, refused_by
from .repeating import Answer, once

SQL = load("api")
log = structlog.get_logger("duecourse.api")

M = TypeVar("M", bound=BaseModel)
MOST_FAULTS: Final = 20
_TEXT: Final[TypeAdapter[str]] = TypeAdapter(Text)
_CHALLENGE: Final = {"www-authenticate": 'Bearer realm="duecourse"'}


@dataclass(frozen=True, slots=True)
class Desk:
    """What every endpoint is served with."""

    site: Site
    rates: Rates
    """Of keys."""
    refusals: Refusals
    room: Callable[[str], Room] = lambda by: Room(by=by)
    """What recording an answer works with, by whose name."""

    def routes(self, endpoints: Sequence[Endpoint]) -> list[BaseRoute]:
        """One route for each endpoint."""
        return [
            Route(PREFIX + one.path, self._serve(one), methods=[one.method], name=one.name)
            for one in endpoints
        ]

    def _serve(self, endpoint: Endpoint) -> Callable[[Request], Any]:
        async def serve(request: Request) -> Response:
            body = await request.body()
            return await run_in_threadpool(self._answer, endpoint, request, body)

        return serve

    def _answer(self, endpoint: Endpoint, request: Request, body: bytes) -> Response:
        try:
            with self.site.pool.connection() as conn:
                key = self._let_in(conn, endpoint, request)
                answer = self._do(conn, key, endpoint, request, body)
        except DuecourseError as error:
            return _as_problem(refused_by(error))
        except Refused as refused:
            return _as_problem(refused)
        except psycopg.errors.LockNotAvailable:
            return _as_problem(_busy(request))
        headers = {"idempotent-replayed": "true"} if answer.repeated else None
        return Response(answer.body, answer.status, headers=headers, media_type="application/json")

    def _let_in(self, conn: psycopg.Connection, endpoint: Endpoint, request: Request) -> ApiKey:
        """The key of the request. Raises Refused D164 to D167, each counted."""
        given = request.headers.getlist("authorization")
        scheme, _, shown = given[0].partition(" ") if len(given) == 1 else ("", "", "")
        if scheme.lower() != "bearer":
            self.refusals.add("no-key")
            raise Refused(401, "D164", "expected one header Authorization: Bearer and a key of the API")
        key = known_key(conn, self.site.keyring, shown.strip())
        if key is None:
            self.refusals.add("bad-key")
            raise Refused(401, "D165", "the key is unknown, revoked or has expired")
        wait = self.rates.wait(key.key_id)
        if wait:
            self.refusals.add("rate", key.key_id)
            raise Refused(429, "D167", "too many requests with this key", retry_seconds=math.ceil(wait))
        if endpoint.scope not in key.scopes:
            self.refusals.add("scope", key.key_id)
            raise Refused(403, "D166", f"the key lacks the scope {endpoint.scope.value}")
        return key

    def _do(
        self, conn: psycopg.Connection, key: ApiKey, endpoint: Endpoint, request: Request, body: bytes
    ) -> Answer:
        path = {name: _part(name, text) for name, text in request.path_params.items()}
        query = _read(endpoint.query, request.query_params.multi_items())
        if endpoint.takes is not Nothing and not _is_json(request.headers.get("content-type", "")):
            raise Refused(415, "D168", "expected Content-Type: application/json")
        taken = _read(endpoint.takes, body if endpoint.takes is not Nothing else b"{}")

        def work() -> Answer:
            room = self.room(f"api {key.name}")
            call = Call(conn, self.site.keyring, self.site.now(conn), key, path, query, taken, room)
            return Answer(200, endpoint.does(call).model_dump_json())

        with conn.transaction():
            conn.execute(SQL["set_limits"])
            name = request.headers.get("idempotency-key")
            if name is None or endpoint.method == "GET":
                answer = work()
            else:
                asked = f"{endpoint.method} {request.url.path}?{request.url.query}\n".encode() + body
                answer = once(conn, self.site.keyring, key.key_id, name, asked, work)
        log.info("api", operation=endpoint.name, key=key.name, repeated=answer.repeated)
        return answer


def _part(name: str, text: str) -> str:
    try:
        return _TEXT.validate_python(text)
    except ValidationError:
        raise Refused(
            404, "D171", f"{name}: expected one line of at most 200 characters in the address"
        ) from None


def _read(model: type[M], given: bytes | Sequence[tuple[str, str]]) -> M:
    """Raises Refused D168 with every fault; nothing that was sent is repeated."""
    try:
        if isinstance(given, bytes):
            return model.model_validate_json(given)
        if len({name for name, _ in given}) < len(given):
            raise Refused(400, "D168", "a parameter is given twice")
        return model.model_validate(dict(given))
    except ValidationError as error:
        raise _refused(error, model) from None


def _refused(error: ValidationError, model: type[BaseModel]) -> Refused:
    found = error.errors(include_input=False, include_context=False, include_url=False)
    if found[0]["type"] == "json_invalid":
        return Refused(400, "D168", "the body is not JSON as RFC 8259 has it")
    faults = []
    for one in found[:MOST_FAULTS]:
        unknown = one["type"] == "extra_forbidden"  # its name is the sender's, and may be anything
        where = ".".join(map(str, one["loc"][:-1] if unknown else one["loc"]))
        message = "holds a field that is not known" if unknown else one["msg"]
        faults.append(Fault(where=where or "body", detail=message))
    return Refused(422, "D168", "the request does not have the fields it should have", faults)


def _is_json(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() == "application/json"


def _busy(request: Request) -> Refused:
    if "idempotency-key" in request.headers:
        told = "the book is busy, or a request of this Idempotency-Key is still being done; ask again"
        return Refused(409, "D170", told, retry_seconds=1)
    return Refused(
        503, "D172", "the book is busy, as with an import; nothing was done, ask again", retry_seconds=5
    )


def _as_problem(refused: Refused) -> Response:
    headers: Mapping[str, str] = _CHALLENGE if refused.status == 401 else {}
    if refused.retry_seconds:
        headers = {**headers, "retry-after": str(refused.retry_seconds)}
    return problem(refused.status, refused.code, refused.detail, errors=refused.errors, headers=headers)
