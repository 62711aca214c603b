"""One provider over HTTP: a pool of connections that knows whether a request was written.

The client tells each step of a request by its trace. Before the first octet of the request goes out the clock is read
once more; a request that never began was not handed over, and anything after that may have been taken.
"""

from __future__ import annotations

import logging
import ssl
import time
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


class HttpSettings(BaseModel):
    """What every provider over HTTP can be told. Times are in seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    window: int = Field(default=20, ge=1, le=1000)
    """Requests unanswered at once."""
    connect_seconds: float = Field(default=5, gt=0, le=120)
    response_seconds: float = Field(default=10, gt=0, le=120)
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

    def __init__(self, name: str, settings: HttpSettings, *, http2: bool = False, cert: Any = None) -> None:
        """http2: speak HTTP/2, by prior knowledge on a plain http address. cert: an SSLContext to show, if any."""
        self.name = name
        self._settings = settings
        self._http2 = http2
        self._tls = cert or ssl.create_default_context(cafile=settings.ca_file)
        self._client: httpx2.AsyncClient | None = None
        self._plain: httpx2.AsyncClient | None = None
        self._rest_until = 0.0

    def open(self) -> None:
        """Connections are made when the first request needs them."""
        timeout = httpx2.Timeout(
            self._settings.response_seconds,
            connect=self._settings.connect_seconds,
            pool=self._settings.connect_seconds,
        )
        limits = httpx2.Limits(
            max_connections=self._settings.window + 1, max_keepalive_connections=self._settings.window + 1
        )
        self._client = httpx2.AsyncClient(
            http1=not self._http2,
            http2=self._http2,
            verify=self._tls,
            timeout=timeout,
            limits=limits,
            trust_env=False,
        )

    @property
    def is_open(self) -> bool:
        """Between open and close."""
        return self._client is not None

    async def close(self) -> None:
        """Close every connection."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def ask(self, ask: Ask, write_before: float = float("inf")) -> Heard:
        """Write the request unless it is late, and read the answer. Never raises for network trouble."""
        if self._client is None:
            return NotWritten("closed")
        if time.monotonic() < self._rest_until:
            return NotWritten("the provider is away")
        step = _Step(write_before)
        try:
            async with self._client.stream(
                ask.method,
                ask.url,
                content=ask.content,
                headers=dict(ask.headers),
                extensions={"trace": step.note},
            ) as response:
                content = b""
                async for piece in response.aiter_bytes():
                    content += piece
                    if len(content) > MOST_ANSWER_OCTETS:
                        return Unknown("the answer is too long")
                headers = {key.lower(): value for key, value in response.headers.items()}
                return Answer(response.status_code, headers, content)
        except _LateError:
            return NotWritten("it was too late to write it")
        except httpx2.TransportError as error:
            if step.written:
                return Unknown(f"no answer ({type(error).__name__})")
            self._rest_until = time.monotonic() + self._settings.rest_seconds
            return NotWritten(f"no connection ({type(error).__name__})")
        except httpx2.InvalidURL:
            return NotWritten("the address is no URL")


class _LateError(Exception):
    """`write_before` had passed."""


class _Step:
    """How far one request has come."""

    def __init__(self, write_before: float) -> None:
        self._write_before = write_before
        self.written = False

    async def note(self, event: str, _: Mapping[str, Any]) -> None:
        if event in _BEGINS:
            # A request goes out again by itself only where nothing of it was written.
            if time.monotonic() > self._write_before:
                raise _LateError
            self.written = True
