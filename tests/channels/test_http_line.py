from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from duecourse.channels.http.line import MOST_ANSWER_OCTETS, Answer, Ask, HttpLine, HttpSettings
from duecourse.domain.messaging import NotWritten, Unknown

from .scripted_http import Http2Peer, ScriptedHttp, ScriptedHttp2, Visit, answer, read_request
from .test_encrypted_lines import certificate, server_context

__all__ = ["certificate"]
BODY = b"one message"


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    async def guarded() -> None:
        await asyncio.wait_for(scenario(), 30)
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.wait_for(asyncio.gather(*others, return_exceptions=True), 10)

    asyncio.run(guarded())


def line_of(*, http2: bool = False, **settings: Any) -> HttpLine:
    patient = {"response_seconds": 20, "connect_seconds": 20}
    line = HttpLine("under-test", HttpSettings(**(patient | settings)), http2=http2)
    line.open()
    return line


def against(
    visit: Visit, body: Callable[[HttpLine, str, ScriptedHttp], Awaitable[None]], **settings: Any
) -> None:
    """Run `body` with an open line and the address of an HTTP/1.1 server that does `visit`."""

    async def scenario() -> None:
        server = ScriptedHttp(visit)
        url = await server.start()
        line = line_of(**settings)
        try:
            await body(line, url, server)
        finally:
            await line.close()
            await server.stop()

    run(scenario)


def against_http2(
    handler: Callable[[Http2Peer, int], None],
    body: Callable[[HttpLine, str, ScriptedHttp2], Awaitable[None]],
    **settings: Any,
) -> None:
    async def scenario() -> None:
        server = ScriptedHttp2(handler)
        url = await server.start()
        line = line_of(http2=True, **settings)
        try:
            await body(line, url, server)
        finally:
            await line.close()
            await server.stop()

    run(scenario)


async def polite(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        await read_request(reader)
        writer.write(answer())


def past() -> float:
    return time.monotonic() - 0.001


def test_answer_comes_whole_and_the_connection_is_used_again():
    async def body(line: HttpLine, url: str, server: ScriptedHttp) -> None:
        for _ in range(3):
            heard = await line.ask(Ask(url, BODY))
            assert isinstance(heard, Answer) and (heard.status, heard.content) == (200, b"{}")
        assert server.visits == 1

    against(polite, body)


@pytest.mark.parametrize("used_before", [False, True])
def test_late_request_leaves_no_octet_on_the_wire(used_before):
    octets: list[bytes] = []

    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(65536):
            octets.append(piece)
            writer.write(answer())

    async def body(line: HttpLine, url: str, server: ScriptedHttp) -> None:
        if used_before:
            assert isinstance(await line.ask(Ask(url)), Answer)
        before = len(octets)
        assert isinstance(await line.ask(Ask(url, BODY), past()), NotWritten)
        assert isinstance(await line.ask(Ask(url)), Answer)
        assert len(octets) == before + 1 and BODY not in b"".join(octets)

    against(visit, body)


def test_time_that_passes_while_connecting_counts(certificate: tuple[Path, Path]):
    """The clock is read after the handshake, not before it."""
    cert, _ = certificate
    received: list[bytes] = []

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        listening = socket.create_server(("127.0.0.1", 0))
        listening.setblocking(False)
        line = line_of(ca_file=cert, connect_seconds=20)
        write_before = time.monotonic() + 0.2
        url = f"https://127.0.0.1:{listening.getsockname()[1]}/"
        asking = asyncio.create_task(line.ask(Ask(url, BODY), write_before))
        connection, _ = await loop.sock_accept(listening)
        while time.monotonic() <= write_before:
            await asyncio.sleep(0.01)

        class Peer(asyncio.Protocol):
            def data_received(self, data: bytes) -> None:
                received.append(data)

        transport, _ = await loop.connect_accepted_socket(Peer, connection, ssl=server_context(certificate))
        assert isinstance(await asking, NotWritten)
        await line.close()
        transport.abort()
        listening.close()

    run(scenario)
    assert received == []


def test_connection_that_the_peer_closed_while_idle_is_not_used_again():
    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(answer())
        await writer.drain()

    async def body(line: HttpLine, url: str, server: ScriptedHttp) -> None:
        for _ in range(5):
            assert isinstance(await line.ask(Ask(url, BODY)), Answer)
            await asyncio.sleep(0.05)  # an idle while, in which the peer's end of the connection arrives
        assert server.visits == 5

    against(visit, body)


@pytest.mark.parametrize("nth", [1, 2])
def test_peer_that_reads_the_request_and_dies_leaves_unknown_and_is_not_asked_again(nth):
    """Also on a connection that had served before: the client must not write it a second time by itself."""
    taken = []

    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(nth - 1):
            await read_request(reader)
            writer.write(answer())
        _, content = await read_request(reader)
        taken.append(content)

    async def body(line: HttpLine, url: str, server: ScriptedHttp) -> None:
        for _ in range(nth - 1):
            await line.ask(Ask(url, b"before"))
        assert isinstance(await line.ask(Ask(url, BODY)), Unknown)
        assert taken == [BODY]

    against(visit, body)


def test_answer_that_breaks_off_is_unknown():
    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(answer(b"0123456789")[:-3])

    async def body(line: HttpLine, url: str, server: ScriptedHttp) -> None:
        assert isinstance(await line.ask(Ask(url, BODY)), Unknown)

    against(visit, body)


def test_answer_that_drips_ends_at_the_deadline():
    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b".")
            await writer.drain()
            await asyncio.sleep(0.01)

    async def body(line: HttpLine, url: str, server: ScriptedHttp) -> None:
        assert isinstance(await asyncio.wait_for(line.ask(Ask(url, BODY)), 10), Unknown)

    against(visit, body, response_seconds=0.3)


def test_answer_may_take_longer_than_a_connection():
    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        await asyncio.sleep(2.5)
        writer.write(answer())
        await writer.drain()

    async def body(line: HttpLine, url: str, server: ScriptedHttp) -> None:
        assert isinstance(await line.ask(Ask(url, BODY)), Answer)

    against(visit, body, connect_seconds=2)


def test_answer_without_end_is_unknown():
    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(answer(b"." * (MOST_ANSWER_OCTETS + 1)))
        await writer.drain()

    async def body(line: HttpLine, url: str, server: ScriptedHttp) -> None:
        assert isinstance(await line.ask(Ask(url, BODY)), Unknown)

    against(visit, body)


def test_redirect_is_an_answer_and_the_message_goes_nowhere_else():
    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(answer(status=b"307 Temporary Redirect", extra=b"location: /elsewhere\r\n"))
        await read_request(reader)
        raise AssertionError("it followed")

    async def body(line: HttpLine, url: str, server: ScriptedHttp) -> None:
        heard = await line.ask(Ask(url, BODY))
        assert isinstance(heard, Answer) and heard.status == 307

    against(visit, body)


def test_absent_peer_is_asked_once_a_rest():
    async def body(line: HttpLine, url: str, server: ScriptedHttp) -> None:
        await server.stop()
        first, second = await line.ask(Ask(url, BODY)), await line.ask(Ask(url, BODY))
        assert isinstance(first, NotWritten) and "no connection" in first.reason
        assert isinstance(second, NotWritten) and second.reason == "the provider is away"

    against(polite, body, rest_seconds=600)


@pytest.mark.parametrize("url", ["http://", "ftp://127.0.0.1/", "no address"])
def test_address_that_is_none_is_not_written_and_not_quoted(url):
    async def body(line: HttpLine, _: str, server: ScriptedHttp) -> None:
        heard = await line.ask(Ask(url, BODY))
        assert isinstance(heard, NotWritten) and "127" not in heard.reason

    against(polite, body)


def test_late_request_leaves_nothing_on_a_shared_connection():
    async def body(line: HttpLine, url: str, server: ScriptedHttp2) -> None:
        assert isinstance(await line.ask(Ask(url, BODY)), Answer)
        assert isinstance(await line.ask(Ask(url, BODY), past()), NotWritten)
        assert isinstance(await line.ask(Ask(url, BODY)), Answer)
        assert server.heard == [(1, 1), (1, 3)]

    against_http2(lambda peer, stream: peer.answer(stream), body)


def test_unanswered_stream_does_not_take_the_others_with_it():
    held: list[tuple[Http2Peer, int]] = []

    def handler(peer: Http2Peer, stream: int) -> None:
        if stream == 1:
            held.append((peer, stream))
        else:
            peer.answer(stream)

    async def body(line: HttpLine, url: str, server: ScriptedHttp2) -> None:
        silent = asyncio.create_task(line.ask(Ask(url, BODY)))
        while not held:
            await asyncio.sleep(0.01)
        heard = await asyncio.gather(*(line.ask(Ask(url, BODY)) for _ in range(20)))
        assert all(isinstance(each, Answer) for each in heard)
        held[0][0].answer(held[0][1])
        assert isinstance(await silent, Answer)
        assert len(server.peers) == 1

    against_http2(handler, body)


def test_connection_that_fell_silent_is_replaced():
    def handler(peer: Http2Peer, stream: int) -> None:
        if peer.number > 1:
            peer.answer(stream)

    async def body(line: HttpLine, url: str, server: ScriptedHttp2) -> None:
        heard = await asyncio.gather(*(line.ask(Ask(url, BODY)) for _ in range(5)))
        assert all(isinstance(each, Unknown) for each in heard)
        line._settings = HttpSettings(response_seconds=20)
        assert isinstance(await line.ask(Ask(url, BODY)), Answer)
        assert len(server.peers) == 2

    against_http2(handler, body, response_seconds=0.3)


def goes_away(peer: Http2Peer, stream: int) -> None:
    """The first connection answers its first request and says of the second that it did not look at it."""
    if peer.number == 1 and stream > 1:
        peer.h2.close_connection(last_stream_id=1)
        peer.flush()
    else:
        peer.answer(stream)


def test_request_that_the_peer_says_it_did_not_look_at_goes_out_once_more_in_time():
    async def body(line: HttpLine, url: str, server: ScriptedHttp2) -> None:
        assert isinstance(await line.ask(Ask(url, BODY)), Answer)
        assert isinstance(await line.ask(Ask(url, BODY)), Answer)
        assert server.heard == [(1, 1), (1, 3), (2, 1)]

    against_http2(goes_away, body)


def test_request_that_the_peer_did_not_look_at_is_not_written_again_too_late():
    async def body(line: HttpLine, url: str, server: ScriptedHttp2) -> None:
        assert isinstance(await line.ask(Ask(url, BODY)), Answer)
        handler, write_before = server.handler, time.monotonic() + 2

        def once_late(peer: Http2Peer, stream: int) -> None:
            if time.monotonic() > write_before:
                handler(peer, stream)
            else:
                asyncio.get_running_loop().call_later(0.02, once_late, peer, stream)

        server.handler = once_late
        assert isinstance(await line.ask(Ask(url, BODY), write_before), NotWritten)
        assert all(connection == 1 for connection, _ in server.heard)

    against_http2(goes_away, body)


def test_request_that_the_peer_did_not_look_at_and_that_finds_no_connection_is_not_written():
    async def body(line: HttpLine, url: str, server: ScriptedHttp2) -> None:
        assert isinstance(await line.ask(Ask(url, BODY)), Answer)
        server._server.close()
        assert isinstance(await line.ask(Ask(url, BODY)), NotWritten)

    against_http2(goes_away, body)


def test_certificate_that_is_not_trusted_leaves_it_unwritten(certificate: tuple[Path, Path]):
    async def scenario() -> None:
        async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            raise AssertionError("a request came")

        server = await asyncio.start_server(visit, "127.0.0.1", 0, ssl=server_context(certificate))
        line = line_of()
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        assert isinstance(await line.ask(Ask(url, BODY)), NotWritten)
        await line.close()
        server.close()

    run(scenario)
