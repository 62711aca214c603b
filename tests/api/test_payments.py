"""Payments over the API: idempotent by source and reference, bad rows named, good ones in."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Api


def payment(**changes: object) -> dict[str, object]:
    return {
        "loan": "L-1", "amount": "1500.00", "paid_on": "2026-03-08", "source": "counter", "reference": "R-1", **changes,
    }  # fmt: skip


def told(api: Api, *payments: object) -> list[tuple[Any, ...]]:
    """(outcome, code, field) of each row."""
    answer = api.ask("POST", "/payments", {"payments": list(payments)})
    assert answer.status_code == 200, answer.text
    assert [one["row"] for one in answer.json()["results"]] == list(range(1, len(payments) + 1))
    return [
        (one["outcome"], *((one["problem"]["code"], one["problem"]["where"]) if one["problem"] else ()))
        for one in answer.json()["results"]
    ]


def settled(api: Api, loan: str) -> object:
    row = api.lender.conn.execute(
        "SELECT i.settled_on::text FROM installment i JOIN loan l USING (lane, loan_id) WHERE l.loan_ref = %s",
        (loan,),
    ).fetchone()
    api.lender.conn.commit()
    assert row is not None
    return row[0]


def test_a_payment_settles_what_it_meets_and_the_same_again_is_the_same(api: Api) -> None:
    assert told(api, payment()) == [("new",)]
    assert settled(api, "L-1") == "2026-03-08"
    assert told(api, payment()) == [("same",)]
    assert told(api, payment(paid_on="2026-03-07")) == [("changed",)]
    assert settled(api, "L-1") == "2026-03-07"
    assert api.count("payment") == 1


def test_bad_rows_are_named_and_good_ones_go_in(api: Api) -> None:
    assert told(
        api,
        payment(),
        payment(loan="L-9", reference="2"),
        payment(loan="L-3", reference="3"),
        payment(loan="L-3", creditor="shop", reference="4"),
        payment(amount="0", reference="5"),
        payment(amount="1.001", reference="6"),
        payment(amount=1500.0, reference="7"),
        payment(paid_on="08/03/2026", reference="8"),
        payment(paid_on="2026-02-30", reference="9"),
        payment(currency="USD", reference="10"),
        payment(currency="XXX", reference="11"),
        payment(reference=""),
        {"loan": "L-1"},
        "not even an object",
        payment(),
        payment(amount="1.00"),
        payment(loan="L-2", amount="20.00", unknown="field"),
        payment(loan="L-2", amount="20.00"),
    ) == [
        ("new",),
        ("refused", "B045", "loan"),
        ("refused", "B045", "creditor"),
        ("new",),
        ("refused", "B015", "amount"),
        ("refused", "B015", "amount"),
        ("refused", "B015", "amount"),
        ("refused", "B012", "paid_on"),
        ("refused", "B012", "paid_on"),
        ("refused", "B034", "payment"),
        ("refused", "B022", "currency"),
        ("refused", "B016", "reference"),
        ("refused", "B016", "amount"),
        ("refused", "B013", "payment"),
        ("refused", "B030", "payment"),
        ("refused", "B031", "payment"),
        ("refused", "B013", "payment"),
        ("new",),
    ]
    assert api.count("payment") == 3


def test_another_amount_under_the_same_reference_is_refused(api: Api) -> None:
    assert told(api, payment()) == [("new",)]
    assert told(api, payment(amount="1400.00")) == [("refused", "B050", "payment")]


def test_a_thousand_go_in_together_and_one_more_is_too_many(api: Api) -> None:
    many = [payment(reference=f"R-{at}", amount="0.01") for at in range(1001)]
    answer = api.ask("POST", "/payments", {"payments": many})
    assert (answer.status_code, answer.json()["code"]) == (422, "D168")
    answer = api.ask("POST", "/payments", {"payments": many[:1000]})
    assert (answer.json()["recorded"], answer.json()["refused"]) == (1000, 0)
    assert api.count("payment") == 1000


def test_a_reversal_reopens_what_was_settled(api: Api) -> None:
    told(api, payment(reference="a/b c"))
    body = {"loan": "L-1", "reversed_on": "2026-03-09", "reason": "returned by the bank"}
    for outcome in ("new", "same"):
        answer = api.ask("POST", "/payments/counter/a%2Fb%20c/reversal", body)
        assert (answer.status_code, answer.json()) == (200, {"outcome": outcome})
    assert settled(api, "L-1") is None


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/payments/counter/none/reversal", {"loan": "L-1"}, 404, "D062"),
        ("/payments/counter/none/reversal", {"loan": "L-9"}, 404, "D060"),
        ("/payments/counter/none/reversal", {"loan": "L-3"}, 409, "D061"),
    ],
)
def test_a_reversal_of_what_is_not_there_says_what_is_missing(
    shared: Api, path: str, body: dict[str, str], status: int, code: str
) -> None:
    answer = shared.ask("POST", path, {"reversed_on": "2026-03-09", "reason": "x", **body})
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_feed_is_complete_through_the_latest_day_that_was_said(api: Api) -> None:
    said = []
    for day in ("2026-03-07", "2026-03-08", "2026-03-06"):
        answer = api.ask("POST", "/feeds/counter", {"creditor": "bank", "complete_through": day})
        said.append(answer.json()["complete_through"])
    assert said == ["2026-03-07", "2026-03-08", "2026-03-08"]
    later = api.ask("POST", "/feeds/counter", {"creditor": "bank", "complete_through": "2026-03-12"})
    assert (later.status_code, later.json()["code"]) == (422, "D168")


@pytest.mark.parametrize("day", [0, "0", "20260308", "2026-03-08T00:00:00Z", "0001-01-01", "9999-12-31"])
def test_a_day_is_written_as_one(shared: Api, day: object) -> None:
    for path, body in (
        ("/feeds/counter", {"creditor": "bank", "complete_through": day}),
        ("/payments/s/r/reversal", {"loan": "L-1", "reversed_on": day, "reason": "x"}),
    ):
        answer = shared.ask("POST", path, body)
        assert (answer.status_code, answer.json()["code"]) == (422, "D168")
