"""My contact details: what the book has, and a new number or address once the code sent to it has come back."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from psycopg import Rollback
from starlette.responses import Response

from duecourse.book.parsing import FieldFault
from duecourse.book.reading import ContactPoint, contact_points_of
from duecourse.book.verifying import BY_CODE, Proposed, confirm_address, propose_address, proposed_addresses
from duecourse.dispatch.links import code_hash
from duecourse.domain.messaging import Channel
from duecourse.planning.verifying import CODES_A_DAY, codes_today, plan_verification, verifier_of
from duecourse.policy.versions import PublishedPolicy, published_policies
from duecourse.privacy.mask import mask_email, mask_phone
from duecourse.privacy.sealing import open_value
from duecourse.responses.links import LinkRefusal, find_link
from duecourse.responses.visits import carry_visit

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
    if asked.posted:
        asked.alone()
    place = asked.person
    proposed = proposed_addresses(asked.conn, place)
    points = contact_points_of(asked.conn, place.lane, place.borrower_id)
    if asked.posted and verifier is not None:
        if asked.form.get("do") == "code":
            if _confirm(asked, proposed, points):
                return asked.go("/me/contact", done="contact.confirmed")
        elif _propose(asked, verifier):
            return asked.go("/me/contact", done="contact.sent")
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


def _propose(asked: Asked, verifier: PublishedPolicy) -> bool:
    """Keep the address and plan the message with its code; False, and faults, where it cannot be."""
    form, visitor = asked.form, asked.visitor
    kind = form.choice("kind", _KINDS, needed="contact.kind_needed")
    address = form.text("address", most=MOST_ADDRESS, needed="contact.address_needed")
    if form.errors or visitor is None:
        return False
    request = request_of(asked)
    if codes_today(asked.conn, asked.person, now=asked.now, besides=request) >= CODES_A_DAY:
        form.fault("address", "contact.too_many")
        return False
    channel = _KINDS[kind]
    try:
        with asked.conn.transaction() as proposing:
            point = propose_address(
                asked.conn,
                asked.site.keyring,
                asked.person,
                channel,
                address,
                region=visitor.region,
                now=asked.now,
            )
            if point is None:
                form.fault("address", "contact.known")
            elif not plan_verification(
                asked.conn, verifier, asked.person, point, channel, request, now=asked.now
            ):
                form.fault("address", "contact.call")
                raise Rollback(proposing)
    except FieldFault:
        form.fault("address", f"contact.bad_{kind}")
    return not form.errors


def _confirm(asked: Asked, proposed: list[Proposed], points: list[ContactPoint]) -> bool:
    """Take the address into use whose code it is; False, and a fault, for any other code. The same code again is right
    again.
    """
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
        if row and any(
            (one.contact_point_id, one.state, one.verified_how) == (row[0], "active", BY_CODE)
            for one in points
        ):
            return True
        asked.form.fault("code", "contact.code_wrong")
        return False
    confirm_address(asked.conn, asked.site.keyring, asked.person, found, by="borrower", now=asked.now)
    own = asked.visitor.link_code_hash if asked.visitor else hashed
    if isinstance(find_link(asked.conn, own, now=asked.now), LinkRefusal):
        carry_visit(asked.conn, asked.site.keyring, asked.token, hashed)
    return True


PAGES: Final = (Page("/me/contact", show_contact, button=Button("contact.title", "more", 70)),)
