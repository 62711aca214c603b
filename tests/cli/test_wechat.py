"""`duecourse wechat` as a person uses it, and the borrower's answer as a worker takes it."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest

from duecourse.channels.http.listener import Listener, callbacks
from duecourse.channels.registry import build
from duecourse.channels.sandbox.process import SandboxProcess
from duecourse.channels.sandbox.room import provider_name
from duecourse.channels.wechat.far_end import LONG_TERM, SUBSCRIPTION
from duecourse.cli.context import context
from duecourse.cli.providers import sandbox_providers
from duecourse.cli.sandbox import as_toml
from duecourse.dispatch.switchboard import Switchboard
from duecourse.domain.problems import DuecourseError
from duecourse.privacy.sealing import seal_value
from lender import Lender, borrower_id_of, lane_of
from prompt import Run, at_prompt, home_of, shown

OPENID = "oFpruAK8D-E6EfStSYonYSBZ8_4a"
NAME = provider_name("wechat.service")
LISTENING = socket.create_server(("127.0.0.1", 0), backlog=64)
"""Where WeChat's server calls us, held for as long as the module runs."""


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    url = f"http://127.0.0.1:{LISTENING.getsockname()[1]}/callbacks"
    with SandboxProcess(
        tmp_path_factory.mktemp("sandbox"), ports={"wechat.service": 0}, callbacks_url=url
    ) as running:
        yield running


@pytest.fixture
def run(
    lender: Lender,
    sandbox: SandboxProcess,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Run]:
    """Run `duecourse ...` on a simulated book of two borrowers with a WeChat account, and give what it printed."""
    lender.book("loan borrower due_on\nL-1 B 2126-03-10\nL-2 C 2126-03-10")
    for name in ("B", "C"):
        lender.name_in_directory(name)
    home = home_of(lender, tmp_path / "home", simulated=True)
    (home / "providers.toml").write_text("\n".join(as_toml(one) for one in sandbox_providers(sandbox)))
    with at_prompt(monkeypatch, home, database_url=database_url) as run:
        yield run


def bound(lender: Lender) -> list[tuple[str, str, str]]:
    rows = lender.conn.execute(
        """SELECT b.borrower_key, c.platform, c.verified_how
           FROM contact_point c JOIN borrower b USING (lane, borrower_id)
           WHERE c.channel = 'wechat' AND c.state = 'active' ORDER BY 1"""
    ).fetchall()
    lender.conn.commit()
    return rows


def person_does(lender: Lender, sandbox: SandboxProcess, **what: str) -> None:
    """A person acts in WeChat; its server tells a worker, whose receiver takes it."""

    async def main() -> None:
        switchboard = Switchboard(lender.conn, lender.keyring, desks=1)
        adapter = build(
            "wechat.service", NAME, sandbox.settings("wechat.service"),
            switchboard.take_receipts, switchboard.take_reply, lambda: context().now(),
        )  # fmt: skip
        await adapter.open()
        listener = Listener(callbacks({NAME: adapter}))  # type: ignore[dict-item]
        await listener.start(listening=LISTENING.dup())
        try:
            url = sandbox.settings("wechat.service")["url"]
            async with httpx2.AsyncClient() as client:
                answer = await client.post(f"{url}/sandbox/person", json=what)
                assert answer.status_code == 204
            await adapter.drain()
        finally:
            await listener.stop()
            await adapter.close()

    asyncio.run(main())


def taken(lender: Lender, template: str) -> None:
    """WeChat took a message of this template for B."""
    lane, borrower, attempt = lane_of("B"), borrower_id_of("B"), uuid4()
    (point,) = lender.conn.execute(
        "SELECT contact_point_id FROM contact_point WHERE channel = 'wechat'"
    ).fetchone()
    lender.plan("2126-03-09T00:00+08:00")
    text = json.dumps({"text": "", "registered": {"template": template}})
    lender.conn.execute(
        """INSERT INTO attempt (lane, attempt_id, message_id, borrower_id, seq, route_at, channel, provider,
               contact_point_id, epoch, state, provider_message_id, text_sealed, valid_until, claimed_at, sent_at)
           SELECT lane, %s, message_id, borrower_id, 1, 1, 'wechat', %s, %s, 1, 'sent', '1', %s, now(), now(), now()
           FROM message WHERE lane = %s AND borrower_id = %s LIMIT 1""",
        (attempt, NAME, point, seal_value(lender.keyring, text, "attempt", "text", attempt), lane, borrower),
    )
    lender.conn.commit()


def test_code_is_made_typed_into_the_chat_and_the_borrower_is_bound(run, lender, sandbox):
    made = shown(run, "wechat", "code", "B", "--minutes", "60")
    person_does(lender, sandbox, openid=OPENID, does="say", what=made["code"].lower())
    assert bound(lender) == [("B", "wx5a4db0c5e2d7396a", "code")]
    (told,) = shown(run, "wechat", "list")
    assert (told["borrower_key"], told["state"], told["provider"]) == ("B", "bound", NAME)
    assert made["code"] not in run("wechat", "list")


def test_picture_is_scanned_by_who_does_not_follow_yet_and_by_who_does(run, lender, sandbox):
    for borrower, does, openid in (("B", "follow", OPENID), ("C", "scan", OPENID[:-1] + "b")):
        made = shown(run, "wechat", "qr", borrower)
        assert made["picture"].startswith("http://127.0.0.1:") and "showqrcode?ticket=" in made["picture"]
        encoded = made["url"].rpartition("/")[2]
        scene = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
        person_does(lender, sandbox, openid=openid, does=does, what=scene)
    assert [(key, how) for key, _, how in bound(lender)] == [("B", "scan"), ("C", "scan")]


def test_page_gives_a_code_that_says_whose_wechat_it_was(run, lender):
    link = run("wechat", "page", "https://pay.lender.example/wechat", "--state", "7f3a").strip()
    assert "redirect_uri=https%3A%2F%2Fpay.lender.example%2Fwechat" in link and "state=7f3a" in link
    assert link.endswith("#wechat_redirect")
    run("wechat", "bind", "B", "--page-code", f"code-{OPENID}")
    assert bound(lender) == [("B", "wx5a4db0c5e2d7396a", "page")]
    with pytest.raises(DuecourseError) as used:
        run("wechat", "bind", "C", "--page-code", f"code-{OPENID}")
    assert used.value.problems[0].code == "D151"


def test_openid_of_another_is_refused_to_staff_too(run, lender):
    run("wechat", "bind", "B", "--openid", "-", typed=OPENID + "\n")
    with pytest.raises(DuecourseError) as caught:
        run("wechat", "bind", "C", "--openid", OPENID)
    (problem,) = caught.value.problems
    assert problem.code == "D152" and OPENID not in str(problem)
    assert [key for key, *_ in bound(lender)] == ["B"]


def test_openid_that_somebody_else_offers_by_a_code_is_shown_as_refused(run, lender, sandbox):
    run("wechat", "bind", "B", "--openid", OPENID)
    made = shown(run, "wechat", "code", "C")
    person_does(lender, sandbox, openid=OPENID, does="say", what=made["code"])
    (refused,) = shown(run, "wechat", "list", "--refused")
    assert (refused["borrower_key"], refused["reason"]) == ("C", "held-by-another")
    assert "held-by-another" in run("wechat", "list", "--refused")


def test_subscriptions_are_counted_by_template(run, lender, sandbox):
    run("wechat", "bind", "B", "--openid", OPENID)
    assert [(one["allowed"], one["left"]) for one in shown(run, "wechat", "subscriptions", "B")] == [
        (0, 0),
        (0, 0),
    ]
    for template in (SUBSCRIPTION, SUBSCRIPTION, LONG_TERM):
        person_does(lender, sandbox, openid=OPENID, does="accept", what=template)
    taken(lender, SUBSCRIPTION)
    assert shown(run, "wechat", "subscriptions", "B") == [
        {"template": SUBSCRIPTION, "allowed": 2, "used": 1, "left": 1},
        {"template": LONG_TERM, "allowed": 1, "used": 0, "left": None},
    ]
    assert "without end" in run("wechat", "subscriptions", "B")
    person_does(lender, sandbox, openid=OPENID, does="unfollow")
    assert [one["left"] for one in shown(run, "wechat", "subscriptions", "B")] == [0, 0]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("code", "B", "--provider", "nobody"), "D150"),
        (("code", "nobody"), "D033"),
        (("bind", "B"), "D152"),
        (("bind", "B", "--openid", "x"), "B068"),
        (("bind", "B", "--page-code", "guessed"), "D151"),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(arguments, code, run, lender):
    with pytest.raises(DuecourseError) as caught:
        run("wechat", *arguments)
    assert [problem.code for problem in caught.value.problems] == [code]
    assert bound(lender) == []
