"""Where the gateway's lines come in: it binds to us as we bind to it (3.7.2), to bring reports and replies."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import logging
from collections.abc import Callable, Sequence

from duecourse.channels.sgip import codes
from duecourse.channels.sgip.codec import Command, LoginType, decode_bind, encode_result
from duecourse.channels.wire.frame import DecodeError, Frame
from duecourse.channels.wire.session import Session
from duecourse.domain.problems import DuecourseError, Problem

log = logging.getLogger(__name__)

MOST_CALLERS = 64
BIND_SECONDS = 10.0
"""A caller that has not bound by then is shown out."""
CLOSE_SECONDS = 2.0


class Door:
    """The listener, and who of the callers has been let in."""

    def __init__(
        self,
        name: str,
        session: Callable[[], Session],
        credentials: tuple[str, str],
        networks: Sequence[str],
    ) -> None:
        """session: makes the protocol of one connection. credentials: name and password; an empty name lets everybody
        in who comes from one of `networks`.
        """
        self._name = name
        self._session = session
        self._credentials = credentials
        self._networks = [ipaddress.ip_network(each) for each in networks]
        self._callers: set[Session] = set()
        self._let_in: set[Session] = set()
        self._server: asyncio.Server | None = None

    async def open(self, host: str, port: int) -> None:
        """Listen. Workers of one machine share the port: whoever hears a report stores it.

        Raises DuecourseError C062 when the port cannot be had.
        """
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(self._caller, host, port, reuse_port=True)
        except OSError as error:
            raise DuecourseError(
                Problem(
                    "C062",
                    f"provider {self._name}, listen_port",
                    f"{host}:{port} cannot be listened at: {error.strerror}.",
                    "The gateway could bring no report. Not opened.",
                )
            ) from None

    async def close(self) -> None:
        """Take no more callers, and end the lines once what is answered has been written."""
        if self._server is None:
            return
        self._server.close()
        for caller in list(self._callers):
            caller.close()
        if self._callers:
            await asyncio.wait([caller.lost for caller in self._callers], timeout=CLOSE_SECONDS)
        for caller in list(self._callers):
            caller.abort("closed")
        await self._server.wait_closed()

    def has(self, session: Session) -> bool:
        """Whether this is a line of the gateway's, bound or not."""
        return session in self._callers

    def admit(self, session: Session, frames: Sequence[Frame]) -> Sequence[Frame]:
        """Answer what binds; returns what a caller that is bound has brought."""
        brought: list[Frame] = []
        for frame in frames:
            if session in self._let_in and frame.command != Command.BIND:
                brought.append(frame)
            elif why := self._reason_against(session, frame):
                log.warning("%s: a caller was shown out: %s. (%s)", self._name, why, "C063")
                session.close()
                break
        return brought

    def _caller(self) -> Session:
        session = self._session()
        self._callers.add(session)
        session.lost.add_done_callback(lambda _: self._gone(session))
        asyncio.get_running_loop().call_later(BIND_SECONDS, self._if_unbound, session)
        return session

    def _gone(self, session: Session) -> None:
        self._callers.discard(session)
        self._let_in.discard(session)

    def _if_unbound(self, session: Session) -> None:
        if session in self._callers and session not in self._let_in:
            session.close()

    def _reason_against(self, session: Session, frame: Frame) -> str:
        """Answers a bind; '' lets the caller in."""
        if frame.command != Command.BIND:
            return "it did not bind"
        try:
            bind = decode_bind(frame.body)
        except DecodeError:
            return "its bind cannot be read"
        if session in self._let_in:
            result, why = codes.LOGIN_REPEATED, "it binds twice"
        elif not self._known(session, bind.name, bind.password):
            result, why = codes.LOGIN_REFUSED, "it is not the gateway"
        elif bind.kind != LoginType.TO_SP:
            result, why = codes.LOGIN_TYPE_WRONG, "it does not come as a gateway to an SP"
        elif len(self._let_in) >= MOST_CALLERS:
            result, why = codes.TOO_MANY, "there are enough"
        else:
            result, why = 0, ""
            self._let_in.add(session)
        session.respond([(frame, result, encode_result(result))])
        return why

    def _known(self, session: Session, name: str, password: str) -> bool:
        address = ipaddress.ip_address(session.peer_host)
        if self._networks and not any(address in network for network in self._networks):
            return False
        expected_name, expected_password = self._credentials
        if not expected_name:
            return True
        right = hmac.compare_digest(name.encode(), expected_name.encode())
        return hmac.compare_digest(password.encode(), expected_password.encode()) and right
