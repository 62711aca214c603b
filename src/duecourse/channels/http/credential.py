"""An access token that a provider lends for a while, shared by all requests of an adapter and fetched once for all."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from duecourse.domain.messaging import AccountTrouble, Deferred, NotWritten

EARLY_SECONDS = 60.0
"""A token is changed so long before its end, so that none ends on its way."""


@dataclass(frozen=True, slots=True)
class Lent:
    """A token and for how many seconds from now it holds."""

    token: str = field(repr=False)
    seconds: float


NoToken: TypeAlias = AccountTrouble | Deferred | NotWritten
"""Why there is none: nothing was handed over."""


class Credential:
    """However many ask, one fetch is under way, and after one that failed there is none for `rest_seconds`."""

    def __init__(self, fetch: Callable[[], Awaitable[Lent | NoToken]], rest_seconds: float) -> None:
        self._fetch = fetch
        self._rest_seconds = rest_seconds
        self._lock = asyncio.Lock()
        self._token = ""
        self._good_until = 0.0
        self._refused = ""
        self._failure: NoToken | None = None
        self._rest_until = 0.0

    async def get(self) -> str | NoToken:
        """The token now, or why there is none."""
        if self._is_good():
            return self._token
        async with self._lock:
            if self._is_good():
                return self._token
            if self._failure is not None and time.monotonic() < self._rest_until:
                return self._failure
            lent = await self._fetch()
            if isinstance(lent, Lent) and lent.token == self._refused:
                lent = Deferred(
                    "credential", "the provider lends a token that it refuses", self._rest_seconds
                )
            if not isinstance(lent, Lent):
                self._failure, self._rest_until = lent, time.monotonic() + self._rest_seconds
                return lent
            early = min(EARLY_SECONDS, lent.seconds / 2)
            self._token, self._good_until = lent.token, time.monotonic() + lent.seconds - early
            self._failure = None
            return self._token

    def refused(self, token: str) -> None:
        """The provider did not take this token: the next `get` fetches another, unless somebody has already."""
        if token and token == self._token:
            self._token, self._refused = "", token

    def _is_good(self) -> bool:
        return bool(self._token) and time.monotonic() < self._good_until
