"""What the policy allows is offered, within its bounds, with figures of the schedule engine; else it says why not."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from duecourse.domain.arranging import largest
from duecourse.domain.schedule import Method, Terms, build_schedule
from duecourse.policy.offered import Kind
from duecourse.responses.intents import Intent
from duecourse.responses.offers.figures import Figures
from duecourse.responses.offers.offering import offers_for
from duecourse.responses.offers.stating import Stated, Trouble
from hardship import OFFERS, PLENTY, POOR, RATE, Bank, Household, offer

CONTRACT = 12 * 1066_19 - 5


def test_what_the_policy_allows_is_offered_with_figures_of_the_schedule_engine(home: Household) -> None:
    home.state(replace(POOR, until=date(2026, 3, 22), due_day=20), "again")
    by_kind = {one.offer.kind: one.figures for one in home.offering().offers}
    assert list(by_kind) == [Kind.EXTENSION, Kind.DUE_DAY, Kind.PLAN, Kind.PAUSE]
    assert {figures.total_before for figures in by_kind.values()} == {CONTRACT}
    extension = by_kind[Kind.EXTENSION].next_after
    assert (extension[1], extension[0].amount_minor) == (date(2026, 3, 22), 1066_19 + 2_18)
    due_day = by_kind[Kind.DUE_DAY].next_after
    assert (due_day[1], due_day[0].amount_minor) == (date(2026, 3, 20), 1066_19 + 19_73)
    pause = by_kind[Kind.PAUSE]
    assert (pause.next_after[1], pause.total_after - pause.total_before) == (date(2026, 4, 15), 120_00)
    plan = by_kind[Kind.PLAN]
    engine = build_schedule(Method.ANNUITY, Terms(1_200_000, RATE, 18, date(2026, 3, 15)))
    assert [row.amount_minor for row in plan.after] == [due.due_minor for due in engine]
    assert (engine[0].due_minor, plan.at_once, plan.exception) == (731_78, True, "")


def test_a_plan_is_not_offered_to_who_can_pay_as_the_contract_says(home: Household) -> None:
    assert home.offered(Kind.PLAN) is None
    assert PLENTY.affordable_minor(50) > 1066_19


def test_arrears_are_reason_enough_for_a_plan(bank: Bank) -> None:
    home = bank.household(first="2026-02-15")
    plan = home.offered(Kind.PLAN)
    assert plan is not None
    assert len(plan.figures.after) == 12
    assert plan.figures.next_after[1] == date(2026, 3, 15)


@pytest.mark.parametrize(
    ("statement", "because"),
    [
        ("UPDATE loan SET state = 'closed' WHERE loan_id = %s", "closed"),
        ("UPDATE installment SET settled_on = '2026-03-01' WHERE loan_id = %s", "nothing-open"),
        ("UPDATE installment SET settled_on = '2026-03-01' WHERE loan_id = %s AND number = 2", "not-computed"),
        (
            "UPDATE installment SET statement_on = due_on - 20, balance_minor = due_minor WHERE loan_id = %s",
            "not-computed",
        ),
        ("UPDATE loan SET product = 'mortgage' WHERE loan_id = %s", "none-fits"),
        ("UPDATE loan SET product = 'boat' WHERE loan_id = %s", "no-policy"),
    ],
)  # fmt: skip
def test_where_nothing_can_be_offered_it_says_why(home: Household, statement: str, because: str) -> None:
    home.rows(f"{statement} RETURNING 1", home.loan_id)
    assert (home.offering().because, home.offering().offers) == (because, ())


def test_what_the_book_does_not_know_is_not_guessed(home: Household) -> None:
    """Without a rate only what bears no interest; here all of it would."""
    home.rows("UPDATE loan SET annual_rate = NULL WHERE loan_id = %s RETURNING 1", home.loan_id)
    assert home.offering().because == "none-fits"


def test_a_flat_loan_has_no_level_plan(home: Household) -> None:
    home.rows("UPDATE loan SET method = 'flat' WHERE loan_id = %s RETURNING 1", home.loan_id)
    home.state(POOR, "again")
    assert [one.offer.kind for one in home.offering().offers] == [Kind.EXTENSION, Kind.PAUSE]


def test_somebody_elses_loan_is_nobodys_to_arrange(bank: Bank, home: Household) -> None:
    other = bank.household()
    assert offers_for(home.conn, home.person, other.loan_id, PLENTY, today=home.today, now=home.now) is None


@pytest.mark.parametrize("reason", ["debit", "dispute"])
def test_while_a_debit_or_a_dispute_is_open_a_person_decides(home: Household, reason: str) -> None:
    if reason == "debit":
        home.lender.debit(f"HT-{home.borrower}", "2026-03-08", "2026-03-12")
    else:
        home.say(Intent.DISPUTE)
    extension = home.offered(Kind.EXTENSION)
    assert extension is not None
    assert (extension.figures.at_once, extension.figures.exception) == (False, "")


def test_more_often_than_the_policy_says_is_an_exception(home: Household) -> None:
    home.take(Kind.EXTENSION)
    home.rows(
        "UPDATE installment SET settled_on = '2026-03-20' WHERE loan_id = %s AND number = 1 RETURNING 1",
        home.loan_id,
    )
    assert home.judge("2026-03-21") == ["completed"]
    again = home.offered(Kind.EXTENSION)
    assert again is not None
    assert (again.figures.exception, again.figures.at_once) == ("too-often", False)


def test_days_past_due_and_product_choose_the_offer(bank: Bank) -> None:
    """The card's policy offers an extension only to who is not late, at once to grade A."""
    home = bank.household(product="card", grade="A")
    late = bank.household(product="card", first="2026-02-28")
    extension = home.offered(Kind.EXTENSION)
    assert extension is not None
    assert (extension.policy, extension.figures.at_once) == ("cards", True)
    assert late.offering().because == "none-fits"


def test_the_same_figures_have_the_same_digest_and_any_other_figure_another(home: Household) -> None:
    shown = home.offered(Kind.EXTENSION)
    assert shown is not None
    figures = shown.figures
    assert Figures.from_json(figures.as_json()) == figures
    assert replace(figures, today=figures.today + timedelta(1)).digest() == figures.digest()
    row = replace(figures.after[3], amount_minor=figures.after[3].amount_minor + 1)
    for other in (
        replace(figures, after=(*figures.after[:3], row, *figures.after[4:])),
        replace(figures, at_once=False),
        replace(figures, exception="too-often"),
        replace(figures, pay_on=(figures.pay_on[0] + timedelta(1), *figures.pay_on[1:])),
    ):
        assert other.digest() != figures.digest()


@settings(max_examples=40)
@given(
    income=st.integers(0, 1_500_000),
    costs=st.integers(0, 1_200_000),
    debts=st.integers(0, 300_000),
    day=st.none() | st.integers(1, 31),
    until=st.none() | st.dates(date(2026, 3, 9), date(2026, 8, 1)),
)
def test_no_offer_leaves_the_bounds_of_the_policy(
    everyone: Household, income: int, costs: int, debts: int, day: int | None, until: date | None
) -> None:
    """Of two payments one is overdue; whatever the household states."""
    everyone.stated = Stated(Trouble.OTHER, income, costs, debts, until, day)
    affordable = everyone.stated.affordable_minor(50)
    for one in everyone.offering().offers:
        figures, known = one.figures, one.offer
        assert sum(row.principal_minor or 0 for row in figures.after) == 1_200_000
        assert figures.total_after == 1_200_000 + (figures.interest_after or 0)
        if figures.kind is Kind.EXTENSION:
            later = figures.next_after[0].due_on - figures.next_before.due_on
            assert timedelta(1) <= later <= timedelta(known.most_days)
        elif figures.kind is Kind.PLAN:
            assert (largest(figures.after) <= affordable) == (figures.exception == "")
            assert figures.at_once == (figures.exception == "")
            assert len(figures.after) <= len(figures.before) + known.more_payments
            assert min(row.amount_minor for row in figures.after[:-1]) * 2 >= 1066_19
        elif figures.kind is Kind.PAUSE:
            assert not figures.at_once
            assert figures.next_after[1] <= date(2026, 5, 15)
        else:
            assert figures.due_day == day
            assert day is not None and known.earliest_day <= day <= known.latest_day


def test_the_share_and_the_bounds_are_those_of_the_version_in_force(bank: Bank) -> None:
    home = bank.household()
    home.state(POOR, "again")
    before = home.offered(Kind.PLAN)
    offer(bank.lender, OFFERS.replace("share: 50", "share: 60"))
    after = home.offered(Kind.PLAN)
    offer(bank.lender)
    assert before is not None and after is not None
    assert (len(before.figures.after), len(after.figures.after)) == (18, 15)
    assert after.version == before.version + 1
