"""`duecourse contact-point`: which are due for verification, and noting that one was verified or retired."""

from __future__ import annotations

import re
from typing import Annotated
from uuid import UUID

import typer
from psycopg import Connection

from duecourse.book.contact_points import (
    add_contact_point,
    contact_points_due,
    retire_contact_points,
    verify_contact_point,
)
from duecourse.book.identity import ADDRESSABLE
from duecourse.book.parsing import FieldFault
from duecourse.book.reading import contact_points_of, find_borrower
from duecourse.book.verifying import UNVERIFIED
from duecourse.channels.number_check.adapter import NumberCheck
from duecourse.dispatch.number_checks import check_numbers
from duecourse.domain.messaging import Channel
from duecourse.domain.problems import DuecourseError, Problem

from .context import Context, context
from .providers import checker_config
from .screen import print_json, table
from .show import masked_address
from .wishes import typed
from .words import listed, say, word

app = typer.Typer(help="Contact points: add, due, verify, retire.", no_args_is_help=True)

BorrowerArgument = Annotated[str, typer.Argument(metavar="BORROWER", help="The lender's customer key.")]
PointArgument = Annotated[
    str,
    typer.Argument(
        metavar="CHANNEL|ID", help="The channel, where one address is in force; else the id's beginning."
    ),
]
LONGEST_NOTE = 60
_PERSONAL = re.compile(r"@|[0-9](?:[ -]?[0-9]){5,}")


@app.command()
def due(
    days: Annotated[
        int | None, typer.Option(min=0, help="Instead of DUECOURSE_REVERIFY_DAYS.", show_default=False)
    ] = None,
    failures: Annotated[
        int | None, typer.Option(min=0, help="Instead of DUECOURSE_REVERIFY_FAILURES.", show_default=False)
    ] = None,
    take: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 1000,
    as_json: Annotated[bool, typer.Option("--json", help="Report as JSON.")] = False,
) -> None:
    """Contact points to be verified again: nobody saw them to be right for too long, or too much sent there failed.

    Example: duecourse contact-point due --json
    """
    here = context()
    found = contact_points_due(
        here.connect(),
        now=here.now(),
        days=here.settings.reverify_days if days is None else days,
        failures=here.settings.reverify_failures if failures is None else failures,
        take=take,
    )
    points = [
        {
            "borrower": one["borrower_key"],
            "id": one["contact_point_id"],
            "channel": one["channel"],
            "rank": one["rank"],
            "address": masked_address(
                here.keyring, one["channel"], one["address_sealed"], one["contact_point_id"]
            ),
            "why": [why for why in ("failures", "age") if one[f"by_{why}"]],
            "last_seen": one["seen_at"],
            "verified_at": one["verified_at"],
            "verified_how": one["verified_how"],
            "failed": one["failed"],
        }
        for one in found
    ]
    if as_json:
        print_json(here.console, points)
        return
    rows = [
        (
            one["borrower"], str(one["id"])[:8], word("channel", one["channel"]), one["address"],
            listed(word("due for", why) for why in one["why"]), f"{one['last_seen']:%Y-%m-%d}", one["failed"],
        )
        for one in points
    ]  # fmt: skip
    columns = [
        say("borrower"), say("id"), say("channel"), say("address"), say("why"), say("last seen"), say("times failed"),
    ]  # fmt: skip
    here.console.print(table(say("Contact points due for verification"), columns, rows, right=[6]))


@app.command()
def add(
    borrower: BorrowerArgument,
    channel: Annotated[Channel, typer.Argument(help="Which channel it serves.", show_default=False)],
    address: Annotated[
        str,
        typer.Argument(
            help="Number, e-mail address, OpenID, device token, push subscription, or the lines of a postal address "
            "with \\n between them; - reads it from standard input.",
            show_default=False,
        ),
    ],
    platform: Annotated[
        str,
        typer.Option(
            help="Whose address it is: of an app's device apns, fcm, jpush, …; of WeChat the account's appid.",
            show_default=False,
        ),
    ] = "",
    rank: Annotated[
        int, typer.Option(min=1, max=99, help="1 is tried first; the one there is replaced.")
    ] = 1,
    legal_basis: Annotated[
        str, typer.Option(help="On what legal basis it was collected; nothing personal.", show_default=False)
    ] = "",
) -> None:
    """Add a way to reach a borrower. Stops and suppressions of the address hold for its new holder too.

    Example: duecourse contact-point add C00042 voice +8613900001111
    """
    here = context()
    conn = here.connect()
    found = find_borrower(conn, here.keyring, borrower)
    if found is None:
        raise DuecourseError(Problem("D033", "BORROWER", "no borrower of the book has this customer key"))
    text = typed(address).replace("\\n", "\n")
    if channel not in ADDRESSABLE:
        raise _fault("CHANNEL", f"{channel} has no address of its own; give the number of a call: voice")
    try:
        point, changed = add_contact_point(
            conn,
            here.keyring,
            found,
            channel,
            text,
            rank=rank,
            platform=platform,
            legal_basis=_note(legal_basis, "--legal-basis") if legal_basis else None,
            by=here.user,
            now=here.now(),
        )
    except FieldFault as fault:
        problem = Problem(fault.code, "ADDRESS", f"{fault.found}; {fault.expected}", "Nothing was changed.")
        raise DuecourseError(problem) from None
    conn.commit()
    short = str(point)[:8]
    said = say("Added: {point}", point=short) if changed else say("Known already: {point}", point=short)
    here.console.print(said)


@app.command()
def check(
    provider: Annotated[
        str, typer.Option(help="The number-check service, by its name in providers.toml.", show_default=False)
    ],
    days: Annotated[
        int | None, typer.Option(min=0, help="Instead of DUECOURSE_REVERIFY_DAYS.", show_default=False)
    ] = None,
    failures: Annotated[
        int | None, typer.Option(min=0, help="Instead of DUECOURSE_REVERIFY_FAILURES.", show_default=False)
    ] = None,
    take: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 100_000,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Ask, say what would change, and change nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Report as JSON.")] = False,
) -> None:
    """Ask a service how the phone numbers stand that are due for verification: active ones are verified, dead retire.

    Example: duecourse contact-point check --provider hlr --dry-run
    """
    here = context()
    service = NumberCheck.configured(
        provider, checker_config(here.settings.home, provider, simulated=here.simulated)
    )
    found = check_numbers(
        here.connect(),
        here.keyring,
        service.ask,
        batch=service.batch,
        days=here.settings.reverify_days if days is None else days,
        failures=here.settings.reverify_failures if failures is None else failures,
        take=take,
        by=provider,
        now=here.now(),
        dry_run=dry_run,
    )
    if as_json:
        print_json(here.console, {"provider": provider, "dry_run": dry_run, **found})
        return
    rows = [(word("number status", status), count) for status, count in sorted(found.items())]
    here.console.print(table(say("Numbers asked for"), [say("standing"), say("how many")], rows, right=[1]))
    if dry_run:
        here.console.print(say("A dry run: nothing was changed."))


@app.command()
def verify(
    borrower: BorrowerArgument,
    point: PointArgument,
    how: Annotated[
        str,
        typer.Option(help="How it was seen: call, code, document, …; nothing personal.", show_default=False),
    ],
) -> None:
    """Note that a contact point was seen to reach its party; it is due again only after the time or failures set.

    Example: duecourse contact-point verify C00042 sms --how code
    """
    here = context()
    conn = here.connect()
    place = _chosen(here, conn, borrower, point)
    verify_contact_point(conn, place, how=_note(how, "--how"), by=here.user, now=here.now())
    conn.commit()
    here.console.print(say("Verified: {point}", point=str(place[1])[:8]))


@app.command()
def retire(
    borrower: BorrowerArgument,
    point: PointArgument,
    reason: Annotated[
        str, typer.Option(help="Why: wrong-person, number-given-up, …; nothing personal.", show_default=False)
    ],
) -> None:
    """Take a contact point out of use for good: no import brings it back.

    Example: duecourse contact-point retire C00042 sms --reason wrong-person
    """
    here = context()
    conn = here.connect()
    place = _chosen(here, conn, borrower, point)
    said = _note(reason, "--reason")
    if said == "replaced":
        raise _fault("--reason", "'replaced' is what an import says when the file has another address")
    if said == UNVERIFIED:
        raise _fault(
            "--reason", "'unverified' is what a borrower's own new address is until its code comes back"
        )
    retire_contact_points(conn, [place], reason=said, now=here.now())
    conn.commit()
    here.console.print(say("Retired: {point}", point=str(place[1])[:8]))


def _chosen(here: Context, conn: Connection, key: str, asked: str) -> tuple[int, UUID]:
    """The one active contact point that is meant, as (lane, id)."""
    borrower = find_borrower(conn, here.keyring, key)
    if borrower is None:
        raise DuecourseError(Problem("D033", "BORROWER", "no borrower of the book has this customer key"))
    active = [
        one for one in contact_points_of(conn, borrower.lane, borrower.borrower_id) if one.state == "active"
    ]
    if asked in list(Channel):
        meant = [one for one in active if one.channel == asked]
    else:
        wanted = asked.lower().replace("-", "")
        meant = [one for one in active if len(wanted) >= 6 and one.contact_point_id.hex.startswith(wanted)]
    if len(meant) == 1:
        return borrower.lane, meant[0].contact_point_id
    ids = ", ".join(str(one.contact_point_id)[:8] for one in meant)
    raise _fault(
        "CHANNEL|ID", f"several are in force: {ids}" if meant else "no contact point in force is meant"
    )


def _note(text: str, where: str) -> str:
    """A short word for the record. Raises DuecourseError D069 for what looks like an address or number."""
    note = text.strip()
    if not note or len(note) > LONGEST_NOTE or not note.isprintable() or _PERSONAL.search(note):
        raise _fault(
            where, f"expected one line of at most {LONGEST_NOTE} characters without address or number"
        )
    return note


def _fault(where: str, found: str) -> DuecourseError:
    return DuecourseError(Problem("D069", where, found, "Nothing was changed."))
