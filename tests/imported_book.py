"""A lender's files with all that crosses lanes, imported in order, and the rows that they leave: to compare books."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import psycopg
from psycopg import sql

from book.conftest import BORROWER, HEAD
from duecourse.book.importing import ImportReport

MAPPING = (
    HEAD
    + BORROWER
    + """
    id_number = "{idno}"
    [[contact_point]]
    channel = "sms"
    address = "{phone}"
    [loan]
    ref = "{loan}"
    borrower = "{cust}"
    creditor = "bank"
    product = "cash-loan"
    method = "given"
    [[installment]]
    loan = "{loan}"
    number = "{number}"
    due_on = "{due}"
    due = "{amount}"
    [[party]]
    key = "{other}"
    role = "guarantor"
    name = "{guarantor}"
    language = "en"
    region = "US-MA"
    zone = "America/New_York"
"""
)
PAYMENTS = (
    HEAD
    + """
    [[payment]]
    loan = "{loan}"
    creditor = "bank"
    source = "bank"
    reference = "{reference}"
    paid_on = "{on}"
    amount = "{amount}"
    if_unknown = "suspense"
"""
)
FIRST = """
    cust,name,idno,phone,loan,number,due,amount,other,guarantor
    C1,Ann,X1,+16175550101,L1,1,2026-03-05,100.00,C2,Bo
    C1,Ann,X1,+16175550101,L1,2,2026-04-05,100.00,C2,Bo
    C3,Cy,X3,+16175550103,L3,1,2026-03-09,70.00,C1,Ann
"""
SECOND = FIRST.replace("+16175550101", "+16175550109").replace("2026-04-05,100.00", "2026-04-15,90.00")
PAID = """
    loan,reference,on,amount
    L1,P1,2026-02-20,130.00
    L9,P2,2026-02-21,5.00
"""
COMPANIES = (
    HEAD
    + BORROWER.replace("[borrower]", '[borrower]\n    kind = "company"')
    + """
    [loan]
    ref = "{loan}"
    borrower = "{cust}"
    creditor = "bank"
    product = "cash-loan"
    method = "given"
    [[party]]
    role = "company-contact"
    key = "{contact}"
    name = "{who}"
    company = "{cust}"
    language = "en"
    region = "US-MA"
    zone = "America/New_York"
    [[party]]
    role = "guarantor"
    key = "{surety}"
    name = "{surety}"
    language = "en"
    region = "US-MA"
    zone = "America/New_York"
    [[contact_point]]
    borrower = "{contact}"
    channel = "sms"
    address = "{phone}"
"""
)
COMPANY = """
    cust,name,loan,contact,who,surety,phone
    ACME,Acme,L20,P1,Pat,C1,+16175550120
    ZETA,Zeta,L21,P2,Pip,ACME,+16175550101
"""
REVERSALS = """
    mapping = "back"
    [[reversal]]
    loan = "{loan}"
    creditor = "bank"
    source = "bank"
    reference = "{reference}"
    reversed_on = "{on}"
    reason = "returned"
"""
REVERSED = """
    loan,reference,on
    L1,P1,2026-02-24
"""
STOPS = """
    mapping = "stops"
    [[consent]]
    borrower = "{cust}"
    kind = "contact"
    granted = "no"
    at = "2026-02-01T10:00Z"
    evidence = "letter {nr}"
    [[hold]]
    borrower = "{cust}"
    kind = "dispute"
    since = "2026-02-02T10:00Z"
    evidence = "ticket {nr}"
"""
STOPPED = """
    cust,nr
    C2,1
    P1,2
"""
CLOCKS = {
    "recorded_at",
    "effective_at",
    "started_at",
    "finished_at",
    "was",
    "import_id",
    "placed_at",
    "event_id",
}
"""Columns that tell when, or are made of it, and a random id."""


def book_of(conn: psycopg.Connection) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, but for what tells when it was written."""
    names = conn.execute(
        """SELECT table_name, array_agg(column_name::text ORDER BY ordinal_position) FROM information_schema.columns
           WHERE table_schema = 'public' AND NOT column_name = ANY(%s) AND column_name NOT LIKE %s
           GROUP BY table_name""",
        (list(CLOCKS), "%sealed"),
    ).fetchall()
    return {
        table: sorted(
            conn.execute(
                sql.SQL("SELECT {}::text FROM {}").format(
                    sql.SQL("::text, ").join(map(sql.Identifier, columns)), sql.Identifier(table)
                )
            ).fetchall(),
            key=str,
        )
        for table, columns in names
        if table not in ("schema_migration", "lane_lease")
    }


def bring_all(bring: Callable[[str, str], ImportReport]) -> list[Counter[str]]:
    """Import them all, some twice; what each import counted."""
    steps = (
        (MAPPING, FIRST), (COMPANIES, COMPANY), (PAYMENTS, PAID), (STOPS, STOPPED), (MAPPING, SECOND),
        (MAPPING, SECOND), (REVERSALS, REVERSED), (PAYMENTS, PAID), (COMPANIES, COMPANY), (STOPS, STOPPED),
    )  # fmt: skip
    return [bring(mapping, content).counts for mapping, content in steps]
