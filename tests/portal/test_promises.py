"""What the page of a promise says is what its promise does."""

from __future__ import annotations

import re

from duecourse.policy.templates import Templates, TemplateText
from duecourse.policy.versions import publish
from lender import REMINDER
from sent_links import NINE
from visiting import Portal

OTHERS = """
policy: others
priority: 10
applies_to: {product: [card]}
languages: [en]
creditors:
  "*": {name: Harbour Bank, contact_phone: "400"}
responses: {promise_longest: 3d}
"""


def test_the_days_to_choose_are_those_of_the_policy_whose_message_is_answered(
    portal: Portal, borrow: str
) -> None:
    """Of the policies in force one of a higher priority lets promises pause for three days only."""
    lender = portal.lender
    lender.policy(REMINDER, OTHERS)
    texts = [TemplateText(name, "en", {"sms": "Please pay."}) for name in lender.policies[-1].templates]
    publish(lender.conn, lender.policies[-1], Templates(texts), "", now=NINE, user="test")
    lender.conn.commit()
    visitor = portal.visitor(borrow)
    assert 'max="2026-03-23"' in visitor.get("/me/promise").text
    assert visitor.post("/me/promise", on="2026-03-20").headers["location"] == "/me?done=answers.promise_done"


def test_a_promise_that_does_not_pause_is_not_said_to_by_one_for_another_debt(
    portal: Portal, borrow: str
) -> None:
    portal.lender.book("loan due_on\n" + f"HT-second-{borrow} 2026-03-10", borrower=borrow)
    visitor = portal.visitor(borrow)
    loans = re.findall(r'name="debt" value="([0-9a-f-]{36})"', visitor.get("/me/promise").text)
    said = [
        visitor.post("/me/promise", debt=debt, on=on).headers["location"].rpartition("=")[2]
        for debt, on in ((loans[0], "2026-03-20"), (loans[1], "2026-03-12"), (loans[1], "2026-03-15"))
    ]
    assert said == ["answers.promise_done", "answers.promise_done", "answers.promise_waits"]


def test_the_bill_names_the_last_day_without_reminders(portal: Portal, borrow: str) -> None:
    """A payment of the day after still keeps the promise; the day after that is one of reminders."""
    visitor = portal.visitor(borrow)
    visitor.post("/me/promise", on="2026-03-15")
    assert "Until 16 March we will not remind you" in visitor.get("/me").text
