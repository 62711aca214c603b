"""The wires of a soak break as networks do."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterator

import pytest
from soak.wire import Wire, Wires


class _Echo(socketserver.BaseRequestHandler):
    ended = threading.Event()

    def handle(self) -> None:
        try:
            while piece := self.request.recv(1000):
                self.request.sendall(piece)
        except ConnectionResetError:
            pass
        self.ended.set()


@pytest.fixture
def wire() -> Iterator[Wire]:
    """A wire to somebody who answers with what was said."""
    _Echo.ended.clear()
    wires = Wires()
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Echo) as server:
        server.daemon_threads = True
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield wires.lay("echo", ("127.0.0.1", server.server_address[1]))
        wires.close()
        server.shutdown()
        serving.join()


def call(wire: Wire) -> socket.socket:
    """A connection over which one word went there and back."""
    line = socket.create_connection(("127.0.0.1", wire.port), timeout=30)
    say(line, b"one")
    return line


def say(line: socket.socket, word: bytes) -> None:
    line.sendall(word)
    assert line.recv(100) == word


def test_a_cut_resets_what_is_connected_and_lets_new_connections_through(wire: Wire) -> None:
    line = call(wire)
    wire.cut()
    with pytest.raises(ConnectionResetError):
        line.recv(100)
    call(wire).close()
    line.close()


def test_what_is_swallowed_arrives_late(wire: Wire) -> None:
    line = call(wire)
    wire.swallow()
    line.sendall(b"two")
    line.settimeout(0.2)
    with pytest.raises(TimeoutError):
        line.recv(100)
    line.settimeout(30)
    wire.mend(reset=False)
    assert line.recv(100) == b"two"
    line.close()


def test_a_swallowing_wire_may_be_mended_by_a_reset_and_then_takes_new_connections(wire: Wire) -> None:
    line = call(wire)
    wire.swallow()
    line.sendall(b"two")
    wire.mend(reset=True)
    with pytest.raises(ConnectionResetError):
        line.recv(100)
    call(wire).close()
    line.close()


def test_a_half_open_connection_ends_for_the_far_side_alone(wire: Wire) -> None:
    line = call(wire)
    wire.lose_far_sides()
    assert _Echo.ended.wait(30)
    line.settimeout(0.2)
    line.sendall(b"two")
    with pytest.raises(TimeoutError):
        line.recv(100)
    line.settimeout(30)
    call(wire).close()
    wire.mend(reset=False)
    with pytest.raises(ConnectionResetError):
        line.recv(100)
    line.close()


def test_a_slow_wire_brings_everything_in_order(wire: Wire) -> None:
    line = call(wire)
    wire.delay(0.02)
    words = [b"two", b"three", b"four"]
    for word in words:
        line.sendall(word)
    heard = b""
    while len(heard) < len(b"".join(words)):
        heard += line.recv(100)
    assert heard == b"".join(words)
    line.close()


def test_nobody_at_the_far_end_is_a_reset() -> None:
    wires = Wires()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        free = listening.getsockname()[1]
    wire = wires.lay("nobody", ("127.0.0.1", free))
    with (
        pytest.raises(ConnectionResetError),  # as soon as it connects, or when it reads
        socket.create_connection(("127.0.0.1", wire.port), timeout=30) as line,
    ):
        line.recv(100)
    wires.close()
