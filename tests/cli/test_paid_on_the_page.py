"""A borrower pays on the page of a running installation: thanked by SMS, and not reminded any more."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx2
import pytest

from duecourse.channels.sandbox.process import SandboxProcess
from duecourse.policy.templates import Templates, TemplateText
from duecourse.policy.versions import publish
from duecourse.privacy.keyring import Keyring
from duecourse.store.connect import Store
from duecourse.store.migrate import put_setting
from events_book import THANKS
from lender import Lender
from post import Post
from sent_links import PHONE, send_link
from serving import Installation
from visiting import ANSWER, ID_NUMBER, hidden
from workers import STEP, noon_zone, start_worker, wait_for, write_providers

TEXTS = {
    "due-soon": "Test Bank: {{ total | money }} is due on {{ due_on | date }}.",
    "thanks": "Test Bank: thank you, {{ amount | money }} came.",
}


@pytest.fixture
def smsc(tmp_path: Path) -> Iterator[SandboxProcess]:
    """The message centre."""
    with SandboxProcess(tmp_path) as sandbox:
        yield sandbox


@pytest.fixture
def installation(
    database_url: str, lender: Lender, tmp_path: Path, smsc: SandboxProcess
) -> Iterator[Installation]:
    """One borrower, who owes 100.00 today and is to be reminded in an hour."""
    zone = noon_zone()
    one = Installation(tmp_path / "home", database_url, lender)
    write_providers(one.home, smsc)
    put_setting(lender.conn, "lender_zone", zone)
    today = datetime.now(ZoneInfo(zone)).date()
    lender.book(f"loan borrower due_on zone email id_number\nL-1 B {today} {zone} - {ID_NUMBER}")
    lender.reindex_contact_points()
    lender.policy(STEP + THANKS.replace("[sms, email]", "[sms]"))
    texts = Templates([TemplateText(name, "en", {"sms": text}) for name, text in TEXTS.items()])
    publish(lender.conn, lender.policies[0], texts, "", now=datetime.now(UTC), user="test")
    lender.plan(datetime.now(UTC).isoformat(), lender_zone=zone)
    lender.conn.execute(
        "UPDATE message SET not_before = now() + interval '1 h', useful_until = now() + interval '3 h'"
    )
    lender.conn.commit()
    yield one
    if one.serving is not None and one.serving.poll() is None:
        one.stop()


def pay(address: str, code: str) -> str:
    """From the link in a message to the bank and back; what the page says then."""
    headers = {"user-agent": PHONE, "sec-fetch-site": "same-origin"}
    with httpx2.Client(base_url=address, headers=headers, follow_redirects=True, timeout=60) as client:

        def send(path: str, **fields: str) -> str:
            page = client.get(path).text
            known = {name: value for name in ("csrf", "request") if (value := hidden(page, name))}
            answer = client.post(path, data=known | fields)
            assert answer.status_code == 200, answer.text
            return str(answer.url.path)

        assert send(f"/l/{code}", question="id-last-6", answer=ANSWER) == "/me"
        bank = send("/me/pay")
        assert re.fullmatch(r"/bank/[0-9a-f]{32}", bank)
        return client.get(send(bank, press="pay")).text


@pytest.mark.slow
def test_who_pays_on_the_page_is_thanked_at_once_and_not_reminded(
    installation: Installation, smsc: SandboxProcess, store: Store, keyring: Keyring, database_url: str
) -> None:
    lender = installation.lender
    link = send_link(lender, "B", at=datetime.now(UTC))
    post = Post(store, keyring, lender, smsc)
    address = installation.serve("--public-url", "")
    worker = start_worker(installation.home, database_url)
    try:
        assert "Thank you, your payment has arrived" in pay(address, link.code)
        wait_for(lambda: bool(post.journal()), 60, worker, installation.home)
        lender.conn.execute("UPDATE message SET not_before = now() WHERE step = 'due-today'")
        lender.conn.commit()

        def withheld() -> bool:
            found = lender.messages("rule", where="step = 'due-today'")
            lender.conn.commit()
            return found == [("PAID",)]

        wait_for(withheld, 60, worker, installation.home)
    finally:
        worker.terminate()
        worker.wait(60)
    assert [line["to"] for line in post.journal()] == ["8613900001111"], "one SMS, the thanks"
    assert lender.messages("step", "state", where="step = 'thanks'")[0][1] != "planned"
    assert lender.conn.execute("SELECT amount_minor, source FROM payment").fetchall() == [
        (100_00, "gateway practice")
    ]
