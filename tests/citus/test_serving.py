"""What people and programs ask of `duecourse serve` is answered by a cluster as by a single server."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx2

from duecourse.policy.templates import Templates, TemplateText
from duecourse.policy.versions import publish
from duecourse.privacy.keyring import Keyring
from duecourse.store.connect import Store
from duecourse.store.migrate import put_setting
from lender import REMINDER, Lender
from sent_links import PHONE, send_link
from serving import Installation, callback, send
from visiting import ANSWER, ID_NUMBER, hidden
from workers import noon_zone

ZONE = noon_zone()
INSTANT = re.compile(r'"\d{4}-\d\d-\d\dT[^"]*"')
"""The clock of the wall: two runs have it differently."""
TODAY = datetime.now(ZoneInfo(ZONE)).date()
BOOKED = """
    SELECT p.lane, p.amount_minor, p.source, p.paid_on, x.number, x.amount_minor AS allocated, i.settled_on
    FROM payment p
    JOIN allocation x ON x.lane = p.lane AND x.loan_id = p.loan_id
    JOIN installment i ON i.lane = x.lane AND i.loan_id = x.loan_id AND i.number = x.number"""
HEARD = "SELECT status, code, permanent FROM receipt ORDER BY status"
REPLIED = "SELECT provider, channel, kind, meaning FROM reply"
PROMISED = "SELECT lane, promised_on, state, accepted, standing FROM promise"
HELD = "SELECT lane, kind, effect, source, recorded_by, ended_at IS NULL AS open FROM hold"


@contextmanager
def installed(store: Store, url: str, keyring: Keyring, folder: Path) -> Iterator[Installation]:
    """A home on a book with one borrower, who owes 100.00 today."""
    folder.mkdir()
    with store.connect(idle_in_transaction_seconds=0) as conn:
        lender = Lender(conn, keyring, folder)
        one = Installation(folder / "home", url, lender)
        put_setting(conn, "lender_zone", ZONE)
        put_setting(conn, "simulated", True)
        lender.book(f"loan borrower due_on zone email id_number\nL-1 B {TODAY} {ZONE} - {ID_NUMBER}")
        lender.name_in_directory("B")
        lender.reindex_contact_points()
        lender.policy(REMINDER)
        texts = [TemplateText(name, "en", {"sms": "Please pay."}) for name in lender.policies[0].templates]
        publish(conn, lender.policies[0], Templates(texts), "", now=datetime.now(UTC), user="test")
        conn.commit()
        try:
            yield one
        finally:
            if one.serving is not None and one.serving.poll() is None:
                one.stop()


def rows(one: Installation, query: str) -> list[tuple[Any, ...]]:
    """What the book says."""
    found = one.lender.conn.execute(query).fetchall()  # type: ignore[call-overload]
    one.lender.conn.commit()
    return sorted(found)


def visit(address: str, code: str) -> list[str]:
    """From the link in a message: in, a promise, then to the bank and back; what the pages answered."""
    headers = {"user-agent": PHONE, "sec-fetch-site": "same-origin"}
    with httpx2.Client(base_url=address, headers=headers, follow_redirects=True, timeout=120) as client:

        def press(path: str, **fields: str) -> str:
            page = client.get(path).text
            known = {name: value for name in ("csrf", "request") if (value := hidden(page, name))}
            answer = client.post(path, data=known | fields)
            assert answer.status_code == 200, answer.text
            return f"{answer.url.path}?{answer.url.query.decode()}"

        said = [
            press(f"/l/{code}", question="id-last-6", answer=ANSWER),
            press("/me/promise", on=str(TODAY + timedelta(days=3))),
        ]
        bank = press("/me/pay").rstrip("?")
        assert re.fullmatch(r"/bank/[0-9a-f]{32}", bank)
        thanks = client.get(press(bank, press="pay")).text
        return [*said, *re.findall("Thank you, your payment has arrived", thanks)[:1]]


def asked(one: Installation) -> dict[str, Any]:
    """Everything that is asked of an installation, and what it answers."""
    link = send_link(one.lender, "B", at=datetime.now(UTC))
    key = one.key("borrowers:read", "responses:read", "messages:read")
    address = one.serve("--public-url", "")
    told: dict[str, Any] = {}
    with httpx2.Client(base_url=address, trust_env=False, timeout=120) as client:
        told["ready"] = client.get("/readyz").json()
        call = callback(link.attempt_id, reply="I shall pay on Friday.")
        told["calls"] = [send(client, call), send(client, call)]
        told["pages"] = visit(address, link.code)
        shown = {"authorization": f"Bearer {key}"}
        status = client.get("/api/v1/borrowers/B/status", headers=shown)
        told["status"] = (status.status_code, json.loads(INSTANT.sub('"then"', status.text)))
        answers = client.get("/api/v1/responses", headers=shown)
        told["responses"] = (answers.status_code, len(answers.json().get("responses", ())))
        message = client.get(f"/api/v1/messages/{link.message_id}", headers=shown).json()
        told["message"] = [line["status"] for line in message["receipts"]]
    shown_now = subprocess.run(
        [sys.executable, "-m", "duecourse.cli.main", "status", "--json"],
        env=one.environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    screen = json.loads(shown_now.stdout)
    told["screen"] = (shown_now.returncode, sorted(screen))
    told["stopped"] = one.stop()
    queries = {"booked": BOOKED, "heard": HEARD, "replied": REPLIED, "promised": PROMISED, "held": HELD}
    return told | {name: rows(one, query) for name, query in queries.items()}


def test_a_receipt_a_reply_a_promise_a_payment_and_readings(
    spread_store: Store, store: Store, database_url: str, keyring: Keyring, tmp_path: Path
) -> None:
    """Asked the same, a cluster and a single server answer the same, and their books say the same afterwards."""
    with installed(spread_store, spread_store.conninfo, keyring, tmp_path / "cluster") as one:
        cluster = asked(one)
    with installed(store, database_url, keyring, tmp_path / "single") as one:
        single = asked(one)
    assert cluster == single
    assert cluster["calls"] == [200, 200]
    assert [amount for _, amount, *_ in cluster["booked"]] == [100_00]
    assert cluster["pages"][-1] == "Thank you, your payment has arrived"
    assert [status for status, *_ in cluster["heard"]] == ["delivered", "read"], "who opens a link has read"
    assert len(cluster["promised"]) == len(cluster["held"]) == 1
    assert set(cluster["replied"]) == {("hook", "sms", "text", "text")}
