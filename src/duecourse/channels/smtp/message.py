"""From an attempt to the octets of its e-mail.

Sources: RFC 5322, RFC 2047, RFC 6532, RFC 8058 (one-click unsubscribe).
"""

from __future__ import annotations

from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime, parsedate_to_datetime

from duecourse.domain.messaging import Outgoing

LONGEST_LINE = 900
"""RFC 5322, 2.1.1 allows 998 with the name of the field."""
OURS = frozenset(
    {"from", "to", "cc", "bcc", "subject", "message-id", "mime-version", "sender", "return-path"}
)


class WirePolicy(EmailPolicy):
    """The library's, but for List-* fields: a long URL there would become encoded words, which nobody decodes."""

    def fold(self, name: str, value: str) -> str:
        """One field with its line ends."""
        if not name.lower().startswith("list-"):
            folded: str = super().fold(name, value)
            return folded
        lines = str(value).split(", ")
        if not value.isascii() or any(len(line) > LONGEST_LINE for line in lines):
            raise ValueError(f"{name} must be ASCII and its parts at most {LONGEST_LINE} octets")
        return f"{name}: {f',{self.linesep} '.join(lines)}{self.linesep}"

    def fold_binary(self, name: str, value: str) -> bytes:
        """The same in octets."""
        if not name.lower().startswith("list-"):
            return super().fold_binary(name, value)
        return self.fold(name, value).encode("ascii")


class AddressError(ValueError):
    """The recipient's address is not an addr-spec. Says so without quoting it."""


def ascii_domain(address: str) -> str:
    """The address with its domain in ASCII (IDNA); the local part stays as it is. Raises AddressError."""
    local, at, domain = address.rpartition("@")
    if not (at and local and domain) or any(c.isspace() or ord(c) < 32 or c in "<>" for c in address):
        raise AddressError("not an addr-spec")
    try:
        return f"{local}@{domain.encode('idna').decode('ascii')}"
    except UnicodeError:
        raise AddressError("its domain is not a domain name") from None


def build_message(
    outgoing: Outgoing, from_name: str, from_address: str, id_domain: str, now: datetime | None
) -> tuple[bytes, datetime | None]:
    """The message with CRLF line ends, and its date.

    The date is the attempt's own `Date` header where it has one (a replay of days), else `now`; without
    either the relay sets it (RFC 6409, 8.2). Raises AddressError, or ValueError for a header that is ours to
    set or that holds a line break.
    """
    recipient = ascii_domain(outgoing.address)
    extra = {name: value for name, value in outgoing.headers.items() if name.lower() != "date"}
    given = next((value for name, value in outgoing.headers.items() if name.lower() == "date"), "")
    date = parsedate_to_datetime(given) if given else now
    # Seven bits pass every relay unchanged, so signatures hold where 8BITMIME is not offered.
    policy = WirePolicy(linesep="\r\n", cte_type="7bit", utf8=not recipient.isascii())
    message = EmailMessage(policy=policy)
    message["From"] = Address(from_name, addr_spec=from_address)
    message["To"] = _address(recipient)
    message["Subject"] = outgoing.subject
    if date is not None:
        message["Date"] = format_datetime(date)
    message["Message-ID"] = f"<{outgoing.attempt_id.hex}@{id_domain}>"
    if outgoing.language:
        message["Content-Language"] = outgoing.language
    for name, value in extra.items():
        if name.lower() in OURS or name.lower().startswith("content-"):
            raise ValueError(f"header {name} is set by the channel")
        message[name] = value
    if "Auto-Submitted" not in message:
        # RFC 3834: no out-of-office answers to a machine.
        message["Auto-Submitted"] = "auto-generated"
    message.set_content(outgoing.text)
    inline = [one for one in outgoing.attachments if f"cid:{one.name}" in outgoing.html]
    if outgoing.html:
        message.add_alternative(outgoing.html, subtype="html")
        html = message.get_payload()[1]  # type: ignore[index]
        for one in inline:
            html.add_related(  # type: ignore[union-attr]
                one.content,
                *one.media_type.split("/"),
                cid=f"<{one.name}>",
                filename=one.name,
                disposition="inline",
            )
    for one in outgoing.attachments:
        if one not in inline:
            message.add_attachment(one.content, *one.media_type.split("/"), filename=one.name)
    return message.as_bytes(), date


def _address(recipient: str) -> Address:
    local, _, domain = recipient.rpartition("@")
    if not recipient.isascii():
        return Address(username=local, domain=domain)
    try:
        return Address(addr_spec=recipient)
    except (ValueError, IndexError, MessageError):
        # The library's words quote the address.
        raise AddressError("not an addr-spec") from None
