"""Answers that are no page of ours: problems for programs (RFC 9457), and a plain page for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import HTMLResponse, JSONResponse, Response

FOR_PROGRAMS: Final = ("/api/", "/callbacks/", "/healthz", "/readyz")
TYPE_PREFIX: Final = "urn:duecourse:problem:"


class Fault(BaseModel):
    """One thing that is wrong in a request."""

    model_config = ConfigDict(extra="forbid")

    where: str = Field(description="Which field, as payments.3.amount.")
    detail: str = Field(description="What was found and what was expected. Never repeats what was sent.")


class ProblemAnswer(BaseModel):
    """Why a request was not done; application/problem+json."""

    model_config = ConfigDict(extra="forbid")

    type: str = Field(description="`urn:duecourse:problem:` and the code.")
    title: str = Field(description="The status in words.")
    status: int
    detail: str = Field(description="What was found, what was expected, and what happened because of it.")
    code: str = Field(description="Stable; docs/reference/errors explains it.")
    errors: list[Fault] = Field(default=[], description="Each fault in the request, where there are several.")


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    errors: Sequence[Fault] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A problem answer. Neither detail nor errors hold anything personal."""
    content = ProblemAnswer(
        type=f"{TYPE_PREFIX}{code}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        code=code,
        errors=list(errors),
    ).model_dump(exclude_defaults=True)
    return JSONResponse(content, status, headers=headers, media_type="application/problem+json")


_SAID: Final[Mapping[int, tuple[str, str]]] = {
    400: ("This request cannot be understood.", "无法理解该请求。"),
    404: ("There is nothing at this address.", "此地址没有内容。"),
    405: ("This address cannot be used that way.", "此地址不能这样使用。"),
    408: ("The request took too long to arrive.", "请求传输时间过长。"),
    413: ("That is too much at once.", "提交的内容过大。"),
    429: ("Too many requests. Please wait a moment, then try again.", "请求过于频繁，请稍候再试。"),
    500: (
        "Something went wrong here. Nothing was changed. Please try again.",
        "系统出错，未作任何更改，请重试。",
    ),
    503: ("This is not available just now. Please try again in a minute.", "暂时无法使用，请一分钟后重试。"),
}


def page(status: int, accept_language: str, *, headers: Mapping[str, str] | None = None) -> Response:
    """A page that says no more than what became of the request, in the reader's Chinese or in English."""
    chinese = accept_language.strip().lower().startswith("zh")
    said = _SAID.get(status, _SAID[400])[chinese]
    lang = "zh-CN" if chinese else "en"
    body = (
        f'<!doctype html><html lang="{lang}"><head><meta charset="utf-8"><meta name="viewport" '
        f'content="width=device-width"><title>{status}</title></head><body><main><h1>{escape(said)}</h1>'
        "</main></body></html>"
    )
    return HTMLResponse(body, status, headers=headers)


def refusal(
    scope: Mapping[str, Any], status: int, code: str, detail: str, *, headers: Mapping[str, str] | None = None
) -> Response:
    """A problem for a program, a page for a person: by the address that was asked for."""
    if scope["path"].startswith(FOR_PROGRAMS):
        return problem(status, code, detail, headers=headers)
    language = next((value for name, value in scope["headers"] if name == b"accept-language"), b"")
    return page(status, language.decode("latin-1"), headers=headers)
