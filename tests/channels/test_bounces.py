from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duecourse.channels.smtp.bounces import MaildirBounces, parse_report
from duecourse.domain.messaging import ReceiptStatus

from .conformance import Sink

ATTEMPT = UUID("0af7651916cd43dd8448eb211c80319c")
REPORT = """\
From: MAILER-DAEMON@relay.example
To: <{to}>
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain; charset=utf-8

Sorry.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; relay.example
{envid}
Final-Recipient: rfc822; someone@borrower.example
Action: {action}
Status: {status}
Diagnostic-Code: smtp; 550 some words of the server

--b
Content-Type: text/rfc822-headers

Message-ID: {message_id}
Subject: x

--b--
"""


def report(
    action: str = "failed",
    status: str = "5.1.1",
    envid: str = f"Original-Envelope-Id: {ATTEMPT.hex}\n",
    to: str = "bounces@lender.example",
    message_id: str = "<other@lender.example>",
) -> bytes:
    return REPORT.format(action=action, status=status, envid=envid, to=to, message_id=message_id).encode()


@pytest.mark.parametrize(
    ("action", "status", "expected", "permanent"),
    [
        ("failed", "5.1.1", ReceiptStatus.FAILED, True),
        ("failed", "5.7.1", ReceiptStatus.FAILED, False),
        ("failed", "5.2.2", ReceiptStatus.FAILED, False),
        ("failed", "4.4.7", ReceiptStatus.EXPIRED, False),
        ("Failed (permanent)", "5.4.4 (no route)", ReceiptStatus.FAILED, True),
        ("delayed", "4.4.1", ReceiptStatus.BUFFERED, False),
        ("relayed", "2.0.0", ReceiptStatus.BUFFERED, False),
        ("delivered", "2.0.0", ReceiptStatus.DELIVERED, False),
        ("expanded", "2.0.0", ReceiptStatus.DELIVERED, False),
    ],
)
def test_action_and_status_tell_what_became_of_it(
    action: str, status: str, expected: ReceiptStatus, permanent: bool
):
    receipt = parse_report(report(action, status))
    assert receipt is not None and receipt.attempt_id == ATTEMPT
    assert (receipt.status, receipt.permanent) == (expected, permanent)
    assert receipt.code == status[:5]


@pytest.mark.parametrize(
    "where",
    [
        {},
        {"envid": "", "to": f"bounces+{ATTEMPT.hex}@lender.example"},
        {"envid": "Original-Envelope-Id: QQ314159\n", "to": f"bounces+{ATTEMPT.hex.upper()}@lender.example"},
        {"envid": "", "message_id": f"<{ATTEMPT.hex}@lender.example>"},
    ],
    ids=["envelope id", "return path", "strange envelope id", "message id"],
)
def test_attempt_is_found_wherever_the_server_left_it(where: dict[str, str]):
    receipt = parse_report(report(**where))
    assert receipt is not None and receipt.attempt_id == ATTEMPT


@pytest.mark.parametrize("octets", [b"", b"Subject: Out of office\n\nBack on Monday.\n", report(envid="")])
def test_other_mail_is_no_receipt(octets: bytes):
    assert parse_report(octets) is None


@given(st.binary(max_size=400), st.integers(0, 900))
def test_any_octets_are_survived(noise: bytes, at: int):
    whole = report()
    assert parse_report(noise) is None
    spoilt = parse_report(whole[:at] + noise + whole[at:])
    assert spoilt is None or (spoilt.code and spoilt.attempt_id)


def test_report_leaves_new_only_after_its_receipt_is_committed(tmp_path: Path):
    for folder in ("new", "cur", "tmp"):
        (tmp_path / folder).mkdir()
    (tmp_path / "new" / "1.report").write_bytes(report())
    (tmp_path / "new" / "2.spam").write_bytes(b"Subject: hello\n\nx\n")
    sink = Sink()
    sink.failures_left = 1
    bounces = MaildirBounces("mail", tmp_path, sink.on_receipts, sink.on_reply, 60)

    async def run() -> None:
        with pytest.raises(RuntimeError):
            await bounces.take()
        assert len(list((tmp_path / "new").iterdir())) == 2
        assert await bounces.take() == 2
        assert await bounces.take() == 0

    asyncio.run(run())
    assert [receipt.attempt_id for receipt in sink.receipts] == [ATTEMPT]
    assert bounces.unread == 1
    assert sorted(path.name for path in (tmp_path / "cur").iterdir()) == ["1.report:2,S", "2.spam:2,S"]


def test_maildir_that_does_not_exist_yet_is_empty(tmp_path: Path):
    sink = Sink()
    bounces = MaildirBounces("mail", tmp_path / "none", sink.on_receipts, sink.on_reply, 60)
    assert asyncio.run(bounces.take()) == 0
