"""Sound and key presses over RTP: the sandbox's ear and voice.

Sources: RFC 3550 (RTP), RFC 3551 (PCMU and PCMA), ITU-T G.711, RFC 4733 (telephone events).
"""

from __future__ import annotations

import asyncio
import random
import struct
from collections import deque
from typing import Final, cast

import numpy as np

from duecourse.channels.voice.sound import RATE, Samples
from duecourse.channels.voice_sip.sip import Media

FRAME: Final = 160
"""Samples of one packet: 20 ms."""
KEYS: Final = "0123456789*#"
PRESSED_FRAMES: Final = 5
LOUD: Final = 0.01
"""Root mean square of a frame with somebody's voice in it."""


def _ulaw_table() -> Samples:
    code = ~np.arange(256) & 0xFF
    magnitude = (((code & 0x0F) << 3) + 0x84 << ((code >> 4) & 7)) - 0x84
    return np.where(code & 0x80, -magnitude, magnitude) / 32768


def _alaw_table() -> Samples:
    code = np.arange(256) ^ 0x55
    exponent, mantissa = (code >> 4) & 7, (code & 0x0F) << 4
    magnitude = np.where(exponent == 0, mantissa + 8, (mantissa + 0x108) << np.maximum(exponent - 1, 0))
    return np.where(code & 0x80, magnitude, -magnitude) / 32768


DECODED: Final = {0: _ulaw_table(), 8: _alaw_table()}
"""Amplitude of each octet, by payload type."""


def encoded(samples: Samples, payload: int) -> bytes:
    """G.711 octets of samples: for each the octet whose amplitude is nearest."""
    table = DECODED[payload]
    order = np.argsort(table, kind="stable")
    levels = table[order]
    at = np.clip(np.searchsorted(levels, samples), 1, len(levels) - 1)
    nearer = np.where(samples - levels[at - 1] < levels[at] - samples, at - 1, at)
    return order[nearer].astype(np.uint8).tobytes()


class Telephone(asyncio.DatagramProtocol):
    """One side of a call's sound. Sends a frame every 20 ms: what is to be said, keys, or silence."""

    def __init__(self, payload: int) -> None:
        self._payload = payload
        self._silence = encoded(np.zeros(FRAME), payload)
        self._transport: asyncio.DatagramTransport | None = None
        self._media: Media | None = None
        self._sending: asyncio.Task[None] | None = None
        self.pressed = ""
        self.loud_seconds = 0.0
        """How much of what was heard was no silence."""
        self._voice: deque[bytes] = deque()
        self._keys: deque[str] = deque()
        self._sequence = random.randrange(0x8000)
        self._timestamp = random.randrange(0x8000_0000)
        self._source = random.randrange(0x1_0000_0000)
        self._first: int | None = None
        self._frames: dict[int, bytes] = {}
        self._heard_to = 0
        self._loud_to: int | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)  # asyncio's own does not derive from it

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._transport is not None
        port: int = self._transport.get_extra_info("sockname")[1]
        return port

    def begin(self, media: Media) -> None:
        """Send there from now on."""
        self._media = media
        self._sending = asyncio.create_task(self._send())

    def end(self) -> None:
        """Stop sending and listening."""
        if self._sending is not None:
            self._sending.cancel()
        if self._transport is not None:
            self._transport.close()

    def say(self, samples: Samples) -> None:
        """Say this after what is still to be said."""
        octets = encoded(samples, self._payload)
        self._voice.extend(octets[at : at + FRAME] for at in range(0, len(octets) - FRAME + 1, FRAME))

    def press(self, key: str) -> None:
        """Press a key for 100 ms, after those still to be pressed."""
        self._keys.append(key)
        self.pressed += key

    @property
    def is_saying(self) -> bool:
        """Whether something is still to be said or pressed."""
        return bool(self._voice or self._keys)

    def quiet_for(self) -> float | None:
        """Seconds of silence heard since the other side's last sound; None when it has made none yet.

        By the clock of the sound: what is late is neither silence, nor does it make a silence longer.
        """
        return None if self._loud_to is None else (self._heard_to - self._loud_to) / RATE

    def forget_voice(self) -> None:
        """Wait for a new sound: `quiet_for` is None until one comes."""
        self._loud_to = None

    def heard(self) -> Samples:
        """All the other side said, with its pauses, from its first packet on."""
        if not self._frames:
            return np.zeros(0)
        length = max(at + len(frame) for at, frame in self._frames.items())
        sound = np.zeros(length)
        table = DECODED[self._payload]
        for at, frame in self._frames.items():
            sound[at : at + len(frame)] = table[np.frombuffer(frame, np.uint8)]
        return sound

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Keep a packet of the other side's sound; anything else is left aside."""
        if len(data) < 12 or data[0] >> 6 != 2 or data[1] & 0x7F != self._payload:
            return
        start = 12 + 4 * (data[0] & 0x0F)
        timestamp = int.from_bytes(data[4:8])
        if self._first is None:
            self._first = timestamp
        at = (timestamp - self._first) & 0xFFFF_FFFF
        if at > 3600 * RATE:  # older than the first, or a jump
            return
        frame = data[start:]
        self._frames[at] = frame
        self._heard_to = max(at + len(frame), self._heard_to)
        sound = DECODED[self._payload][np.frombuffer(frame, np.uint8)]
        if len(sound) and float(np.sqrt(np.mean(sound**2))) > LOUD:
            self._loud_to = max(at + len(frame), self._loud_to or 0)
            self.loud_seconds += len(sound) / RATE

    async def _send(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            if self._keys:
                await self._send_key(self._keys.popleft())
                due = loop.time()
            self._packet(self._payload, self._voice.popleft() if self._voice else self._silence)
            self._timestamp += FRAME
            due += FRAME / RATE
            await asyncio.sleep(max(0.0, due - loop.time()))

    async def _send_key(self, key: str) -> None:
        assert self._media is not None
        if self._media.events is None:
            return
        for frame in range(1, PRESSED_FRAMES + 4):
            # The last three say the same: the end of the press, lost packets allowed for.
            over = frame > PRESSED_FRAMES
            duration = min(frame, PRESSED_FRAMES) * FRAME
            event = struct.pack("!BBH", KEYS.index(key), 0x80 * over | 10, duration)
            self._packet(self._media.events, event, marker=frame == 1)
            if not over:
                await asyncio.sleep(FRAME / RATE)
        self._timestamp += PRESSED_FRAMES * FRAME

    def _packet(self, payload: int, body: bytes, *, marker: bool = False) -> None:
        assert self._transport is not None and self._media is not None
        self._sequence = (self._sequence + 1) & 0xFFFF
        header = struct.pack(
            "!BBHII",
            0x80,
            0x80 * marker | payload,
            self._sequence,
            self._timestamp & 0xFFFF_FFFF,
            self._source,
        )
        self._transport.sendto(header + body, (self._media.host, self._media.port))
