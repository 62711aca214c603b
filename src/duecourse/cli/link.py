"""`duecourse link`: the borrower's own pages as staff hand them over, look at them and take them back."""

from __future__ import annotations

from typing import Annotated, Any
from zoneinfo import ZoneInfo

import psycopg
import typer

from duecourse.book.reading import Borrower, find_borrower
from duecourse.content.addresses import address_of
from duecourse.dispatch.links import CODES, code_hash
from duecourse.domain.problems import DuecourseError, Problem
from duecourse.responses.issuing import (
    clicks_of_link,
    link_facts,
    links_of,
    make_link,
    revoke_link,
    revoke_links_of,
)
from duecourse.responses.visits import locked_until, unlock

from .context import Context, context
from .screen import local, print_json, table
from .show import masked_address
from .words import say, word

app = typer.Typer(
    help="Links to a borrower's own pages: hand over, look at, take back.", no_args_is_help=True
)

CustomerArgument = Annotated[str, typer.Argument(metavar="CUSTOMER", help="The lender's customer key.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Report as JSON.")]
_NOTHING = "Nothing was changed."


@app.command()
def show(
    code: Annotated[
        str, typer.Argument(metavar="CODE", help="The eight letters of a link, or its whole address.")
    ],
    as_json: JsonOption = False,
) -> None:
    """Whose link a code is and of which message, whether it holds, and what opened it. It is not opened by this.

    Example: duecourse link show 7hK2mQx9
    """
    here = context()
    conn = here.connect()
    hashed = _hash_of(here, code)
    found = _facts(here, conn, hashed)
    if as_json:
        print_json(here.console, found)
        return
    zone = ZoneInfo(here.lender_zone)
    here.console.print(
        say(
            "{key}: {standing}, from {issued} to {expires}",
            key=found["customer"],
            standing=word("link", found["state"]),
            issued=local(found["issued_at"], zone),
            expires=local(found["expires_at"], zone),
        ),
        style="bold",
        highlight=False,
    )
    if found["made_by"]:
        here.console.print(say("Handed over by {who}", who=found["made_by"]), highlight=False)
    else:
        here.console.print(
            say(
                "Message {id} ({purpose}) by {channel} to {address}",
                id=found["message_id"],
                purpose=word("purpose", found["purpose"]),
                channel=word("channel", found["channel"]),
                address=found["address"],
            ),
            highlight=False,
        )
    if found["revoked_by"]:
        here.console.print(
            say("Taken back by {who}: {why}", who=found["revoked_by"], why=found["revoked_why"]),
            highlight=False,
            markup=False,
        )
    rows = [
        (local(one["at"], zone), word("opened by", one["told"]), word("told by", one["why"]))
        for one in found["clicks"]
    ]
    here.console.print(table(say("Opened"), [say("when"), say("by"), say("told by")], rows))


@app.command()
def make(
    customer: CustomerArgument,
    days: Annotated[int, typer.Option(min=1, max=366, help="How long it holds.")] = 7,
    as_json: JsonOption = False,
) -> None:
    """Make a link for a borrower at the counter and print it, once: only a hash of it is kept.

    Who opens it is asked for the second factor all the same.

    Example: duecourse link make C00042 --days 7
    """
    here = context()
    if not here.settings.public_url:
        raise DuecourseError(
            Problem("D175", "DUECOURSE_PUBLIC_URL", "this installation has no public address", _NOTHING)
        )
    conn = here.connect()
    borrower = _borrower(here, conn, customer)
    code, until = make_link(
        conn,
        here.keyring,
        borrower.lane,
        borrower.borrower_id,
        language=borrower.language,
        days=days,
        by=here.user,
        now=here.now(),
    )
    conn.commit()
    address = address_of(here.settings.public_url, code)
    if as_json:
        print_json(here.console, {"link": address, "code": code, "expires_at": until})
        return
    here.console.print(address, highlight=False, markup=False, soft_wrap=True)
    zone = ZoneInfo(here.lender_zone)
    here.console.print(say("It holds until {until} and is not shown again.", until=local(until, zone)))


@app.command()
def revoke(
    code: Annotated[
        str, typer.Argument(metavar="[CODE]", help="The link to take back.", show_default=False)
    ] = "",
    customer: Annotated[
        str, typer.Option(metavar="KEY", help="Or all links of this borrower.", show_default=False)
    ] = "",
    reason: Annotated[str, typer.Option(help="Why; nothing personal.")] = "asked for",
    as_json: JsonOption = False,
) -> None:
    """Take a link back, or all of a borrower: it opens no more, and a visit that it began ends at once.

    Links also end by themselves when the contact point they were sent to is retired.

    Examples: duecourse link revoke 7hK2mQx9; duecourse link revoke --customer C00042 --reason lost-phone
    """
    here = context()
    conn = here.connect()
    if bool(code) == bool(customer):
        raise DuecourseError(
            Problem("D176", "link revoke", "give a code, or --customer with a customer key", _NOTHING),
            exit_code=2,
        )
    now = here.now()
    if customer:
        person = _borrower(here, conn, customer).borrower_id
        taken = revoke_links_of(conn, person, by=here.user, why=reason, now=now)
    else:
        hashed = _hash_of(here, code)
        if link_facts(conn, hashed, now=now) is None:
            raise _unknown()
        taken = int(revoke_link(conn, hashed, by=here.user, why=reason, now=now))
    conn.commit()
    if as_json:
        print_json(here.console, {"revoked": taken})
        return
    here.console.print(say("Taken back: {count}", count=taken))


@app.command("list")
def list_(
    customer: Annotated[str, typer.Option(metavar="KEY", help="The borrower's customer key.")],
    take: Annotated[int, typer.Option(min=1, max=1000, help="At most so many, the latest first.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """A borrower's links: from when to when, by what they went, and how often people and programs opened them.

    Example: duecourse link list --customer C00042
    """
    here = context()
    conn = here.connect()
    borrower = _borrower(here, conn, customer)
    now = here.now()
    rows = links_of(conn, borrower.lane, borrower.borrower_id, take=take, now=now)
    locked = locked_until(conn, borrower.lane, borrower.borrower_id, now=now)
    if as_json:
        print_json(here.console, {"links": rows, "locked_until": locked})
        return
    zone = ZoneInfo(here.lender_zone)
    if locked:
        until = local(locked, zone)
        here.console.print(say("Locked until {until}: too many wrong answers", until=until), style="yellow")
    columns = [
        say("from"), say("to"), say("standing"), say("by"), say("message"), say("people"), say("programs"),
    ]  # fmt: skip
    cells = [
        (
            local(one["issued_at"], zone),
            local(one["expires_at"], zone),
            word("link", one["state"]),
            one["made_by"] or word("channel", one["channel"]),
            str(one["message_id"])[:8] if one["message_id"] else "",
            one["by_people"],
            one["by_programs"],
        )
        for one in rows
    ]
    here.console.print(table(say("Links"), columns, cells, right=[5, 6]))


@app.command("unlock")
def unlock_(customer: CustomerArgument) -> None:
    """Let a borrower answer the second factor again, after you have seen who it is.

    Example: duecourse link unlock C00042
    """
    here = context()
    conn = here.connect()
    borrower = _borrower(here, conn, customer)
    had = unlock(conn, borrower.lane, borrower.borrower_id)
    conn.commit()
    here.console.print(say("Wrong answers forgotten.") if had else say("There were no wrong answers."))


def _borrower(here: Context, conn: psycopg.Connection, key: str) -> Borrower:
    borrower = find_borrower(conn, here.keyring, key)
    if borrower is None:
        raise DuecourseError(Problem("D033", "CUSTOMER", "no borrower of the book has this customer key"))
    return borrower


def _hash_of(here: Context, code: str) -> bytes:
    """Of a code or a whole address. Raises DuecourseError D177 for what can be neither."""
    plain = CODES.read(code)
    if plain is None:
        raise _unknown()
    return code_hash(here.keyring, plain)


def _unknown() -> DuecourseError:
    return DuecourseError(Problem("D177", "CODE", "no link has this code", _NOTHING))


def _facts(here: Context, conn: psycopg.Connection, hashed: bytes) -> dict[str, Any]:
    """All that is shown of one link. Raises DuecourseError D177 when nobody was sent its code."""
    found = link_facts(conn, hashed, now=here.now())
    if found is None:
        raise _unknown()
    point, sealed = found.pop("contact_point_id"), found.pop("address_sealed")
    address = masked_address(here.keyring, found["channel"], sealed, point) if found["channel"] else ""
    return {**found, "address": address, "clicks": clicks_of_link(conn, hashed)}
