from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword

from duecourse.channels.registry import build
from duecourse.domain.messaging import Accepted, AccountTrouble, NotWritten
from duecourse.domain.problems import DuecourseError

from .certificates import self_signed
from .conformance import Sink, message_to, send_until_taken
from .scripted import ScriptedPeer, ScriptedSmsc


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate of its own for 127.0.0.1, and its key."""
    return self_signed(tmp_path_factory.mktemp("tls"))


def server_context(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


@pytest.mark.parametrize(("trusted", "server_name"), [(True, ""), (True, "127.0.0.1"), (False, "")])
def test_smpp_runs_over_tls_with_a_certificate_it_trusts(
    certificate: tuple[Path, Path], trusted: bool, server_name: str
):
    async def run() -> None:
        smsc = ScriptedSmsc()
        server = await asyncio.get_running_loop().create_server(
            lambda: ScriptedPeer(smsc), "127.0.0.1", 0, ssl=server_context(certificate)
        )
        settings = {"host": "127.0.0.1", "port": server.sockets[0].getsockname()[1], "system_id": "lender"}
        settings |= {"tls": True, "server_name": server_name}
        settings |= {"ca_file": str(certificate[0])} if trusted else {}
        sink = Sink()
        adapter = build("sms.smpp", "tls", settings, sink.on_receipts, sink.on_reply)
        await adapter.open()
        if trusted:
            outcome = await send_until_taken(adapter, message_to("+8613800001111"))
        else:
            (outcome,) = await adapter.send([message_to("+8613800001111")])
        assert isinstance(outcome, Accepted if trusted else NotWritten)
        await adapter.close()
        server.close()

    asyncio.run(run())


def test_smpp_sends_nothing_to_a_server_of_another_name(certificate: tuple[Path, Path]):
    async def run() -> None:
        smsc = ScriptedSmsc()
        server = await asyncio.get_running_loop().create_server(
            lambda: ScriptedPeer(smsc), "127.0.0.1", 0, ssl=server_context(certificate)
        )
        settings = {"host": "127.0.0.1", "port": server.sockets[0].getsockname()[1], "system_id": "lender"}
        settings |= {"tls": True, "ca_file": str(certificate[0]), "server_name": "smsc.example"}
        sink = Sink()
        adapter = build("sms.smpp", "tls", settings, sink.on_receipts, sink.on_reply)
        await adapter.open()
        (outcome,) = await adapter.send([message_to("+8613800001111")])
        assert isinstance(outcome, NotWritten)
        assert not any(peer.heard for peer in smsc.peers)
        await adapter.close()
        server.close()

    asyncio.run(run())


def test_smpp_wants_tls_where_a_server_name_is_given():
    with pytest.raises(DuecourseError, match="no meaning without tls"):
        settings = {"host": "127.0.0.1", "system_id": "lender", "server_name": "smsc.example"}
        build("sms.smpp", "tls", settings, Sink().on_receipts, Sink().on_reply)


class Inbox:
    """An aiosmtpd handler that keeps what it is given."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:  # noqa: N802
        self.messages.append(envelope.original_content or b"")
        return "250 2.0.0 Ok"


@pytest.mark.parametrize(
    ("security", "password", "outcome"),
    [("starttls", "right", Accepted), ("tls", "right", Accepted), ("starttls", "wrong", AccountTrouble)],
)
def test_mail_is_submitted_over_tls_with_a_login(
    certificate: tuple[Path, Path],
    security: str,
    password: str,
    outcome: type,
    caplog: pytest.LogCaptureFixture,
):
    inbox = Inbox()

    def check(server: Any, session: Any, envelope: Any, mechanism: str, auth: LoginPassword) -> AuthResult:
        return AuthResult(success=auth == LoginPassword(b"lender", b"right"), handled=False)

    async def run() -> None:
        context = server_context(certificate)
        implicit = security == "tls"
        server = await asyncio.get_running_loop().create_server(
            lambda: SMTP(
                inbox,
                tls_context=None if implicit else context,
                require_starttls=not implicit,
                auth_require_tls=not implicit,
                authenticator=check,
                auth_required=True,
            ),
            "127.0.0.1",
            0,
            ssl=context if implicit else None,
        )
        sink = Sink()
        settings = {
            "host": "127.0.0.1",
            "port": server.sockets[0].getsockname()[1],
            "security": security,
            "ca_file": str(certificate[0]),
            "username": "lender",
            "password": password,
            "from_address": "reminders@lender.example",
        }
        adapter = build("email.smtp", "tls", settings, sink.on_receipts, sink.on_reply)
        await adapter.open()
        (given,) = await adapter.send([message_to("wangwei@borrower.example", "您好")])
        assert isinstance(given, outcome)
        await adapter.close()
        server.close()

    asyncio.run(run())
    assert len(inbox.messages) == (1 if outcome is Accepted else 0)
    assert "C020" not in caplog.text, "the relay answers; it is the account that it refuses"
    assert password not in caplog.text
