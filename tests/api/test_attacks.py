"""What somebody with ill intent sends, in every field: nothing breaks, nothing leaks, nothing is done."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from .conftest import Api

INJECTIONS = [
    "'; DROP TABLE payment; --",
    "\" OR ''='",
    "{{ 7 * 7 }}{% include 'x' %}",
    "${jndi:ldap://evil.example/a}",
    "%(name)s %s {0} {name!r}",
    "x\nINFO payment recorded",
    "x\r\nSet-Cookie: a=b",
    "\x00",
    "\x1b[2J",
    "<script>alert(1)</script>",
    "=cmd|' /C calc'!A0",
    "../../../../etc/passwd",
    "￾‮gnp.exe",
    "A" * 5000,
]
PAYMENT = {"loan": "L-1", "amount": "1.00", "paid_on": "2026-03-08", "source": "s", "reference": "r",
           "creditor": "bank", "currency": "CNY"}  # fmt: skip
RESPONSE = {"id": "00000000-0000-0000-0000-000000000001", "borrower": "C-1", "intents": ["thanks"], "text": "hi",
            "channel": "sms", "loan": "L-1", "creditor": "bank", "message": None, "promised_on": None, "amount": "1.00",
            "currency": "CNY", "said_at": None}  # fmt: skip
REVERSAL = {"loan": "L-1", "reversed_on": "2026-03-09", "reason": "x", "creditor": "bank"}
FEED = {"creditor": "bank", "complete_through": "2026-03-08"}


def bodies(text: str) -> list[tuple[str, dict[str, Any]]]:
    """Every body with the text in one of its fields, one after another, and as the name of one."""
    made: list[tuple[str, dict[str, Any]]] = []
    for field in [*PAYMENT, text]:
        made.append(("/payments", {"payments": [PAYMENT | {field: text}]}))
    for path, plain in (("/responses", RESPONSE), ("/payments/s/r/reversal", REVERSAL), ("/feeds/s", FEED)):
        for field in [*plain, text]:
            given = text if not isinstance(plain.get(field), list) else [text]
            made.append((path, plain | {field: given}))
    return made


@pytest.mark.parametrize("text", INJECTIONS, ids=range(len(INJECTIONS)))
def test_injected_text_in_any_field_is_kept_as_text_or_refused(shared: Api, text: str) -> None:
    with capture_logs() as logs:
        for path, body in bodies(text):
            answer = shared.ask("POST", path, body)
            assert answer.status_code in (200, 404, 409, 422), (path, body, answer.text)
            if answer.status_code != 200:
                assert text not in json.loads(answer.text)["detail"]
            elif path == "/payments" and answer.json()["refused"]:
                assert text not in json.dumps(answer.json()["results"][0]["problem"])
        assert (
            shared.ask("POST", "/payments", {"payments": [PAYMENT | {"reference": "after"}]}).status_code
            == 200
        )
    told = str(
        [line for line in logs if line["log_level"] != "info"] + [list(line.values()) for line in logs]
    )
    assert text not in told
    for source, reference in shared.lender.conn.execute("SELECT source, reference FROM payment").fetchall():
        assert {source, reference} <= {"s", "r", "after", *(one.strip() for one in INJECTIONS)}


@pytest.mark.parametrize("text", INJECTIONS, ids=range(len(INJECTIONS)))
def test_injected_text_in_any_part_of_an_address_finds_nothing(shared: Api, text: str) -> None:
    from urllib.parse import quote

    part = quote(text[:2000], safe="")
    for path in (f"/messages/{part}", f"/borrowers/{part}/status", f"/borrowers/{part}/messages", f"/{part}"):
        assert shared.ask("GET", path).status_code in (404, 405), path
    for name in ("cursor", "limit", part):
        assert shared.ask("GET", f"/borrowers/C-1/messages?{name}={part}").status_code in (400, 422)
    assert shared.ask("GET", f"/responses?since={part}").status_code in (400, 422)
    answer = shared.ask("POST", f"/payments/{part}/{part}/reversal", REVERSAL)
    assert answer.status_code in (404, 405)


def test_text_of_a_response_is_sealed_whatever_it_holds(api: Api) -> None:
    for number, text in enumerate(INJECTIONS):
        body = {"id": str(uuid4()), "borrower": "C-1", "text": text, "channel": "sms"}
        assert api.ask("POST", "/responses", body).status_code == 200, number
    rows = api.lender.conn.execute("SELECT to_jsonb(r)::text FROM response r").fetchall()
    assert len(rows) == len(INJECTIONS)
    assert not [text for text in INJECTIONS if len(text) > 3 and any(text in row[0] for row in rows)]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b'{"payments": [' + b"[" * 100_000 + b"]" * 100_000 + b"]}", 400),
        (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, 400),
        (b"\xff\xfe{}", 400),
        (b'{"payments": NaN}', 422),
        (b'{"payments": [], "payments": []}', 422),
        (b"null", 422),
        (b"[]", 422),
        (b'{"payments": {"loan": 1}}', 422),
        (b'{"payments": [' + b"1," * 1001 + b"1]}", 422),
        (b'{"payments": [{"amount": 1e400}]}', 200),
        (b'"' + b"x" * 2_000_000 + b'"', 413),
        (b'{"payments": ["\\ud800"]}', 400),
    ],
    ids=["empty", "open", "deep lists", "deep objects", "no UTF-8", "NaN", "a key twice", "null", "list", "object",
         "too many", "huge number", "too long", "half a pair"],
)  # fmt: skip
def test_a_body_that_is_not_what_it_should_be_is_refused(api: Api, body: bytes, status: int) -> None:
    answer = api.ask("POST", "/payments", body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == (
        "application/json" if status == 200 else "application/problem+json"
    )
    assert api.count("payment") == 0


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
def test_a_form_of_another_site_is_not_json(shared: Api, kind: str) -> None:
    """A browser sends these to anybody without asking; JSON it does not."""
    answer = shared.ask("POST", "/payments", {"payments": [PAYMENT]}, headers={"content-type": kind})
    assert (answer.status_code, answer.json()["code"]) == (415, "D168")


@pytest.mark.parametrize(
    "method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE", "CONNECT", "X"]
)
def test_no_other_method_is_taken(shared: Api, method: str) -> None:
    assert shared.ask(method, "/payments").status_code == 405
    assert shared.ask(method, "/feeds/s").status_code == 405


@pytest.mark.parametrize("path", ["/api/v1//payments", "/API/v1/payments", "/api/v2/payments",
                                  "/api/v1/payments/", "/api", "/.env", "/static/../../etc/passwd"])  # fmt: skip
def test_no_other_way_leads_to_an_endpoint(shared: Api, path: str) -> None:
    headers = {"authorization": f"Bearer {shared.key}"}
    answer = shared.client.build_request("GET", "/", headers=headers)
    answer.url = answer.url.copy_with(raw_path=path.encode())
    assert shared.client.send(answer).status_code == 404
