"""A number-status service over real HTTP: what lives is verified, what is dead retires, the rest stays as it is."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from duecourse.channels.number_check.adapter import NumberCheck
from duecourse.dispatch.number_checks import check_numbers
from duecourse.domain.problems import DuecourseError
from exchange import NOW
from lender import Lender

ENDINGS = {"1": "1", "2": "0", "3": "2", "4": "9"}
"""Last digit of a number to the service's word for it."""
ROWS = """
    loan due_on      phone
    L-1  2026-03-10  +8613900000001
    L-2  2026-03-10  +8613900000002
    L-3  2026-03-10  +8613900000003
    L-4  2026-03-10  +8613900000004
    L-5  2026-03-10  +8613900000005
"""


class Service(BaseHTTPRequestHandler):
    """Says of each number what its last digit means, and nothing of one that ends in 5."""

    asked: list[dict[str, Any]]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        type(self).asked.append({**body, "token": self.headers["Authorization"]})
        told = [{"mobile": one, "status": ENDINGS[one[-1]]} for one in body["mobiles"] if one[-1] in ENDINGS]
        answer = json.dumps({"result": {"list": told}}).encode()
        self.send_response(500 if "broken" in self.path else 200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the test's screen."""


@pytest.fixture
def url() -> Iterator[str]:
    Service.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def service(url: str, **more: Any) -> NumberCheck:
    """As providers.toml would describe it."""
    config = {
        "url": url, "form": "national", "body": {"mobiles": "{numbers}"}, "items": "result.list", "number": "mobile",
        "headers": {"Authorization": "secret"}, "batch": 2,
        "statuses": {"1": "active", "0": "dead", "2": "suspended"}, **more,
    }  # fmt: skip
    return NumberCheck.configured("hlr", config)


def points(lender: Lender) -> list[tuple[Any, ...]]:
    """(borrower, state, how verified) of every phone number."""
    rows = lender.conn.execute(
        """SELECT b.borrower_key, p.state, p.verified_how FROM contact_point p JOIN borrower b USING (lane, borrower_id)
           WHERE p.channel = 'sms' ORDER BY 1"""
    ).fetchall()
    lender.conn.commit()
    return rows


def check(lender: Lender, one: NumberCheck, *, dry_run: bool = False) -> dict[str, int]:
    """Ask for every number that is due."""
    found = check_numbers(
        lender.conn, lender.keyring, one.ask, batch=one.batch, days=30, failures=0, take=None, by="hlr", now=NOW,
        dry_run=dry_run,
    )  # fmt: skip
    return dict(found)


def test_active_numbers_are_verified_dead_ones_retire_and_others_stay(lender: Lender, url: str) -> None:
    lender.book(ROWS, email="-")
    stand = {"active": 1, "dead": 1, "suspended": 1, "unknown": 2}
    assert check(lender, service(url), dry_run=True) == stand
    assert {row[1:] for row in points(lender)} == {("active", None)}
    assert check(lender, service(url)) == stand
    assert points(lender) == [
        ("B-L-1", "active", "number-check"),
        ("B-L-2", "retired", None),
        ("B-L-3", "active", None),
        ("B-L-4", "active", None),
        ("B-L-5", "active", None),
    ]
    assert [len(one["mobiles"]) for one in Service.asked] == [2, 2, 1] * 2
    assert {one["token"] for one in Service.asked} == {"secret"}
    assert check(lender, service(url)) == {"suspended": 1, "unknown": 2}  # the verified one is not due again


def test_a_service_that_answers_otherwise_is_told_of_without_any_number(lender: Lender, url: str) -> None:
    lender.book(ROWS, email="-")
    for one in (service(url + "/broken"), service(url, items="elsewhere"), service("http://127.0.0.1:1")):
        with pytest.raises(DuecourseError, match="C052") as raised:
            check(lender, one)
        assert "139" not in str(raised.value) and "secret" not in str(raised.value) + repr(one)
    assert {row[1:] for row in points(lender)} == {("active", None)}


def test_each_bad_setting_is_named_and_none_is_repeated() -> None:
    with pytest.raises(DuecourseError, match="C002") as raised:
        NumberCheck.configured(
            "hlr", {"url": "ftp://x", "body": {}, "statuses": {"1": "alive"}, "colour": "red"}
        )
    assert [problem.where for problem in raised.value.problems] == [
        "provider hlr, url", "provider hlr, statuses.1", "provider hlr, colour",
    ]  # fmt: skip
