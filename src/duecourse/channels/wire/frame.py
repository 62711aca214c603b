"""The shape that all four protocols share: a length, a command, a sequence number, a body."""

from __future__ import annotations

from typing import NamedTuple

RESPONSE = 0x8000_0000
"""A response is its request's command with this bit set, in all four."""


class DecodeError(ValueError):
    """The octets are not the PDU they claim to be. Its text tells of the shape and never quotes content."""


class Frame(NamedTuple):
    """A PDU with its header taken apart and its body still octets."""

    command: int
    status: int
    """0 is success. Where the header has none, that of the body of a response."""
    sequence: int
    body: bytes


class Reader:
    """Takes fixed fields from a body, one after the other. Raises DecodeError where it ends too early."""

    __slots__ = ("_at", "_body", "_name")

    def __init__(self, name: str, body: bytes) -> None:
        self._name = name
        self._body = body
        self._at = 0

    def octets(self, count: int) -> bytes:
        """The next `count` octets."""
        end = self._at + count
        if end > len(self._body):
            raise DecodeError(f"{self._name} of {len(self._body)} octets ends before octet {end}")
        taken = self._body[self._at : end]
        self._at = end
        return taken

    def number(self, count: int = 1) -> int:
        """An unsigned integer of `count` octets."""
        return int.from_bytes(self.octets(count))

    def text(self, count: int) -> str:
        """A fixed string without what pads it on the right: zeros, and blanks where a peer writes those."""
        return self.octets(count).split(b"\0", 1)[0].decode("latin-1").rstrip(" ")

    def rest(self) -> bytes:
        """What is left."""
        return self.octets(len(self._body) - self._at)

    def end(self) -> None:
        """Nothing may be left."""
        if self._at != len(self._body):
            raise DecodeError(f"{self._name} has {len(self._body) - self._at} octets too many")


def fixed(name: str, text: str, size: int) -> bytes:
    """A string in a field of `size` octets, zeros on its right. Raises ValueError when it does not fit."""
    octets = text.encode("latin-1")
    if len(octets) > size or b"\0" in octets:
        raise ValueError(f"{name} of {len(octets)} octets; at most {size}, none of them zero")
    return octets.ljust(size, b"\0")
