"""SIP messages and session descriptions, as much of them as an answering machine needs.

Sources: RFC 3261 (messages, transactions, digest), RFC 4566 (SDP), RFC 4733 (telephone events), RFC 2617 (digest).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

MOST_OCTETS: Final = 65_536
_SHORT: Final[Mapping[str, str]] = {
    "v": "via",
    "f": "from",
    "t": "to",
    "i": "call-id",
    "m": "contact",
    "c": "content-type",
    "l": "content-length",
}
_URI_USER: Final = re.compile(r"sips?:([^@>;]*)@")
_PAIR: Final = re.compile(r'(\w+)=(?:"([^"]*)"|([^,\s]+))')
REASONS: Final[Mapping[int, str]] = {
    100: "Trying",
    180: "Ringing",
    183: "Session Progress",
    200: "OK",
    404: "Not Found",
    405: "Method Not Allowed",
    407: "Proxy Authentication Required",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    486: "Busy Here",
    487: "Request Terminated",
    500: "Server Internal Error",
    503: "Service Unavailable",
    603: "Decline",
}


@dataclass(frozen=True, slots=True)
class Message:
    """One request or response."""

    start: str
    headers: tuple[tuple[str, str], ...]
    """Names in lower case, in their order."""
    body: bytes = b""

    @property
    def method(self) -> str:
        """Of a request; 'SIP/2.0' of a response."""
        return self.start.partition(" ")[0]

    @property
    def user(self) -> str:
        """Who a request is for: the part before the @ of its URI."""
        found = _URI_USER.search(self.start)
        return found[1] if found else ""

    def header(self, name: str) -> str:
        """The first of this name; '' when there is none."""
        return next((value for each, value in self.headers if each == name), "")

    def all(self, name: str) -> list[str]:
        """Every one of this name."""
        return [value for each, value in self.headers if each == name]


def parse(octets: bytes) -> Message | None:
    """A whole message; None when it is none."""
    head, _, body = octets.partition(b"\r\n\r\n")
    lines = head.decode("utf-8", "replace").split("\r\n")
    if len(lines) < 2 or "SIP/2.0" not in lines[0]:
        return None
    headers = []
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon:
            return None
        name = name.strip().lower()
        headers.append((_SHORT.get(name, name), value.strip()))
    return Message(lines[0], tuple(headers), body)


def split(buffer: bytearray) -> list[Message]:
    """Take the whole messages from the beginning of a stream. Raises ValueError for what is none."""
    messages: list[Message] = []
    while True:
        while buffer[:2] == b"\r\n":  # keep-alives between messages (RFC 5626)
            del buffer[:2]
        end = buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(buffer) > MOST_OCTETS:
                raise ValueError("headers without an end")
            return messages
        message = parse(bytes(buffer[: end + 4]))
        if message is None:
            raise ValueError("not SIP")
        length = int(message.header("content-length") or 0)
        if len(buffer) < end + 4 + length:
            return messages
        body = bytes(buffer[end + 4 : end + 4 + length])
        del buffer[: end + 4 + length]
        messages.append(Message(message.start, message.headers, body))


def response(
    request: Message, code: int, tag: str, extra: Sequence[tuple[str, str]] = (), body: bytes = b""
) -> bytes:
    """The answer to a request, as octets."""
    to = request.header("to")
    if code > 100 and ";tag=" not in to:
        to += f";tag={tag}"
    lines = [f"SIP/2.0 {code} {REASONS[code]}"]
    lines += [f"Via: {via}" for via in request.all("via")]
    lines += [f"Record-Route: {route}" for route in request.all("record-route")]
    lines += [f"From: {request.header('from')}", f"To: {to}"]
    lines += [f"Call-ID: {request.header('call-id')}", f"CSeq: {request.header('cseq')}"]
    lines += [f"{name}: {value}" for name, value in extra]
    lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def request_within(invite: Message, method: str, tag: str, branch: str, via: str) -> bytes:
    """A request of the called side inside the call that `invite` began, as octets."""
    contact = invite.header("contact")
    target = re.sub(r"^.*<|>.*$", "", contact) or contact
    to, ours = invite.header("from"), invite.header("to") + f";tag={tag}"
    lines = [f"{method} {target} SIP/2.0", f"Via: {via};branch={branch}", "Max-Forwards: 70"]
    lines += [f"Route: {route}" for route in invite.all("record-route")]
    lines += [f"From: {ours}", f"To: {to}", f"Call-ID: {invite.header('call-id')}", f"CSeq: 1 {method}"]
    return "\r\n".join([*lines, "Content-Length: 0", "", ""]).encode()


@dataclass(frozen=True, slots=True)
class Media:
    """Where and how the other side takes sound."""

    host: str
    port: int
    payloads: tuple[int, ...]
    events: int | None = field(default=None)
    """Payload type of telephone events; None when it takes none."""


def offered(sdp: bytes) -> Media | None:
    """The audio of a session description; None when there is none."""
    text = sdp.decode("utf-8", "replace")
    address = re.search(r"^c=IN IP[46] (\S+)", text, re.MULTILINE)
    audio = re.search(r"^m=audio (\d+) \S+ ([\d ]+)", text, re.MULTILINE)
    if address is None or audio is None:
        return None
    events = re.search(r"^a=rtpmap:(\d+) telephone-event/8000", text, re.MULTILINE)
    return Media(
        address[1],
        int(audio[1]),
        tuple(int(each) for each in audio[2].split()),
        int(events[1]) if events else None,
    )


def answer(host: str, port: int, payload: int, events: int | None) -> bytes:
    """A session description that takes one codec (0 is PCMU, 8 is PCMA) and telephone events."""
    name = {0: "PCMU", 8: "PCMA"}[payload]
    also = f" {events}" if events is not None else ""
    lines = ["v=0", f"o=sandbox 1 1 IN IP4 {host}", "s=-", f"c=IN IP4 {host}", "t=0 0"]
    lines += [f"m=audio {port} RTP/AVP {payload}{also}", f"a=rtpmap:{payload} {name}/8000"]
    if events is not None:
        lines += [f"a=rtpmap:{events} telephone-event/8000", f"a=fmtp:{events} 0-16"]
    return "\r\n".join([*lines, "a=sendrecv", ""]).encode()


def digest_is_right(request: Message, password: str, nonce: str) -> bool:
    """Whether a request proves that it knows the password (RFC 2617, MD5, with or without qop)."""
    given = {
        name: quoted or bare for name, quoted, bare in _PAIR.findall(request.header("proxy-authorization"))
    }
    if given.get("nonce") != nonce:
        return False
    ha1 = _md5(f"{given.get('username')}:{given.get('realm')}:{password}")
    ha2 = _md5(f"{request.method}:{given.get('uri')}")
    middle = f"{nonce}:{given['nc']}:{given['cnonce']}:{given['qop']}" if given.get("qop") else nonce
    return given.get("response") == _md5(f"{ha1}:{middle}:{ha2}")


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
