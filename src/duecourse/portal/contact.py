"""My contact details: what the book has, and a new number or address once the code sent to it has come back."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from starlette.responses import Response

from duecourse.book.parsing import FieldFault
from duecourse.book.reading import contact_points_of
from duecourse.book.verifying import Proposed, confirm_address, propose_address, proposed_addresses
from duecourse.dispatch.links import code_hash
from duecourse.domain.messaging import Channel
from duecourse.planning.verifying import CODES_A_DAY, codes_today, plan_verification, verifier_of
from duecourse.policy.versions import published_policies
from duecourse.privacy.mask import mask_email, mask_phone
from duecourse.privacy.sealing import open_value

from .answers import request_of
from .asked import Asked
from .lender import SQL
from .page import Button, Page

MOST_ADDRESS: Final = 254
CODE_HOLDS: Final = timedelta(days=1)
_KINDS: Final = {"phone": Channel.SMS, "email": Channel.EMAIL}
"""What can be given here: keys `contact.kind_…`."""
_SHOWN: Final = (Channel.SMS, Channel.VOICE, Channel.EMAIL)


def show_contact(asked: Asked) -> Response:
    """`/me/contact`: the addresses, and the form for a new one."""
    verifier = verifier_of(published_policies(asked.conn))
    proposed = proposed_addresses(asked.conn, asked.person)
    if asked.posted and verifier is not None:
        if asked.form.get("do") == "code":
            if _confirm(asked, proposed):
                return asked.go("/me/contact", done="contact.confirmed")
        elif _propose(asked):
            return asked.go("/me/contact", done="contact.sent")
    place = asked.person
    points = contact_points_of(asked.conn, place.lane, place.borrower_id)
    shown = [
        (asked.say(f"contact.by_{one.channel}"), masked, one.verified_at is not None)
        for one in points
        if one.state == "active" and one.channel in _SHOWN and one.address_sealed
        for masked in [_masked(asked, one.channel, one.address_sealed, str(one.contact_point_id))]
    ]
    waiting = [
        (one, _masked(asked, one.channel, one.address_sealed, str(one.contact_point_id)))
        for one in proposed
        if asked.now - one.proposed_at < CODE_HOLDS
    ]
    return asked.show(
        "contact.html",
        points=shown,
        waiting=waiting[0] if waiting else None,
        possible=verifier is not None,
        kinds=[(kind, asked.say(f"contact.kind_{kind}")) for kind in _KINDS],
    )


def _masked(asked: Asked, channel: str, sealed: bytes, point: str) -> str:
    address = open_value(asked.site.keyring, sealed, "contact_point", "address", point)
    shown = mask_email(address) if channel == Channel.EMAIL else mask_phone(address)
    return asked.formats.telephone(shown)


def _propose(asked: Asked) -> bool:
    """Keep the address and plan the message with its code; False, and faults, where it cannot be."""
    form, visitor = asked.form, asked.visitor
    kind = form.choice("kind", _KINDS, needed="contact.kind_needed")
    address = form.text("address", most=MOST_ADDRESS, needed="contact.address_needed")
    if form.errors or visitor is None:
        return False
    verifier = verifier_of(published_policies(asked.conn))
    if verifier is None or codes_today(asked.conn, asked.person, now=asked.now) >= CODES_A_DAY:
        form.fault("address", "contact.too_many")
        return False
    channel = _KINDS[kind]
    try:
        point = propose_address(
            asked.conn,
            asked.site.keyring,
            asked.person,
            channel,
            address,
            region=visitor.region,
            now=asked.now,
        )
    except FieldFault:
        form.fault("address", f"contact.bad_{kind}")
        return False
    if point is None:
        form.fault("address", "contact.known")
        return False
    plan_verification(asked.conn, verifier, asked.person, point, channel, request_of(asked), now=asked.now)
    return True


def _confirm(asked: Asked, proposed: list[Proposed]) -> bool:
    """Take the address into use whose code it is; False, and a fault, for any other code."""
    code = "".join(asked.form.text("code", most=64, needed="contact.code_needed").split())
    if asked.form.errors:
        return False
    hashed = code_hash(asked.site.keyring, code)
    row = asked.conn.execute(
        SQL["address_of_code"],
        {
            "lane": hashed[0],
            "code_hash": hashed,
            "borrower_id": asked.person.borrower_id,
            "since": asked.now - CODE_HOLDS,
        },
    ).fetchone()
    found = next((one for one in proposed if row and one.contact_point_id == row[0]), None)
    if found is None:
        asked.form.fault("code", "contact.code_wrong")
        return False
    confirm_address(asked.conn, asked.site.keyring, asked.person, found, by="borrower", now=asked.now)
    return True


PAGES: Final = (Page("/me/contact", show_contact, button=Button("contact.title", "more", 70)),)
