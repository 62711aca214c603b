"""What gateways tell of payments, in whatever order and however often, and what the book holds then."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest
from conftest import fresh_database
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from duecourse.book.payments import add_payment, find_loan, payments_of_loan
from duecourse.dispatch.merging import merge_borrowers
from duecourse.domain.money import Money
from duecourse.gateways.contract import Closed, Fact, Paid, Refunded
from duecourse.gateways.sandbox.adapter import SandboxGateway, SandboxSettings
from duecourse.gateways.till import Till
from duecourse.privacy.keyring import Keyring
from duecourse.responses.asking import ask_about_due
from duecourse.responses.paying import PayRequest, Share, Wanted, find_request, open_request
from duecourse.responses.trades import Counter, divide, look_at, receipts_of, take_facts, trades
from duecourse.store.connect import Store
from lender import Lender
from paying import AT, counted, flags, ordered, person, state, waiting

BANK = Counter("bank")
ONE = Share("bank", "L-1", 100_00)
TWO = Share("bank", "L-2", 50_00)


def with_two_loans(lender: Lender) -> Lender:
    """Of one borrower."""
    lender.book("""
        loan borrower due_on amount
        L-1 B 2026-03-10 100.00 CNY
        L-2 B 2026-03-12 50.00 CNY
    """)
    return lender


@pytest.fixture(scope="module")
def kept(
    server_conninfo: str, _template: str, keyring: Keyring, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Lender]:
    with (
        fresh_database(server_conninfo, _template) as url,
        Store(url, None) as store,
        store.connect(idle_in_transaction_seconds=0) as conn,
    ):
        yield with_two_loans(Lender(conn, keyring, tmp_path_factory.mktemp("lender")))


@pytest.fixture
def book(kept: Lender) -> Iterator[Lender]:
    """A borrower with two loans; what a test does to it is taken back."""
    with kept.conn.transaction(force_rollback=True):
        yield kept


@pytest.fixture
def shared(lender: Lender) -> Lender:
    """The same in a book of the test's own, to be spoken to over more than one connection."""
    return with_two_loans(lender)


def paid(request: PayRequest, minor: int, trade: str = "T-1", currency: str = "CNY") -> Paid:
    return Paid(request.order_no, trade, Money(minor, currency), AT)


def refunded(request: PayRequest, minor: int, number: str = "", trade: str = "T-1") -> Refunded:
    return Refunded(request.order_no, trade, Money(minor, "CNY"), AT + timedelta(days=1), number)


def tell(book: Lender, *facts: Fact, counter: Counter = BANK) -> None:
    with book.conn.transaction():
        take_facts(book.conn, counter, facts, now=AT)


def test_a_payment_pays_each_loan_its_share_and_settles_the_order(book: Lender) -> None:
    order = ordered(book, "B", ONE, TWO)
    tell(book, paid(order, 150_00))
    assert counted(book.conn) == [("L-1", 100_00, "gateway bank"), ("L-2", 50_00, "gateway bank")]
    assert state(book.conn, order) == "paid" and flags(book.conn) == {}
    settled = book.conn.execute("SELECT loan_id FROM installment WHERE settled_on = '2026-03-09'").fetchall()
    assert len(settled) == 2


def test_the_day_of_a_payment_is_the_lenders(book: Lender) -> None:
    order = ordered(book, "B", ONE)
    late = Paid(order.order_no, "T-1", Money(100_00, "CNY"), AT.fromisoformat("2026-03-09T17:30+00:00"))
    tell(book, late)
    (line,) = payments_of_loan(book.conn, find_loan(book.conn, "L-1"), AT.date() + timedelta(days=2))
    assert f"{line.paid_on}" == "2026-03-10"


def test_the_same_notification_again_changes_nothing(book: Lender) -> None:
    order = ordered(book, "B", ONE)
    for _ in range(3):
        tell(book, paid(order, 100_00))
    assert counted(book.conn) == [("L-1", 100_00, "gateway bank")]
    assert flags(book.conn) == {}


@pytest.mark.parametrize(
    ("minor", "shares"),
    [
        (120_00, [("L-1", 100_00, "gateway bank"), ("L-2", 20_00, "gateway bank")]),
        (40_00, [("L-1", 40_00, "gateway bank")]),
        (200_00, [("L-1", 100_00, "gateway bank"), ("L-2", 100_00, "gateway bank")]),
    ],
)
def test_another_amount_is_booked_as_what_it_is_and_told_to_a_person(
    book: Lender, minor: int, shares: list[tuple[str, int, str]]
) -> None:
    order = ordered(book, "B", ONE, TWO)
    tell(book, paid(order, minor))
    assert counted(book.conn) == shares
    assert flags(book.conn) == {"T-1": ["amount"]}


def test_another_currency_waits_in_suspense(book: Lender) -> None:
    order = ordered(book, "B", ONE)
    tell(book, paid(order, 100_00, currency="USD"))
    assert counted(book.conn) == []
    assert waiting(book.conn) == [("bank", "", "USD", 100_00, "T-1")]
    assert flags(book.conn) == {"T-1": ["currency"]}


@pytest.mark.parametrize("order_no", ["0" * 32, "ORDER-77", "'; DROP TABLE payment; --"])
def test_money_for_no_order_of_ours_waits_in_suspense(book: Lender, order_no: str) -> None:
    tell(book, Paid(order_no, "T-9", Money(5_00, "CNY"), AT), Closed(order_no))
    assert waiting(book.conn) == [("bank", "", "CNY", 5_00, "T-9")]
    assert flags(book.conn) == {"T-9": ["unknown-order"]}


def test_an_order_of_another_gateway_is_not_paid_by_this_one(book: Lender) -> None:
    order = ordered(book, "B", ONE, gateway="other")
    tell(book, paid(order, 100_00), Closed(order.order_no))
    assert state(book.conn, order) == "open" and counted(book.conn) == []
    assert flags(book.conn) == {"T-1": ["unknown-order"]}


def test_money_for_a_loan_that_left_the_book_waits_under_its_number(book: Lender) -> None:
    order = ordered(book, "B", Share("bank", "L-gone", 10_00))
    tell(book, paid(order, 10_00))
    assert waiting(book.conn) == [("bank", "L-gone", "CNY", 10_00, "T-1")]
    assert flags(book.conn) == {"T-1": ["unknown-loan"]}


def test_an_order_paid_twice_is_booked_twice_and_told_to_a_person(book: Lender) -> None:
    order = ordered(book, "B", ONE)
    tell(book, paid(order, 100_00, "T-1"), paid(order, 100_00, "T-2"))
    assert [line[1] for line in counted(book.conn)] == [100_00, 100_00]
    assert flags(book.conn) == {"T-1": ["twice"], "T-2": ["twice"]}
    assert [one.trade_no for one in receipts_of(book.conn, order)] == ["T-1", "T-2"]


def test_a_payment_after_the_end_of_its_order_counts(book: Lender) -> None:
    order = ordered(book, "B", ONE)
    tell(book, Closed(order.order_no))
    assert state(book.conn, order) == "closed"
    tell(book, paid(order, 100_00))
    assert state(book.conn, order) == "paid" and counted(book.conn) == [("L-1", 100_00, "gateway bank")]
    tell(book, Closed(order.order_no))
    assert state(book.conn, order) == "paid"


def test_a_refund_takes_the_payment_back_and_what_was_paid_is_owed_again(book: Lender) -> None:
    order = ordered(book, "B", ONE)
    tell(book, paid(order, 100_00))
    tell(book, refunded(order, 100_00, "R-1"))
    assert counted(book.conn) == [] and state(book.conn, order) == "refunded"
    reversal = book.conn.execute("SELECT reversed_on::text, reason FROM reversal").fetchall()
    assert reversal == [("2026-03-10", "refunded through the gateway")]


def test_a_refund_in_part_leaves_the_rest_paid(book: Lender) -> None:
    order = ordered(book, "B", ONE, TWO)
    tell(book, paid(order, 150_00), refunded(order, 60_00, "R-1"), refunded(order, 60_00, "R-1"))
    assert counted(book.conn) == [("L-1", 90_00, "gateway bank")]
    assert state(book.conn, order) == "paid"


def test_a_refund_of_money_that_waits_in_suspense_is_told_to_a_person(book: Lender) -> None:
    tell(book, Paid("no order", "T-9", Money(5_00, "CNY"), AT))
    tell(book, Refunded("no order", "T-9", Money(5_00, "CNY"), AT))
    assert flags(book.conn) == {"T-9": ["refunded-unplaced", "unknown-order"]}


def test_refunds_in_part_of_money_that_waits_in_suspense_leave_it_there_once(book: Lender) -> None:
    tell(book, Paid("no order", "T-9", Money(5_00, "CNY"), AT))
    for number in ("R-1", "R-2", "R-1"):
        tell(book, Refunded("no order", "T-9", Money(2_00, "CNY"), AT, number))
    assert waiting(book.conn) == [("bank", "", "CNY", 5_00, "T-9")]
    assert flags(book.conn) == {"T-9": ["refunded-unplaced", "unknown-order"]}


def test_more_given_back_than_came_leaves_nothing_of_the_payment(book: Lender) -> None:
    order = ordered(book, "B", ONE, TWO)
    tell(book, refunded(order, 170_00, "R-1"), paid(order, 150_00), refunded(order, 10_00, "R-2"))
    assert counted(book.conn) == [] and waiting(book.conn) == []
    assert state(book.conn, order) == "refunded"


def test_a_payment_that_a_file_brought_with_another_amount_stands_and_is_told_to_a_person(
    book: Lender,
) -> None:
    order = ordered(book, "B", ONE)
    loan = find_loan(book.conn, "L-1")
    add_payment(
        book.conn, loan, amount_minor=99_40, currency="CNY", paid_on=AT.date(), source=BANK.source, reference="T-1",
        now=AT,
    )  # fmt: skip
    tell(book, paid(order, 100_00))
    assert counted(book.conn) == [("L-1", 99_40, "gateway bank")]
    assert flags(book.conn) == {"T-1": ["booked-otherwise"]} and state(book.conn, order) == "paid"
    tell(book, refunded(order, 30_00, "R-1"))
    assert counted(book.conn) == [("L-1", 70_00, "gateway bank")]


def test_an_order_of_a_record_that_was_merged_since_pays_the_loan_where_it_is(
    shared: Lender, keyring: Keyring
) -> None:
    shared.book("loan borrower due_on amount\nL-3 kept 2026-03-10 7.00 CNY")
    for key in ("B", "kept"):
        shared.name_in_directory(key)
    order = ordered(shared, "B", ONE)
    tell(shared, paid(order, 40_00))
    merge_borrowers(shared.conn, keyring, "kept", "B", evidence="same passport", by="Mei", now=AT)
    tell(shared, paid(order, 60_00, "T-2"), refunded(order, 40_00, "R-1"), paid(order, 60_00, "T-2"))
    assert counted(shared.conn) == [("L-1", 60_00, "gateway bank")]
    assert waiting(shared.conn) == []


def test_two_amounts_for_one_payment_leave_the_first_and_are_told_to_a_person(book: Lender) -> None:
    order = ordered(book, "B", ONE)
    tell(book, paid(order, 100_00))
    tell(book, paid(order, 900_00))
    assert counted(book.conn) == [("L-1", 100_00, "gateway bank")]
    assert flags(book.conn) == {"T-1": ["changed"]}


def test_who_has_looked_at_a_trade_need_not_again_until_something_new_is_wrong(book: Lender) -> None:
    order = ordered(book, "B", ONE)
    tell(book, paid(order, 90_00))
    assert look_at(book.conn, "bank", "T-1", by="ann", note="called")
    assert not look_at(book.conn, "bank", "T-1", by="ann", note="called")
    tell(book, paid(order, 90_00))
    assert trades(book.conn, flagged=True, most=10) == []
    tell(book, paid(order, 90_00, "T-2"))
    assert [one["trade_no"] for one in trades(book.conn, flagged=True, most=10)] == ["T-1", "T-2"]


def test_the_same_notification_at_once_is_booked_once(shared: Lender, store: Store) -> None:
    order = ordered(shared, "B", ONE)
    ready, failed = threading.Barrier(4), []

    def one() -> None:
        with store.connect() as conn:
            ready.wait()
            try:
                take_facts(conn, BANK, [paid(order, 100_00)], now=AT)
                conn.commit()
            except psycopg.Error as error:
                failed.append(error)

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert counted(shared.conn) == [("L-1", 100_00, "gateway bank")]


def test_a_kill_before_the_commit_leaves_nothing_and_after_it_the_whole(shared: Lender, store: Store) -> None:
    order = ordered(shared, "B", ONE)
    with store.connect() as conn:
        conn.execute("SELECT 1")  # take_facts is part of a transaction that is not over yet
        take_facts(conn, BANK, [paid(order, 100_00)], now=AT)
        pid = conn.info.backend_pid
        shared.conn.execute("SELECT pg_terminate_backend(%s, 10000)", (pid,))
        with pytest.raises(psycopg.OperationalError):
            conn.commit()
    assert counted(shared.conn) == [] and state(shared.conn, order) == "open"
    tell(shared, paid(order, 100_00))  # the gateway had no answer: it tells again
    tell(shared, paid(order, 100_00))  # committed, but killed before the answer: it tells yet again
    assert counted(shared.conn) == [("L-1", 100_00, "gateway bank")]


def test_any_order_and_repetition_of_what_a_gateway_tells_ends_in_the_same_book(book: Lender) -> None:
    order = ordered(book, "B", ONE)
    told = [
        paid(order, 100_00),
        paid(order, 100_00),
        refunded(order, 30_00, "R-1"),
        refunded(order, 20_00, "R-2"),
        refunded(order, 45_00),  # the sum so far, as it stood in between
        paid(order, 100_00, "T-2"),
        Closed(order.order_no),
    ]

    @settings(max_examples=8)
    @given(st.permutations(told), st.lists(st.sampled_from(told), max_size=3))
    def holds(facts: list[Fact], again: list[Fact]) -> None:
        with book.conn.transaction(force_rollback=True):
            for fact in [*facts, *again]:
                take_facts(book.conn, BANK, [fact], now=AT)
            assert counted(book.conn) == [("L-1", 50_00, "gateway bank"), ("L-1", 100_00, "gateway bank")]
            assert state(book.conn, order) == "paid"
            assert flags(book.conn) == {"T-1": ["twice"], "T-2": ["twice"]}

    holds()


def test_an_order_whose_answer_cannot_be_stored_keeps_no_other_waiting(shared: Lender, store: Store) -> None:
    bad = ordered(shared, "B", ONE, wall=AT - timedelta(minutes=1))
    good = ordered(shared, "B", TWO, scope="other")
    bank = SandboxGateway("bank", SandboxSettings())
    # No book can have a reference of blanks.
    bank.ledger = lambda order_no, wall: [
        Paid(order_no, " " if order_no == bad.order_no else "T-1", Money(50_00, "CNY"), AT)
    ]
    till = Till({"bank": bank}, "")
    with store.pool(1) as pool, capture_logs() as logs:
        assert ask_about_due(pool, till, lambda _conn: AT, stopped=lambda: True) == 2
        assert (state(shared.conn, bad), state(shared.conn, good)) == ("open", "open")
        shared.conn.execute("UPDATE payment_request SET ask_at = created_at")
        shared.conn.commit()
        assert ask_about_due(pool, till, lambda _conn: AT) == 2
    assert (state(shared.conn, bad), state(shared.conn, good)) == ("open", "paid")
    assert [one["code"] for one in logs] == ["C115"]


@given(st.integers(1, 500), st.lists(st.integers(1, 100), min_size=1, max_size=5))
def test_an_amount_is_divided_to_the_last_cent(amount: int, asked: list[int]) -> None:
    parts = divide(amount, [Share("bank", f"L-{n}", one) for n, one in enumerate(asked)])
    assert sum(part.amount_minor for part in parts) == amount
    assert all(part.amount_minor > 0 for part in parts)


def test_pressing_twice_gives_the_same_order_and_a_changed_bill_another(book: Lender) -> None:
    form = uuid4()
    first = ordered(book, "B", ONE, form_id=form)
    assert ordered(book, "B", ONE, form_id=form) == first
    assert ordered(book, "B", ONE) == first, "another form for the same bill"
    changed = ordered(book, "B", Share("bank", "L-1", 60_00))
    assert changed.request_id != first.request_id
    assert (state(book.conn, first), state(book.conn, changed)) == ("replaced", "open")
    assert ordered(book, "B", ONE, form_id=form).state == "replaced", "a page of before starts nothing anew"
    expired = AT + timedelta(minutes=61)
    assert ordered(book, "B", Share("bank", "L-1", 60_00), wall=expired).request_id != changed.request_id


def test_another_choice_on_the_same_form_is_another_order(book: Lender) -> None:
    form = uuid4()
    first = ordered(book, "B", ONE, form_id=form)
    elsewhere = ordered(book, "B", ONE, form_id=form, gateway="other")
    assert (elsewhere.gateway, state(book.conn, first)) == ("other", "replaced")
    one = ordered(book, "B", ONE, form_id=form, scope="one")
    both = ordered(book, "B", ONE, TWO, form_id=form, scope="both")
    assert [one.amount.amount_minor, both.amount.amount_minor] == [100_00, 150_00]


def test_two_presses_at_once_make_one_order(shared: Lender, store: Store) -> None:
    ordered(shared, "B", TWO, scope="warm")
    ready, made = threading.Barrier(3), []

    def one() -> None:
        with store.connect() as conn:
            ready.wait()
            wanted = Wanted(person("B"), "bank", "all", "CNY", [ONE])
            made.append(open_request(conn, wanted, form_id=uuid4(), lasts_minutes=60, wall=AT))
            conn.commit()

    threads = [threading.Thread(target=one) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({one.request_id for one in made}) == 1


@pytest.mark.parametrize("number", ["", "0" * 31, "0" * 33, "A" * 32, "g" * 32, "../../etc/passwd"])
def test_what_is_no_number_of_ours_finds_no_order(book: Lender, number: str) -> None:
    assert find_request(book.conn, number) is None
