"""E-mail over SMTP submission, signed with DKIM; bounces come back by Maildir."""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import ClassVar, Self, TypeAlias

from aiosmtplib import SMTP
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from duecourse.channels.configured import Configured
from duecourse.channels.smtp.bounces import MaildirBounces
from duecourse.channels.smtp.codes import WHOLE_RELAY
from duecourse.channels.smtp.dkim import DkimSigner, sign
from duecourse.channels.smtp.line import Line
from duecourse.channels.smtp.message import AddressError, ascii_domain, build_message
from duecourse.channels.smtp.unsubscribe import Unsubscribes, is_one_click, page
from duecourse.domain.messaging import (
    Channel,
    LineState,
    NotWritten,
    Outcome,
    Outgoing,
    RawRequest,
    RawResponse,
    ReceiptSink,
    Refused,
    Reply,
    ReplyKind,
    ReplySink,
    Throttled,
)

log = logging.getLogger(__name__)

Clock: TypeAlias = Callable[[], datetime]

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Security(StrEnum):
    """How the line is encrypted. STARTTLS is demanded, never a mere wish."""

    NONE = "none"
    STARTTLS = "starttls"
    TLS = "tls"


class DkimKey(BaseModel):
    """One signing key; the PEM in the settings or in a file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    domain: str
    selector: str
    private_key: SecretStr | None = None
    private_key_file: Path | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.private_key is None) == (self.private_key_file is None):
            raise ValueError("give either private_key or private_key_file")
        return self

    def signer(self) -> DkimSigner:
        """The parsed key. Raises OSError or ValueError."""
        if self.private_key_file is not None:
            return DkimSigner(self.domain, self.selector, self.private_key_file.read_bytes())
        assert self.private_key is not None
        return DkimSigner(self.domain, self.selector, self.private_key.get_secret_value().encode())


class SmtpConfig(BaseModel):
    """One mail relay. Times are in seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str
    port: int = Field(default=587, ge=1, le=65535)
    security: Security = Security.STARTTLS
    ca_file: Path | None = None
    username: str = ""
    password: SecretStr = SecretStr("")
    local_hostname: str | None = None
    """Name for EHLO; by default this machine's."""
    from_address: str
    from_name: str = ""
    return_path: str = ""
    """Where bounces go; by default from_address."""
    verp: bool = True
    """Put the attempt into the return path, local+<attempt>@domain: a bounce names it even without ENVID."""
    notify: str = Field(
        default="FAILURE,DELAY", pattern=r"^(NEVER|(SUCCESS|FAILURE|DELAY)(,(SUCCESS|FAILURE|DELAY))*)$"
    )
    dkim: tuple[DkimKey, ...] = ()
    connections: int = Field(default=4, ge=1, le=100)
    connect_seconds: float = Field(default=10, gt=0, le=120)
    reconnect_seconds: float = Field(default=1, ge=0, le=600)
    """After a failed connection nothing is tried for this long."""
    response_seconds: float = Field(default=30, gt=0, le=600)
    throttle_pause_seconds: float = Field(default=30, ge=0, le=3600)
    unsubscribe_url: str = Field(default="", pattern=r"^(https://[!-~]+)?$")
    """Where people stop by one click: https, and it leads to /callbacks/NAME of this provider."""
    unsubscribe_secret: SecretStr = SecretStr("")
    """16 characters or more; links made under another are no longer taken."""
    bounces_maildir: Path | None = None
    bounces_poll_seconds: float = Field(default=5, gt=0, le=3600)

    @field_validator("from_address", "return_path")
    @classmethod
    def _is_address(cls, value: str) -> str:
        if value and not ascii_domain(value).isascii():
            raise ValueError("the sender's address must be ASCII")
        return ascii_domain(value) if value else value

    @model_validator(mode="after")
    def _unsubscribe_is_whole(self) -> Self:
        if self.unsubscribe_url and len(self.unsubscribe_secret.get_secret_value()) < 16:
            raise ValueError("unsubscribe_url wants an unsubscribe_secret of 16 characters or more")
        return self

    @model_validator(mode="after")
    def _password_is_covered(self) -> Self:
        if self.username and self.security is Security.NONE and self.host not in LOOPBACK:
            raise ValueError("a password never crosses the net in clear: choose starttls or tls")
        return self


class SmtpAdapter(Configured):
    """A pool of connections to one relay."""

    kind: ClassVar[str] = "email.smtp"
    settings_type = SmtpConfig
    channel: ClassVar[Channel] = Channel.EMAIL
    deduplicates: ClassVar[bool] = False

    def __init__(
        self,
        name: str,
        config: SmtpConfig,
        on_receipts: ReceiptSink,
        on_reply: ReplySink,
        clock: Clock | None = None,
    ) -> None:
        """on_reply hears of complaints and unsubscribes; mail that people write goes to the lender's own box."""
        self._clock = clock
        self.name = name
        self.window = config.connections
        self._config = config
        self._signers = [key.signer() for key in config.dkim]
        self._tls = (
            None if config.security is Security.NONE else ssl.create_default_context(cafile=config.ca_file)
        )
        local, _, self._domain = (config.return_path or config.from_address).rpartition("@")
        self._return_local = local
        self._lines: asyncio.Queue[Line] = asyncio.Queue()
        for _ in range(config.connections):
            self._lines.put_nowait(Line(self._client, config.response_seconds, config.throttle_pause_seconds))
        self._open = False
        self._rest_until = 0.0
        self._on_reply = on_reply
        self._unsubscribes = (
            Unsubscribes(config.unsubscribe_url, config.unsubscribe_secret.get_secret_value())
            if config.unsubscribe_url
            else None
        )
        self._bounces = (
            MaildirBounces(name, config.bounces_maildir, on_receipts, on_reply, config.bounces_poll_seconds)
            if config.bounces_maildir
            else None
        )

    async def open(self) -> None:
        """Connections are made when the first message needs them."""
        self._open = True
        if self._bounces is not None:
            self._bounces.start()

    async def send(self, batch: Sequence[Outgoing]) -> Sequence[Outcome]:
        """Spread the batch over the connections; one outcome each, in order."""
        outcomes: list[Outcome] = [NotWritten("closed")] * len(batch)
        if not self._open:
            return outcomes
        rest = iter(enumerate(batch))

        async def work() -> None:
            line = await self._lines.get()
            try:
                for index, outgoing in rest:
                    outcomes[index] = await self._send_one(line, outgoing)
            finally:
                self._lines.put_nowait(line)

        workers = [asyncio.create_task(work()) for _ in range(min(len(batch), self._config.connections))]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
        return outcomes

    async def drain(self) -> None:
        """Commit the bounces that lie in the Maildir."""
        if self._bounces is not None:
            await self._bounces.take_what_goes()

    async def close(self) -> None:
        """Commit the bounces that lie there, then QUIT on every connection."""
        self._open = False
        if self._bounces is not None:
            await self._bounces.take_what_goes()
            await self._bounces.stop()
        for _ in range(self._config.connections):
            line = await self._lines.get()
            await line.close()
            self._lines.put_nowait(line)

    def line_state(self) -> LineState:
        """Connections are made on demand: it is away while a failed one rests, or a pause that it asked for lasts."""
        return LineState(self._open and time.monotonic() >= self._rest_until)

    async def receive(self, request: RawRequest) -> RawResponse:
        """One-click unsubscribes. A GET, which scanners make too, only asks; 403 for a link that we did not make."""
        attempt_id = self._unsubscribes.attempt_of(request.query) if self._unsubscribes else None
        if attempt_id is None:
            return page(403)
        if not is_one_click(request):
            return page(200)
        try:
            await self._on_reply(
                Reply(self.name, "", "", "", self.channel, ReplyKind.UNSUBSCRIBED, attempt_id)
            )
        except Exception as error:
            log.error(
                "%s: an unsubscribe could not be stored (%s). (%s)", self.name, type(error).__name__, "C026"
            )
            return RawResponse(503)
        return page(200, done=True)

    async def _send_one(self, line: Line, outgoing: Outgoing) -> Outcome:
        config = self._config
        if outgoing.valid_for_seconds < 1:
            return NotWritten("its validity had passed")
        if time.monotonic() < self._rest_until:
            return NotWritten("the relay is away or asked for a pause")
        attempt = outgoing.attempt_id.hex
        if self._unsubscribes is not None:
            offered = self._unsubscribes.headers(outgoing.attempt_id)
            outgoing = replace(outgoing, headers={**offered, **outgoing.headers})
        try:
            message, date = build_message(
                outgoing, config.from_name, config.from_address, self._domain, self._clock and self._clock()
            )
            recipient = ascii_domain(outgoing.address)
        except AddressError as error:
            return Refused("5.1.3", str(error), permanent=True)
        except ValueError:
            # Its text may quote the header, which may be personal.
            return Refused("message", "the message cannot be built from this text and these headers", False)
        tag = f"+{attempt}" if config.verp else ""
        outcome = await line.send(
            attempt=attempt,
            return_path=f"{self._return_local}{tag}@{self._domain}",
            recipient=recipient,
            notify=config.notify,
            message=sign(message, self._signers, date),
            write_before=outgoing.write_before,
        )
        # One message has found out; the rest of the batch need not knock one by one.
        if line.refused_connection and isinstance(outcome, NotWritten):
            if time.monotonic() > self._rest_until:
                log.warning("%s: %s. Nothing is written for now. (%s)", self.name, outcome.reason, "C020")
            self._rest_until = time.monotonic() + config.reconnect_seconds
        elif isinstance(outcome, Throttled) and outcome.code in WHOLE_RELAY:
            self._rest_until = time.monotonic() + config.throttle_pause_seconds
        return outcome

    def _client(self) -> SMTP:
        config = self._config
        return SMTP(
            hostname=config.host,
            port=config.port,
            use_tls=config.security is Security.TLS,
            start_tls=config.security is Security.STARTTLS,
            tls_context=self._tls,
            username=config.username or None,
            password=config.password.get_secret_value() if config.username else None,
            local_hostname=config.local_hostname,
            timeout=config.connect_seconds,
        )
