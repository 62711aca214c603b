"""One request to a gateway at a time, from a thread: bounded in time and length, following no redirect."""

from __future__ import annotations

import logging
import ssl
import threading
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

import httpx2

from duecourse.channels.http.line import MOST_ANSWER_OCTETS, Answer

from .contract import GatewaySettings, Trouble

log = logging.getLogger(__name__)

AT_ONCE = 4
"""Requests to one gateway under way at once: a gateway that hangs must not take every thread of the pages."""
PATIENCE_SECONDS = 2.0
"""For a turn among them."""


class GatewayLine:
    """The connections to one gateway. Made once, used by many threads."""

    def __init__(self, settings: GatewaySettings) -> None:
        """Raises OSError or ssl.SSLError for an unusable `ca_file`."""
        self._settings = settings
        self._turns = threading.BoundedSemaphore(AT_ONCE)
        self._client = httpx2.Client(
            verify=ssl.create_default_context(cafile=settings.ca_file),
            timeout=httpx2.Timeout(settings.response_seconds, connect=settings.connect_seconds),
            limits=httpx2.Limits(max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE),
            headers={"accept-encoding": "identity", "user-agent": "duecourse"},
            follow_redirects=False,
            trust_env=False,
        )

    def ask(
        self, method: str, url: str, *, content: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Answer | Trouble:
        """The answer, whole. Never raises for the network."""
        if not self._turns.acquire(timeout=PATIENCE_SECONDS):
            return Trouble("too many requests wait for it")
        try:
            return self._exchange(method, url, content, headers or {})
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            return Trouble(f"no answer ({type(error).__name__})")
        finally:
            self._turns.release()

    def _exchange(
        self, method: str, url: str, content: bytes, headers: Mapping[str, str]
    ) -> Answer | Trouble:
        until = time.monotonic() + self._settings.connect_seconds + self._settings.response_seconds
        with self._client.stream(method, url, content=content or None, headers=dict(headers)) as response:
            found = bytearray()
            for piece in response.iter_bytes():
                found += piece
                if len(found) > MOST_ANSWER_OCTETS:
                    return Trouble("the answer is too long")
                if time.monotonic() > until:  # the client's own limits begin anew with every octet
                    return Trouble("the answer took too long")
            kept = {key.lower(): value for key, value in response.headers.items()}
            return Answer(response.status_code, kept, bytes(found))

    def close(self) -> None:
        """Close every connection."""
        self._client.close()


def of_status(status: int) -> Trouble:
    """What a bare HTTP status says that is no success."""
    if status in (401, 403):
        return Trouble(f"it refuses our credential (status {status})", lasting=True)
    return Trouble(f"it answered with status {status}")


def origin_of(url: str) -> str:
    """scheme://host[:port] of an address. Raises ValueError for anything but https, or http on this machine."""
    parts = urlsplit(url)
    near = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if not parts.hostname or parts.scheme not in (("https", "http") if near else ("https",)):
        raise ValueError("expected an https address")
    return f"{parts.scheme}://{parts.netloc}"


def within(url: str, sources: tuple[str, ...] | list[str]) -> bool:
    """Whether an address lies at one of these origins; `https://*.example.com` is any host below it."""
    try:
        origin = origin_of(url)
    except ValueError:
        return False
    scheme, _, place = origin.partition("://")
    for source in sources:
        wanted, _, host = source.partition("://")
        if origin == source or (
            scheme == wanted and host.startswith("*.") and place.endswith(host[1:]) and "@" not in place
        ):
            return True
    return False
