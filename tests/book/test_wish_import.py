"""Consents, holds and preferences out of a lender's files: each once, every bad row named, stops for every holder."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from duecourse.domain.problems import DuecourseError

from .conftest import BORROWER, HEAD, LOAN, NOW, Importer

PEOPLE = (
    HEAD
    + BORROWER
    + """
    [[contact_point]]
    channel = "sms"
    address = "{phone}"
"""
    + LOAN
)
TWO = """
    cust,name,phone,loan
    C-1,One,+14155550123,L-1
    C-2,Two,+14155550123,L-2
"""
CONSENTS = """
    mapping = "stops"
    [[consent]]
    borrower = "{cust}"
    kind = "{kind}"
    granted = "{granted}"
    purpose = "{purpose}"
    channel = "{channel}"
    at = "{at}"
    expires = "{expires}"
    evidence = "export {row}"
"""
HOLDS = """
    mapping = "holds"
    [[hold]]
    borrower = "{cust}"
    kind = "{kind}"
    loan = "{loan}"
    creditor = "bank"
    since = { column = "since", formats = ["DD.MM.YYYY"] }
    until = { column = "until", formats = ["DD.MM.YYYY"] }
    evidence = "ticket {ticket}"
"""
WISHES = """
    mapping = "wishes"
    [[preference]]
    borrower = "{cust}"
    kind = "{kind}"
    days = "{days}"
    from = "{from}"
    to = "{to}"
    refused = "{refused}"
    since = "2026-02-01"
    evidence = "portal"
"""
NUMBERS = """
    mapping = "numbers"
    [[consent]]
    kind = "contact"
    granted = false
    channel = "sms"
    address = "{phone}"
    region = "US"
    at = "2026-02-01T09:00:00+00:00"
    evidence = "gateway list"
"""

Row = tuple[Any, ...]


@pytest.fixture
def book(bring: Importer) -> Importer:
    """Two borrowers in New York who share a number."""
    assert bring(PEOPLE, TWO).rejected == 0
    return bring


def words(bring: Importer) -> list[Row]:
    return bring.all(
        """SELECT borrower_key, c.kind, granted, c.purpose, channel, c.effective_at, expires_at
           FROM consent c JOIN borrower USING (lane, borrower_id) ORDER BY 1, 2, 3, 4, 5"""
    )


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def test_consents_come_in_once_with_the_borrower_s_clock(book: Importer) -> None:
    rows = """
        cust,kind,granted,purpose,channel,at,expires
        C-1,consent,yes,marketing,sms,2026-02-01T09:00,2027-02-01
        C-2,contact,no,,,2026-02-01T09:00:00+08:00,
        C-2,contact,,,,2026-02-01,
    """
    report = book(CONSENTS, rows)
    assert (report.counts["consents new"], report.rejected) == (2, 0)
    assert words(book) == [
        ("C-1", "consent", True, "marketing", "sms", utc("2026-02-01T14:00Z"), utc("2027-02-01T05:00Z")),
        ("C-2", "contact", False, None, None, utc("2026-02-01T01:00Z"), None),
    ]
    again = book(CONSENTS, rows)
    assert (again.counts["consents new"], again.counts["consents same"]) == (0, 2)


def test_every_bad_word_is_named(book: Importer) -> None:
    report = book(
        CONSENTS,
        """
        cust,kind,granted,purpose,channel,at,expires
        C-9,contact,no,,,2026-02-01,
        C-1,contract-ish,no,,,2026-02-01,
        C-1,consent,perhaps,,,2026-02-01,
        C-1,consent,yes,dunning,,2026-02-01,
        C-1,consent,yes,,pigeon,2026-02-01,
        C-1,consent,yes,,,20260201,
        C-1,consent,yes,,,,
        C-1,consent,yes,,,2026-02-02,2026-02-01
        ,contact,no,,,2026-02-01,
        """,
    )
    assert report.rejected == 9 and words(book) == []
    assert dict(report.codes) == {"B033": 1, "B018": 4, "B107": 1, "B016": 1, "B101": 1, "B111": 1}


def test_what_a_file_takes_back_ends_narrower_scopes_too(book: Importer) -> None:
    head = "cust,kind,granted,purpose,channel,at,expires\n"
    book(CONSENTS, head + "C-1,consent,yes,marketing,sms,2026-02-01,\nC-1,hours,yes,,sms,2026-02-01,\n")
    book(CONSENTS, head + "C-1,consent,no,,,2026-02-03,\n")
    last = {(row[1], row[3], row[4]): row[2] for row in sorted(words(book), key=lambda row: row[5])}
    assert set(last.values()) == {False} and len(last) == 3


def test_a_list_of_numbers_stops_everybody_who_has_one_and_suppresses_the_others(book: Importer) -> None:
    report = book(NUMBERS, "phone\n+14155550123\n(415) 555-0199\n12\n")
    assert (report.rejected, report.codes["B019"], report.counts["consents new"]) == (1, 1, 2)
    assert [(row[0], row[2], row[4]) for row in words(book)] == [("C-1", False, "sms"), ("C-2", False, "sms")]
    assert book.all("SELECT kind, reason, source FROM suppression") == [("phone", "said-stop", "import")]
    again = book(NUMBERS, "phone\n+14155550123\n(415) 555-0199\n")
    assert again.counts["consents new"] == 0 and len(book.all("SELECT 1 FROM suppression")) == 1


def test_who_comes_later_with_a_number_that_said_stop_is_protected_too(book: Importer) -> None:
    book(NUMBERS, "phone\n+14155550123\n")
    book(PEOPLE, TWO + "    C-3,Three,+14155550123,L-3\n    C-4,Four,+14155550124,L-4\n")
    stops = [(row[0], row[1], row[2]) for row in words(book)]
    assert stops == [("C-1", "contact", False), ("C-2", "contact", False), ("C-3", "contact", False)]


def test_a_number_whose_stop_was_lifted_by_all_carries_none(book: Importer) -> None:
    book(NUMBERS, "phone\n+14155550123\n")
    lift = (
        NUMBERS.replace("false", "true")
        .replace("2026-02-01T", "2026-02-02T")
        .replace('kind = "contact"', 'borrower = "{cust}"\n    kind = "contact"')
    )
    book(lift, "cust,phone\nC-1,+14155550123\nC-2,+14155550123\n")
    book(PEOPLE, TWO + "    C-3,Three,+14155550123,L-3\n")
    assert [row[0] for row in words(book) if row[0] == "C-3"] == []


def test_a_customer_file_may_bring_its_stops_with_it(bring: Importer) -> None:
    mapping = (
        PEOPLE
        + """
    [[consent]]
    kind = "contact"
    granted = { column = "sms_ok" }
    channel = "sms"
    at = "2026-02-01"
    evidence = "core banking flag"
    """
    )
    report = bring(
        mapping, "cust,name,phone,loan,sms_ok\nC-1,One,+14155550123,L-1,no\nC-2,Two,+14155550124,L-2,\n"
    )
    assert (report.rejected, [(row[0], row[2]) for row in words(bring)]) == (0, [("C-1", False)])


def holds(bring: Importer) -> list[Row]:
    return bring.all(
        """SELECT borrower_key, loan_ref, h.kind, effect, h.effective_at, until, end_reason
           FROM hold h JOIN borrower USING (lane, borrower_id) LEFT JOIN loan USING (lane, loan_id)
           ORDER BY 1, 3, h.recorded_at, until NULLS FIRST"""
    )


def test_holds_come_in_for_a_person_or_a_loan_and_last_through_their_last_day(book: Importer) -> None:
    report = book(
        HOLDS,
        """
        cust,kind,loan,since,until,ticket
        C-1,dispute,,01.02.2026,28.02.2026,7
        ,bereavement,L-2,01.02.2026,,8
        C-1,,,01.02.2026,,9
        """,
    )
    assert (report.rejected, report.counts["holds new"]) == (0, 2)
    assert holds(book) == [
        ("C-1", None, "dispute", "stop", utc("2026-02-01T05:00Z"), utc("2026-03-01T05:00Z"), None),
        ("C-2", "L-2", "bereavement", "person", utc("2026-02-01T05:00Z"), None, None),
    ]


def test_every_bad_hold_is_named(book: Importer) -> None:
    report = book(
        HOLDS,
        """
        cust,kind,loan,since,until,ticket
        C-9,dispute,,01.02.2026,,1
        C-1,dispute,L-9,01.02.2026,,2
        C-1,dispute,L-2,01.02.2026,,3
        C-1,quarrel,,01.02.2026,,4
        C-1,dispute,,31.02.2026,,5
        C-1,dispute,,02.02.2026,01.02.2026,6
        ,dispute,,02.02.2026,,7
        """,
    )
    assert (report.rejected, holds(book)) == (7, [])
    assert dict(report.codes) == {"B033": 1, "B032": 1, "B110": 1, "B018": 1, "B107": 1, "B101": 1, "B016": 1}


def test_a_hold_of_a_co_borrower_on_the_loan_they_answer_for_comes_in_wherever_they_are(
    book: Importer,
) -> None:
    role = """
    [[party]]
    role = "co-borrower"
    key = "{cust}"
    loan = "{loan}"
    creditor = "bank"
"""
    assert book(HEAD + role, "cust,loan\nC-2,L-1\n").rejected == 0
    report = book(HOLDS, "cust,kind,loan,since,until,ticket\nC-2,dispute,L-1,01.02.2026,,3\n")
    assert report.rejected == 0
    in_lanes = (
        "SELECT count(*) FROM hold JOIN borrower b USING (lane, borrower_id) WHERE b.borrower_key = 'C-2'"
    )
    everywhere = "SELECT count(*) FROM borrower WHERE borrower_key = 'C-2'"
    assert book.all(in_lanes) == book.all(everywhere)
    assert (
        book(HOLDS + role, "cust,kind,loan,since,until,ticket\nC-1,dispute,L-2,01.02.2026,,3\n").rejected == 0
    )


def test_a_later_file_may_end_its_own_hold_and_open_it_again(book: Importer) -> None:
    head = "cust,kind,loan,since,until,ticket\n"
    for until in ("", "28.02.2026", "28.02.2026", ""):
        book(HOLDS, head + f"C-1,dispute,,01.02.2026,{until},7\n")
    assert [row[6] for row in holds(book)].count("replaced") == 2
    open_now = [row for row in holds(book) if row[6] is None]
    assert [row[5] for row in open_now] == [None]


def test_a_hold_that_a_person_ended_stays_ended(book: Importer) -> None:
    rows = "cust,kind,loan,since,until,ticket\nC-1,dispute,,01.02.2026,,7\n"
    book(HOLDS, rows)
    book.conn.execute("UPDATE hold SET ended_at = %s, ended_by = 'a', end_recorded_at = %s", (NOW, NOW))
    book.conn.commit()
    report = book(HOLDS, rows)
    assert (report.counts["holds new"], report.counts["holds same"], len(holds(book))) == (0, 1, 1)


def test_wishes_come_in_and_replace_the_ones_before(book: Importer) -> None:
    head = "cust,kind,days,from,to,refused\n"
    report = book(WISHES, head + 'C-1,hours,"mon,tue",18:00,20:00,\nC-2,channel,,,,voice\nC-2,attorney,,,,\n')
    assert (report.rejected, report.counts["preferences new"]) == (0, 3)
    again = book(WISHES, head + 'C-1,hours,"mon,tue",18:00,20:00,\n')
    assert (again.counts["preferences new"], again.counts["preferences same"]) == (0, 1)
    book(WISHES.replace("02-01", "02-05"), head + "C-1,hours,,19:00,20:00,\n")
    assert book.all(
        """SELECT wish ->> 'from', ended_at IS NULL FROM preference WHERE kind = 'hours' ORDER BY effective_at"""
    ) == [("18:00", False), ("19:00", True)]


def test_every_bad_wish_is_named(book: Importer) -> None:
    head = "cust,kind,days,from,to,refused\n"
    report = book(
        WISHES, head + "C-9,attorney,,,,\nC-1,hours,,20:00,18:00,\nC-1,channel,,,,pigeon\n,attorney,,,,\n"
    )
    assert (report.rejected, dict(report.codes)) == (4, {"B033": 1, "B100": 2, "B016": 1})


def test_a_check_writes_nothing_and_knows_what_the_file_itself_brings(bring: Importer) -> None:
    mapping = (
        PEOPLE
        + """
    [[hold]]
    kind = "dispute"
    loan = "{loan}"
    since = "2026-02-01"
    evidence = "file"
    """
    )
    report = bring(mapping, TWO, dry_run=True, batch_rows=1)
    assert (report.rejected, holds(bring)) == (0, [])
    assert bring(mapping, TWO, batch_rows=1).counts["holds new"] == 2


@pytest.mark.parametrize(
    ("mapping", "code"),
    [
        (CONSENTS.replace('borrower = "{cust}"', ""), "B002"),
        (WISHES.replace('borrower = "{cust}"', ""), "B002"),
        (HOLDS.replace("DD.MM.YYYY", "DD.MM"), "B004"),
    ],
)
def test_a_mapping_that_cannot_work_is_refused_before_the_first_row(
    book: Importer, mapping: str, code: str
) -> None:
    with pytest.raises(DuecourseError, match=code):
        book(
            mapping,
            "cust,kind,granted,purpose,channel,at,expires,days,from,to,refused,loan,since,until,ticket\n",
        )


def test_a_hold_comes_in_for_every_lane_where_its_borrower_has_rows(book: Importer) -> None:
    book.conn.execute(
        """INSERT INTO borrower (lane, home_lane, borrower_id, borrower_key, language, region, zone, row_digest,
               effective_at, recorded_at)
           SELECT (lane + 1) % 256, lane, borrower_id, borrower_key, language, region, zone, row_digest, effective_at,
                  recorded_at
           FROM borrower WHERE borrower_key = 'C-1'"""
    )
    book.conn.commit()
    book(HOLDS, "cust,kind,loan,since,until,ticket\nC-1,dispute,,01.02.2026,,7\nC-2,dispute,,01.02.2026,,8\n")
    assert [row[0] for row in holds(book)] == ["C-1", "C-1", "C-2"]
