"""SMS over Twilio: the Message resource, its status callbacks, and messages that people send.

Sources (read 2026-11-25): twilio.com/docs/messaging/api/message-resource,
/messaging/guides/track-outbound-message-status, /messaging/guides/webhook-request; PyPI twilio 9.13.0.
"""

from __future__ import annotations

from urllib.parse import parse_qs

from pydantic import Field

from duecourse.channels.http.adapter import refused_address
from duecourse.channels.http.callbacks import FORBIDDEN, NOT_STORED, UNREADABLE
from duecourse.channels.http.line import Ask
from duecourse.channels.http.phone import is_e164
from duecourse.channels.twilio import codes
from duecourse.channels.twilio.client import AGAIN, TwilioAdapter, TwilioSettings, attempt_of
from duecourse.channels.twilio.signing import fields_of
from duecourse.domain.messaging import (
    Cause,
    Channel,
    Outcome,
    Outgoing,
    RawRequest,
    RawResponse,
    Receipt,
    ReceiptStatus,
    Reply,
)

MOST_VALID_SECONDS = 36_000
_UNDER_WAY = frozenset({"accepted", "scheduled", "queued", "sending", "sent"})
NOTHING_TO_SAY = RawResponse(200, b"<Response/>", "text/xml")


class TwilioSmsSettings(TwilioSettings):
    """[NAME] with kind = "sms.twilio" in providers.toml."""

    sender: str = Field(min_length=1)
    """E.164 number, sender id, or the SID of a messaging service (MG…); a registered sender goes before it."""
    callback_url: str = Field(default="", pattern=r"^(https?://[^?#]+)?$")
    """Our address for it, …/callbacks/NAME; '' asks for no statuses. Incoming messages go there too."""


class TwilioSmsAdapter(TwilioAdapter[TwilioSmsSettings]):
    """One message a request."""

    kind = "sms.twilio"
    channel = Channel.SMS
    settings_type = TwilioSmsSettings

    async def ask_for(self, outgoing: Outgoing) -> Ask | Outcome:
        """The text as it is; the attempt travels along in the address of the status callback."""
        if not is_e164(outgoing.address):
            return refused_address("the address is no phone number with its country")
        sender = (outgoing.registered and outgoing.registered.sender) or self.settings.sender
        fields = [
            ("To", outgoing.address),
            ("MessagingServiceSid" if sender.startswith("MG") else "From", sender),
            ("Body", outgoing.text),
            ("ValidityPeriod", str(min(outgoing.valid_for_seconds, MOST_VALID_SECONDS))),
        ]
        if self.settings.callback_url:
            callback = f"{self.settings.callback_url}?attempt={outgoing.attempt_id.hex}{AGAIN}"
            fields.append(("StatusCallback", callback))
        return self.form("Messages", fields)

    async def receive(self, request: RawRequest) -> RawResponse:
        """A status of ours, or a message from a person, whatever it says: STOP is theirs to honour and ours too."""
        if not self.settings.callback_url or not self.is_theirs(self.settings.callback_url, request):
            return FORBIDDEN
        fields = fields_of(request)
        if fields is None or not fields.get("MessageSid"):
            return UNREADABLE
        if "MessageStatus" not in fields:
            sender, recipient, text = (fields.get(name, "") for name in ("From", "To", "Body"))
            reply = Reply(self.name, sender, recipient, text, reference=fields["MessageSid"])
            stored = await self.hand_in([], [reply])
        else:
            attempt = parse_qs(request.query).get("attempt", [""])[0]
            receipt = receipt_of(fields, attempt)
            stored = receipt is None or await self.hand_in([receipt])
        return NOTHING_TO_SAY if stored else NOT_STORED


def receipt_of(fields: dict[str, str], attempt: str) -> Receipt | None:
    """What a status says; None while it is under way."""
    status, code = fields["MessageStatus"], fields.get("ErrorCode", "")
    if status in _UNDER_WAY:
        return None
    kind, cause, dead = ReceiptStatus.FAILED, Cause.OTHER, False
    if status in ("delivered", "partially_delivered"):
        kind = ReceiptStatus.DELIVERED
    elif status == "read":
        kind = ReceiptStatus.READ
    elif code == codes.EXPIRED:
        kind = ReceiptStatus.EXPIRED
    else:
        cause, dead = codes.REPORTS.get(code, (Cause.OTHER, False))
    return Receipt(
        kind,
        code or status,
        provider_id=fields["MessageSid"],
        attempt_id=attempt_of(attempt),
        permanent=dead,
        cause=cause,
    )
