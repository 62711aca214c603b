"""`duecourse borrower show` and `duecourse message show`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any

import typer
from psycopg import Connection

from duecourse.book.reading import (
    Borrower,
    contact_points_of,
    days_past_due_of,
    find_borrower,
    installments_of,
    loans_of,
    payments_of,
)
from duecourse.dispatch.reading import find_message, read_rows
from duecourse.domain.messaging import Channel
from duecourse.domain.money import from_minor
from duecourse.domain.problems import DuecourseError, Problem
from duecourse.privacy.keyring import Keyring
from duecourse.privacy.mask import mask_email, mask_name, mask_phone
from duecourse.privacy.sealing import open_value

from .context import Context, context
from .dates import AS_OF_HELP, parse_date
from .portrait import print_borrower, print_message
from .screen import print_json
from .words import rule_words

borrower_app = typer.Typer(help="Look at one borrower.", no_args_is_help=True)
message_app = typer.Typer(help="Look at one message.", no_args_is_help=True)

JsonOption = Annotated[bool, typer.Option("--json", help="Report as JSON.")]


@borrower_app.callback()
def _borrower() -> None:
    """Look at one borrower."""


@message_app.callback()
def _message() -> None:
    """Look at one message."""


@borrower_app.command("show")
def show_borrower(
    key: Annotated[str, typer.Argument(help="The lender's customer key.")],
    as_of: Annotated[
        str | None,
        typer.Option(
            metavar="DATE", help=AS_OF_HELP + " Default: today; in a simulated book the last day replayed."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """One borrower, masked: contact points, loans, what is due, payments, messages, and the timeline.

    Example: duecourse borrower show C00042
    """
    here = context()
    day = parse_date(as_of, "--as-of") if as_of else here.book_day()
    found = borrower_facts(here, key, day)
    if as_json:
        print_json(here.console, found)
        return
    print_borrower(here, found)


def borrower_facts(here: Context, key: str, as_of: date) -> dict[str, Any]:
    """All that is shown of a borrower. Raises DuecourseError D033 when nobody has the key."""
    conn = here.connect()
    borrower = find_borrower(conn, here.keyring, key)
    if borrower is None:
        raise DuecourseError(Problem("D033", "KEY", "no borrower of the book has this customer key"))
    place: dict[str, Any] = {"lane": borrower.lane, "borrower_id": borrower.borrower_id}
    loans = {loan.loan_id: loan for loan in loans_of(conn, **place)}
    installments = installments_of(conn, **place, as_of=as_of)
    late = days_past_due_of(installments, as_of)
    return {
        **_masked(here.keyring, borrower),
        "as_of": as_of,
        "days_past_due": late.contractual,
        "days_past_grace": late.strategy,
        "contact_points": _points(conn, here.keyring, place),
        "loans": [
            {
                "ref": loan.loan_ref,
                "product": loan.product,
                "method": loan.method,
                "currency": loan.currency,
                "creditor": loan.creditor,
                "autopay": loan.autopay,
                "state": loan.state,
            }
            for loan in loans.values()
        ],
        "installments": [
            {
                "loan": loans[one.loan_id].loan_ref,
                "number": one.number,
                "due_on": one.due_on,
                "due": str(from_minor(one.due_minor, loans[one.loan_id].currency)),
                "paid": str(from_minor(one.paid_minor, loans[one.loan_id].currency)),
                "currency": loans[one.loan_id].currency,
                "open": one.is_open,
                "grace_days": one.grace_days,
                "days_past_due": max(0, (as_of - one.past_due_from).days) if one.past_due_from else 0,
            }
            for one in installments
        ],
        "payments": [
            {
                "loan": loans[one.loan_id].loan_ref,
                "paid_on": one.paid_on,
                "amount": str(from_minor(one.amount_minor, loans[one.loan_id].currency)),
                "currency": loans[one.loan_id].currency,
            }
            for one in payments_of(conn, **place, as_of=as_of)
        ],
        "messages": read_rows(conn, "borrower_messages", **place),
        "timeline": read_rows(conn, "borrower_history", **place),
    }


def _masked(keyring: Keyring, borrower: Borrower) -> dict[str, Any]:
    name = ""
    if borrower.name_sealed:
        name = mask_name(open_value(keyring, borrower.name_sealed, "borrower", "name", borrower.borrower_id))
    return {
        "key": borrower.borrower_key,
        "name": name,
        "language": borrower.language,
        "region": borrower.region,
        "zone": borrower.zone,
        "grade": borrower.grade,
        "lane": borrower.lane,
    }


def masked_address(keyring: Keyring, channel: str, sealed: bytes, point: object) -> str:
    """A contact point's address, masked for the screen."""
    address = open_value(keyring, sealed, "contact_point", "address", str(point))
    return mask_email(address) if channel == Channel.EMAIL else mask_phone(address)


def _points(conn: Connection, keyring: Keyring, place: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "channel": point.channel,
            "address": masked_address(keyring, point.channel, point.address_sealed, point.contact_point_id),
            "state": point.state,
            "retired_reason": point.retired_reason,
        }
        for point in contact_points_of(conn, **place)
    ]


@message_app.command("show")
def show_message(
    message_id: Annotated[
        str, typer.Argument(metavar="ID", help="Message id, or its first six digits or more.")
    ],
    as_json: JsonOption = False,
) -> None:
    """One message: its exact text, route, attempts, receipts and every verdict.

    Example: duecourse message show 3f2a9c
    """
    here = context()
    found = message_facts(here, message_id)
    if as_json:
        print_json(here.console, found)
        return
    print_message(here, found)


def message_facts(here: Context, message_id: str) -> dict[str, Any]:
    """All that is shown of a message."""
    conn = here.connect()
    lane, found_id = find_message(conn, message_id)
    place = {"lane": lane, "message_id": found_id}
    message = read_rows(conn, "show_message", **place)[0]
    attempts = []
    for row in read_rows(conn, "show_attempts", **place):
        archived = row.pop("text_sealed")
        text = (
            json.loads(open_value(here.keyring, archived, "attempt", "text", row["attempt_id"]))
            if archived
            else {}
        )
        point = row.pop("contact_point_id")
        sealed = row.pop("address_sealed")
        digest = row.pop("text_digest")
        attempts.append(
            {
                **row,
                "address": masked_address(here.keyring, row["channel"], sealed, point) if sealed else "",
                "text_digest": bytes(digest).hex() if digest else None,
                **text,
            }
        )
    items = [
        {**row, "due": str(from_minor(row.pop("due_minor"), row["currency"]))}
        for row in read_rows(conn, "show_items", **place)
    ]
    return {
        **message,
        "items": items,
        "attempts": attempts,
        "receipts": read_rows(conn, "show_receipts", **place),
        "verdicts": [
            {**row, "rule_zh": words.zh if (words := rule_words(row["rule"] or "")) else None}
            for row in read_rows(conn, "show_history", **place)
        ],
    }
