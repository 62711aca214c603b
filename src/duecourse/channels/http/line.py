"""One provider over HTTP: a pool of connections that knows whether a request was written.

The client tells each step of a request by its trace. Before the first octet of the request goes out the clock is read
once more. A request is handed over with the first octet of its body (of its head, where it has none): a provider cannot
act on half a request. Anything from there on may have been taken, and is `Unknown` until the answer has come whole.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import httpx2
from pydantic import BaseModel, ConfigDict, Field

from duecourse.domain.messaging import NotWritten, Unknown

# Addresses hold account ids, tokens and numbers: the libraries' own lines about them are muted.
for _name in ("httpx2", "httpcore2", "hpack", "h2"):
    logging.getLogger(_name).setLevel(logging.WARNING)

MOST_ANSWER_OCTETS = 1_000_000
_BEGINS = frozenset({"http11.send_request_headers.started", "http2.send_request_headers.started"})
_BODY_BEGINS = frozenset({"http11.send_request_body.started", "http2.send_request_body.started"})
_CONNECTS = "connection.connect_tcp.started"


class HttpSettings(BaseModel):
    """What every provider over HTTP can be told. Times are in seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    window: int = Field(default=20, ge=1, le=1000)
    """Requests unanswered at once."""
    connect_seconds: float = Field(default=5, gt=0, le=120)
    """For a place among the connections, and the connection."""
    response_seconds: float = Field(default=10, gt=0, le=120)
    """From the first octet written to the last octet of the answer."""
    rest_seconds: float = Field(default=1, ge=0, le=600)
    """After a failed connection nothing is tried for this long."""
    throttle_pause_seconds: float = Field(default=1, ge=0, le=3600)
    """Where the provider asks to slow down and does not say for how long."""
    ca_file: Path | None = None
    pull_seconds: float = Field(default=0, ge=0, le=3600)
    """Ask for receipts this often; 0 does not ask and relies on the provider's calls."""
    drain_url: str = ""
    """Of the sandbox: answers once it has handed over every receipt it owes."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A request. Headers and URL may hold secrets: never logged."""

    url: str = field(repr=False)
    content: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the provider answered, whole."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    content: bytes = field(repr=False)

    def retry_after(self, otherwise: float) -> float:
        """Seconds of Retry-After; `otherwise` where it is missing or a date."""
        text = self.headers.get("retry-after", "")
        return float(text) if text.isdigit() else otherwise


Heard: TypeAlias = Answer | NotWritten | Unknown


class HttpLine:
    """The connections to one provider. Opened once per worker, used by one event loop."""

    def __init__(
        self, name: str, settings: HttpSettings, *, http2: bool = False, tls: ssl.SSLContext | None = None
    ) -> None:
        """http2: speak HTTP/2, by prior knowledge on a plain http address. tls: a context of its own, e.g. to show a
        certificate. Raises OSError or ssl.SSLError for an unusable `ca_file`.
        """
        self.name = name
        self._settings = settings
        self._http2 = http2
        self._tls = tls or ssl.create_default_context(cafile=settings.ca_file)
        self._client: httpx2.AsyncClient | None = None
        self._busy: Counter[httpx2.AsyncClient] = Counter()
        self._rest_until = 0.0

    def open(self) -> None:
        """Connections are made when the first request needs them."""
        self._client = self._new_client()

    def _new_client(self) -> httpx2.AsyncClient:
        most = self._settings.window + 1
        return httpx2.AsyncClient(
            http1=not self._http2,
            http2=self._http2,
            verify=self._tls,
            # `_Step` sets the deadlines over the whole request; these would begin anew with every octet.
            timeout=None,
            limits=httpx2.Limits(max_connections=most, max_keepalive_connections=most),
            headers={"accept-encoding": "identity", "user-agent": "duecourse"},
            trust_env=False,
        )

    @property
    def is_open(self) -> bool:
        """Between open and close."""
        return self._client is not None

    @property
    def is_resting(self) -> bool:
        """Whether a connection has just failed, and none is tried for a while."""
        return time.monotonic() < self._rest_until

    async def close(self) -> None:
        """Close every connection."""
        client, self._client = self._client, None
        if client is not None:
            for each in {client, *self._busy}:
                await each.aclose()

    async def ask(self, ask: Ask, write_before: float = float("inf")) -> Heard:
        """Write the request unless it is late, and read the answer. Never raises for network trouble.

        Ends within connect_seconds and response_seconds. The client writes a request again by itself only where the
        provider has said that it did not look at it (GOAWAY on HTTP/2); the clock is read before that too.
        """
        if self._client is None:
            return NotWritten("closed")
        if self.is_resting:
            return NotWritten("the provider is away")
        client = self._client
        step = _Step(write_before, self._settings.response_seconds, has_body=bool(ask.content))
        self._busy[client] += 1
        try:
            async with asyncio.timeout(self._settings.connect_seconds) as step.deadline:
                return await self._exchange(client, ask, step)
        except _LateError:
            return NotWritten("it was too late to write it")
        except (httpx2.InvalidURL, httpx2.UnsupportedProtocol, httpx2.LocalProtocolError) as error:
            if step.written:
                return Unknown(f"the request broke off ({type(error).__name__})")
            return NotWritten("the request cannot be written: check the address and the headers")
        except (httpx2.RequestError, TimeoutError) as error:
            if isinstance(error, TimeoutError) and self._http2 and client is self._client:
                # All share one connection, which may be dead without a word: the next ones make another.
                self._client = self._new_client()
            if step.written:
                return Unknown(f"no answer ({type(error).__name__})")
            if not step.begun:
                # One message has found out; the others need not knock one by one.
                self._rest_until = time.monotonic() + self._settings.rest_seconds
            return NotWritten(f"no connection ({type(error).__name__})")
        finally:
            await self._leave(client)

    async def _leave(self, client: httpx2.AsyncClient) -> None:
        self._busy[client] -= 1
        if not self._busy[client]:
            del self._busy[client]
            if client is not self._client:
                await client.aclose()

    async def _exchange(self, client: httpx2.AsyncClient, ask: Ask, step: _Step) -> Heard:
        async with client.stream(
            ask.method,
            ask.url,
            content=ask.content,
            headers=dict(ask.headers),
            extensions={"trace": step.note},
        ) as response:
            content = bytearray()
            async for piece in response.aiter_bytes():
                content += piece
                if len(content) > MOST_ANSWER_OCTETS:
                    return Unknown("the answer is too long")
            headers = {key.lower(): value for key, value in response.headers.items()}
            return Answer(response.status_code, headers, bytes(content))


class _LateError(Exception):
    """`write_before` had passed."""


class _Step:
    """How far one request has come."""

    deadline: asyncio.Timeout

    def __init__(self, write_before: float, response_seconds: float, *, has_body: bool) -> None:
        self._write_before = write_before
        self._response_seconds = response_seconds
        self._has_body = has_body
        self.begun = False
        self.written = False

    async def note(self, event: str, _: Mapping[str, Any]) -> None:
        # No await in here: the octets go out in the same turn of the loop, right after the clock was read.
        if event in _BEGINS:
            if time.monotonic() > self._write_before:
                raise _LateError
            self.begun = True
            self.written = not self._has_body
            self.deadline.reschedule(asyncio.get_running_loop().time() + self._response_seconds)
        elif event in _BODY_BEGINS:
            self.written = self._has_body or self.written
        elif event == _CONNECTS:
            # A connection made after writing: the provider said of the former that it had not looked at the request.
            self.begun = self.written = False
