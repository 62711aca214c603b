"""The API's description as OpenAPI 3.1, made of the endpoints and of the models they take and give."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from duecourse.web.answers import ProblemAnswer

from .endpoint import PREFIX, Endpoint, Nothing

_REF: Final = "#/components/schemas/{model}"
_EVERYWHERE: Final = {
    400: "The request cannot be read.",
    401: "No key, or one that does not hold.",
    403: "The key lacks the scope.",
    408: "The request did not arrive in time.",
    413: "The body is larger than 1 MB.",
    415: "The body is not application/json.",
    422: "A field is at fault, or the Idempotency-Key named another request.",
    429: "Too many requests; Retry-After says when.",
    500: "Something went wrong inside; nothing was changed.",
    503: "The database does not answer, or the book is busy; ask again.",
}
_ITS_OWN: Final = {404: "There is no such thing.", 409: "The book says otherwise, or several are meant."}
_WHILE: Final = {409: "The book says otherwise, or a request of this Idempotency-Key is still being done."}


def document(endpoints: Sequence[Endpoint], version: str, public_url: str) -> dict[str, Any]:
    """The whole document. version: of the program."""
    models: dict[type[BaseModel], Literal["validation", "serialization"]] = {}
    for one in endpoints:
        models |= {one.takes: "validation", one.query: "validation"}
    for one in endpoints:
        models[one.gives] = "serialization"
    models[ProblemAnswer] = "serialization"
    references, definitions = models_json_schema(list(models.items()), ref_template=_REF)
    paths: dict[str, dict[str, Any]] = {}
    for one in endpoints:
        path = PREFIX + re.sub(r"\{([a-z_]+):[a-z]+\}", r"{\1}", one.path)
        paths.setdefault(path, {})[one.method.lower()] = _operation(one, references)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Duecourse",
            "version": version,
            "description": "Payments, messages, standings and responses of a lender's book. Amounts are texts in the "
            "currency's units; instants have their offset. See docs/reference/api.md.",
        },
        "servers": [{"url": public_url or "/"}],
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "schemas": definitions.get("$defs", {}),
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "Made by `duecourse api-key add`."}
            },
        },
    }


def _operation(one: Endpoint, references: dict[Any, dict[str, Any]]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": one.name,
        "summary": one.summary,
        "description": f"{(one.does.__doc__ or '').strip()}\n\nScope: `{one.scope.value}`.",
        "parameters": [
            *(
                {"name": name, "in": "path", "required": True, "schema": {"type": "string", "maxLength": 200}}
                for name in one.parameters
            ),
            *_query(one),
        ],
        "responses": {
            "200": _content(references[one.gives, "serialization"], "Done.", "application/json"),
            **{str(status): _problem(references, said) for status, said in sorted(_problems(one).items())},
        },
    }
    if one.method == "POST":
        operation["parameters"].append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "schema": {"type": "string", "maxLength": 255},
                "description": "Names the request: the same again, within 48 hours, is answered as the first time.",
            }
        )
    if one.takes is not Nothing:
        operation["requestBody"] = _content(references[one.takes, "validation"], "", "application/json") | {
            "required": True
        }
        operation["requestBody"].pop("description")
    return operation


def _problems(one: Endpoint) -> dict[int, str]:
    own = {status: _ITS_OWN.get(status, _EVERYWHERE.get(status, "")) for status in one.problems}
    return {**_EVERYWHERE, **own, **(_WHILE if one.method == "POST" else {})}


def _problem(references: dict[Any, dict[str, Any]], said: str) -> dict[str, Any]:
    return _content(references[ProblemAnswer, "serialization"], said, "application/problem+json")


def _content(schema: dict[str, Any], description: str, media_type: str) -> dict[str, Any]:
    return {"description": description, "content": {media_type: {"schema": schema}}}


def _query(one: Endpoint) -> list[dict[str, Any]]:
    schema = one.query.model_json_schema()
    needed = schema.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in needed, "schema": part}
        for name, part in schema.get("properties", {}).items()
    ]
