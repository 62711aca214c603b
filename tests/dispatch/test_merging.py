"""Two records of one person become one: nothing is lost, nothing is doubled, and both histories count."""

from __future__ import annotations

import re

import pytest
from repository import SOURCE

from counter import Counter
from duecourse.book.consents import ConsentKind, record_consent
from duecourse.book.holds import HoldKind, add_hold, end_holds
from duecourse.book.importing import import_rows
from duecourse.book.mapping import parse_mapping
from duecourse.book.parties import PERSONAL
from duecourse.book.preferences import PreferenceKind, add_preference
from duecourse.book.reading import find_borrower
from duecourse.book.wishes import Person, Said
from duecourse.dispatch.merging import merge_borrowers
from duecourse.dispatch.permits import Permit, Question, ask_permit, report_permit
from duecourse.dispatch.relocating import ANSWERS, LOANS
from duecourse.domain.messaging import Channel, Purpose, ReceiptStatus
from duecourse.domain.problems import DuecourseError
from duecourse.rules.compiling import shipped
from duecourse.rules.model import Actor
from lender import Lender, borrower_id_of, lane_of
from post import Post

from .merging_desk import DAY, NINE, NOW, SAYS, SMS, STEP, TEN, Desk, both


@pytest.fixture
def desk(lender: Lender) -> Desk:
    return Desk(lender)


@both
def test_all_that_was_the_other_s_is_the_kept_person_s_and_old_keys_lead_there(
    desk: Desk, other: str
) -> None:
    desk.book(
        f"loan borrower due_on phone\nL-1 kept 2026-03-10 +8613900001111\nL-2 {other} 2026-03-10 +8613900002222",
        "kept", other,
    )  # fmt: skip
    desk.hold(other, "dispute")
    desk.lender.opt_out(other, "email")
    desk.contact(other, "L-2", "2026-03-08")
    desk.contact("kept", "L-1", "2026-03-08")
    before = desk.ledger()
    done = desk.merge("kept", other)
    assert (done.counts["loan"], done.counts["contacts"], done.counts["wishes"]) == (1, 1, 2)
    here = (lane_of("kept"), borrower_id_of("kept"))
    for table in ("loan", "installment", "contact"):
        assert desk.all(f"SELECT DISTINCT lane, borrower_id FROM {table}") == [here], table
    for table in ("hold", "consent"):
        assert desk.all(f"SELECT count(*) FROM {table} WHERE (lane, borrower_id) = (%s, %s)", *here) == [(1,)]
        assert desk.all(f"SELECT DISTINCT borrower_id FROM {table}") == [(here[1],)]
    assert desk.ledger() == before
    for key in ("kept", other):
        found = find_borrower(desk.conn, desk.lender.keyring, key)
        assert found is not None and (found.lane, found.borrower_id, found.borrower_key) == (*here, "kept")
    assert desk.all("SELECT merged_lane, merged_into FROM borrower WHERE borrower_key = %s", other) == [here]
    channels = """SELECT channel, array_agg(rank ORDER BY rank) FROM contact_point
                  WHERE (lane, borrower_id, state) = (%s, %s, 'active') GROUP BY 1 ORDER BY 1"""
    assert desk.all(channels, *here) == [("email", [1]), ("sms", [1, 2])]
    assert desk.all(
        "SELECT state, retired_reason FROM contact_point WHERE channel = 'email' AND rank = 2 LIMIT 1"
    ) == [("retired", "same address after a merge")]


@both
def test_a_dry_run_says_what_would_be_and_changes_nothing(desk: Desk, other: str) -> None:
    desk.book(f"loan borrower due_on\nL-1 kept 2026-03-10\nL-2 {other} 2026-03-10", "kept", other)
    before = desk.dump()
    assert desk.merge("kept", other, dry_run=True).counts["loan"] == 1
    assert desk.dump() == before


@both
def test_what_both_were_to_be_told_on_a_day_becomes_one_message(desk: Desk, post: Post, other: str) -> None:
    desk.book(
        f"loan borrower due_on amount\nL-1 kept 2026-03-10 7.00 CNY\nL-2 {other} 2026-03-10 5.00 CNY",
        "kept", other,
    )  # fmt: skip
    desk.lender.policy(SMS)
    assert desk.lender.plan(DAY).messages == 2
    assert desk.merge("kept", other).counts["joined"] == 1
    assert desk.lender.messages("loans") == [("L-1,L-2",)]
    assert desk.lender.plan(DAY).messages == 0
    counter = Counter(post)
    counter.at(NINE)
    assert [one.text for one in counter.ends["sms"].taken] == ["Test Bank: CN¥12.00 is due on 10 March."]
    assert desk.all("SELECT state FROM history WHERE state = 'withdrawn'") == [("withdrawn",)]


@both
def test_a_cap_counts_both_histories(desk: Desk, post: Post, other: str) -> None:
    desk.book(f"loan borrower due_on\nL-1 kept 2026-03-11\nL-2 {other} 2026-03-10", "kept", other)
    desk.lender.policy(SMS)
    desk.lender.plan(DAY)
    counter = Counter(post)
    counter.at(NINE)
    counter.hear(TEN, "sms", ReceiptStatus.DELIVERED)
    desk.merge("kept", other)
    desk.lender.policy(
        SMS + STEP.format(at="14:00", to="borrower").replace("due-in-1", "due-in-2").replace("1d", "2d")
    )
    desk.lender.plan(TEN)
    counter.at("2026-03-09T14:00+08:00")
    assert len(counter.ends["sms"].taken) == 1
    today = desk.lender.messages(
        "loans", "state", "rule", "not_before::date::text", where="local_on = '2026-03-09'"
    )
    assert ("L-1", "planned", "DAILY-CAP", "2026-03-10") in today


@both
@pytest.mark.parametrize("undone", [False, True], ids=["merged", "and undone"])
def test_a_permit_goes_with_its_contact_and_is_reported_as_before(
    desk: Desk, other: str, undone: bool
) -> None:
    desk.book(f"loan borrower due_on\nL-1 kept 2026-03-10\nL-2 {other} 2026-02-01", "kept", other)
    borrower = find_borrower(desk.conn, desk.lender.keyring, other)
    assert borrower is not None
    call = Question(Purpose.COLLECTION, Channel.VOICE, Actor.CREDITOR)
    given = ask_permit(desk.conn, shipped(), borrower, call, by="agency", now=NOW, as_of=NOW.date())
    assert isinstance(given, Permit)
    desk.merge("kept", other)
    if undone:
        desk.undo("kept", other)
    name = other if undone else "kept"
    here = (lane_of(name), borrower_id_of(name))
    for table in ("permit", "contact"):
        assert desk.all(f"SELECT lane, borrower_id FROM {table}") == [here], table
    report_permit(desk.conn, given.permit_id, "not-used", by="agency", now=NOW)
    assert desk.all("SELECT sum(weight) FROM contact WHERE (lane, borrower_id) = (%s, %s)", *here) == [(0,)]


@both
def test_a_word_for_a_record_that_was_just_merged_away_reaches_the_person_kept(
    desk: Desk, other: str
) -> None:
    desk.book(f"loan borrower due_on\nL-1 kept 2026-03-10\nL-2 {other} 2026-03-10", "kept", other)
    read_before = Person(lane_of(other), borrower_id_of(other))
    desk.merge("kept", other)
    said = Said("call 7", "cli", "anna", NOW, NOW)
    assert add_hold(desk.conn, read_before, HoldKind.DISPUTE, said=said)
    assert add_preference(desk.conn, read_before, PreferenceKind.CHANNEL, {"refused": ["sms"]}, said=said)
    assert record_consent(desk.conn, ConsentKind.CONTACT, granted=False, said=said, person=read_before)
    for table in ("hold", "preference", "consent"):
        assert desk.all(f"SELECT lane, borrower_id FROM {table} ORDER BY 1") == desk.all(
            "SELECT lane, borrower_id FROM borrower WHERE merged_into IS NULL ORDER BY 1"
        )
    assert end_holds(desk.conn, read_before, HoldKind.DISPUTE, reason="paid", by="anna", at=NOW, now=NOW) == 1


@both
def test_what_was_said_already_is_not_said_again(desk: Desk, post: Post, other: str) -> None:
    desk.book(f"loan borrower due_on\nL-1 kept 2026-03-10\nL-2 {other} 2026-03-10", "kept", other)
    desk.lender.policy(SMS)
    desk.lender.plan(DAY)
    counter = Counter(post)
    counter.at(NINE)
    for one in list(counter.ends["sms"].taken):
        counter.ends["sms"].taken.append(one)
        counter.hear(TEN, "sms", ReceiptStatus.DELIVERED)
    texts = desk.all("SELECT attempt_id, text_digest FROM attempt ORDER BY 1")
    desk.merge("kept", other)
    assert desk.lender.plan("2026-03-09T10:30+08:00").messages == 0
    assert desk.lender.messages("loans", "outcome", "supplement") == [
        ("L-1", "delivered", 0),
        ("L-2", "delivered", 1),
    ]
    assert desk.all("SELECT attempt_id, text_digest FROM attempt ORDER BY 1") == texts
    lanes = "SELECT DISTINCT h.lane FROM history h JOIN message m ON m.message_id = h.subject_id"
    assert desk.all(lanes) == [(lane_of("kept"),)]


@both
def test_a_message_under_way_refuses_the_merge(desk: Desk, post: Post, other: str) -> None:
    desk.book(f"loan borrower due_on\nL-1 kept 2026-03-10\nL-2 {other} 2026-03-12", "kept", other)
    desk.lender.policy(SMS)
    desk.lender.plan(DAY)
    Counter(post).at(NINE)
    for keep, gone in (("kept", other), (other, "kept")):
        before = desk.dump()
        with pytest.raises(DuecourseError) as caught:
            desk.merge(keep, gone)
        assert [problem.code for problem in caught.value.problems] == ["D067"]
        assert desk.dump() == before


def test_two_that_cannot_be_one_are_refused(desk: Desk) -> None:
    desk.book("loan borrower due_on\nL-1 kept 2026-03-10\nL-2 Acme 2026-03-10", "kept", "Acme")
    desk.conn.execute("UPDATE borrower SET kind = 'company' WHERE borrower_key = 'Acme'")
    for other, code in (("Acme", "D065"), ("kept", "D065"), ("nobody", "D033")):
        with pytest.raises(DuecourseError) as caught:
            desk.merge("kept", other)
        assert [problem.code for problem in caught.value.problems] == [code]


@both
def test_those_beside_the_other_s_loan_come_along_and_are_not_told_twice(
    desk: Desk, post: Post, other: str
) -> None:
    desk.book(
        f"loan borrower due_on\nL-1 kept 2026-03-20\nL-2 {other} 2026-03-10\nL-3 far 2026-03-20",
        "kept",
        other,
    )
    desk.beside("L-2", "guarantor", "far")
    desk.conn.execute(
        """INSERT INTO contact_point (lane, borrower_id, contact_point_id, channel, rank, address_sealed, address_index,
               state, effective_at, recorded_at)
           SELECT b.lane, c.borrower_id, c.contact_point_id, c.channel, c.rank, c.address_sealed, c.address_index,
               c.state, c.effective_at, c.recorded_at
           FROM borrower b JOIN contact_point c ON c.borrower_id = b.borrower_id WHERE b.home_lane IS NOT NULL"""
    )
    desk.lender.policy(STEP.format(at="09:00", to="[borrower, guarantor]"))
    assert desk.lender.plan(DAY).messages == 2
    desk.merge("kept", other)
    assert desk.lender.plan(DAY).messages == 0
    counter = Counter(post)
    counter.at(NINE)
    assert len(counter.ends["sms"].taken) == 2
    assert desk.all(
        "SELECT party, bundle FROM message WHERE lane = %s AND party = 'guarantor' AND state = 'in_flight'",
        lane_of("kept"),
    ) == [("guarantor", f"guarantor/{borrower_id_of('kept')}")]


@both
def test_who_guaranteed_the_loan_of_their_own_other_record_guarantees_it_no_more(
    desk: Desk, other: str
) -> None:
    desk.book(f"loan borrower due_on\nL-1 kept 2026-03-10\nL-2 {other} 2026-03-10", "kept", other)
    desk.beside("L-2", "guarantor", "kept")
    desk.beside("L-1", "co-borrower", other)
    desk.lender.policy(STEP.format(at="09:00", to="[borrower, guarantor, co-borrower]"))
    assert desk.lender.plan(DAY).messages == 4
    desk.merge("kept", other)
    assert desk.all("SELECT count(*) FROM loan_party") == [(0,)]
    assert desk.all("SELECT count(*) FROM book_history WHERE subject = 'loan_party'") == [(2,)]
    desk.lender.plan(DAY)
    told = desk.lender.messages("loans", "party", where="party = 'borrower'")
    assert told == [("L-1,L-2", "borrower")]


@both
def test_a_role_the_other_played_elsewhere_is_the_kept_person_s(desk: Desk, other: str) -> None:
    desk.book(
        f"loan borrower due_on\nL-1 kept 2026-03-20\nL-2 {other} 2026-03-20\nL-3 far 2026-03-10",
        "kept",
        other,
    )
    desk.hold("kept", "dispute")
    desk.beside("L-3", "guarantor", other)
    desk.lender.policy(STEP.format(at="09:00", to="guarantor"))
    desk.lender.plan(DAY)
    desk.merge("kept", other)
    assert desk.all("SELECT lane, borrower_id FROM loan_party") == [(lane_of("far"), borrower_id_of("kept"))]
    assert desk.all(
        "SELECT home_lane FROM borrower WHERE (lane, borrower_key) = (%s, 'kept')", lane_of("far")
    ) == [(lane_of("kept"),)]
    assert desk.all("SELECT count(*) FROM hold WHERE lane = %s", lane_of("far")) == [(1,)]
    assert desk.lender.plan(DAY).messages == 0
    assert desk.all("SELECT lane, borrower_id FROM message") == [(lane_of("far"), borrower_id_of("kept"))]
    with pytest.raises(DuecourseError) as caught:
        desk.undo("kept", other)
    assert [problem.code for problem in caught.value.problems] == ["D068"]


MAPPING = """
mapping = "test"
[money]
currency = "CNY"
[borrower]
key = "{cust}"
name = "{name}"
language = "zh-CN"
region = "CN"
zone = "Asia/Shanghai"
[loan]
ref = "{loan}"
creditor = "bank"
product = "card"
method = "given"
[[installment]]
number = 1
due_on = "{due}"
due = "{amount}"
"""


@both
def test_a_later_import_of_the_old_key_goes_to_the_person_kept(lender: Lender, other: str) -> None:
    mapping = parse_mapping(MAPPING, "mapping.toml")
    columns = ["cust", "name", "loan", "due", "amount"]

    def bring(*rows: tuple[str, ...]) -> int:
        given = [dict(zip(columns, row, strict=True)) for row in rows]
        report = import_rows(lender.conn, lender.keyring, given, mapping, columns=columns, now=NOW)
        return report.rejected

    assert bring(("kept", "Li", "L-1", "2026-03-10", "1"), (other, "Li Na", "L-2", "2026-03-10", "2")) == 0
    merge_borrowers(lender.conn, lender.keyring, "kept", other, **SAYS, now=NOW)
    assert bring((other, "Li Na", "L-2", "2026-03-12", "2"), (other, "Li Na", "L-3", "2026-04-10", "3")) == 0
    kept = find_borrower(lender.conn, lender.keyring, "kept")
    assert kept is not None
    rows = lender.conn.execute(
        "SELECT l.loan_ref, i.due_on::text, i.lane, i.borrower_id FROM installment i JOIN loan l USING (lane, loan_id)"
    ).fetchall()
    here = (kept.lane, kept.borrower_id)
    assert sorted(rows) == [
        ("L-1", "2026-03-10", *here),
        ("L-2", "2026-03-12", *here),
        ("L-3", "2026-04-10", *here),
    ]


def test_what_only_the_other_record_knew_of_the_person_is_kept(desk: Desk, lender: Lender) -> None:
    mapping = parse_mapping(
        MAPPING.replace('name = "{name}"', 'name = "{name}"\nid_number = "{idno}"'), "m.toml"
    )
    rows = [
        {"cust": "a", "name": "", "idno": "", "loan": "L-1", "due": "2026-03-10", "amount": "1"},
        {
            "cust": "b",
            "name": "Li",
            "idno": "110101199003071234",
            "loan": "L-2",
            "due": "2026-03-10",
            "amount": "1",
        },
    ]
    import_rows(lender.conn, lender.keyring, rows, mapping, columns=list(rows[0]), now=NOW)
    desk.merge("a", "b")
    kept = find_borrower(lender.conn, lender.keyring, "a")
    assert kept is not None and kept.id_number_index is not None and kept.name_sealed is not None
    desk.undo("a", "b")
    kept, other = (find_borrower(lender.conn, lender.keyring, key) for key in ("a", "b"))
    assert kept is not None and kept.name_sealed is None
    assert other is not None and other.id_number_index is not None


def test_every_table_of_a_person_a_loan_or_a_message_goes_along() -> None:
    schema = (SOURCE / "store" / "schema.sql").read_text("utf-8")
    apart = {
        "borrower", "borrower_key", "company_contact",  # redirected, each in a way of its own
        "message", "message_item", "attempt", "contact", "batch_canary",  # moved with the messages
        "permit",  # moved with its contacts
        "suspense", "link",  # live in lanes of their own keys; whose a link is follows the tombstone
        "payment_request",  # named by its order number; its loans are found by their own, wherever they are
    }  # fmt: skip
    owned = {
        name
        for name, body in re.findall(r"CREATE TABLE (\w+) \((.*?)\n\);", schema, re.DOTALL)
        if re.search(r"^    lane ", body, re.MULTILINE)
        and re.search(r"^    (loan_id|borrower_id|message_id) ", body, re.MULTILINE)
    }
    assert owned - apart - set(LOANS) - set(PERSONAL) - set(ANSWERS) == set()
