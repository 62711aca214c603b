"""What `borrower show` says of parties: what somebody is, what they are to others, and who is beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import Connection
from rich.console import Console

from duecourse.book.parties import merged_keys, parties_to, roles_of
from duecourse.book.reading import Borrower

from .screen import table
from .words import listed, say, word


def party_facts(conn: Connection, borrower: Borrower) -> dict[str, Any]:
    """kind, collected_on, legal_basis, merged_keys, roles (at others) and parties (beside the own loans)."""
    place = (borrower.lane, borrower.borrower_id)
    return {
        "kind": borrower.kind,
        "collected_on": borrower.collected_on,
        "legal_basis": borrower.legal_basis,
        "merged_keys": merged_keys(conn, *place),
        "roles": roles_of(conn, *place),
        "parties": parties_to(conn, *place),
    }


def print_parties(console: Console, found: Mapping[str, Any]) -> None:
    """The same as lines and tables; nothing where there is nothing."""
    if found["kind"] == "company":
        console.print(say("A company"))
    if found["collected_on"] or found["legal_basis"]:
        console.print(
            say(
                "Data collected on {day}, on the basis of {basis}",
                day=found["collected_on"] or "-",
                basis=found["legal_basis"] or "-",
            )
        )
    if found["merged_keys"]:
        console.print(say("Also known as {keys}", keys=listed(found["merged_keys"])))
    if found["roles"]:
        _print(console, say("Answers for"), say("borrower"), "borrower", found["roles"])
    if found["parties"]:
        _print(console, say("Beside the own loans"), say("party"), "party", found["parties"])


def _print(console: Console, title: str, who: str, key: str, rows: Sequence[Mapping[str, Any]]) -> None:
    console.print(
        table(
            title,
            [who, say("loan"), say("role"), say("since"), say("until")],
            [(one[key], one["loan"], word("party", one["role"]), one["since"], one["until"]) for one in rows],
        )
    )
