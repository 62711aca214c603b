from __future__ import annotations

import asyncio
import re
from email import message_from_bytes, policy
from uuid import UUID, uuid4

import httpx2
import pytest

from duecourse.channels.http.listener import Listener, callbacks
from duecourse.channels.registry import build
from duecourse.channels.smtp.bounces import parse_complaint, parse_report
from duecourse.channels.smtp.message import build_message
from duecourse.channels.smtp.unsubscribe import Unsubscribes
from duecourse.domain.messaging import (
    Adapter,
    Attachment,
    Channel,
    Outgoing,
    RawRequest,
    Receives,
    ReplyKind,
)

from .conformance import Sink

URL = "https://notices.lender.example/callbacks/post"
SECRET = "an example of a secret"
ATTEMPT = UUID("0af7651916cd43dd8448eb211c80319c")
ONE_CLICK = b"List-Unsubscribe=One-Click"


def an_adapter(sink: Sink) -> Receives:
    settings = {
        "host": "127.0.0.1",
        "security": "none",
        "from_address": "notices@lender.example",
        "unsubscribe_url": URL,
        "unsubscribe_secret": SECRET,
    }
    adapter: Adapter = build("email.smtp", "post", settings, sink.on_receipts, sink.on_reply)
    assert isinstance(adapter, Receives)
    return adapter


def query_of(attempt: UUID, secret: str = SECRET) -> str:
    return Unsubscribes(URL, secret).headers(attempt)["List-Unsubscribe"].partition("?")[2].rstrip(">")


def ask(sink: Sink, query: str, method: str = "POST", body: bytes = ONE_CLICK, **headers: str) -> int:
    request = RawRequest(method, query, headers, body)
    return asyncio.run(an_adapter(sink).receive(request)).status


def test_click_stops_the_mail_it_came_with():
    sink = Sink()
    assert ask(sink, query_of(ATTEMPT)) == 200
    (reply,) = sink.replies
    assert (reply.kind, reply.channel, reply.attempt_id) == (ReplyKind.UNSUBSCRIBED, Channel.EMAIL, ATTEMPT)


def test_form_sent_by_a_mail_program_as_multipart_is_a_click_too():
    sink = Sink()
    body = b'--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--\r\n'
    assert (
        ask(sink, query_of(ATTEMPT), body=body, **{"content-type": "multipart/form-data; boundary=b"}) == 200
    )
    assert len(sink.replies) == 1


def test_scanner_that_follows_the_link_stops_nothing():
    sink = Sink()
    assert ask(sink, query_of(ATTEMPT), "GET", b"") == 200
    assert ask(sink, query_of(ATTEMPT), "HEAD", b"") == 200
    assert ask(sink, query_of(ATTEMPT), "POST", b"utm=1") == 200
    assert sink.replies == []


@pytest.mark.parametrize(
    "query",
    [
        "",
        "u=",
        "u=AAAA",
        "u=%ff",
        query_of(ATTEMPT, "another secret of the same length"),
        query_of(ATTEMPT)[:-1],
        f"u={query_of(uuid4())[2:24]}{query_of(ATTEMPT)[24:]}",
    ],
    ids=["none", "empty", "short", "no base64", "another secret", "cut", "another attempt"],
)
def test_link_we_did_not_make_stops_nothing(query: str):
    sink = Sink()
    assert ask(sink, query) == 403
    assert sink.replies == []


def test_click_that_could_not_be_stored_is_not_thanked_for():
    class Failing(Sink):
        async def on_reply(self, reply: object) -> None:
            raise RuntimeError("the store is away")

    assert ask(Failing(), query_of(ATTEMPT)) == 503


def test_click_arrives_by_way_of_the_listener():
    sink = Sink()

    async def run() -> tuple[int, str]:
        listener = Listener(callbacks({"post": an_adapter(sink)}))
        port = await listener.start()
        async with httpx2.AsyncClient(trust_env=False) as client:
            address = f"http://127.0.0.1:{port}/callbacks/post?{query_of(ATTEMPT)}"
            asked = await client.get(address)
            done = await client.post(address, data={"List-Unsubscribe": "One-Click"})
        await listener.stop()
        return done.status_code, asked.text

    status, page = asyncio.run(run())
    assert status == 200 and "<form" in page and "退订" in page
    assert [reply.attempt_id for reply in sink.replies] == [ATTEMPT]


COMPLAINT = """\
From: feedback@mailbox.example
To: complaints@lender.example
Message-ID: <r1@mailbox.example>
Subject: FW: Payment due
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="b"

--b
Content-Type: text/plain

This is an email abuse report.

--b
Content-Type: message/feedback-report

Feedback-Type: {kind}
User-Agent: Mailbox/1.0
Version: 1
{field}

--b
Content-Type: message/rfc822

From: notices@lender.example
Message-ID: {message_id}
Subject: Payment due

Text.

--b--
"""


@pytest.mark.parametrize(
    ("field", "message_id"),
    [
        (f"Original-Mail-From: <bounces+{ATTEMPT.hex}@lender.example>", "<x@lender.example>"),
        (f"Original-Envelope-Id: {ATTEMPT.hex}", "<x@lender.example>"),
        ("Arrival-Date: Thu, 8 Mar 2026 14:00:00 +0800", f"<{ATTEMPT.hex}@lender.example>"),
    ],
    ids=["return path", "envelope id", "message id"],
)
def test_complaint_names_the_attempt_that_was_unwanted(field: str, message_id: str):
    octets = COMPLAINT.format(kind="abuse", field=field, message_id=message_id).encode()
    reply = parse_complaint("post", octets)
    assert reply is not None
    assert (reply.kind, reply.attempt_id) == (ReplyKind.COMPLAINT, ATTEMPT)
    assert reply.reference == "<r1@mailbox.example>"
    assert parse_report(octets) is None


def test_not_spam_takes_nothing_back():
    octets = COMPLAINT.format(
        kind="not-spam", field=f"Original-Envelope-Id: {ATTEMPT.hex}", message_id="<x@y>"
    )
    assert parse_complaint("post", octets.encode()) is None


def test_picture_shown_in_the_html_is_related_and_any_other_is_attached():
    picture = Attachment("bill.png", "image/png", b"\x89PNG")
    document = Attachment("bill.pdf", "application/pdf", b"%PDF")
    outgoing = Outgoing(
        uuid4(), "wang@borrower.example", "text", "subject", '<img alt="bill" src="cid:bill.png">',
        attachments=(picture, document),
    )  # fmt: skip
    octets, _ = build_message(outgoing, "", "notices@lender.example", "lender.example", None)
    message = message_from_bytes(octets, policy=policy.default)
    kinds = [part.get_content_type() for part in message.walk()]
    assert kinds == [
        "multipart/mixed", "multipart/alternative", "text/plain", "multipart/related", "text/html", "image/png",
        "application/pdf",
    ]  # fmt: skip
    assert re.search(rb"Content-ID: <bill.png>", octets)
