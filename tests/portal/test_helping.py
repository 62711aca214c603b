"""Who cannot pay says so, compares, agrees in one tap to what is shown, and to nothing else and nobody else's."""

from __future__ import annotations

import re
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import pytest

from hardship import Household, lend, loan_of, offer
from visiting import ID_NUMBER, Portal, Visitor

HOUSE = {"trouble": "less-income", "income": "6,500", "costs": "4000", "debts": "1000.00"}


@pytest.fixture(scope="module", autouse=True)
def offers(portal: Portal) -> None:
    """The policy in force offers everything, a pause by a person."""
    offer(portal.lender)


@pytest.fixture
def home(portal: Portal, request: pytest.FixtureRequest) -> Household:
    """Twelve payments of 1,066.19 from 15 March on."""
    borrower = f"P-{uuid5(NAMESPACE_OID, request.node.nodeid).hex[:12]}"
    lend(portal.lender, borrower, id_number=ID_NUMBER)
    return Household(portal.lender, borrower, portal.now)


def states(visitor: Visitor, **more: str) -> str:
    """Fill in the form; where the offers are."""
    answer = visitor.post("/me/plan", **(HOUSE | more))
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def form_of(page: str, kind: str) -> dict[str, str]:
    """The fields of one offer's form."""
    forms = re.findall(r"<form.*?</form>", page, re.DOTALL)
    (form,) = [one for one in forms if f'name="kind" value="{kind}"' in one]
    return dict(re.findall(r'type="hidden" name="([a-z]+)" value="([^"]*)"', form))


def card(page: str, kind: str) -> str:
    """The text of one offer."""
    (found,) = re.findall(rf'<section class="card"><h2 id="{kind}">.*?</section>', page, re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", found))


def test_a_plan_is_stated_compared_and_agreed_to_in_one_tap(portal: Portal, home: Household) -> None:
    visitor = portal.visitor(home.borrower)
    assert 'href="/me/plan"' in visitor.get("/me").text
    where = states(visitor)
    page = visitor.get(where).text
    assert "CN¥1,500.00 is left in a month" in page
    shown = card(page, "plan")
    assert "Next payment CN¥731.78" in shown and "Payments left 18" in shown
    assert "It costs you more by CN¥377.89" in shown
    answer = visitor.send(where, **form_of(page, "plan"))
    assert (answer.status_code, answer.headers["location"]) == (303, "/me/plan?done=plan.agreed_done")
    page = visitor.get("/me/plan?done=plan.agreed_done").text
    assert "It is agreed." in page and "You can withdraw until 13 March, 00:00" in page
    assert "CN¥731.78" in visitor.get("/me").text
    assert home.installments()[0] == (1, "2026-03-15", 731_78)
    assert len(home.installments()) == 18


def test_what_is_overdue_is_told_of_every_offer(portal: Portal) -> None:
    """A plan takes it in; an extension leaves it to be paid now."""
    lend(portal.lender, "P-late", id_number=ID_NUMBER, first="2026-02-15")
    visitor = portal.visitor("P-late")
    page = visitor.get(states(visitor)).text
    assert "Overdue, to pay now CN¥1,066.19" in card(page, "extension")
    assert "Overdue, to pay now CN¥0.00" in card(page, "plan")


def test_a_double_tap_agrees_once(portal: Portal, home: Household) -> None:
    visitor = portal.visitor(home.borrower)
    where = states(visitor)
    fields = form_of(visitor.get(where).text, "extension")
    answers = [visitor.send(where, **fields).headers["location"] for _ in range(2)]
    assert answers == ["/me/plan?done=plan.agreed_done"] * 2
    assert home.events() == ["proposed", "agreed"]


def test_what_has_changed_meanwhile_is_shown_anew_and_not_agreed(portal: Portal, home: Household) -> None:
    visitor = portal.visitor(home.borrower)
    where = states(visitor)
    fields = form_of(visitor.get(where).text, "extension")
    home.rows(
        """UPDATE installment SET due_minor = due_minor + 500, fee_minor = 500
           WHERE loan_id = %s AND number = 1 RETURNING 1""",
        home.loan_id,
    )
    answer = visitor.send(where, **fields)
    assert answer.status_code == 422
    assert "Nothing was agreed" in answer.text and 'href="#offer"' in answer.text
    assert "CN¥1,074.30" in card(answer.text, "extension")
    assert home.events() == []
    again = form_of(answer.text, "extension")
    assert again["digest"] != fields["digest"]
    assert visitor.send(where, **again).status_code == 303


def test_what_a_person_decides_is_asked_for_and_can_be_withdrawn(portal: Portal, home: Household) -> None:
    visitor = portal.visitor(home.borrower)
    where = states(visitor)
    page = visitor.get(where).text
    assert "A person decides" in card(page, "pause")
    assert (
        visitor.send(where, **form_of(page, "pause")).headers["location"] == "/me/plan?done=plan.asked_done"
    )
    page = visitor.get("/me/plan").text
    assert "A person decides" in page and "Withdraw this" in page
    form = re.findall(r'<form method="post" action="/me/plan/withdraw".*?</form>', page, re.DOTALL)[0]
    fields = dict(re.findall(r'type="hidden" name="([a-z]+)" value="([^"]*)"', form))
    assert visitor.send("/me/plan/withdraw", **fields).headers["location"] == "/me?done=plan.withdrawn_done"
    assert home.events() == ["proposed", "withdrawn"]
    assert (
        visitor.send("/me/plan/withdraw", **fields).headers["location"] == "/me/plan?done=plan.withdrawn_late"
    )


def test_nobody_sees_or_takes_up_what_another_stated(portal: Portal, home: Household) -> None:
    other = f"{home.borrower}-other"
    lend(portal.lender, other, id_number=ID_NUMBER)
    visitor, stranger = portal.visitor(home.borrower), portal.visitor(other)
    where = states(visitor)
    fields = form_of(visitor.get(where).text, "extension")
    theirs = form_of(stranger.get(states(stranger)).text, "extension")
    assert stranger.get(where).status_code == 404
    assert stranger.send(where, **(fields | {"csrf": theirs["csrf"]})).status_code == 404
    assert visitor.send(where, **fields).status_code == 303
    (mine,) = home.rows("SELECT arrangement_id FROM arrangement WHERE loan_id = %s", loan_of(home.borrower))
    forged = {"csrf": theirs["csrf"], "request": theirs["request"], "arrangement": mine[0].hex}
    assert stranger.send("/me/plan/withdraw", **forged).status_code == 404
    assert home.events() == ["proposed", "agreed"]
    assert home.rows("SELECT 1 FROM arrangement WHERE loan_id = %s", loan_of(other)) == []


def test_nobody_states_anything_of_another_ones_loan(portal: Portal, home: Household) -> None:
    """The visitor has two loans, so the form asks of which; a third is somebody else's."""
    other = f"{home.borrower}-other"
    lend(portal.lender, other, id_number=ID_NUMBER)
    portal.lender.book(
        f"loan due_on amount\nHT-second-{home.borrower} 2026-03-20 50.00 CNY", borrower=home.borrower
    )
    visitor = portal.visitor(home.borrower)
    assert visitor.post("/me/plan", **HOUSE, debt=str(loan_of(other))).status_code == 422
    assert visitor.post("/me/plan", **HOUSE, debt="CNY").status_code == 422
    assert "/me/plan/offers/" in states(visitor, debt=str(home.loan_id))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"trouble": ""}, "Choose what the trouble is"),
        ({"trouble": "holiday"}, "Choose what the trouble is"),
        ({"income": ""}, "Give the income of your household"),
        ({"costs": "a lot"}, 'href="#costs"'),
        ({"debts": "-5"}, 'href="#debts"'),
        ({"income": "9" * 25}, 'href="#income"'),
        ({"until": "2026-03-01"}, 'href="#until"'),
        ({"until": "soon"}, 'href="#until"'),
        ({"due_day": "32"}, "Choose a day of the month"),
    ],
)
def test_a_form_that_lacks_something_says_so_and_keeps_what_was_typed(
    portal: Portal, patient: Visitor, change: dict[str, Any], said: str
) -> None:
    answer = patient.post("/me/plan", **(HOUSE | {"due_day": "20"} | change))
    assert answer.status_code == 422
    assert said in answer.text
    if "costs" not in change:
        assert 'value="4000"' in answer.text


@pytest.fixture(scope="module")
def patient(portal: Portal) -> Visitor:
    """Somebody who fills in the form again and again."""
    lend(portal.lender, "P-patient", id_number=ID_NUMBER)
    return portal.visitor("P-patient")


def test_nothing_left_in_a_month_is_no_fault(portal: Portal, home: Household) -> None:
    visitor = portal.visitor(home.borrower)
    page = visitor.get(states(visitor, income="0", costs="0", debts="0")).text
    assert "CN¥0.00 is left in a month" in page
    shown = card(page, "plan")
    assert "more than you told us you can pay" in shown and "Ask for this" in shown


def test_a_loan_without_offers_says_so_and_a_person_hears_of_it(portal: Portal, borrow: str) -> None:
    """Its installment is known by its sum alone."""
    portal.rows("UPDATE loan SET product = 'boat' WHERE loan_ref = %s RETURNING 1", f"HT-{borrow}")
    visitor = portal.visitor(borrow)
    page = visitor.get(states(visitor)).text
    assert "We have nothing to offer for this loan here" in page
    ((intents,),) = portal.rows(
        "SELECT intents FROM response_reading r JOIN borrower b USING (lane, borrower_id) WHERE b.borrower_key = %s",
        borrow,
    )
    assert intents == ["cannot-pay"]


def test_what_was_stated_is_in_no_address_and_in_the_export(portal: Portal, home: Household) -> None:
    visitor = portal.visitor(home.borrower)
    where = states(visitor, income="6543.21")
    assert "654321" not in where.replace("-", "")
    assert "654321" in visitor.post("/me/data").text
