"""Nobody keeps the server busy by being slow, long or odd: over real sockets, each outcome seen."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from duecourse.channels.http.listener import Application, Listener, bounded, callbacks
from duecourse.domain.messaging import RawRequest, RawResponse


class Heard:
    """A provider's adapter that keeps what it was sent."""

    def __init__(self) -> None:
        self.requests: list[RawRequest] = []

    async def receive(self, request: RawRequest) -> RawResponse:
        self.requests.append(request)
        if request.body == b"deep":
            raise RecursionError
        return RawResponse(200, b"ok")


def serve(
    application: Application, body: Callable[[int], Awaitable[None]], *, proxies: str = "", head: float = 10.0
) -> None:
    """Run `body` with the port while the application is served."""

    async def run() -> None:
        listener = Listener(application, trusted_proxies=proxies, head_seconds=head)
        port = await listener.start()
        try:
            await body(port)
        finally:
            await listener.stop()

    asyncio.run(run())


async def ask(port: int, *pieces: bytes, end: bool = True) -> bytes:
    """Write the pieces; all that comes back until the far end hangs up, or after the first answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
    answer = await asyncio.wait_for(reader.read(65_536) if end else reader.read(), 30)
    writer.close()
    return answer


def post(path: str, body: bytes, *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer else 0


def test_a_head_that_never_ends_is_hung_up_on() -> None:
    async def body(port: int) -> None:
        assert await ask(port, b"POST /callbacks/p HTTP/1.1\r\nHost: ", end=False) == b""

    serve(callbacks({"p": Heard()}), body, head=0.2)


def test_a_connection_that_says_nothing_is_hung_up_on() -> None:
    async def body(port: int) -> None:
        assert await ask(port, end=False) == b""

    serve(callbacks({"p": Heard()}), body, head=0.2)


def test_a_second_request_on_a_connection_has_its_own_time_for_its_head() -> None:
    async def body(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(post("/callbacks/p", b"1"))
        assert status(await reader.read(65_536)) == 200
        writer.write(b"POST /callbacks/p HT")
        assert await asyncio.wait_for(reader.read(), 30) == b""
        writer.close()

    serve(callbacks({"p": Heard()}), body, head=2.0)


def test_a_body_that_never_ends_is_answered_408() -> None:
    heard = Heard()

    async def body(port: int) -> None:
        begun = post("/callbacks/p", b"x" * 100)[:-50]
        assert status(await ask(port, begun, end=False)) == 408

    serve(bounded(callbacks({"p": heard}), seconds=0.2), body)
    assert heard.requests == []


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "in pieces"])
def test_a_body_that_is_too_long_is_answered_413_and_read_no_further(announced: bool) -> None:
    heard = Heard()
    if announced:
        asked = [post("/callbacks/p", b"", "X: y").replace(b"Length: 0", b"Length: 1000001")]
    else:
        head = b"POST /callbacks/p HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        asked = [head, *[b"8000\r\n" + b"x" * 0x8000 + b"\r\n"] * 31]

    async def body(port: int) -> None:
        answer = await ask(port, *asked)
        assert status(answer) == 413 and b"connection: close" in answer.lower()

    serve(callbacks({"p": heard}), body)
    assert heard.requests == []


def test_headers_that_are_too_long_are_refused() -> None:
    async def body(port: int) -> None:
        assert status(await ask(port, post("/callbacks/p", b"", f"X: {'y' * 100_000}"))) in (400, 431)
        assert status(await ask(port, post(f"/callbacks/p?{'y' * 40_000}", b""))) in (400, 431)

    serve(callbacks({"p": Heard()}), body)


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (post("/callbacks/p", b"", "Content-Length: 5"), 400),
        (post("/callbacks/p", b"", "Transfer-Encoding: chunked", "Transfer-Encoding: gzip"), 501),
        (b"GET /callbacks/p HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET /callbacks/p HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n", 400),
        (b"GET http://evil.example/callbacks/p HTTP/1.1\r\nHost: a\r\n\r\n", 404),
        (post("/callbacks/../callbacks/p", b""), 404),
        (post("/callbacks/%2e%2e%2fp", b""), 404),
        (post("/callbacks/q", b""), 404),
        (b"TRACE /callbacks/p HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        (post("/callbacks/p", b"deep"), 400),
    ],
    ids=["TLS", "two lengths", "two codings", "two hosts", "space in a name", "absolute", "dots", "encoded dots",
         "unknown", "trace", "deep"],
)  # fmt: skip
def test_an_odd_request_is_refused(asked: bytes, answered: int) -> None:
    async def body(port: int) -> None:
        got = status(await ask(port, asked))
        assert got == answered or (answered == 501 and got in (400, 501))

    serve(callbacks({"p": Heard()}), body)


@pytest.mark.parametrize(
    ("proxies", "forwarded", "peer"),
    [
        ("", "203.0.113.9", "127.0.0.1"),
        ("10.0.0.0/8", "203.0.113.9", "127.0.0.1"),
        ("127.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        ("127.0.0.1,203.0.113.0/24", "198.51.100.1, 203.0.113.9", "198.51.100.1"),
        ("127.0.0.1", "", "127.0.0.1"),
    ],
    ids=["nobody", "somebody else", "the proxy", "invented before the proxy", "a chain", "empty"],
)
def test_a_forwarded_address_is_believed_of_a_named_proxy_alone(
    proxies: str, forwarded: str, peer: str
) -> None:
    heard = Heard()

    async def body(port: int) -> None:
        assert status(await ask(port, post("/callbacks/p", b"", f"X-Forwarded-For: {forwarded}"))) == 200

    serve(callbacks({"p": heard}), body, proxies=proxies)
    assert [request.peer for request in heard.requests] == [peer]
