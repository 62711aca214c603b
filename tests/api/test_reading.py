"""What the API tells: messages, standings, responses, its own description."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from httpx2 import ASGITransport, AsyncClient
from openapi_spec_validator import validate  # type: ignore[import-not-found]

from duecourse.api.endpoint import PREFIX
from duecourse.api.routes import ENDPOINTS
from duecourse.web.application import Limits, application
from duecourse.web.health import routes as health_routes

from .conftest import NOW, Api

DAYS = """
  - id: due-in-3
    when: due - 3d at 09:00
    purpose: reminder
    route: [sms]
    template: due-soon
  - id: due-in-1
    when: due - 1d at 09:00
    purpose: reminder
    route: [sms]
    template: due-soon
"""


@pytest.fixture(scope="module")
def planned(shared: Api) -> Api:
    """Two messages of C-1."""
    shared.lender.policy(DAYS)
    for day in ("06", "08"):
        shared.lender.plan(f"2026-03-{day}T00:05+08:00")
    return shared


def test_messages_come_page_by_page_the_latest_first_and_each_once(planned: Api) -> None:
    seen, cursor, pages = [], "", 0
    while True:
        answer = planned.ask("GET", f"/borrowers/C-1/messages?limit=1{cursor}").json()
        seen += [(one["step"], one["local_on"]) for one in answer["messages"]]
        pages += 1
        if answer["next"] is None:
            break
        cursor = f"&cursor={answer['next']}"
    assert seen == [("due-in-1", "2026-03-09"), ("due-in-3", "2026-03-07")]
    assert pages == 2


def test_one_message_is_told_whole_without_its_text_or_address(planned: Api) -> None:
    line = planned.ask("GET", "/borrowers/C-1/messages").json()["messages"][0]
    told = planned.ask("GET", f"/messages/{line['id']}").json()
    assert {name: told[name] for name in line} == line
    assert (told["borrower"], told["zone"], told["attempts"], told["receipts"]) == (
        "C-1",
        "Asia/Shanghai",
        [],
        [],
    )
    assert told["items"] == [
        {"loan": "L-1", "number": 1, "due_on": "2026-03-10", "amount": "1500.00", "currency": "CNY"}
    ]
    assert "Li Lei" not in str(told) and "+86" not in str(told)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        (f"/messages/{UUID(int=1)}", 404, "D031"),
        ("/messages/00", 404, "D031"),
        ("/borrowers/nobody/messages", 404, "D033"),
        ("/borrowers/nobody/status", 404, "D033"),
        ("/borrowers/C-1/messages?limit=0", 422, "D168"),
        ("/borrowers/C-1/messages?limit=x", 422, "D168"),
        ("/borrowers/C-1/messages?limit=1&limit=2", 400, "D168"),
        ("/borrowers/C-1/messages?offset=1", 422, "D168"),
        ("/borrowers/C-1/messages?cursor=2026_x", 400, "D168"),
        ("/responses?since=2026-03-09T12:00%2B08:00_" + "0" * 32, 400, "D168"),
        ("/responses?since=0001-01-01T00:00%2B14:00_" + "0" * 32, 400, "D168"),
        ("/responses?since=x", 400, "D168"),
    ],
)
def test_what_is_not_there_or_not_understood_is_a_problem(
    shared: Api, path: str, status: int, code: str
) -> None:
    answer = shared.ask("GET", path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("at", ["2026-W10-1", "2026-03-09T12", "20260309"])
def test_a_cursor_is_an_instant_however_it_is_written(shared: Api, at: str) -> None:
    assert shared.ask("GET", f"/borrowers/C-1/messages?cursor={at}_{'0' * 32}").status_code == 200
    assert shared.ask("GET", f"/responses?since={at}_{'0' * 32}").status_code == 200


def test_the_status_says_what_is_due_overdue_and_held(api: Api) -> None:
    api.ask(
        "POST", "/responses", {"id": str(uuid4()), "borrower": "C/2", "loan": "L-2", "intents": ["dispute"]}
    )
    told = api.ask("GET", "/borrowers/C%2F2/status").json()
    loans = [
        (
            one["loan"],
            one["creditor"],
            (one["next_due"] or {}).get("amount"),
            one["overdue"],
            one["days_past_due"],
        )
        for one in told["loans"]
    ]
    assert (told["borrower"], told["as_of"]) == ("C/2", "2026-03-09")
    assert loans == [
        ("L-2", "bank", None, "20.00", 8),
        ("L-3", "bank", "5.00", "0.00", 0),
        ("L-3", "shop", "7.00", "0.00", 0),
    ]
    assert [(one["kind"], one["loan"]) for one in told["holds"]] == [("dispute", "L-2")]


def test_what_a_borrower_promised_is_told_and_read_back(api: Api) -> None:
    said = {
        "id": str(uuid4()), "borrower": "C-1", "intents": ["will-pay"], "loan": "L-1", "promised_on": "2026-03-12",
        "amount": "1500.00", "channel": "voice", "said_at": "2026-03-09T11:00:00+08:00",
    }  # fmt: skip
    first = api.ask("POST", "/responses", said)
    assert first.status_code == 200, first.text
    again = api.ask("POST", "/responses", said | {"intents": ["paid"]})
    assert again.json() == first.json(), "the same id is the same response"
    promise = first.json()["promise"]
    assert (promise["promised_on"], promise["amount"], promise["state"]) == ("2026-03-12", "1500.00", "open")
    status = api.ask("GET", "/borrowers/C-1/status").json()
    assert [(one["loan"], one["promised_on"], one["amount"]) for one in status["promises"]] == [
        ("L-1", "2026-03-12", "1500.00")
    ]
    assert [one["id"] for one in api.ask("GET", "/responses").json()["responses"]] == [first.json()["id"]]


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"intents": []}, 422, "D168"),
        ({"intents": ["abscond"]}, 422, "D168"),
        ({"said_at": "2026-03-09T11:00:00"}, 422, "D168"),
        ({"said_at": "0001-01-01T00:00:00+14:00"}, 422, "D168"),
        ({"said_at": "20260309110000"}, 422, "D168"),
        ({"said_at": 1773025200}, 422, "D168"),
        ({"promised_on": "9999-12-31"}, 422, "D168"),
        ({"promised_on": "20260312"}, 422, "D168"),
        ({"promised_on": 0}, 422, "D168"),
        ({"borrower": "nobody"}, 404, "D033"),
        ({"loan": "L-9"}, 404, "D060"),
        ({"message": str(UUID(int=1))}, 404, "D031"),
        ({"amount": "5.00"}, 422, "D063"),
        ({"amount": "0.001", "currency": "CNY"}, 422, "D063"),
    ],
)
def test_a_response_that_cannot_be_taken_leaves_nothing(
    shared: Api, changes: dict[str, object], status: int, code: str
) -> None:
    said = {"id": str(uuid4()), "borrower": "C-1", "intents": ["thanks"], **changes}
    answer = shared.ask("POST", "/responses", said)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert shared.count("response") == 0


def test_responses_since_are_each_given_and_none_is_passed_over(api: Api) -> None:
    """From the present on the cursor stays a minute behind, so that one committed late is still given."""
    for number in range(5):
        said = {"id": str(UUID(int=number + 1)), "borrower": "C-1", "intents": ["thanks"]}
        assert api.ask("POST", "/responses", said).status_code == 200
    lender = api.lender
    for number in range(5):  # one every two minutes, the last one now
        at = NOW - timedelta(minutes=2 * (4 - number))
        lender.conn.execute(
            """UPDATE response_reading x SET recorded_at = %s FROM response r
               WHERE r.lane = x.lane AND r.response_id = x.response_id AND r.request_id = %s""",
            (at, UUID(int=number + 1)),
        )
    lender.conn.commit()
    seen, since, more = [], "", True
    while more:
        answer = api.ask("GET", f"/responses?limit=2{since}").json()
        seen.append([UUID(one["request_id"]).int for one in answer["responses"]])
        since, more = f"&since={answer['next']}", answer["more"]
    assert seen == [[1, 2], [3, 4], [5]]
    again = api.ask("GET", f"/responses?limit=2{since}").json()
    assert [UUID(one["request_id"]).int for one in again["responses"]] == [5]


def test_the_description_is_whole_and_valid(shared: Api) -> None:
    document = shared.client.get("/api/v1/openapi.json").json()
    validate(document)
    described = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert described == {(one.method, PREFIX + re.sub(r":path\}", "}", one.path)) for one in ENDPOINTS}
    for path, methods in document["paths"].items():
        for operation in methods.values():
            named = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
            assert named == set(re.findall(r"\{(\w+)\}", path))
            assert {"200", "401", "403", "422", "429", "503"} <= set(operation["responses"])
    schemas = document["components"]["schemas"]
    assert [name for name, schema in schemas.items() if not schema.get("description")] == []


def test_readiness_asks_the_database(api: Api) -> None:
    assert api.client.get("/readyz").json() == {"status": "ready"}
    api.lender.conn.execute("UPDATE schema_migration SET digest = ''")
    api.lender.conn.commit()
    answer = api.client.get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "S031")
    api.site.pool.close()
    assert api.client.get("/readyz").json()["code"] == "S030"
    assert api.client.get("/healthz").status_code == 200


def test_a_database_that_hangs_is_not_ready_and_keeps_one_thread(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("duecourse.web.health.ANSWERS_WITHIN_SECONDS", 0.2)
    app = application(health_routes(api.site.pool), Limits())

    async def ask() -> None:
        transport = ASGITransport(app)
        async with AsyncClient(transport=transport, base_url="http://localhost") as client:
            with api.store.connect() as conn:
                conn.execute("LOCK TABLE schema_migration")
                answers = [await client.get("/readyz") for _ in range(5)]
                assert [one.json()["code"] for one in answers] == ["S030"] * 5
                assert api.site.pool.get_stats()["requests_num"] == 1
            monkeypatch.setattr("duecourse.web.health.ANSWERS_WITHIN_SECONDS", 60.0)
            assert (await client.get("/readyz")).status_code == 200

    asyncio.run(ask())
