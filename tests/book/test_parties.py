"""Who answers for a loan beside its borrower, and through whom a company is reached."""

from __future__ import annotations

import pytest

from duecourse.book.consents import ConsentKind, Scope, record_consent
from duecourse.book.holds import HoldKind, add_hold, end_holds
from duecourse.book.parties import PERSONAL
from duecourse.book.preferences import PreferenceKind, add_preference
from duecourse.book.reading import find_borrower
from duecourse.book.wishes import Person, Said, index_of_address
from duecourse.domain.messaging import Channel
from duecourse.privacy.keyring import Keyring

from .conftest import BORROWER, HEAD, LOAN, NOW, Importer

PARTY = """
    [[party]]
    role = "{role}"
    key = "{party}"
    name = "{who}"
    loan = "{loan}"
    creditor = "bank"
    language = "zh-CN"
    region = "CN"
    zone = "Asia/Shanghai"
"""
PHONE = """
    [[contact_point]]
    borrower = "{party}"
    channel = "sms"
    region = "CN"
    address = "{phone}"
"""
LOANS = HEAD + BORROWER + LOAN
PARTIES = HEAD + PARTY
ROLES = """
    SELECT l.loan_ref, b.borrower_key, p.role, b.home_lane IS NOT NULL
    FROM loan_party p JOIN loan l USING (lane, loan_id)
    JOIN borrower b ON b.lane = p.lane AND b.borrower_id = p.borrower_id ORDER BY 1, 2, 3
"""


def test_a_contract_file_brings_co_borrower_and_guarantor_into_the_lane_of_the_loan(
    bring: Importer, keyring: Keyring
) -> None:
    mapping = LOANS + PARTY + PHONE
    rows = """
        cust,name,loan,role,party,who,phone
        C1,Ann,L1,guarantor,G1,Gu,13900001111
        C1,Ann,L1,co-borrower,G2,Co,13900001112
        C2,Bo,L2,guarantor,,,
    """
    for new in (2, 0):
        report = bring(mapping, rows)
        assert (report.rejected, report.counts["parties new"]) == (0, new)
    assert bring.all(ROLES) == [("L1", "G1", "guarantor", False), ("L1", "G2", "co-borrower", False)]
    home = bring.all("SELECT lane FROM loan WHERE loan_ref = 'L1'")
    guarantor = find_borrower(bring.conn, keyring, "G1")
    assert guarantor is not None and [(guarantor.lane,)] == home
    assert (guarantor.language, guarantor.zone) == ("zh-CN", "Asia/Shanghai")
    assert bring.all("SELECT DISTINCT lane FROM contact_point") == home


def test_who_borrows_elsewhere_has_a_presence_beside_the_loan_they_guarantee(bring: Importer) -> None:
    people = "cust,name,loan\n" + "".join(f"C{i},N{i},L{i}\n" for i in range(20))
    bring(LOANS, people)
    bring(PARTIES.replace('role = "{role}"', 'role = "guarantor"'), "loan,party,who\nL1,C2,N2\nL3,C2,N2\n")
    lanes = dict(bring.all("SELECT borrower_key, lane FROM borrower WHERE home_lane IS NULL"))
    assert len({lanes["C1"], lanes["C2"], lanes["C3"]}) == 3
    rows = bring.all("SELECT lane, home_lane, borrower_id FROM borrower WHERE borrower_key = 'C2'")
    assert len({borrower_id for _, _, borrower_id in rows}) == 1
    marked = bring.all("SELECT borrower_key FROM borrower WHERE has_others AND home_lane IS NULL")
    assert marked == [("C2",)]  # whose caps count over several lanes
    beside = {(lanes["C1"], lanes["C2"]), (lanes["C3"], lanes["C2"])}
    assert {(lane, home) for lane, home, _ in rows} == {(lanes["C2"], None), *beside}
    assert bring.all(ROLES) == [("L1", "C2", "guarantor", True), ("L3", "C2", "guarantor", True)]
    assert bring.all("SELECT described_by FROM borrower WHERE borrower_key = 'C2' AND home_lane IS NULL") == [
        ("borrower",)
    ]


SAID = Said("call 7", "cli", "anna", NOW, NOW)


def test_a_presence_follows_its_home_and_a_stop_reaches_every_presence(
    bring: Importer, keyring: Keyring
) -> None:
    own_phone = PHONE.replace("{party}", "{cust}")
    bring(LOANS + own_phone, "cust,name,loan,phone\nC1,Ann,L1,\nC2,Bo,L2,13900001111\n")
    bring(PARTIES, "loan,party,who,role\nL1,C2,Bo,guarantor\n")
    bring(LOANS + own_phone, "cust,name,loan,phone\nC2,Bo,L2,13900002222\n")
    points = "SELECT state, retired_reason, count(*) FROM contact_point GROUP BY 1, 2 ORDER BY 1"
    assert bring.all(points) == [("active", None, 2), ("retired", "replaced", 2)]
    index = index_of_address(keyring, "13900002222", "CN")[1]
    of_number = Scope(channel=Channel.SMS, address_index=index)
    assert (
        len(record_consent(bring.conn, ConsentKind.CONTACT, granted=False, said=SAID, scope=of_number)) == 2
    )
    found = find_borrower(bring.conn, keyring, "C2")
    assert found is not None
    who = Person(found.lane, found.borrower_id)
    assert len(record_consent(bring.conn, ConsentKind.CONTACT, granted=False, said=SAID, person=who)) == 2
    bring(LOANS, "cust,name,loan\nC3,Cy,L3\n")
    bring(PARTIES, "loan,party,who,role\nL3,C2,Bo,guarantor\n")
    assert bring.all("SELECT count(*), count(DISTINCT lane) FROM consent") == [(6, 3)]
    bring(LOANS.replace('"en"', '"zh-CN"'), "cust,name,loan\nC2,Bo,L2\n")
    assert bring.all("SELECT DISTINCT language FROM borrower WHERE borrower_key = 'C2'") == [("zh-CN",)]


def test_every_word_of_a_party_stands_in_each_lane_where_they_are_and_come_to_be(
    bring: Importer, keyring: Keyring
) -> None:
    bring(LOANS, "cust,name,loan\nC1,Ann,L1\nC2,Bo,L2\nC3,Cy,L3\n")
    bring(PARTIES, "loan,party,who,role\nL1,C2,Bo,guarantor\n")
    found = find_borrower(bring.conn, keyring, "C2")
    assert found is not None
    who = Person(found.lane, found.borrower_id)
    add_hold(bring.conn, who, HoldKind.DISPUTE, said=SAID)
    add_hold(bring.conn, who, HoldKind.HARDSHIP, said=SAID)
    add_preference(bring.conn, who, PreferenceKind.CHANNEL, {"refused": ["sms"]}, said=SAID)
    assert end_holds(bring.conn, who, HoldKind.HARDSHIP, reason="paid", by="anna", at=NOW, now=NOW) == 1
    bring(PARTIES, "loan,party,who,role\nL3,C2,Bo,guarantor\n")
    wishes = "SELECT lane, kind, ended_at IS NULL FROM hold UNION ALL SELECT lane, kind, true FROM preference"
    lanes = {lane for (lane,) in bring.all("SELECT lane FROM borrower WHERE borrower_key = 'C2'")}
    assert len(lanes) == 3
    assert sorted(bring.all(wishes)) == sorted(
        (lane, *word)
        for lane in lanes
        for word in (("dispute", True), ("hardship", False), ("channel", True))
    )
    assert end_holds(bring.conn, who, HoldKind.DISPUTE, reason="paid", by="anna", at=NOW, now=NOW) == 1
    assert bring.all("SELECT count(*) FROM hold WHERE ended_at IS NULL") == [(0,)]


def test_a_number_that_somebody_stopped_is_stopped_for_a_new_holder_in_every_lane_of_theirs(
    bring: Importer, keyring: Keyring
) -> None:
    own_phone = PHONE.replace("{party}", "{cust}")
    bring(LOANS + own_phone, "cust,name,loan,phone\nC1,Ann,L1,13900001111\nC2,Bo,L2,13900002222\n")
    bring(PARTIES, "loan,party,who,role\nL1,C2,Bo,guarantor\n")
    index = index_of_address(keyring, "13900001111", "CN")[1]
    of_number = Scope(channel=Channel.SMS, address_index=index)
    record_consent(bring.conn, ConsentKind.CONTACT, granted=False, said=SAID, scope=of_number)
    bring(LOANS + own_phone, "cust,name,loan,phone\nC2,Bo,L2,13900001111\n")
    stopped = """SELECT b.borrower_key, b.lane FROM consent c JOIN borrower b USING (lane, borrower_id)
                 WHERE NOT granted ORDER BY 1, 2"""
    assert bring.all(stopped) == bring.all("SELECT borrower_key, lane FROM borrower ORDER BY 1, 2")


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("L9,G1,Gu,guarantor", "B062"),
        ("L1,G1,Gu,witness", "B018"),
        ("L1,C1,Ann,guarantor", "B065"),
        ("L1,G1,Gu,borrower", "B064"),
        ("L1,,Gu,guarantor", "B060"),
        (",G1,Gu,guarantor", "B016"),
    ],
)
def test_a_role_that_cannot_be_is_refused_by_name(bring: Importer, row: str, code: str) -> None:
    bring(LOANS, "cust,name,loan\nC1,Ann,L1\n")
    report = bring(PARTIES, f"loan,party,who,role\n{row}\nL1,G2,Fine,guarantor\n")
    assert [problem.code for problem in report.problems] == [code]
    assert bring.all(ROLES) == [("L1", "G2", "guarantor", False)]
    assert bring.all("SELECT count(*) FROM borrower") == [(2,)]


def test_a_guarantee_that_ends_before_it_begins_is_refused(bring: Importer) -> None:
    bring(LOANS, "cust,name,loan\nC1,Ann,L1\n")
    dated = PARTIES + '    since = "{since}"\n    until = "{until}"\n'
    report = bring(dated, "loan,party,who,role,since,until\nL1,G1,Gu,guarantor,2026-02-01,2026-01-31\n")
    assert [problem.code for problem in report.problems] == ["B061"]


def test_an_end_of_a_guarantee_is_a_change_with_history(bring: Importer) -> None:
    bring(LOANS, "cust,name,loan\nC1,Ann,L1\n")
    bring(PARTIES, "loan,party,who,role\nL1,G1,Gu,guarantor\n")
    dated = PARTIES + '    until = "{until}"\n'
    report = bring(dated, "loan,party,who,role,until\nL1,G1,Gu,guarantor,2026-03-31\n")
    assert (report.counts["parties changed"], report.counts["parties new"]) == (1, 0)
    assert bring.all("SELECT until::text FROM loan_party") == [("2026-03-31",)]
    assert bring.all("SELECT was ->> 'role' FROM book_history WHERE subject = 'loan_party'") == [
        ("guarantor",)
    ]


COMPANY = """
    [[party]]
    role = "company-contact"
    key = "{contact}"
    name = "{contact_name}"
    company = "{cust}"
    language = "en"
    region = "CN"
    zone = "Asia/Shanghai"
"""


def test_a_company_has_its_contacts_and_a_person_has_none(bring: Importer) -> None:
    mapping = LOANS.replace("[borrower]", '[borrower]\n    kind = "{kind}"') + COMPANY
    report = bring(
        mapping,
        """
        cust,kind,name,loan,contact,contact_name
        ACME,company,Acme Ltd,L1,P1,Pat
        C2,person,Bo,L2,P2,Quin
        """,
    )
    assert [problem.code for problem in report.problems] == ["B063"]
    assert bring.all(
        """SELECT c.borrower_key, w.borrower_key, w.kind FROM company_contact k
           JOIN borrower c ON c.lane = k.lane AND c.borrower_id = k.company_id
           JOIN borrower w ON w.lane = k.lane AND w.borrower_id = k.borrower_id"""
    ) == [("ACME", "P1", "person")]


def test_a_company_that_guarantees_elsewhere_brings_its_contacts_along(bring: Importer) -> None:
    companies = LOANS.replace("[borrower]", '[borrower]\n    kind = "company"') + COMPANY
    bring(companies, "cust,name,loan,contact,contact_name\nACME,Acme Ltd,L1,P1,Pat\n")
    bring(LOANS, "cust,name,loan\nC1,Ann,L2\n")
    known = HEAD + PARTY.split("    name")[0] + '    loan = "{loan}"\n    creditor = "bank"\n'
    assert bring(known, "loan,party,role\nL2,ACME,guarantor\n").rejected == 0
    bring(companies, "cust,name,loan,contact,contact_name\nACME,Acme Ltd,L1,P2,Quin\n")
    at_loan = "(SELECT lane FROM loan WHERE loan_ref = 'L2')"
    assert bring.all(f"SELECT borrower_key FROM borrower WHERE lane = {at_loan} ORDER BY 1") == [
        ("ACME",), ("C1",), ("P1",), ("P2",),
    ]  # fmt: skip
    assert bring.all(f"SELECT count(*) FROM company_contact WHERE lane = {at_loan}") == [(2,)]


def test_an_applicant_is_somebody_without_a_loan(bring: Importer, keyring: Keyring) -> None:
    report = bring(PARTIES + PHONE, "loan,party,who,role,phone\n,A1,New,applicant,13900001111\n")
    assert report.rejected == 0
    assert find_borrower(bring.conn, keyring, "A1") is not None
    assert bring.all("SELECT count(*) FROM loan_party") == [(0,)]
    assert bring.all("SELECT count(*) FROM contact_point") == [(1,)]


def test_two_rows_that_name_one_guarantor_differently_are_a_conflict(bring: Importer) -> None:
    bring(LOANS, "cust,name,loan\nC1,Ann,L1\nC2,Bo,L2\n")
    report = bring(PARTIES, "loan,party,who,role\nL1,G1,Gu,guarantor\nL2,G1,Gus,guarantor\n")
    assert [problem.code for problem in report.problems] == ["B031"]


def test_a_role_for_somebody_nobody_described_is_refused(bring: Importer) -> None:
    bring(LOANS, "cust,name,loan\nC1,Ann,L1\n")
    known = HEAD + PARTY.split("    name")[0] + '    loan = "{loan}"\n    creditor = "bank"\n'
    report = bring(known, "loan,party,role\nL1,G1,guarantor\n")
    assert [problem.code for problem in report.problems] == ["B033"]


def test_the_same_id_number_joins_the_lane_of_the_borrower_it_is(bring: Importer) -> None:
    numbered = '    id_number = "{idno}"\n'
    bring(HEAD + BORROWER + numbered + LOAN, "cust,name,idno,loan\nC1,Ann,ID-1,L1\nC2,Bo,ID-2,L2\n")
    bring(PARTIES + numbered, "loan,party,who,idno,role\nL1,X2,Bo,ID-2,guarantor\n")
    rows = bring.all(
        "SELECT lane, home_lane, person_id FROM borrower WHERE borrower_key = 'X2' ORDER BY 2 NULLS LAST"
    )
    (bo,) = bring.all("SELECT lane, borrower_id FROM borrower WHERE borrower_key = 'C2'")
    (at_loan,) = bring.all("SELECT lane FROM loan WHERE loan_ref = 'L1'")
    assert rows == [(at_loan[0], bo[0], bo[1]), (bo[0], None, bo[1])]
    assert ("C2",) in bring.all("SELECT borrower_key FROM borrower WHERE has_others AND home_lane IS NULL")


def test_when_and_on_what_basis_data_were_collected_is_kept_for_person_and_contact_point(
    bring: Importer,
) -> None:
    basis = '    collected_on = "{on}"\n    legal_basis = "{basis}"\n'
    own_phone = PHONE.replace("{party}", "{cust}")
    mapping = HEAD + BORROWER + basis + own_phone + basis
    for on, changed in (("2025-01-02", 0), ("2025-01-02", 0), ("2025-06-01", 1)):
        report = bring(mapping, f"cust,name,phone,on,basis\nC1,Ann,13900001111,{on},contract\n")
        assert (report.counts["borrowers changed"], report.counts["contact_points changed"]) == (
            changed,
            changed,
        )
    told = [("2025-06-01", "contract")]
    assert bring.all("SELECT collected_on::text, legal_basis FROM borrower") == told
    assert bring.all("SELECT collected_on::text, legal_basis FROM contact_point") == told


def test_a_check_judges_parties_as_the_import_would(bring: Importer) -> None:
    mapping = LOANS.replace("[borrower]", '[borrower]\n    kind = "{kind}"') + COMPANY + PARTY
    rows = """
        cust,kind,name,loan,contact,contact_name,role,party,who
        ACME,company,Acme Ltd,L1,P1,Pat,guarantor,G1,Gu
        C2,person,Bo,L2,,,guarantor,ACME,Acme Ltd
        C3,person,Cy,L3,P3,Roy,guarantor,G1,Gu
    """
    checked = bring(mapping, rows, dry_run=True, batch_rows=1)
    assert bring.all("SELECT count(*) FROM borrower") == [(0,)]
    done = bring(mapping, rows, batch_rows=1)
    assert [str(p) for p in checked.problems] == [str(p) for p in done.problems]
    assert [p.code for p in done.problems] == ["B063"]


def test_all_that_hangs_on_a_party_is_known_to_presences(bring: Importer) -> None:
    owned = bring.all(
        """SELECT relname FROM pg_class c WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
           AND EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'borrower_id')
           AND EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'lane')
           AND relname <> ALL (%s)""",
        ["borrower", "borrower_key", "loan", "loan_party", "company_contact", "installment", "message", "message_item",
         "attempt", "contact", "permit",
         # What was said, happened and was paid stands once, where it was; what follows from it (holds, consents) goes
         # to presences by the tables named.
         "event", "promise", "payment_request", "response", "response_reading", "response_effect", "response_event",
         "response_waiting", "hardship", "arrangement", "arrangement_event", "certificate"],
    )  # fmt: skip
    assert {name for (name,) in owned} == set(PERSONAL)
