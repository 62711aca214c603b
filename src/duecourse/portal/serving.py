"""From requests to pages: cookies, who visits, the checks every form passes, one transaction for each request."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Coroutine, Sequence
from hashlib import sha256
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from duecourse.responses.peers import Limits
from duecourse.responses.recording import Room
from duecourse.responses.visits import Visitor, visitor_of
from duecourse.web.site import Site

from .asked import Asked
from .entering import nothing
from .forms import MOST_BYTES, Form
from .frame import BEFORE, DISPLAY, KEPT_SECONDS, STYLE_PATH, VISIT, Display, style
from .page import Page
from .registry import PAGES
from .texts import accepted, closest, first

_FORM: Final = "application/x-www-form-urlencoded"

Endpoint: TypeAlias = Callable[[Request], Coroutine[Any, Any, Response]]


def routes(
    site: Site,
    *,
    more: Sequence[Page] = (),
    limits: Limits | None = None,
    room: Callable[[], Room] = Room,
) -> list[BaseRoute]:
    """Everything the portal answers.

    more: pages that the entry point made. limits: against guessing, of the settings. room: what recording an
    answer works with; by default nobody confirms a word to stop.
    """
    pages = (*PAGES, *more)
    portal = _Portal(site, pages, limits or site.limits, room)
    return [
        Route(STYLE_PATH, _style, methods=["GET"]),
        *(
            Route(page.path, portal.endpoint(page), methods=["GET", "POST"] if page.posts else ["GET"])
            for page in (*pages, Page("/me/{rest:path}", nothing, signed_in=False))
        ),
    ]


async def _style(_request: Request) -> Response:
    kept = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
    return Response(style(), 200, kept, "text/css")


class _Portal:
    """The pages of one site."""

    def __init__(self, site: Site, pages: Sequence[Page], limits: Limits, room: Callable[[], Room]) -> None:
        self.site = site
        self.pages = pages
        self.limits = limits
        self.room = room
        self.origin = urlsplit(site.public_url)
        self.secure = self.origin.scheme == "https"

    def endpoint(self, page: Page) -> Endpoint:
        """What Starlette calls for a page."""

        async def answer(request: Request) -> Response:
            body = await _body(request) if request.method == "POST" else b""
            return await run_in_threadpool(self._answer, page, request, body)

        return answer

    def _answer(self, page: Page, request: Request, body: bytes | None) -> Response:
        with self.site.pool.connection() as conn:
            asked = self._asked(page, request, conn)
            response = self._checked(page, request, body, asked)
        self._set_cookies(asked, response)
        return response

    def _asked(self, page: Page, request: Request, conn: Any) -> Asked:
        now = self.site.now(conn)
        token = request.cookies.get(self._cookie(VISIT), "")
        visitor = visitor_of(conn, self.site.keyring, token, now=now, limits=self.limits) if token else None
        before = request.cookies.get(self._cookie(BEFORE), "")
        cookies: dict[str, str | None] = {}
        if visitor is None and not before and request.method == "GET":
            before = cookies[BEFORE] = secrets.token_urlsafe(24)
        found = request.headers
        return Asked(
            site=self.site,
            conn=conn,
            now=now,
            method=request.method,
            path=request.url.path,
            parameters=request.path_params,
            query=request.query_params,
            form=Form(),
            display=self._display(request, visitor),
            visitor=visitor,
            token=token,
            csrf=visitor.csrf if visitor else _derived(before),
            pages=self.pages,
            limits=self.limits,
            room=self.room,
            peer=request.client.host if request.client else "",
            user_agent=found.get("user-agent", "")[:500],
            prefetch=(found.get("sec-purpose") or found.get("purpose") or found.get("x-moz") or "")[:100],
            form_action=page.form_action,
            cookies=cookies,
        )

    def _display(self, request: Request, visitor: Visitor | None) -> Display:
        if kept := Display.kept(request.cookies.get(self._cookie(DISPLAY), "")):
            return kept
        wished = (
            closest(visitor.language) if visitor else accepted(request.headers.get("accept-language", ""))
        )
        language = first([wished, closest(self.site.language), "en"]) or "en"
        return Display(language, visitor.large if visitor else False)

    def _checked(self, page: Page, request: Request, body: bytes | None, asked: Asked) -> Response:
        """The page's answer, or the refusal of a request that no page should hear of."""
        if request.method == "POST":
            if body is None:
                return asked.show("refused.html", status=413, key="frame.too_much")
            if not self._from_here(request):
                return asked.show("refused.html", status=403, key="frame.from_elsewhere")
            if page.signed_in and asked.visitor is None:
                return asked.show("ended.html", status=403)
            try:
                asked.form = Form.read(body)
            except ValueError:
                return asked.show("refused.html", status=400, key="frame.unreadable")
            if not asked.csrf or not secrets.compare_digest(
                asked.form.get("csrf").encode(), asked.csrf.encode()
            ):
                return asked.show("refused.html", status=403, key="frame.stale")
        elif page.signed_in and asked.visitor is None:
            return asked.show("ended.html", status=403)
        return page.handle(asked)

    def _from_here(self, request: Request) -> bool:
        """Whether a form was sent from a page of ours, as far as the browser says. The token decides in the end.

        With `Referrer-Policy: no-referrer` browsers write `Origin: null` also for our own forms.
        """
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
            return False
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return False
        origin = request.headers.get("origin", "null")
        if origin == "null":
            return True
        return urlsplit(origin).netloc in (self.origin.netloc, request.headers.get("host", ""))

    def _cookie(self, name: str) -> str:
        return f"__Host-{name}" if self.secure else name

    def _set_cookies(self, asked: Asked, response: Response) -> None:
        for name, value in asked.cookies.items():
            shared: dict[str, Any] = {"path": "/", "secure": self.secure, "httponly": True, "samesite": "lax"}
            if value is None:
                response.delete_cookie(self._cookie(name), **shared)
            else:
                response.set_cookie(self._cookie(name), value, max_age=KEPT_SECONDS[name], **shared)


async def _body(request: Request) -> bytes | None:
    """What was sent; None for more than a form may hold, of which no more is read."""
    found = bytearray()
    async for part in request.stream():
        found += part
        if len(found) > MOST_BYTES:
            return None
    return bytes(found)


def _derived(before: str) -> str:
    """The token of forms before a visit; '' without its cookie, which no form can match."""
    return sha256(f"form {before}".encode()).hexdigest()[:32] if before else ""
