"""An Idempotency-Key: the same request is done once, also at once, also through a kill."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event
from typing import Any

import psycopg
import pytest

from duecourse.api import repeating
from duecourse.api.repeating import Answer, forget_answers, once

from .conftest import Api

NAMED = {"idempotency-key": "order-1"}


def payments(reference: str = "R-1", amount: str = "1.00") -> dict[str, Any]:
    return {
        "payments": [
            {
                "loan": "L-1",
                "amount": amount,
                "paid_on": "2026-03-08",
                "source": "app",
                "reference": reference,
            }
        ]
    }


def test_the_same_request_gets_the_first_answer(api: Api) -> None:
    first = api.ask("POST", "/payments", payments(), headers=NAMED)
    again = api.ask("POST", "/payments", payments(), headers=NAMED)
    assert first.json()["results"] == [{"row": 1, "outcome": "new", "problem": None}]
    assert again.content == first.content
    assert (first.headers.get("idempotent-replayed"), again.headers["idempotent-replayed"]) == (None, "true")


def test_another_request_under_the_name_is_refused_and_nothing_done(api: Api) -> None:
    api.ask("POST", "/payments", payments(), headers=NAMED)
    for path, body in (
        ("/payments", payments("R-2")),
        ("/payments?", payments("R-2")),
        ("/responses", payments()),
    ):
        answer = api.ask("POST", path, body, headers=NAMED)
        assert answer.status_code == 422
    assert api.count("payment") == 1


def test_names_of_one_key_are_not_those_of_another(api: Api) -> None:
    from duecourse.api.keys import Scope

    other = api.new_key("other", *Scope)
    api.ask("POST", "/payments", payments(), headers=NAMED)
    answer = api.ask("POST", "/payments", payments("R-2"), headers=NAMED, key=other)
    assert answer.json()["recorded"] == 1


def test_a_refused_request_leaves_its_name_free(api: Api) -> None:
    wrong = api.ask("POST", "/payments/app/R-1/reversal", _reversal(), headers=NAMED)
    assert wrong.status_code == 404
    api.ask("POST", "/payments", payments())
    right = api.ask("POST", "/payments/app/R-1/reversal", _reversal(), headers=NAMED)
    assert right.json() == {"outcome": "new"}


def _reversal() -> dict[str, str]:
    return {"loan": "L-1", "reversed_on": "2026-03-09", "reason": "x"}


@pytest.mark.parametrize("name", ["", " ", "a b", "x" * 256, "é"])
def test_a_name_is_printable_and_short(shared: Api, name: str) -> None:
    answer = shared.ask("POST", "/payments", payments(), headers={"idempotency-key": name.encode()})  # type: ignore[dict-item]
    assert (answer.status_code, answer.json()["code"]) == (400, "D168")


def test_of_many_at_once_one_does_it_and_all_get_its_answer(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient = "SELECT set_config('lock_timeout', '120s', true)"
    monkeypatch.setattr("duecourse.api.serving.SQL", {"set_limits": patient})
    barrier = Barrier(4)

    def ask(_: int) -> tuple[int, bytes]:
        barrier.wait()
        answer = api.ask("POST", "/payments", payments(), headers=NAMED)
        return answer.status_code, answer.content

    with ThreadPoolExecutor(4) as threads:
        answers = set(threads.map(ask, range(4)))
    assert [(status, b'"outcome":"new"' in body) for status, body in answers] == [(200, True)]
    assert api.count("payment") == 1


def test_one_that_waits_too_long_is_told_to_ask_again(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = "SELECT set_config('lock_timeout', '50ms', true)"
    monkeypatch.setattr("duecourse.api.serving.SQL", {"set_limits": limits})
    with api.store.connect() as conn:
        row = conn.execute("SELECT key_id FROM api_key").fetchone()
        assert row is not None
        place = {"key_id": row[0], "name_digest": api.lender.keyring.index("api-request", "order-1")}
        conn.execute(repeating.SQL["begin_answer"], place | {"request_digest": b"", "kept": repeating.KEPT})
        answer = api.ask("POST", "/payments", payments(), headers=NAMED)
        assert (answer.status_code, answer.json()["code"]) == (409, "D170")
        assert answer.headers["retry-after"] == "1"
        conn.rollback()
    assert api.ask("POST", "/payments", payments(), headers=NAMED).json()["recorded"] == 1


def test_a_book_that_an_import_holds_answers_503(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = "SELECT set_config('lock_timeout', '50ms', true)"
    monkeypatch.setattr("duecourse.api.serving.SQL", {"set_limits": limits})
    with api.store.connect() as conn:
        conn.execute("LOCK TABLE book_import IN SHARE ROW EXCLUSIVE MODE")
        answer = api.ask("POST", "/payments", payments())
    assert (answer.status_code, answer.json()["code"]) == (503, "D172")
    assert api.count("payment") == 0


def test_a_kill_before_the_commit_leaves_nothing_and_after_it_the_answer(api: Api) -> None:
    keyring = api.lender.keyring

    def work(conn: psycopg.Connection) -> Answer:
        conn.execute("INSERT INTO api_refusal VALUES ('2026-01-01', 'done', 'scope', 1)")
        return Answer(200, "done")

    conn = api.store.connect()
    once(conn, keyring, "k", "name", b"request", lambda: work(conn))
    conn.close()  # as by a kill: the work is done and not committed
    assert (api.count("api_answer"), api.count("api_refusal")) == (0, 0)
    with api.store.connect() as conn:  # the answer is lost on its way out
        once(conn, keyring, "k", "name", b"request", lambda: work(conn))
        conn.commit()
    with api.store.connect() as conn:
        again = once(conn, keyring, "k", "name", b"request", lambda: work(conn))
    assert again == Answer(200, "done", repeated=True)
    assert api.count("api_refusal") == 1


def test_answers_are_kept_48_hours(api: Api) -> None:
    api.ask("POST", "/payments", payments(), headers=NAMED)
    conn = api.lender.conn
    for hours, forgotten in ((47, 0), (49, 1)):
        conn.execute(
            "UPDATE api_answer SET answered_at = clock_timestamp() - make_interval(hours => %s)", (hours,)
        )
        conn.commit()
        if forgotten:  # also before anybody has cleared it away
            assert api.ask("POST", "/payments", payments("R-2"), headers=NAMED).json()["recorded"] == 1
            conn.execute("UPDATE api_answer SET answered_at = clock_timestamp() - interval '49 h'")
            conn.commit()
        assert forget_answers(conn) == forgotten


def test_more_answers_than_one_transaction_forgets_are_all_forgotten(api: Api) -> None:
    conn = api.lender.conn
    conn.execute(
        """INSERT INTO api_answer SELECT 'k', int4send(n), '', 200, '', clock_timestamp() - interval '49 h'
           FROM generate_series(1, 5) n"""
    )
    conn.commit()
    assert forget_answers(conn, take=2) == 5
    assert api.count("api_answer") == 0


def test_while_one_request_is_done_another_of_the_same_name_waits(api: Api) -> None:
    """Neither does its work twice nor answers before the first has committed."""
    begun, go_on = Event(), Event()
    order: list[str] = []
    keyring = api.lender.keyring

    def first() -> Answer:
        with api.store.connect() as conn:

            def work() -> Answer:
                begun.set()
                assert go_on.wait(60)
                return Answer(200, "first")

            answer = once(conn, keyring, "k", "n", b"r", work)
            order.append("first")
            conn.commit()
            return answer

    def second() -> Answer:
        assert begun.wait(60)
        with api.store.connect() as conn:
            go_on.set()
            answer = once(conn, keyring, "k", "n", b"r", lambda: Answer(200, "second"))
            order.append("second")
            return answer

    with ThreadPoolExecutor(2) as threads:
        results = [threads.submit(first), threads.submit(second)]
    assert [one.result().body for one in results] == ["first", "first"]
    assert order == ["first", "second"]
