"""Attempts that carry a code, as a claim leaves them: for tests of what becomes of links."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from duecourse.dispatch.links import Wanted, mint_links
from duecourse.policy.templates import Templates, TemplateText
from duecourse.policy.versions import publish
from lender import Lender, borrower_id_of, lane_of

NINE = datetime.fromisoformat("2026-03-09T09:00+08:00")
PHONE = "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 Chrome/130 Mobile Safari/537.36"
DESKTOP = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/130 Safari/537.36"

MESSAGE = """
    INSERT INTO message (lane, message_id, group_id, borrower_id, policy, policy_version, step, purpose, creditor,
        currency, template, template_version, route, zone, local_on, state, planned_for, not_before, useful_until,
        tries, bundle, planned_at, changed_at)
    SELECT lane, %(message)s, %(message)s, borrower_id, 'test', 1, 'due-in-1', 'reminder', 'bank', 'CNY', 'due-soon',
        1, ARRAY[%(channel)s], zone, (%(at)s AT TIME ZONE zone)::date, 'in_flight', %(at)s, %(at)s, %(until)s, 1,
        %(bundle)s, %(at)s, %(at)s
    FROM borrower WHERE lane = %(lane)s AND borrower_id = %(person)s"""
ATTEMPT = """
    INSERT INTO attempt (lane, attempt_id, message_id, borrower_id, seq, route_at, channel, provider,
        contact_point_id, epoch, state, text_sealed, text_digest, parts, valid_until, claimed_at, sent_at)
    VALUES (%(lane)s, %(attempt)s, %(message)s, %(person)s, 1, 1, %(channel)s, 'acme', %(point)s, 1, %(state)s, 'x',
        'x', 1, %(until)s, %(at)s, CASE WHEN %(state)s = 'sent' THEN %(at)s::timestamptz END)"""


@dataclass(frozen=True, slots=True)
class SentLink:
    """A code that somebody was sent, and of what."""

    code: str
    attempt_id: UUID
    message_id: UUID


def send_link(
    lender: Lender,
    borrower: str = "B-L-1",
    *,
    at: datetime = NINE,
    days: int = 90,
    state: str = "sent",
    channel: str = "sms",
) -> SentLink:
    """Write a message of the first policy that was handed over at an instant with a code in it, and commit."""
    lane, person = lane_of(borrower), borrower_id_of(borrower)
    conn, attempt, message = lender.conn, uuid4(), uuid4()
    point = lender.contact_point(
        borrower, channel, "+8613900001111" if channel == "sms" else "person@example.com"
    )
    given = {
        "lane": lane, "person": person, "message": message, "attempt": attempt, "point": point, "at": at,
        "state": state, "until": at + timedelta(days=1), "channel": channel, "bundle": str(message),
    }  # fmt: skip
    conn.execute(MESSAGE, given)
    conn.execute(ATTEMPT, given)
    wanted = Wanted(attempt, message, lane, person, channel, point, "reminder", "en", days)
    code = mint_links(conn, lender.keyring, [wanted], now=at)[attempt]
    conn.commit()
    return SentLink(code, attempt, message)


def publish_policy(lender: Lender) -> None:
    """Publish the lender's only policy, as version 1, with a text for each of its templates."""
    (policy,) = lender.policies
    texts = [TemplateText(name, "en", {"sms": "Please pay."}) for name in policy.templates]
    publish(lender.conn, policy, Templates(texts), "", now=NINE, user="test")
    lender.conn.commit()
