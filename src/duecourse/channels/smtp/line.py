"""One SMTP connection, kept alive from message to message, that tells what was handed over and what was not.

The text is handed over when the server has answered DATA with 354 and the text is written. Lost before
that, a message is NotWritten; lost after it, Unknown. Sources: RFC 5321, RFC 3461 (DSN).
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Sequence

from aiosmtplib import SMTP, SMTPException, SMTPResponseException
from aiosmtplib.response import SMTPResponse

from duecourse.channels.smtp.codes import NO_ACCOUNT, outcome
from duecourse.domain.messaging import Accepted, AccountTrouble, NotWritten, Outcome, Refused, Unknown

_NOT_XTEXT = re.compile(r"[^!-*,-<>-~]")
_DOT = re.compile(rb"(?m)^\.")


class LineLostError(Exception):
    """The connection failed before anything was handed over."""


class LoginRefusedError(Exception):
    """The relay does not accept our credentials."""


class Line:
    """Sends one message at a time."""

    def __init__(self, connect: Callable[[], SMTP], response_seconds: float, pause_seconds: float) -> None:
        self._make = connect
        self._client: SMTP | None = None
        self._response_seconds = response_seconds
        self._pause_seconds = pause_seconds
        self.refused_connection = False
        """Whether the last attempt to connect failed."""

    async def send(
        self,
        *,
        attempt: str,
        return_path: str,
        recipient: str,
        notify: str,
        message: bytes,
        write_before: float,
    ) -> Outcome:
        """The outcome of one message. A connection that went stale while idle is made anew once."""
        fresh = self._client is None or not self._client.is_connected
        try:
            try:
                return await self._try(attempt, return_path, recipient, notify, message, write_before)
            except LineLostError:
                if fresh:
                    raise
                return await self._try(attempt, return_path, recipient, notify, message, write_before)
        except LineLostError as error:
            return NotWritten(str(error))
        except LoginRefusedError as error:
            return AccountTrouble(str(error), "the relay does not accept the login")

    async def close(self) -> None:
        """QUIT and close."""
        client, self._client = self._client, None
        if client is not None and client.is_connected:
            try:
                await client.quit(timeout=2)
            except (SMTPException, OSError):
                client.close()

    async def _try(
        self,
        attempt: str,
        return_path: str,
        recipient: str,
        notify: str,
        message: bytes,
        write_before: float,
    ) -> Outcome:
        if time.monotonic() > write_before:
            return NotWritten("its time to be written had passed")
        client = await self._connected()
        try:
            mail, rcpt = _options(client, attempt, recipient, notify, len(message))
            if mail is None:
                return Refused("5.6.7", "the server has no SMTPUTF8", permanent=False)
            utf8 = "utf-8" if "SMTPUTF8" in mail else "ascii"
            for command in (
                (b"MAIL", b"FROM:<" + return_path.encode("ascii") + b">", *(o.encode() for o in mail)),
                (b"RCPT", b"TO:<" + recipient.encode(utf8) + b">", *(o.encode() for o in rcpt)),
            ):
                reply = await client.execute_command(*command, timeout=self._response_seconds)
                if reply.code not in (250, 251):
                    return await self._refused(client, reply)
            if time.monotonic() > write_before:
                await client.execute_command(b"RSET", timeout=self._response_seconds)
                return NotWritten("its time to be written had passed")
            reply = await client.execute_command(b"DATA", timeout=self._response_seconds)
        except (SMTPException, OSError, TimeoutError) as error:
            self._drop()
            raise LineLostError(f"the connection failed ({type(error).__name__})") from None
        if reply.code != 354:
            return await self._refused(client, reply)
        if time.monotonic() > write_before:
            self._drop()  # text cut off before its final dot is never delivered (RFC 5321, 4.1.1.4)
            return NotWritten("its time to be written had passed")
        return await self._text(client, attempt, message)

    async def _text(self, client: SMTP, attempt: str, message: bytes) -> Outcome:
        protocol = client.protocol
        if protocol is None:
            raise LineLostError("the connection failed")
        try:
            protocol.write(_DOT.sub(b"..", message) + b".\r\n")
        except (SMTPException, OSError):
            self._drop()
            raise LineLostError("the connection failed") from None
        try:
            reply = await protocol.read_response(timeout=self._response_seconds)
        except SMTPResponseException:
            self._drop()
            return Unknown("the answer to the text cannot be read")
        except (SMTPException, OSError, TimeoutError):
            self._drop()
            return Unknown("no answer to the text")
        except asyncio.CancelledError:
            self._drop()
            raise
        if reply.code == 250:
            return Accepted(attempt)
        return await self._refused(client, reply)

    async def _connected(self) -> SMTP:
        if self._client is not None and self._client.is_connected:
            return self._client
        client = self._make()
        self.refused_connection = True
        try:
            await client.connect()
            await client.ehlo()
        except SMTPResponseException as error:
            client.close()
            if error.code in NO_ACCOUNT:
                raise LoginRefusedError(str(error.code)) from None
            raise LineLostError(f"the server refused the connection ({error.code})") from None
        except (SMTPException, OSError, TimeoutError) as error:
            client.close()
            raise LineLostError(f"no connection ({type(error).__name__})") from None
        self._client = client
        self.refused_connection = False
        return client

    async def _refused(self, client: SMTP, reply: SMTPResponse) -> Outcome:
        if reply.code == 421:
            self._drop()
        else:
            try:
                await client.execute_command(b"RSET", timeout=self._response_seconds)
            except (SMTPException, OSError, TimeoutError):
                self._drop()
        return outcome(reply.code, reply.message, self._pause_seconds)

    def _drop(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None


def xtext(text: str) -> str:
    """RFC 3461, 4: printable ASCII without plus and equals, the rest as +XX of its UTF-8 octets."""
    return _NOT_XTEXT.sub(lambda found: "".join(f"+{octet:02X}" for octet in found[0].encode()), text)


def _options(
    client: SMTP, attempt: str, recipient: str, notify: str, size: int
) -> tuple[Sequence[str] | None, Sequence[str]]:
    mail: list[str] = []
    rcpt: list[str] = []
    if client.supports_extension("size"):
        mail.append(f"SIZE={size}")
    if not recipient.isascii():
        if not client.supports_extension("smtputf8"):
            return None, rcpt
        mail += ["BODY=8BITMIME", "SMTPUTF8"]
    if client.supports_extension("dsn"):
        mail += ["RET=HDRS", f"ENVID={attempt}"]
        rcpt.append(f"NOTIFY={notify}")
        if recipient.isascii():
            rcpt.append(f"ORCPT=rfc822;{xtext(recipient)}")
    return mail, rcpt
