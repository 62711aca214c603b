"""A mail server whose boxes behave by their local parts.

Bounces are real RFC 3464 reports, put into a Maildir.

Sources: RFC 5321 (SMTP), RFC 3461 (DSN), RFC 2920 (pipelining), RFC 3463 (status codes), RFC 3464 (reports).
"""

from __future__ import annotations

import asyncio
import email
import itertools
import os
import re
import time
from collections import Counter
from dataclasses import dataclass, field
from email.message import Message
from email.utils import formatdate
from pathlib import Path
from typing import Any, Self

from duecourse.channels.sandbox.journal import Journal, digest
from duecourse.channels.sandbox.room import Room
from duecourse.channels.sandbox.rules import Behaviour, SandboxRules
from duecourse.channels.sandbox.streams import Streams

MOST_OCTETS = 10_000_000
_PATH = re.compile(r"^(?:FROM|TO):\s*<([^<>]*)>\s*(.*)$", re.IGNORECASE)
_HEX = re.compile(r"\+([0-9A-F]{2})")
_HELLO = (
    "250-sandbox",
    "250-PIPELINING",
    f"250-SIZE {MOST_OCTETS}",
    "250-8BITMIME",
    "250-SMTPUTF8",
    "250-ENHANCEDSTATUSCODES",
    "250 DSN",
)
_AT_RECIPIENT = {
    Behaviour.REFUSED: "550 5.1.1 No such user",
    Behaviour.BROKEN: "451 4.3.0 Local error",
    Behaviour.FULL: "452 4.2.2 Mailbox full",
}


@dataclass(slots=True)
class _Recipient:
    address: str
    notify: frozenset[str]
    original: str
    behaviour: Behaviour


@dataclass(slots=True)
class _Envelope:
    sender: str
    envelope_id: str
    recipients: list[_Recipient] = field(default_factory=list)


class SandboxMailServer:
    """The server. One event loop, any number of connections."""

    @classmethod
    def of(cls, room: Room) -> Self:
        """Not yet listening; bounces go to the folder's Maildir."""
        return cls(room.rules, room.journal, room.folder / "bounces")

    @staticmethod
    def settings(port: int, folder: Path) -> dict[str, Any]:
        """As a relay that is near and patient."""
        return {
            "host": "127.0.0.1",
            "port": port,
            "security": "none",
            "from_address": "notices@lender.example",
            "return_path": "bounces@lender.example",
            "bounces_maildir": str(folder / "bounces"),
            "connections": 50,
            "response_seconds": 2,
            "throttle_pause_seconds": 0,
        }

    def __init__(self, rules: SandboxRules, journal: Journal, maildir: Path) -> None:
        self.rules = rules
        self.journal = journal
        self.throttled: Counter[str] = Counter()
        self._maildir = maildir
        self._ids = itertools.count(1)
        self._epoch = f"{time.time_ns() // 1_000_000:x}"
        self._streams = Streams(lambda: _Peer(self))

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Make the Maildir and listen; returns the port."""
        for folder in ("tmp", "new", "cur"):
            (self._maildir / folder).mkdir(parents=True, exist_ok=True)
        return await self._streams.start(host, port)

    async def stop(self) -> None:
        """Close the listener and every connection."""
        await self._streams.stop()
        self.journal.flush()

    def joined(self, peer: _Peer, there: bool) -> None:
        self._streams.joined(peer, there)

    def next_id(self) -> str:
        return f"{self._epoch}-{next(self._ids)}"

    def take(self, envelope: _Envelope, octets: bytes) -> str:
        """Note a message and put its reports into the Maildir. Returns its queue id."""
        queue_id = self.next_id()
        message = email.message_from_bytes(octets)
        text = _plain_text(message)
        for recipient in envelope.recipients:
            self.journal.add(
                "mail",
                id=queue_id,
                to=recipient.address,
                envelope_id=envelope.envelope_id,
                return_path=envelope.sender,
                text_sha256=digest(text),
                octets=len(octets),
                behaviour=recipient.behaviour,
            )
        self.journal.flush()
        headers = octets.partition(b"\r\n\r\n")[0]
        for recipient in envelope.recipients:
            self._report(envelope, recipient, queue_id, headers)
        self.journal.flush()
        return queue_id

    def _report(self, envelope: _Envelope, to: _Recipient, queue_id: str, headers: bytes) -> None:
        match to.behaviour:
            case Behaviour.UNDELIVERABLE:
                self._deliver(envelope, to, queue_id, headers, "failed", "5.1.1", "550 5.1.1 No such user")
            case Behaviour.LATE:
                self._deliver(envelope, to, queue_id, headers, "delayed", "4.4.1", "connection timed out")
                later = (envelope, to, queue_id, headers, "delivered", "2.0.0", "250 2.0.0 Ok")
                asyncio.get_running_loop().call_later(self.rules.late_seconds, self._deliver, *later)
            case Behaviour.SILENT | Behaviour.UNANSWERED:
                pass
            case _:
                self._deliver(envelope, to, queue_id, headers, "delivered", "2.0.0", "250 2.0.0 Ok")

    def _deliver(
        self,
        envelope: _Envelope,
        to: _Recipient,
        queue_id: str,
        headers: bytes,
        action: str,
        status: str,
        diagnostic: str,
    ) -> None:
        wanted = {"failed": "FAILURE", "delayed": "DELAY", "delivered": "SUCCESS"}[action]
        # RFC 3461, 4.1: without NOTIFY a failure is reported, a success is not. No report on a report.
        if wanted not in (to.notify or {"FAILURE", "DELAY"}) or not envelope.sender:
            return
        report = _report_message(envelope, to, queue_id, headers, action, status, diagnostic)
        name = f"{time.time_ns()}.{os.getpid()}_{next(self._ids)}.sandbox"
        (self._maildir / "tmp" / name).write_bytes(report)
        self.journal.add("bounce", id=queue_id, to=to.address, action=action, status=status)
        self.journal.flush()
        (self._maildir / "tmp" / name).rename(self._maildir / "new" / name)


class _Peer(asyncio.Protocol):
    """One connection of a client."""

    def __init__(self, server: SandboxMailServer) -> None:
        self._server = server
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._envelope: _Envelope | None = None
        self._in_data = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._server.joined(self, True)
        self._say("220 sandbox ESMTP")

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.joined(self, False)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) > MOST_OCTETS:
            self._say("552 5.3.4 Too big")
            self.abort()
            return
        while True:
            end = self._buffer.find(b"\r\n.\r\n" if self._in_data else b"\r\n")
            if end < 0:
                # A message without a line is the terminator alone.
                if not (self._in_data and self._buffer.startswith(b".\r\n")):
                    return
                end = -2
            if self._in_data:
                octets = bytes(self._buffer[: end + 2])
                del self._buffer[: end + 5]
                self._in_data = False
                self._message(octets.replace(b"\r\n.", b"\r\n").removeprefix(b"."))
            else:
                line = self._buffer[:end].decode("utf-8", "replace")
                del self._buffer[: end + 2]
                self._command(line)

    def _command(self, line: str) -> None:
        verb, _, rest = line.partition(" ")
        match verb.upper():
            case "EHLO":
                self._envelope = None
                self._say(*_HELLO)
            case "HELO":
                self._envelope = None
                self._say("250 sandbox")
            case "MAIL":
                self._mail(rest)
            case "RCPT":
                self._recipient(rest)
            case "DATA" if self._envelope is not None and self._envelope.recipients:
                self._in_data = True
                self._say("354 Go on")
            case "DATA":
                self._say("503 5.5.1 No recipient")
            case "RSET":
                self._envelope = None
                self._say("250 2.0.0 Ok")
            case "NOOP":
                self._say("250 2.0.0 Ok")
            case "QUIT":
                self._say("221 2.0.0 Bye")
                if self._transport is not None:
                    self._transport.close()
            case _:
                self._say("500 5.5.2 Unknown command")

    def _mail(self, rest: str) -> None:
        path = _PATH.match(rest)
        if path is None or self._envelope is not None:
            self._say("503 5.5.1 Not now" if path else "501 5.5.4 MAIL FROM:<address>")
            return
        self._envelope = _Envelope(path[1], _HEX.sub(_char, _parameters(path[2]).get("ENVID", "")))
        self._say("250 2.1.0 Ok")

    def _recipient(self, rest: str) -> None:
        path = _PATH.match(rest)
        if path is None or self._envelope is None:
            self._say("501 5.5.4 RCPT TO:<address>" if self._envelope else "503 5.5.1 MAIL first")
            return
        server, address = self._server, path[1]
        behaviour = server.rules.of_mailbox(address)
        answer = _AT_RECIPIENT.get(behaviour)
        if behaviour is Behaviour.THROTTLED and server.throttled[address] < server.rules.throttled_times:
            server.throttled[address] += 1
            answer = "450 4.7.1 Too fast"
        if answer is not None:
            server.journal.add("refused", to=address, status=answer[:3])
            server.journal.flush()
            self._say(answer)
            return
        parameters = _parameters(path[2])
        notify = frozenset(filter(None, parameters.get("NOTIFY", "").upper().split(",")))
        self._envelope.recipients.append(
            _Recipient(address, notify, _HEX.sub(_char, parameters.get("ORCPT", "")), behaviour)
        )
        self._say("250 2.1.5 Ok")

    def _message(self, octets: bytes) -> None:
        envelope, self._envelope = self._envelope, None
        assert envelope is not None
        queue_id = self._server.take(envelope, octets)
        if not any(each.behaviour is Behaviour.UNANSWERED for each in envelope.recipients):
            self._say(f"250 2.0.0 Queued as {queue_id}")

    def _say(self, *lines: str) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write("".join(f"{line}\r\n" for line in lines).encode())


def _parameters(text: str) -> dict[str, str]:
    pairs = (word.partition("=") for word in text.split())
    return {name.upper(): value for name, _, value in pairs}


def _char(match: re.Match[str]) -> str:
    return chr(int(match[1], 16))


def _plain_text(message: Message) -> str:
    for part in message.walk():
        if part.get_content_type() == "text/plain":
            payload = part.get_payload(decode=True)
            octets = payload if isinstance(payload, bytes) else b""
            return (
                octets.decode(part.get_content_charset("utf-8"), "replace").replace("\r\n", "\n").rstrip("\n")
            )
    return ""


def _report_message(
    envelope: _Envelope,
    to: _Recipient,
    queue_id: str,
    headers: bytes,
    action: str,
    status: str,
    diagnostic: str,
) -> bytes:
    mark = f"report-{queue_id}"
    delivery = [
        "Reporting-MTA: dns; sandbox",
        f"Original-Envelope-Id: {envelope.envelope_id}" if envelope.envelope_id else "",
        "",
        f"Original-Recipient: {to.original}" if to.original else "",
        f"Final-Recipient: rfc822; {to.address}",
        f"Action: {action}",
        f"Status: {status}",
        f"Diagnostic-Code: smtp; {diagnostic}",
    ]
    # An empty line ends a block of fields, so fields left out must not leave one behind.
    fields = [line for at, line in enumerate(delivery) if line or at == 2]
    lines = [
        "From: MAILER-DAEMON@sandbox",
        f"To: <{envelope.sender}>",
        f"Subject: Delivery report: {action}",
        f"Date: {formatdate()}",
        f"Message-ID: <{queue_id}.{action}@sandbox>",
        "Auto-Submitted: auto-replied",
        "MIME-Version: 1.0",
        f'Content-Type: multipart/report; report-type=delivery-status; boundary="{mark}"',
        "",
        f"--{mark}",
        "Content-Type: text/plain; charset=utf-8",
        "",
        f"Your message: {action}.",
        "",
        f"--{mark}",
        "Content-Type: message/delivery-status",
        "",
        *fields,
        "",
        f"--{mark}",
        "Content-Type: text/rfc822-headers",
        "",
    ]
    return "\n".join(lines).encode() + b"\n" + headers.replace(b"\r\n", b"\n") + f"\n\n--{mark}--\n".encode()
