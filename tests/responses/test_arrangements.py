"""What is agreed is what was shown: once, in the book at once, withdrawn whole, until the lender's file says else."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest

from duecourse.book.holds import HoldKind, holds_of
from duecourse.dispatch.merging import merge_borrowers
from duecourse.domain.problems import DuecourseError
from duecourse.policy.offered import Kind
from duecourse.responses.offers import agreeing
from duecourse.responses.offers.agreeing import Taken, take_up
from duecourse.responses.offers.listing import (
    count_proposed,
    find_arrangement,
    list_arrangements,
    show_arrangement,
)
from duecourse.responses.queue import answer_timeline, count_waiting
from hardship import PLENTY, POOR, Bank, Household

AS_LENT = [(1, "2026-03-15", 1066_19), (2, "2026-04-15", 1066_19), (3, "2026-05-15", 1066_19)]


def taken(home: Household, kind: Kind) -> Taken:
    found = home.take(kind)
    assert found is not None
    return found


def waiting(home: Household) -> int:
    with home.conn.transaction():
        return int(count_waiting(home.conn)["waiting"])


def of(home: Household) -> list[agreeing.Found]:
    with home.conn.transaction():
        return agreeing.arrangements_of(home.conn, home.person)


def held(home: Household) -> list[HoldKind]:
    with home.conn.transaction():
        found = holds_of(home.conn, home.person, at=home.now + timedelta(minutes=1))
    return [HoldKind(one.kind) for one in found if one.in_force]


def test_an_extension_agreed_by_a_tap_is_in_the_book_at_once(home: Household) -> None:
    assert taken(home, Kind.EXTENSION).state == "agreed"
    assert home.installments()[:3] == [(1, "2026-03-25", 1066_19 + 3_11), *AS_LENT[1:]]
    assert home.events() == ["proposed", "agreed"]


def test_what_was_asked_waits_for_nobody_once_it_is_agreed_and_reminders_speak_again(home: Household) -> None:
    before = waiting(home)
    assert held(home) == [HoldKind.HARDSHIP]
    taken(home, Kind.EXTENSION)
    assert waiting(home) == before - 1
    assert held(home) == []


def test_messages_afterwards_name_the_new_day_and_amount(home: Household) -> None:
    taken(home, Kind.EXTENSION)
    home.lender.plan("2026-03-23T01:00+08:00", lanes=[home.person.lane])
    planned = home.rows(
        """SELECT x.anchor_on::text, i.due_minor FROM message m JOIN message_item x USING (lane, group_id)
           JOIN installment i ON i.lane = x.lane AND i.loan_id = x.loan_id AND i.number = x.number
           WHERE m.borrower_id = %s AND m.state = 'planned'""",
        home.person.borrower_id,
    )
    assert planned == [("2026-03-25", 1069_30)]


def test_another_due_day_is_the_loans_own_from_now_on(home: Household) -> None:
    home.state(replace(PLENTY, due_day=20), "again")
    assert taken(home, Kind.DUE_DAY).state == "agreed"
    assert home.installments()[:2] == [(1, "2026-03-20", 1066_19 + 19_73), (2, "2026-04-20", 1066_19)]
    assert home.rows("SELECT due_day, due_day_source FROM loan WHERE loan_id = %s", home.loan_id) == [
        (20, "request")
    ]
    assert home.events() == ["proposed", "agreed", "completed"]


def test_a_pause_is_asked_of_a_person_and_its_days_do_not_count(bank: Bank) -> None:
    home = bank.household(first="2026-02-15")
    asked = taken(home, Kind.PAUSE)
    assert (asked.state, home.installments()[1]) == ("proposed", (2, "2026-03-15", 1066_19))
    assert home.approve(asked, "ann") == "agreed"
    assert home.installments()[:2] == [(1, "2026-02-15", 1066_19), (2, "2026-04-15", 1066_19 + 10_04)]
    paused = home.rows(
        "SELECT from_on::text, to_on::text, kind FROM loan_pause WHERE loan_id = %s", home.loan_id
    )
    assert paused == [("2026-03-09", "2026-04-08", "deferral")]
    assert held(home) == [HoldKind.HARDSHIP]
    assert home.withdraw(asked)
    assert home.installments()[1] == (2, "2026-03-15", 1066_19)
    assert home.rows("SELECT 1 FROM loan_pause WHERE loan_id = %s", home.loan_id) == []
    assert held(home) == []


def test_figures_that_are_no_longer_so_are_not_agreed_to(home: Household) -> None:
    shown = home.offered(Kind.EXTENSION)
    assert shown is not None
    home.rows(
        "UPDATE installment SET due_minor = due_minor + 100, fee_minor = 100 WHERE loan_id = %s RETURNING 1",
        home.loan_id,
    )
    before = home.installments()
    assert home.take(Kind.EXTENSION, shown.figures.digest().hex()) is None
    assert (home.installments(), home.events()) == (before, [])


@pytest.mark.parametrize("digest", ["", "0" * 32, "é", "x" * 5000])
def test_an_invented_digest_agrees_to_nothing(home: Household, digest: str) -> None:
    with home.conn.transaction():
        assert (
            take_up(
                home.conn,
                home.lender.keyring,
                home.person,
                home.hardship_id,
                Kind.EXTENSION,
                digest,
                now=home.now,
            )
            is None
        )
    assert home.events() == []


def test_what_another_person_stated_is_nobodys_to_take_up(bank: Bank, home: Household) -> None:
    other = bank.household()
    shown = other.offered(Kind.EXTENSION)
    assert shown is not None
    other.person = home.person
    with pytest.raises(ValueError, match="no such statement"):
        other.take(Kind.EXTENSION, shown.figures.digest().hex())


def test_taken_up_again_it_is_what_it_was(home: Household) -> None:
    shown = home.offered(Kind.EXTENSION)
    assert shown is not None
    digest = shown.figures.digest().hex()
    first, again = home.take(Kind.EXTENSION, digest), home.take(Kind.EXTENSION, digest)
    assert first == again
    assert home.events() == ["proposed", "agreed"]


def test_one_loan_has_one_arrangement_at_a_time(home: Household) -> None:
    shown = home.offered(Kind.PAUSE)
    taken(home, Kind.EXTENSION)
    assert home.offering().because == "in-force"
    assert shown is not None
    assert home.take(Kind.PAUSE, shown.figures.digest().hex()) is None


def test_agreed_to_eight_times_at_once_it_is_agreed_once(bank: Bank, home: Household) -> None:
    """Half of them the extension and half the pause: one of the two, once."""
    digests = {
        kind: one.figures.digest().hex()
        for kind in (Kind.EXTENSION, Kind.PAUSE)
        if (one := home.offered(kind))
    }
    began = threading.Barrier(8)
    found: list[Taken | None] = []

    def tap(kind: Kind) -> None:
        with bank.store.connect() as conn:
            began.wait()
            found.append(home.take(kind, digests[kind], conn))

    threads = [threading.Thread(target=tap, args=(kind,)) for kind in [*digests] * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({one for one in found if one}) == 1
    assert found.count(None) == 4
    assert home.events() in (["proposed"], ["proposed", "agreed"])


def test_killed_between_the_book_and_the_commit_nothing_was_agreed(
    home: Household, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = home.offered(Kind.EXTENSION)
    assert shown is not None
    digest = shown.figures.digest().hex()

    def die(_conn: psycopg.Connection, _found: agreeing.Found, event: str, **_more: object) -> None:
        assert event == "agreed"
        os.kill(os.getpid(), signal.SIGKILL)

    child = os.fork()
    if child == 0:
        monkeypatch.setattr(agreeing, "append_event", die)
        with suppress(Exception), psycopg.connect(home.conn.info.dsn) as conn:
            home.take(Kind.EXTENSION, digest, conn)
        os._exit(1)  # not killed where it should be
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert (home.events(), home.installments()[:3]) == ([], AS_LENT)
    assert home.take(Kind.EXTENSION, digest) is not None
    assert home.events() == ["proposed", "agreed"]


def test_a_person_declines_and_the_answer_still_waits_for_a_call(home: Household) -> None:
    before = waiting(home)
    asked = taken(home, Kind.PAUSE)
    home.decline(asked)
    assert (home.found(asked).state, home.found(asked).reason) == ("declined", "income is not borne out")
    assert (home.installments()[:3], waiting(home)) == (AS_LENT, before)
    with pytest.raises(DuecourseError, match="waits for nobody") as refused:
        home.approve(asked, "ann")
    assert refused.value.problems[0].code == "D227"


def test_an_exception_wants_two_persons(home: Household) -> None:
    home.state(replace(POOR, costs_minor=600_000), "again")
    asked = taken(home, Kind.PLAN)
    assert home.found(asked).exception == "beyond-means"
    assert home.approve(asked, "ann") == "seconded"
    with pytest.raises(DuecourseError, match="second person") as refused:
        home.approve(asked, "ann")
    assert refused.value.problems[0].code == "D228"
    assert home.installments()[:3] == AS_LENT
    assert home.approve(asked, "bob") == "agreed"
    assert (len(home.installments()), home.events()) == (24, ["proposed", "seconded", "agreed"])


def test_nobody_approves_figures_that_no_longer_hold(home: Household) -> None:
    asked = taken(home, Kind.PAUSE)
    home.now += timedelta(days=1)
    assert home.found(asked).waits
    home.rows("UPDATE installment SET due_minor = due_minor + 1 WHERE loan_id = %s RETURNING 1", home.loan_id)
    with pytest.raises(DuecourseError, match="loan has changed") as refused:
        home.approve(asked, "ann")
    assert (refused.value.problems[0].code, home.events()) == ("D229", ["proposed"])


def test_a_plan_is_withdrawn_within_the_cooling_off_and_not_after_it(home: Household) -> None:
    """Agreed on Monday, three whole days: until Thursday is over."""
    home.state(POOR, "again")
    plan = taken(home, Kind.PLAN)
    assert len(home.installments()) == 18
    home.now = home.now.replace(day=12, hour=23, minute=59)
    assert home.withdraw(plan)
    assert (home.installments()[:3], len(home.installments())) == (AS_LENT, 12)
    assert not home.withdraw(plan)
    home.state(POOR, "once more")
    assert home.offering().because == ""


def test_after_the_cooling_off_or_a_payment_it_stays_agreed(bank: Bank) -> None:
    late, paid = bank.household(), bank.household()
    of_late, of_paid = taken(late, Kind.EXTENSION), taken(paid, Kind.EXTENSION)
    late.now = late.now.replace(day=13, hour=0)
    paid.rows(
        "UPDATE installment SET settled_on = '2026-03-10' WHERE loan_id = %s AND number = 1 RETURNING 1",
        paid.loan_id,
    )
    assert (late.withdraw(of_late), paid.withdraw(of_paid)) == (False, False)
    assert (late.found(of_late).state, paid.found(of_paid).state) == ("agreed", "agreed")


def test_what_is_asked_of_a_person_may_be_withdrawn_at_any_time(home: Household) -> None:
    asked = taken(home, Kind.PAUSE)
    home.now += timedelta(days=40)
    assert home.withdraw(asked)
    assert home.events() == ["proposed", "withdrawn"]


def test_a_plan_is_completed_by_its_payments_and_broken_by_the_first_that_is_missed(bank: Bank) -> None:
    kept, broken = bank.household(), bank.household()
    for home in (kept, broken):
        home.state(POOR, "again")
        taken(home, Kind.PLAN)
    assert (kept.judge("2026-03-15"), broken.judge("2026-03-15")) == (["agreed"], ["agreed"])
    assert broken.judge("2026-03-16") == ["broken"]
    kept.rows("UPDATE installment SET settled_on = due_on WHERE loan_id = %s RETURNING 1", kept.loan_id)
    assert kept.judge("2027-08-14") == ["agreed"]
    assert kept.judge("2027-08-15") == ["completed"]
    assert (kept.judge("2027-08-16"), broken.judge("2026-03-17")) == (["completed"], ["broken"])


def test_grace_and_payments_not_yet_known_break_nothing(home: Household) -> None:
    taken(home, Kind.EXTENSION)
    home.rows(
        "UPDATE installment SET grace_days = 2 WHERE loan_id = %s AND number = 1 RETURNING 1", home.loan_id
    )
    assert home.judge("2026-03-27") == ["agreed"]
    home.rows(
        """INSERT INTO payment_feed (creditor, source, complete_through, recorded_at)
           VALUES ('bank', 'core', '2026-03-26', now()) RETURNING 1"""
    )
    assert home.judge("2026-03-28") == ["agreed"]
    home.rows("DELETE FROM payment_feed RETURNING 1")
    assert home.judge("2026-03-28") == ["broken"]


def test_what_the_lenders_file_makes_otherwise_is_overruled_and_not_called_broken(home: Household) -> None:
    taken(home, Kind.EXTENSION)
    home.rows(
        """UPDATE installment SET due_on = '2026-03-15', due_minor = 106619
           WHERE loan_id = %s AND number = 1 RETURNING 1""",
        home.loan_id,
    )
    assert home.judge("2026-04-20") == ["overruled"]
    assert home.offering().because != "in-force"


def test_staff_find_list_and_look_and_that_they_looked_is_noted(home: Household) -> None:
    asked = taken(home, Kind.PAUSE)
    with home.conn.transaction():
        found = find_arrangement(home.conn, asked.arrangement_id.hex[:12])
        stated, events = show_arrangement(home.conn, home.lender.keyring, found, by="ann", now=home.now)
        listed = [
            one
            for one in list_arrangements(home.conn, state="proposed")
            if one.arrangement_id == asked.arrangement_id
        ]
        assert count_proposed(home.conn)["waiting"] >= 1
    assert stated == PLENTY
    assert [(one["event"], one["recorded_by"]) for one in events] == [
        ("proposed", "borrower"),
        ("looked", "ann"),
    ]
    assert [one.borrower_key for one in listed] == [home.borrower]
    assert "900000" not in repr(stated)


@pytest.mark.parametrize("text", ["", "12345", "zzzzzz", "0" * 33, "000000"])
def test_an_id_that_is_none_is_refused(home: Household, text: str) -> None:
    with pytest.raises(DuecourseError) as refused, home.conn.transaction():
        find_arrangement(home.conn, text)
    assert refused.value.problems[0].code == "D225"


def test_the_timeline_says_what_was_arranged(home: Household) -> None:
    taken(home, Kind.EXTENSION)
    with home.conn.transaction():
        told = answer_timeline(home.conn, home.person.lane, home.person.borrower_id)
    arranged = [(one["what"], one["state"]) for one in told if one["subject"] == "arrangement"]
    assert arranged == [("extension", "proposed"), ("extension", "agreed")]


def test_what_a_household_stated_is_sealed(home: Household) -> None:
    ((sealed, trouble),) = home.rows(
        "SELECT stated_sealed, trouble FROM hardship WHERE hardship_id = %s", home.hardship_id
    )
    assert trouble == "less-income"
    assert b"900000" not in bytes(sealed) and b"income" not in bytes(sealed)


def test_of_two_records_that_become_one_what_was_agreed_goes_along(bank: Bank, home: Household) -> None:
    other = bank.household()
    asked, agreed = taken(home, Kind.PAUSE), taken(other, Kind.EXTENSION)
    for one in (home, other):
        home.lender.name_in_directory(one.borrower)
    merge_borrowers(
        home.conn,
        home.lender.keyring,
        home.borrower,
        other.borrower,
        evidence="case 1",
        by="ann",
        now=home.now,
    )
    other.person = home.person
    assert {one.arrangement_id for one in of(home)} == {asked.arrangement_id, agreed.arrangement_id}
    assert other.withdraw(agreed)
    assert other.installments()[:3] == AS_LENT
    assert home.approve(asked, "ann") == "agreed"
