"""`duecourse borrower show` and `duecourse message show`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Any

import typer
from psycopg import Connection

from duecourse.book.counting import LoanCounters, counters_of, pauses_of
from duecourse.book.reading import (
    Borrower,
    Installment,
    Loan,
    Payment,
    contact_points_of,
    find_borrower,
    installments_of,
    loans_of,
    payments_of,
)
from duecourse.dispatch.reading import find_message, read_rows
from duecourse.domain.buckets import NOT_PAST_DUE
from duecourse.domain.days_past_due import Counters, Pause, counted_days
from duecourse.domain.messaging import Channel
from duecourse.domain.money import from_minor
from duecourse.domain.problems import DuecourseError, Problem
from duecourse.policy.counting import counting_rules
from duecourse.policy.versions import published_policies
from duecourse.privacy.keyring import Keyring
from duecourse.privacy.mask import STARS, mask_email, mask_name, mask_phone, mask_token
from duecourse.privacy.sealing import open_value
from duecourse.responses.issuing import openings_of
from duecourse.responses.queue import answer_timeline, list_responses

from .context import Context, context
from .dates import AS_OF_HELP, parse_date
from .parties import party_facts
from .portrait import print_borrower, print_message
from .screen import print_json
from .standing import standing_facts
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
    """One borrower, masked: contact points, wishes, loans, what is due, payments, messages, and the timeline.

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
    rules = counting_rules(one.model for one in published_policies(conn))
    counted = counters_of(conn, as_of, lanes=[borrower.lane], borrower_id=borrower.borrower_id, rules=rules)
    late = {one.loan_id: one for one in counted}
    pauses = pauses_of(conn, **place)
    return {
        **_masked(here.keyring, borrower),
        **party_facts(conn, borrower),
        **standing_facts(conn, borrower, as_of, here.now()),
        "as_of": as_of,
        "days_past_due": max((one.days.contractual for one in counted), default=0),
        "strategy_days": max((one.days.strategy for one in counted), default=0),
        "bureau_days": max((one.days.bureau for one in counted), default=0),
        "contact_points": _points(conn, here.keyring, place),
        "loans": [
            _loan(loan, late.get(loan.loan_id), pauses.get(loan.loan_id, ())) for loan in loans.values()
        ],
        "installments": [
            _installment(one, loans[one.loan_id], as_of, pauses.get(one.loan_id, ()))
            for one in installments_of(conn, **place, as_of=as_of)
        ],
        "payments": [_payment(one, loans[one.loan_id]) for one in payments_of(conn, **place, as_of=as_of)],
        "messages": read_rows(conn, "borrower_messages", **place),
        "responses": [_response(one) for one in list_responses(conn, borrower_id=borrower.borrower_id)],
        "timeline": sorted(
            [
                *read_rows(conn, "borrower_history", **place),
                *answer_timeline(conn, **place),
                *openings_of(conn, borrower.borrower_id),
            ],
            key=lambda row: row["at"],
        ),
    }


def _loan(loan: Loan, found: LoanCounters | None, pauses: Sequence[Pause]) -> dict[str, Any]:
    days = found.days if found else Counters()
    return {
        "ref": loan.loan_ref,
        "product": loan.product,
        "method": loan.method,
        "currency": loan.currency,
        "creditor": loan.creditor,
        "autopay": loan.autopay,
        "state": loan.state,
        "due_day": loan.due_day,
        "due_day_source": loan.due_day_source,
        "days_past_due": days.contractual,
        "strategy_days": days.strategy,
        "bureau_days": days.bureau,
        "bucket": found.bucket if found else NOT_PAST_DUE,
        "pauses": [
            {"from": one.from_on, "to": one.to_on, "kind": "deferral" if one.deferral else "pause"}
            for one in pauses
        ],
    }


def _installment(one: Installment, loan: Loan, as_of: date, pauses: Sequence[Pause]) -> dict[str, Any]:
    return {
        "loan": loan.loan_ref,
        "number": one.number,
        "due_on": one.due_on,
        "contract_due_on": one.contract_due_on,
        "provisional": one.due_provisional,
        "due": str(from_minor(one.due_minor, loan.currency)),
        "paid": str(from_minor(one.paid_minor, loan.currency)),
        "currency": loan.currency,
        "open": one.is_open,
        "grace_days": one.grace_days,
        "days_past_due": _days_past_due(one, as_of, pauses),
    }


def _payment(one: Payment, loan: Loan) -> dict[str, Any]:
    return {
        "loan": loan.loan_ref,
        "paid_on": one.paid_on,
        "amount": str(from_minor(one.amount_minor, loan.currency)),
        "currency": loan.currency,
        "reversed_on": one.reversed_on,
    }


def _response(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": row["response_id"],
        "said_at": row["said_at"],
        "channel": row["channel"],
        "source": row["source"],
        "intents": row["intents"],
        "promised_on": row["promised_on"],
        "loan": row["loan"],
        "waits": row["waits"],
    }


def _days_past_due(one: Installment, as_of: date, pauses: Sequence[Pause]) -> int:
    """By the contract, of one installment alone."""
    if one.past_due_from is None:
        return 0
    return counted_days(one.past_due_from, as_of, [pause for pause in pauses if pause.deferral])


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
        "zones": borrower.zones or [borrower.zone],
        "grade": borrower.grade,
        "lane": borrower.lane,
    }


def masked_address(keyring: Keyring, channel: str, sealed: bytes | None, point: object) -> str:
    """A contact point's address, masked for the screen; '' for one that is erased."""
    if sealed is None:
        return ""
    address = open_value(keyring, sealed, "contact_point", "address", str(point))
    match channel:
        case Channel.EMAIL:
            return mask_email(address)
        case Channel.SMS | Channel.VOICE:
            return mask_phone(address)
        case Channel.LETTER:
            return mask_name(address.split("\n", 1)[0])
        case Channel.WEBPUSH:
            return STARS
        case _:
            return mask_token(address)


def _points(conn: Connection, keyring: Keyring, place: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "channel": point.channel,
            "address": masked_address(keyring, point.channel, point.address_sealed, point.contact_point_id),
            "id": point.contact_point_id,
            "state": point.state,
            "retired_reason": point.retired_reason,
            "collected_on": point.collected_on,
            "legal_basis": point.legal_basis,
            "verified_at": point.verified_at,
            "verified_how": point.verified_how,
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
                "address": masked_address(here.keyring, row["channel"], sealed, point),
                "text_digest": bytes(digest).hex() if digest else None,
                **text,
            }
        )
    items = [
        {**row, "due": str(from_minor(row.pop("due_minor"), row["currency"]))}
        for row in read_rows(conn, "show_items", **place)
    ]
    events = [
        {
            **row,
            "amount": None
            if (minor := row.pop("amount_minor")) is None
            else str(from_minor(minor, row["currency"])),
        }
        for row in read_rows(conn, "show_events", **place)
    ]
    return {
        **message,
        "items": items,
        "events": events,
        "attempts": attempts,
        "receipts": read_rows(conn, "show_receipts", **place),
        "verdicts": [
            {**row, "rule_zh": words.zh if (words := rule_words(row["rule"] or "")) else None}
            for row in read_rows(conn, "show_history", **place)
        ],
    }
