"""An SGIP gateway (SMG) for the sandbox: it takes submits on one port and brings reports to the SP's own.

In the sandbox an SP listens on this machine at the port that its login name ends with: `sp40123` at 40123.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from duecourse.channels.sandbox.centre import (
    Account,
    CentreLine,
    CentrePeer,
    Delivery,
    SandboxCentre,
    Submitted,
    spoken,
)
from duecourse.channels.sandbox.room import Room
from duecourse.channels.sandbox.rules import Behaviour
from duecourse.channels.sgip import codes
from duecourse.channels.sgip.codec import (
    HEADER_LENGTH,
    MAX_LENGTH,
    Bind,
    Command,
    Deliver,
    LoginType,
    Report,
    Submit,
    decode_bind,
    decode_frame,
    decode_submit,
    encode_bind,
    encode_deliver,
    encode_frame,
    encode_report,
    encode_result,
    sequence_of,
)
from duecourse.channels.wire.frame import DecodeError, Frame
from duecourse.channels.wire.text import decode_carrier_text, split_user_data

PASSWORD = "secret"
"""Of every SP, and ours towards them, where the sandbox was given no other."""
GATEWAY = "sandbox"
NODE = 100100
CALL_AGAIN_SECONDS = 0.2
_LISTENS_AT = re.compile(r"([0-9]{4,5})$")


class _SgipLine(CentreLine):
    header_length = HEADER_LENGTH
    max_length = MAX_LENGTH
    decode = staticmethod(decode_frame)

    def encode(self, command: int, status: int, sequence: int, body: bytes) -> bytes:
        return encode_frame(command, sequence, body)

    def next_sequence(self) -> int:
        number = next(self.centre.numbers)
        return sequence_of(NODE, self.centre.second(), number & 0xFFFF_FFFF)

    def acknowledges(self, frame: Frame) -> bool:
        """Whether this is a response to what we brought."""
        return frame.command in (Command.REPORT_RESP, Command.DELIVER_RESP)


class SgipPeer(_SgipLine, CentrePeer):
    """One connection of an SP, which submits."""

    failures: ClassVar[Mapping[Behaviour, int]] = {
        Behaviour.REFUSED: codes.NUMBER_WRONG,
        Behaviour.BROKEN: codes.SYSTEM_FAILED,
        Behaviour.FULL: codes.BUSY,
    }
    throttled = codes.BUSY

    def handle(self, frame: Frame) -> None:
        match frame.command:
            case Command.BIND:
                self._bind(frame)
            case Command.SUBMIT if self.account is not None:
                self._submit(frame)
            case Command.UNBIND:
                self.answer(frame)
                self.close()
            case _:
                raise DecodeError("not now")

    def next_id(self, frame: Frame) -> str:
        return frame.sequence.to_bytes(12).hex()

    def accept(self, frame: Frame, message_id: str) -> None:
        self.answer(frame, body=encode_result(0))

    def refuse(self, frame: Frame, status: int) -> None:
        self.answer(frame, body=encode_result(status))

    def receipt(self, submitted: Submitted, message_id: str, delivered: bool) -> Delivery:
        """A Report: state 0, or state 2 with "unknown user"."""
        state, error = (0, 0) if delivered else (2, codes.UNKNOWN_USER)
        report = Report(bytes.fromhex(message_id), 0, submitted.message.user, state, error)
        return Delivery(message_id, Command.REPORT, encode_report(report))

    def reply(self, submitted: Submitted, text: str) -> Delivery:
        """A Deliver of plain text."""
        submit: Submit = submitted.message
        octets, coding = spoken(text)
        deliver = Deliver(user=submit.user, recipient=submit.source, content=octets, coding=coding)
        return Delivery("", Command.DELIVER, encode_deliver(deliver))

    def _bind(self, frame: Frame) -> None:
        bind = decode_bind(frame.body)
        known = bind.kind == LoginType.TO_GATEWAY and bind.password == (self.centre.password or PASSWORD)
        self.answer(frame, body=encode_result(0 if known else codes.LOGIN_REFUSED))
        if known:
            self.join(bind.name, receives=False)

    def _submit(self, frame: Frame) -> None:
        submit = decode_submit(frame.body)
        octets, place = split_user_data(submit.content, has_header=submit.has_header)
        text = decode_carrier_text(octets, submit.coding) or ""
        notes = {"coding": submit.coding, "validity": submit.expires, "from": submit.source}
        self.take(frame, Submitted(submit.user, text, place, submit.report == 1, submit, notes))


class SgipCaller(_SgipLine):
    """A connection of ours to an SP, which brings reports and replies."""

    def __init__(self, centre: SandboxSmg, name: str) -> None:
        super().__init__(centre)
        self.name = name
        self.ended: asyncio.Future[None] = self._loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        bind = Bind(LoginType.TO_SP, GATEWAY, self.centre.password or PASSWORD)
        self.say(Command.BIND, 0, self.next_sequence(), encode_bind(bind))
        self.flush()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if not self.ended.done():  # nobody waits any more when the sandbox stops
            self.ended.set_result(None)

    def handle(self, frame: Frame) -> None:
        if frame.command == Command.BIND_RESP and frame.status == 0:
            self.join(self.name, receives=True)
        elif self.acknowledges(frame):
            self.acknowledged(frame)
        else:
            raise DecodeError("not now")


class SandboxSmg(SandboxCentre):
    """The server, and who calls the SPs."""

    kind = "sms.sgip"
    peer = SgipPeer

    def __init__(self, room: Room) -> None:
        super().__init__(room)
        self._calls: dict[str, asyncio.Task[None]] = {}
        self._open = True

    @staticmethod
    def settings(port: int, folder: Path) -> dict[str, Any]:
        """As a gateway that is near and as wide as SGIP allows. Each call is another SP, who listens elsewhere."""
        with socket.create_server(("127.0.0.1", 0)) as listening:
            free: int = listening.getsockname()[1]
        return {
            "host": "127.0.0.1",
            "port": port,
            "node": 3010012345,
            "company": "12345",
            "login_name": f"sp{free}",
            "login_password": PASSWORD,
            "listen_host": "127.0.0.1",
            "listen_port": free,
            "gateway_name": GATEWAY,
            "gateway_password": PASSWORD,
            "source": "10690001",
            "window": 32,
            "response_seconds": 2,
            "throttle_pause_seconds": 0,
        }

    async def stop(self) -> None:
        """Call nobody any more, and close."""
        self._open = False
        calls = list(self._calls.values())
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        await super().stop()

    def wake(self, account: Account) -> None:
        """See to it that a connection to this SP stands as long as something waits for it."""
        super().wake(account)
        listens_at = _LISTENS_AT.search(account.name)
        if self._open and account.waiting and listens_at and account.name not in self._calls:
            self._calls[account.name] = asyncio.create_task(self._call(account, int(listens_at[1])))

    async def _call(self, account: Account, port: int) -> None:
        loop = asyncio.get_running_loop()
        try:
            while account.waiting:
                with suppress(OSError):
                    _, caller = await loop.create_connection(
                        lambda: SgipCaller(self, account.name), "127.0.0.1", port
                    )
                    await caller.ended
                await asyncio.sleep(CALL_AGAIN_SECONDS)
        finally:
            del self._calls[account.name]
